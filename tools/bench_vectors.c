/* SPDX-License-Identifier: MIT */
/* Operations on vectors as rows of a bench, one for each of their table. */
#include <math.h>
#include <string.h>

#include "libconv/kernels/kernels.h"
#include "tools/bench.h"

#define N 2560 /* the width of Phi-2 */

/* The room of a row: floats, and as many that are written. */
struct vectors {
    const struct phi_vec_kernels *k;
    float *x;
    float *y;
    double *sums;
};

static void norm(const struct vectors *v)
{
    v->k->norm(v->y, v->x, v->x, v->x, N, 1e-5);
}

static void finish(const struct vectors *v)
{
    v->k->finish(v->y, v->sums, v->x, v->sums, N, true);
}

static void scale(const struct vectors *v)
{
    v->k->scale(v->y, v->sums, 0.5, N);
}

/* Each time the same values: what a call wrote would end at 0 or infinity. */
static void gelu_new(const struct vectors *v)
{
    memcpy(v->y, v->x, N * sizeof(*v->y));
    v->k->gelu_new(v->y, N);
}

static void softmax(const struct vectors *v)
{
    memcpy(v->y, v->x, N * sizeof(*v->y));
    v->k->softmax(v->sums, v->y, N / PHI_PANEL, N / PHI_PANEL);
}

static void lse(const struct vectors *v)
{
    struct phi_lse row = {.max = -INFINITY};

    v->k->lse(&row, v->x, N);
    v->sums[0] = row.sum;
}

static void kld(const struct vectors *v)
{
    struct phi_kld row = {.max = -INFINITY};

    v->k->kld(&row, v->x, v->y, N);
    v->sums[0] = row.sum;
}

static const struct {
    const char *name;
    void (*run)(const struct vectors *v);
    double bytes; /* read and written, of a value */
} operations[] = {
    {"norm", norm, 16},        {"finish", finish, 28},  {"scale", scale, 12},
    {"gelu_new", gelu_new, 8}, {"softmax", softmax, 8}, {"lse", lse, 4},
    {"kld", kld, 8},
};

static void fill(const struct bench *b, uint8_t *room)
{
    memset(room, 0, b->room);
    bench_floats((float *)room, (size_t)2 * N);
}

static void call(const struct bench *b, uint8_t *room)
{
    const struct vectors v = {phi_kernels_select(b->features)->vec,
                              (float *)room, (float *)room + N,
                              (double *)(room + 2 * N * sizeof(float))};

    operations[b->at].run(&v);
}

enum phi_status bench_list_vectors(struct bench_list *l, uint32_t features,
                                   struct phi_err *err)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        const struct bench row = {.unit = BENCH_VALUES,
                                  .amount = N,
                                  .peak = BENCH_PEAK_READ,
                                  .cost = operations[i].bytes * N,
                                  .room =
                                      N * (2 * sizeof(float) + sizeof(double)),
                                  .prepare = fill,
                                  .call = call,
                                  .features = features,
                                  .at = i};

        if (bench_add(l, &row, err, "vec.%s", operations[i].name) == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

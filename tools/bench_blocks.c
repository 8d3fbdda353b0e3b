/* SPDX-License-Identifier: MIT */
/* Quantizing, widening and merging of rows as rows of a bench. */
#include <string.h>

#include "libconv/kernels/lora_kernels.h"
#include "libconv/kernels/quant_kernels.h"
#include "tools/bench.h"

#define ROWS 4
#define COLS 2560 /* of Phi-2 */
#define RANK 16

#define VALUES ((size_t)ROWS * COLS)
#define FLOATS (VALUES * sizeof(float))

/* Floats first, then blocks. */
static void fill(const struct bench *b, uint8_t *room)
{
    memset(room, 0, b->room);
    bench_floats((float *)room, VALUES);
}

static void quantize(const struct bench *b, uint8_t *room)
{
    phi_quantize_kernel(b->features, b->type)(
        room + FLOATS, (const float *)room, ROWS, COLS, NULL);
}

/* Blocks of small numbers, whatever the type. */
static void fill_blocks(const struct bench *b, uint8_t *room)
{
    memset(room, 0x11, b->room);
}

static void widen(const struct bench *b, uint8_t *room)
{
    phi_widen_kernel(b->features, b->type)(
        (float *)room, room + FLOATS, VALUES / phi_dtype_info(b->type)->block);
}

static void fill_lora(const struct bench *b, uint8_t *room)
{
    bench_floats((float *)room, b->room / sizeof(float));
}

static void lora(const struct bench *b, uint8_t *room)
{
    float *const x = (float *)room;

    phi_lora_kernel(b->features)(x, ROWS, COLS, x + VALUES,
                                 x + VALUES + ROWS * RANK, RANK, 1e-6f);
}

static enum phi_status add_type(struct bench_list *l, uint32_t features,
                                enum phi_dtype t, struct phi_err *err)
{
    uint64_t nbytes = 0;
    char name[16];
    struct bench row = {.unit = BENCH_VALUES,
                        .amount = (double)VALUES,
                        .peak = BENCH_PEAK_READ,
                        .prepare = fill,
                        .call = quantize,
                        .features = features,
                        .type = t};

    if (!phi_dtype_nbytes(t, VALUES, &nbytes))
        return PHI_OK;
    bench_type_name(name, t);
    row.cost = (double)(FLOATS + nbytes);
    row.room = FLOATS + (size_t)nbytes;
    if (phi_quantize_kernel(features, t) != NULL &&
        bench_add(l, &row, err, "quantize.%s", name) == NULL)
        return PHI_E_NOMEM;
    row.prepare = fill_blocks;
    row.call = widen;
    if (phi_widen_kernel(features, t) != NULL &&
        bench_add(l, &row, err, "widen.%s", name) == NULL)
        return PHI_E_NOMEM;
    return PHI_OK;
}

enum phi_status bench_list_blocks(struct bench_list *l, uint32_t features,
                                  struct phi_err *err)
{
    const double operations = 2.0 * RANK * VALUES;
    const struct bench row = {.unit = BENCH_OPERATIONS,
                              .amount = operations,
                              .peak = BENCH_PEAK_APART,
                              .cost = operations,
                              .room = FLOATS + (ROWS * RANK + RANK * COLS) *
                                                   sizeof(float),
                              .prepare = fill_lora,
                              .call = lora,
                              .features = features};
    enum phi_status st = PHI_OK;

    for (int t = 0; st == PHI_OK && t < PHI_NDTYPES; t++)
        st = add_type(l, features, (enum phi_dtype)t, err);
    if (st == PHI_OK && bench_add(l, &row, err, "lora") == NULL)
        st = PHI_E_NOMEM;
    return st;
}

/* SPDX-License-Identifier: MIT */
/*
 * How fast the integer product is, of every type on every level this machine
 * has, one thread: billions of operations a second (a multiplication and an
 * addition are two), the best of several runs of the whole of it.
 *
 *   bench_gemm_i8 [--tokens N] [--cols K] [--piece K] [--peak GOPS]
 *                 [--rounds N]
 *
 * "gemm" multiplies a panel's pieces that are unpacked already, "all" reads
 * stored blocks and unpacks each piece once for all tokens; act is the time of
 * quantizing activations, in ns a value. With --peak, percentages of it too.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libconv/base/mem.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/gemm_i8.h"

struct options {
    size_t ntokens, ncols, piece;
    double peak;
    int rounds;
};

struct work {
    const struct options *o;
    uint8_t *blocks; /* 32 rows as stored */
    uint8_t *panel;
    uint8_t *act;
    float *x;
    float *acc; /* (ntokens, 32) */
    enum phi_dtype type;
    enum phi_act_mode mode;
    uint32_t features;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t row_nbytes(const struct work *w, size_t ncols)
{
    uint64_t n = 0;

    (void)phi_dtype_nbytes(w->type, ncols, &n);
    return n;
}

/* One panel through all tokens, unpacking its pieces or taking them as is. */
static void run(const struct work *w, int unpacks)
{
    const struct options *o = w->o;
    const size_t act_nbytes = phi_act_nbytes(w->mode);
    const size_t stride = o->ncols / PHI_I8_BLOCK * act_nbytes;
    const size_t row = row_nbytes(w, o->ncols);
    const phi_gemm_i8_fn gemm =
        phi_gemm_i8_kernel(w->features, w->type, w->mode);

    for (size_t k = 0; k < o->ncols; k += o->piece) {
        const size_t n = o->ncols - k < o->piece ? o->ncols - k : o->piece;
        const struct phi_act act = {w->act + k / PHI_I8_BLOCK * act_nbytes,
                                    stride, o->ntokens};

        if (unpacks)
            phi_unpack_kernel(w->features, w->type)(
                w->panel, w->blocks + row_nbytes(w, k), row, PHI_I8_ROWS, n);
        gemm(w->acc, PHI_I8_ROWS, w->panel, &act, n / PHI_I8_BLOCK);
    }
}

static double rate(const struct work *w, int unpacks)
{
    const double operations =
        2.0 * PHI_I8_ROWS * (double)w->o->ntokens * (double)w->o->ncols * 1e-9;
    double best = 0;

    for (int i = 0; i < w->o->rounds; i++) {
        const double begin = now();
        double got;

        run(w, unpacks);
        got = operations / (now() - begin);
        best = got > best ? got : best;
    }
    return best;
}

static double act_ns(const struct work *w)
{
    const phi_act_fn act = phi_act_kernel(w->features, w->mode);
    const size_t ncols = w->o->ncols;
    const size_t stride = ncols / PHI_I8_BLOCK * phi_act_nbytes(w->mode);
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        const double begin = now();
        double took;

        for (size_t t = 0; t < w->o->ntokens; t++)
            act(w->act + t * stride, w->x + t * ncols, ncols);
        took = (now() - begin) * 1e9 / ((double)w->o->ntokens * (double)ncols);
        best = took < best ? took : best;
    }
    return best;
}

static void print_rate(double gops, double peak)
{
    printf(" %6.0f", gops);
    if (peak > 0)
        printf(" %3.0f%%", 100 * gops / peak);
}

static void bench_level(struct work *w, const char *level)
{
    printf("%s\n", level);
    for (int t = 0; t < PHI_NDTYPES; t++) {
        w->type = (enum phi_dtype)t;
        if (phi_panel_layout(w->type) == NULL)
            continue;
        /* Any quants will do; scales are small numbers. */
        memset(w->blocks, 0x11, PHI_I8_ROWS * row_nbytes(w, w->o->ncols));
        printf("  %-8s", phi_dtype_info(w->type)->name);
        for (int m = 0; m < PHI_ACT_MODES; m++) {
            w->mode = (enum phi_act_mode)m;
            printf("  %s: act %.2f, gemm", m == 0 ? "fast" : "exact",
                   act_ns(w));
            run(w, 1);
            print_rate(rate(w, 0), w->o->peak);
            printf(", all");
            print_rate(rate(w, 1), w->o->peak);
        }
        printf("\n");
        fflush(stdout);
    }
}

static int parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const double v = atof(argv[i + 1]);

        if (strcmp(argv[i], "--tokens") == 0)
            o->ntokens = (size_t)v;
        else if (strcmp(argv[i], "--cols") == 0)
            o->ncols = (size_t)v / 256 * 256;
        else if (strcmp(argv[i], "--piece") == 0)
            o->piece = (size_t)v / 256 * 256;
        else if (strcmp(argv[i], "--peak") == 0)
            o->peak = v;
        else if (strcmp(argv[i], "--rounds") == 0)
            o->rounds = (int)v;
        else
            return 0;
    }
    return argc % 2 == 1 && o->ntokens > 0 && o->ncols > 0 && o->piece > 0;
}

int main(int argc, char **argv)
{
    struct options o = {512, 2560, 512, 0, 20};
    struct work w = {.o = &o};

    if (!parse(&o, argc, argv)) {
        fprintf(stderr, "bench_gemm_i8: see the comment in its source\n");
        return 2;
    }
    w.blocks = phi_alloc_aligned(PHI_I8_ROWS, o.ncols * 2, NULL);
    w.panel = phi_alloc_aligned(o.piece / PHI_I8_BLOCK, 2048, NULL);
    w.act = phi_alloc_aligned(o.ntokens, o.ncols / PHI_I8_BLOCK * 80, NULL);
    w.x = phi_alloc_aligned(o.ntokens, o.ncols * sizeof(float), NULL);
    w.acc = phi_alloc(o.ntokens, PHI_I8_ROWS * sizeof(float), NULL);
    if (w.blocks != NULL && w.panel != NULL && w.act != NULL && w.x != NULL &&
        w.acc != NULL) {
        for (size_t i = 0; i < o.ntokens * o.ncols; i++)
            w.x[i] = (float)(i * 2654435761u % 2001) / 1000 - 1;
        for (size_t l = 0; phi_cpu_level_name(l) != NULL; l++) {
            if (phi_cpu_level(phi_cpu_level_name(l), &w.features) &&
                (w.features & ~phi_cpu_detect()) == 0)
                bench_level(&w, phi_cpu_level_name(l));
        }
    }
    free(w.blocks);
    free(w.panel);
    free(w.act);
    free(w.x);
    free(w.acc);
    return 0;
}

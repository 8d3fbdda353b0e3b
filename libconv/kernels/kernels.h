/* SPDX-License-Identifier: MIT */
/*
 * The contract of the inner loops, written once; one const table a family and
 * instruction set implements it (tables.h), kernels.c chooses.
 *
 * Kernels are pure: no allocation, no threads, no errors, no state. All of
 * them are of the class "same bits everywhere": every level does the same
 * float operations in the same order, fused only where this says so, so levels
 * are compared with each other by memcmp and with the reference within a
 * derived bound.
 *
 * Two rules give that. Lanes are output columns: sixteen of them make a
 * panel, and each adds its terms in order of k. A reduction over a vector
 * keeps sixteen partial results, lane l taking elements l, l + 16, ..., and
 * adds them at the end as ((0+8)+(4+12)) + ... : halves, quarters, pairs.
 */
#ifndef PHI_KERNELS_KERNELS_H
#define PHI_KERNELS_KERNELS_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without these the bytes would be wrong, and nothing would say so. */
#if FLT_EVAL_METHOD != 0
#error "floats need binary32 arithmetic: -msse2 -mfpmath=sse for 32-bit x86"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "big-endian machines are not supported: weights are little-endian"
#endif

/* Columns of a panel, on every machine. */
#define PHI_PANEL 16

/* Products that are summed in f32 before the sum goes to double. */
#define PHI_GEMM_BLOCK 128

/* exp(x - max) summed over a row of logits that comes in pieces. */
struct phi_lse {
    double max; /* -infinity before the first piece */
    double sum;
    uint64_t top;  /* index of the first maximum */
    uint64_t seen; /* elements so far */
};

/* Sums over v of e^(p - max) and of e^(p - max) (p - q). */
struct phi_kld {
    double max; /* of p; -infinity before the first piece */
    double sum;
    double diff;
};

/* A product of f32 panels: struct phi_gemm_kernels. */
typedef void (*phi_gemm_f32_fn)(double *acc, size_t ldacc, const float *x,
                                size_t ldx, const float *w, size_t nt,
                                size_t nk);

struct phi_gemm_kernels {
    /*
     * acc[t][c] += sum over k of x[k][t] * w[k][c], for nt rows t and the 16
     * columns c of one panel. 128 consecutive k are summed in f32 from a zero
     * start, sum = x w + sum rounded once for each; those sums are added to
     * acc in order.
     *
     *   w    k=0: c0 c1 .. c15 | k=1: c0 .. c15 | ...   64-byte aligned
     *   x    the same of rows t: 0 to 15 at x, 16 to 31 at x + ldx, ...; the
     *        last of them whole too, though only nt rows are used
     *   acc  row t at acc + t * ldacc, any alignment
     *
     * nt and nk may be 0; nk need not be a multiple of 128. To do a long k in
     * pieces, cut at multiples of 128. |error| <= (129 e_f + (nk/128 + 1) e_d)
     * times the sum of |x w|, e_f = 2^-24, e_d = 2^-53.
     */
    phi_gemm_f32_fn f32;

    /*
     * The same with each x w added to acc in double, in order of k; pieces may
     * be cut anywhere. |error| <= (nk + 1) e_d times the sum of |x w|.
     */
    phi_gemm_f32_fn f64;
};

struct phi_vec_kernels {
    /*
     * y = (x - mean) / sqrt(variance + eps) * gain + bias over n >= 1
     * elements, in double, rounded once. y may be x.
     */
    void (*norm)(float *y, const float *x, const float *gain, const float *bias,
                 size_t n, double eps);

    /*
     * The end of a product: y[i] = (acc[i] + sums[i]) + bias[i], or with
     * `onto` y[i] + that, in double, rounded once. acc or sums may be NULL,
     * for zeros. y overlaps none of them.
     */
    void (*finish)(float *y, const double *acc, const float *sums,
                   const double *bias, size_t n, bool onto);

    /* y[i] = acc[i] * factor, rounded once. */
    void (*scale)(float *y, const double *acc, double factor, size_t n);

    /* y = z / (1 + e^(-2u)), u = sqrt(2/pi) (z + 0.044715 z^3): gelu_new. */
    void (*gelu_new)(float *y, size_t n);

    /*
     * One softmax for each column c of a panel s (n, 16), 64-byte aligned,
     * over its first seen + c elements, seen >= 1, or n if those are fewer:
     * s[j][c] = e^(s[j][c] - their maximum), 0 past them; sums[c] is their
     * sum, in order of j. s may hold a NaN, which then is in the sum.
     */
    void (*softmax)(double sums[PHI_PANEL], float *s, size_t n, size_t seen);

    /* Adds a piece of n logits to a row's sum. */
    void (*lse)(struct phi_lse *row, const float *x, size_t n);

    /* Adds a piece of n pairs of logits, p of the reference. */
    void (*kld)(struct phi_kld *row, const float *p, const float *q, size_t n);
};

struct phi_kernels {
    const char *level; /* as --cpu names it */
    const struct phi_gemm_kernels *gemm;
    const struct phi_vec_kernels *vec;
};

/* The best level whose needs are all in `features` (cpu/cpu.h). Never NULL. */
const struct phi_kernels *phi_kernels_select(uint32_t features);

#endif

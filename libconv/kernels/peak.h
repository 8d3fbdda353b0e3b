/* SPDX-License-Identifier: MIT */
/*
 * What a processor can do at most: loops of nothing but the operations that
 * kernels are made of, independent of each other, on values in registers or in
 * the first-level cache. A kernel's rate is held against theirs.
 *
 * Each loop says how many operations a round is, and its result counts them,
 * so that a test can see that it does what it says. The caller starts with
 * values that the compiler does not know.
 */
#ifndef PHI_KERNELS_PEAK_H
#define PHI_KERNELS_PEAK_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that the integer loops read again and again. */
#define PHI_PEAK_BYTES 512

/*
 * `rounds` times the best instructions for products of bytes: a and b, each
 * (PHI_PEAK_BYTES), 0..127, 64-byte aligned. All sums of all lanes, added;
 * correct modulo 2^16 (some sums have sixteen bits, as in the kernels). With
 * a and b all ones that is the number of products.
 */
typedef uint32_t (*phi_peak_i8_fn)(size_t rounds, const uint8_t *a,
                                   const uint8_t *b);

/*
 * Two values on each of the lanes, if the operations are apart: half of all
 * begin at 1 and are multiplied by `factor` in each round, half begin at 0 and
 * `add` is added. Fused: all begin at 0, and v = v + factor * add. The sum of
 * all lanes.
 */
typedef float (*phi_peak_f32_fn)(size_t rounds, float factor, float add);

/* The exclusive or of n bytes as words of 64 bits; n is a multiple of 512 and
 * p is 64-byte aligned. */
typedef uint64_t (*phi_peak_read_fn)(const uint8_t *p, size_t n);

/* The loops of a kernel file, NULL where it has none; a multiplication and an
 * addition are two operations. */
struct phi_peak_kernels {
    phi_peak_i8_fn i8;
    uint32_t i8_operations; /* of a round */
    phi_peak_f32_fn apart;  /* rounded after each */
    uint32_t apart_operations;
    phi_peak_f32_fn fused; /* rounded once */
    uint32_t fused_operations;
    phi_peak_read_fn read;
};

/* The best loops that need no more than `features` (cpu/cpu.h). All but fused
 * are there on every machine. */
struct phi_peak_kernels phi_peak_select(uint32_t features);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What phiconv bench times, as data: a row has a name, says what a call does
 * and how much that is, and which peak of the machine it is held against. The
 * files bench_*.c list the rows of a family; they are made from the tables of
 * kernels, so that a kernel that is there is listed.
 */
#ifndef PHICONV_TOOLS_BENCH_H
#define PHICONV_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/kernels/gemm_i8.h"

/* What a rate counts. */
enum bench_unit {
    BENCH_OPERATIONS, /* a multiplication and an addition are two */
    BENCH_VALUES,     /* numbers that are converted */
    BENCH_BYTES,
    BENCH_UNITS
};

/* A peak of the machine, which is a row as well. */
enum bench_peak {
    BENCH_PEAK_I8,
    BENCH_PEAK_F32,   /* fused where the machine can, else apart */
    BENCH_PEAK_APART, /* f32, rounded after each operation */
    BENCH_PEAK_READ,  /* bytes of memory */
    BENCH_PEAKS,
    BENCH_NO_PEAK = BENCH_PEAKS
};

struct bench {
    char name[48];
    enum bench_unit unit;
    double amount; /* of a call, in units */
    enum bench_peak peak;
    double cost; /* of a call, in units of the peak */

    size_t room; /* bytes that a call works on */
    /* Fills them with what it reads; they begin on a cache line. */
    void (*prepare)(const struct bench *b, uint8_t *room);
    void (*call)(const struct bench *b, uint8_t *room);

    /* For those two: */
    uint32_t features;
    enum phi_dtype type;
    enum phi_act_mode mode;
    size_t at; /* place of a part of the room, or in a table */
};

struct bench_list {
    struct bench *v; /* (n) */
    size_t n;
    size_t cap;
};

/* Appends a row; the name is printf's. Returns NULL after PHI_E_NOMEM. */
struct bench *bench_add(struct bench_list *l, const struct bench *row,
                        struct phi_err *err, const char *name, ...)
    PHI_PRINTF(4, 5);
void bench_list_release(struct bench_list *l);

/*
 * Append the rows of a family for the kernels that these features choose. The
 * peaks come in the order of their enum.
 */
enum phi_status bench_list_peaks(struct bench_list *l, uint32_t features,
                                 size_t nthreads, struct phi_err *err);
/* gemm_i8.TYPE.MODE, gemm_blocks.TYPE.MODE, unpack.TYPE, act.MODE, gemm_f32 */
enum phi_status bench_list_products(struct bench_list *l, uint32_t features,
                                    struct phi_err *err);
/* quantize.TYPE, widen.TYPE, lora */
enum phi_status bench_list_blocks(struct bench_list *l, uint32_t features,
                                  struct phi_err *err);
/* vec.OPERATION */
enum phi_status bench_list_vectors(struct bench_list *l, uint32_t features,
                                   struct phi_err *err);

/* "q4_0": the type's name in small letters, as in names of rows. */
const char *bench_type_name(char out[16], enum phi_dtype t);

/* n floats in (-1, 1), the same ones each time. */
void bench_floats(float *to, size_t n);

/* Rates of some runs of the same thing. */
struct bench_rate {
    size_t runs; /* 0: not measured */
    double median;
    double low;  /* a quarter of the runs was slower, */
    double high; /* a quarter faster */
    double best;
};

/* A row's rates, in units a second; `all` over all threads together. */
struct bench_result {
    struct bench_rate one;
    struct bench_rate all; /* not measured if there is one thread only */
};

/* Of n >= 1 rates, which are sorted on the way. */
struct bench_rate bench_rate_of(double *rates, size_t n);

/*
 * Times a row for about `seconds`, on one thread and then on nthreads, each on
 * memory of its own, in at least three runs. Rates are by the time that threads
 * are on a processor: what waits here waits for memory alone.
 */
enum phi_status bench_time(const struct bench *b, size_t nthreads,
                           double seconds, struct bench_result *out,
                           struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
/* The peaks of a machine as rows of a bench. */
#include <string.h>

#include "libconv/kernels/peak.h"
#include "tools/bench.h"

/* Rounds of a call: tens of microseconds. */
#define ROUNDS 8192

/* Memory that each thread reads, more than most processors keep near; all
 * threads together stay within a gigabyte, unless they are many. */
#define READ_ALL   ((size_t)1 << 30)
#define READ_MOST  ((size_t)256 << 20)
#define READ_LEAST ((size_t)64 << 20)

/* What a call leaves behind its data, so that it is not left out. */
#define RESULT 64

static void fill_i8(const struct bench *b, uint8_t *room)
{
    for (size_t i = 0; i < b->room; i++)
        room[i] = (uint8_t)(i * 37 % 128);
}

static void call_i8(const struct bench *b, uint8_t *room)
{
    const uint32_t sum =
        phi_peak_select(b->features).i8(ROUNDS, room, room + PHI_PEAK_BYTES);

    memcpy(room + b->room - RESULT, &sum, sizeof(sum));
}

/* A factor and an addend that leave all sums normal numbers. */
static void fill_f32(const struct bench *b, uint8_t *room)
{
    const float values[2] = {1, 0.5f};

    (void)b;
    memcpy(room, values, sizeof(values));
}

static void call_f32(const struct bench *b, uint8_t *room)
{
    const struct phi_peak_kernels k = phi_peak_select(b->features);
    const phi_peak_f32_fn fn =
        b->at == BENCH_PEAK_APART || k.fused == NULL ? k.apart : k.fused;
    float v[2];
    float sum;

    memcpy(v, room, sizeof(v));
    sum = fn(ROUNDS, v[0], v[1]);
    memcpy(room + b->room - RESULT, &sum, sizeof(sum));
}

static void fill_read(const struct bench *b, uint8_t *room)
{
    memset(room, 1, b->room);
}

static void call_read(const struct bench *b, uint8_t *room)
{
    const uint64_t bits =
        phi_peak_select(b->features).read(room, b->room - RESULT);

    memcpy(room + b->room - RESULT, &bits, sizeof(bits));
}

/* A multiple of what the loops read at a time. */
static size_t read_nbytes(size_t nthreads)
{
    const size_t part = READ_ALL / nthreads / 4096 * 4096;

    return part > READ_MOST ? READ_MOST : part < READ_LEAST ? READ_LEAST : part;
}

enum phi_status bench_list_peaks(struct bench_list *l, uint32_t features,
                                 size_t nthreads, struct phi_err *err)
{
    const size_t nbytes = read_nbytes(nthreads);
    const struct phi_peak_kernels k = phi_peak_select(features);
    const uint32_t f32 =
        k.fused != NULL ? k.fused_operations : k.apart_operations;
    const struct {
        const char *name;
        struct bench row;
    } rows[BENCH_PEAKS] = {
        [BENCH_PEAK_I8] = {"peak.int8",
                           {.unit = BENCH_OPERATIONS,
                            .amount = (double)k.i8_operations * ROUNDS,
                            .room = 2 * PHI_PEAK_BYTES + RESULT,
                            .prepare = fill_i8,
                            .call = call_i8}},
        [BENCH_PEAK_F32] = {"peak.f32",
                            {.unit = BENCH_OPERATIONS,
                             .amount = (double)f32 * ROUNDS,
                             .room = 2 * RESULT,
                             .prepare = fill_f32,
                             .call = call_f32}},
        [BENCH_PEAK_APART] = {"peak.f32_apart",
                              {.unit = BENCH_OPERATIONS,
                               .amount = (double)k.apart_operations * ROUNDS,
                               .room = 2 * RESULT,
                               .prepare = fill_f32,
                               .call = call_f32}},
        [BENCH_PEAK_READ] = {"peak.read",
                             {.unit = BENCH_BYTES,
                              .amount = (double)nbytes,
                              .room = nbytes + RESULT,
                              .prepare = fill_read,
                              .call = call_read}},
    };

    for (size_t i = 0; i < BENCH_PEAKS; i++) {
        struct bench row = rows[i].row;

        row.features = features;
        row.peak = BENCH_NO_PEAK;
        row.at = i;
        if (bench_add(l, &row, err, "%s", rows[i].name) == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

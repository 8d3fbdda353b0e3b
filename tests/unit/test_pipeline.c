/* SPDX-License-Identifier: MIT */
/*
 * The sample through the pipeline, every tensor against the hash of
 * llama-quantize's bytes; and what stops a run.
 */
#include <math.h>

#include "formats/model.h"
#include "libconv/base/half.h"
#include "libconv/convert/pipeline.h"
#include "libconv/cpu/cpu.h"
#include "libconv/kernels/quant_kernels.h"
#include "libconv/quant/overflow.h"
#include "tests/unit/memory_model.h"

/* tests/golden/quantize.txt: "name type hash" a line. */
struct golden {
    struct {
        char name[64];
        char type[8];
        char hex[PHI_SHA256_HEX];
    } rows[512];
    size_t n;
};

static void golden_load(struct golden *g)
{
    FILE *f = fopen(PHI_SOURCE_DIR "/tests/golden/quantize.txt", "r");
    char line[256];

    ck_assert_ptr_nonnull(f);
    g->n = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(g->n, 512);
        ck_assert_int_eq(sscanf(line, "%63s %7s %64s", g->rows[g->n].name,
                                g->rows[g->n].type, g->rows[g->n].hex),
                         3);
        g->n++;
    }
    fclose(f);
    ck_assert_uint_gt(g->n, 0);
}

static const char *golden_find(const struct golden *g, const char *name,
                               enum phi_dtype type)
{
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->rows[i].name, name) == 0 &&
            strcmp(g->rows[i].type, phi_dtype_info(type)->name) == 0)
            return g->rows[i].hex;
    }
    ck_abort_msg("no golden value for %s as %s", name,
                 phi_dtype_info(type)->name);
    return NULL;
}

/* Eight file types, pure or not: one run of sixteen outputs. */
enum { NTARGETS = 16 };

struct target {
    struct phi_plan plan;
    struct memory_sink sink;
    struct phi_rounding *rounding;
};

static void targets_init(struct target *t, struct phi_output_job *jobs,
                         const struct phi_source *s)
{
    for (size_t i = 0; i < NTARGETS; i++) {
        static const char *const types[NTARGETS / 2] = {
            "f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"};
        const struct phi_plan_options opt = {
            .recipe = {.type = phi_file_type_find(types[i / 2]),
                       .pure = i % 2 == 1}};

        ck_ok(phi_plan_make(&t[i].plan, s, &opt, &err));
        memory_sink_init(&t[i].sink, &t[i].plan);
        t[i].rounding = calloc(t[i].plan.n, sizeof(*t[i].rounding));
        ck_assert_ptr_nonnull(t[i].rounding);
        jobs[i] =
            (struct phi_output_job){&t[i].plan, &t[i].sink.base, t[i].rounding};
    }
}

static void targets_release(struct target *t)
{
    for (size_t i = 0; i < NTARGETS; i++) {
        free(t[i].rounding);
        memory_sink_release(&t[i].sink);
        phi_plan_release(&t[i].plan);
    }
}

/* Runs all targets and checks each tensor's bytes. */
static void run_targets(struct target *t, const struct phi_source *s,
                        const struct golden *golden, size_t nthreads,
                        size_t chunk)
{
    char sha256[2][PHI_SHA256_HEX];
    const struct phi_pipeline_options opt = {.nthreads = nthreads,
                                             .features = phi_cpu_detect(),
                                             .chunk_nbytes = chunk,
                                             .sha256 = sha256};
    struct phi_output_job jobs[NTARGETS];
    const struct phi_pipeline_work work = {
        .source = s, .outputs = jobs, .n = NTARGETS};

    targets_init(t, jobs, s);
    ck_assert_uint_eq(s->nfiles, 2);
    ck_ok(phi_pipeline_run(&work, &opt, &err));
    /* By sha256sum; the hash of what was read is that of the files. */
    ck_assert_str_eq(sha256[0], "80e75d8be090c5314235289f3b3a1585c63825d34d0cd8"
                                "ee21cdf97028ee3d09");
    ck_assert_str_eq(sha256[1], "ee0c65100a1719880fbd08700e8bee6441f1b2b5791fcb"
                                "21dc199cc318624a88");
    for (size_t k = 0; k < NTARGETS; k++) {
        struct memory_sink *sink = &t[k].sink;

        memory_finish(sink);
        for (size_t i = 0; i < t[k].plan.n; i++) {
            const struct phi_sink_tensor *to = &t[k].plan.tensors[i];

            ck_assert_msg(strcmp(sink->hex[i],
                                 golden_find(golden, to->name, to->dtype)) == 0,
                          "%s%s: %s as %s, %zu threads, chunks of %zu bytes",
                          t[k].plan.type->name, k % 2 == 1 ? " pure" : "",
                          to->name, phi_dtype_info(to->dtype)->name, nthreads,
                          chunk);
        }
    }
}

START_TEST(bytes_are_llama_quantizes)
{
    static const struct {
        size_t nthreads;
        size_t chunk;
    } runs[] = {{1, 0}, {2, 0}, {3, 0}, {1, 1}, {2, 5000}, {3, 1 << 17}};
    static struct target first[NTARGETS];
    static struct target again[NTARGETS];
    static struct golden golden;
    struct phi_source *s = NULL;

    golden_load(&golden);
    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    run_targets(first, s, &golden, runs[0].nthreads, runs[0].chunk);
    for (size_t r = 1; r < sizeof(runs) / sizeof(runs[0]); r++) {
        run_targets(again, s, &golden, runs[r].nthreads, runs[r].chunk);
        /* The statistics too depend on neither threads nor chunks. */
        for (size_t k = 0; k < NTARGETS; k++)
            ck_assert_mem_eq(first[k].rounding, again[k].rounding,
                             first[k].plan.n * sizeof(*first[k].rounding));
        targets_release(again);
    }
    targets_release(first);
    phi_source_close(s);
}
END_TEST

/* Every golden value of a matrix is one that some file type has. */
START_TEST(plans_are_in_the_order_of_the_golden_file)
{
    const struct phi_plan_options opt = {.recipe.type =
                                             phi_file_type_find("q4_0")};
    static struct golden golden;
    struct phi_source *s = NULL;
    struct phi_plan plan;
    size_t at = 0;

    golden_load(&golden);
    ck_ok(phi_model_open(&s, PHI_SAMPLE, &err));
    ck_ok(phi_plan_make(&plan, s, &opt, &err));
    for (size_t i = 0; i < golden.n; i++) {
        if (i > 0 && strcmp(golden.rows[i].name, golden.rows[i - 1].name) == 0)
            continue;
        ck_assert_uint_lt(at, plan.n);
        ck_assert_str_eq(plan.tensors[at++].name, golden.rows[i].name);
    }
    ck_assert_uint_eq(at, plan.n);
    phi_plan_release(&plan);
    phi_source_close(s);
}
END_TEST

/* ---- small models in memory --------------------------------------------- */

enum { ROWS = 5, COLS = 256 };

static float weights[ROWS][COLS];
static struct memory_source model;
static struct phi_plan plan;
static struct memory_sink sink;
static struct phi_rounding rounding;
static char hex[PHI_SHA256_HEX]; /* of the tensor of the last run */

static struct {
    size_t nthreads;
    size_t chunk;
    bool unmeasured;
    uint64_t full;
    uint64_t max_memory;
    const struct phi_monitor *monitor;
    struct phi_pipeline_times *times;
    enum phi_dtype from; /* kept as in a GGUF file, if not F32 */
    const void *bytes;   /* instead of weights */
} how = {.nthreads = 2, .chunk = 1};

static bool stop(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    (void)note;
    ck_assert_uint_le(done, total);
    ck_assert_uint_eq(total, sizeof(weights));
    ++*(int *)ctx;
    return false;
}

/* `name` from `weights`, or what `how` has, to a file of `type`. */
static enum phi_status run_small(const char *name, const char *type,
                                 struct phi_err *out)
{
    const struct phi_plan_options opt = {.recipe.type =
                                             phi_file_type_find(type),
                                         .recipe.keep = how.from != PHI_F32};
    const struct phi_pipeline_options options = {.nthreads = how.nthreads,
                                                 .features = phi_cpu_detect(),
                                                 .chunk_nbytes = how.chunk,
                                                 .max_memory = how.max_memory,
                                                 .monitor = how.monitor,
                                                 .times = how.times};
    const struct phi_output_job job = {&plan, &sink.base,
                                       how.unmeasured ? NULL : &rounding};
    const struct phi_pipeline_work work = {
        .source = &model.base, .outputs = &job, .n = 1};
    enum phi_status st;

    memory_add(&model, name, how.from, ROWS, COLS,
               how.bytes != NULL ? how.bytes : weights);
    ck_ok(phi_plan_make(&plan, &model.base, &opt, &err));
    memory_sink_init(&sink, &plan);
    sink.full = how.full;
    st = phi_pipeline_run(&work, &options, out);
    if (st == PHI_OK) {
        memory_finish(&sink);
        memcpy(hex, sink.hex[0], sizeof(hex));
    }
    memory_sink_release(&sink);
    phi_plan_release(&plan);
    return st;
}

#define W "blk.0.ffn_up.weight"

/* Forgets the model, not its weights. */
static void again(void)
{
    phi_meta_release(&model.base.meta);
    memset(&model, 0, sizeof(model));
}

START_TEST(errors_are_measured)
{
    weights[1][3] = 1.0f + 0x1p-12f; /* f16 keeps ten bits: 1 */
    weights[4][255] = -2.0f - 0x1p-12f;
    ck_ok(run_small(W, "f16", &err));
    ck_assert_double_eq(rounding.max_error, 0x1p-12);
    ck_assert_double_eq_tol(rounding.rmse, 0x1p-12 * sqrt(2.0 / (ROWS * COLS)),
                            1e-18);
}
END_TEST

START_TEST(time_is_accounted_for)
{
    struct phi_pipeline_times times = {0};
    double all = 0;

    how.times = &times;
    ck_ok(run_small(W, "q8_0", &err));
    ck_assert_uint_eq(times.nbytes, sizeof(weights));
    ck_assert_uint_eq(times.weights, ROWS * COLS);
    ck_assert_uint_ge(times.nworkers, 1);
    ck_assert_double_gt(times.accounts[PHI_TIME_READ].wall, 0);
    ck_assert_double_gt(times.accounts[PHI_TIME_QUANTIZE].wall, 0);
    ck_assert_double_gt(times.accounts[PHI_TIME_WRITE].wall, 0);
    ck_assert_double_eq(times.accounts[PHI_TIME_HASH].wall, 0);
    ck_assert_double_eq(times.longest_hash, 0);
    for (size_t i = 0; i < PHI_NTIMES; i++) {
        ck_assert_double_ge(times.accounts[i].wall, 0);
        all += times.accounts[i].wall;
    }
    ck_assert_double_le(all, (double)times.nworkers * times.seconds);
}
END_TEST

START_TEST(nothing_is_lost_in_f32)
{
    weights[1][3] = 3e38f;
    weights[2][0] = -0x1p-149f;
    ck_ok(run_small(W, "f32", &err));
    ck_assert_double_eq(rounding.max_error, 0);
    ck_assert_double_eq(rounding.rmse, 0);
}
END_TEST

static const struct {
    const char *name;
    const char *type;
    float value;
    enum phi_status status;
    const char *words;
} bad[] = {
    {W, "q4_0", NAN, PHI_E_FORMAT, "NaN at row 3, column 17"},
    {W, "f32", INFINITY, PHI_E_FORMAT, "infinity at row 3, column 17"},
    {W, "q8_0", -INFINITY, PHI_E_FORMAT, "-infinity at row 3, column 17"},
    {W, "f16", 65520.0f, PHI_E_UNSUPPORTED,
     "65520 at row 3, column 17 is beyond what F16"},
    {W, "bf16", 3.4e38f, PHI_E_UNSUPPORTED, "at row 3, column 17 is beyond"},
    /* A scale beyond f16 spoils its whole block; the cause is named. */
    {W, "q4_0", 1e6f, PHI_E_UNSUPPORTED, "1e+06 at row 3, column 17"},
    {W, "q5_0", -2e6f, PHI_E_UNSUPPORTED, "-2e+06 at row 3, column 17"},
    {W, "q4_1", 1e6f, PHI_E_UNSUPPORTED, "1e+06 at row 3, column 17"},
    {W, "q5_1", -7e4f, PHI_E_UNSUPPORTED, "-70000 at row 3, column 17"},
    {W, "q8_0", 1e7f, PHI_E_UNSUPPORTED, "1e+07 at row 3, column 17"},
    {"output.weight", "q4_0", 1e9f, PHI_E_UNSUPPORTED,
     "1e+09 at row 3, column 17 is beyond what Q6_K"},
    /* Here ggml's Q6_K search overflows and its bytes say 0. */
    {"output.weight", "q4_0", 1e20f, PHI_E_UNSUPPORTED,
     "1e+20 at row 3, column 17 is beyond what Q6_K"},
};

START_TEST(bad_weights_are_named)
{
    for (int c = 0; c < COLS; c++)
        weights[3][c] = 0.25f;
    weights[3][17] = bad[_i].value;
    ck_refused(run_small(bad[_i].name, bad[_i].type, &err), bad[_i].status,
               bad[_i].words);
    again();
    how.unmeasured = true; /* found in the blocks, without reading back */
    ck_refused(run_small(bad[_i].name, bad[_i].type, &err), bad[_i].status,
               bad[_i].words);
    again();
    ck_refused(run_small(bad[_i].name, bad[_i].type, &err), bad[_i].status,
               "model: tensor \"");
}
END_TEST

/* The first bad row decides, whoever comes to it first. */
START_TEST(the_same_message_whatever_the_threads)
{
    weights[2][30] = 1e6f; /* beyond Q4_0 */
    weights[2][40] = 2e6f;
    weights[2][200] = INFINITY;
    weights[3][0] = NAN;
    weights[4][1] = NAN;
    for (how.nthreads = 1; how.nthreads <= 5; how.nthreads++) {
        for (how.chunk = 1; how.chunk < 9000; how.chunk *= 2) {
            ck_refused(run_small(W, "q4_0", &err), PHI_E_FORMAT,
                       "infinity at row 2, column 200");
            again();
        }
    }
    weights[2][200] = 0;
    how.nthreads = 3;
    for (how.chunk = 1; how.chunk < 9000; how.chunk *= 2) {
        ck_refused(run_small(W, "q4_0", &err), PHI_E_UNSUPPORTED,
                   "1e+06 at row 2, column 30");
        again();
    }
}
END_TEST

START_TEST(large_weights_that_fit_pass)
{
    static const struct {
        const char *name;
        const char *type;
        float value;
    } good[] = {{W, "f16", 65519.0f},  {W, "q4_0", 5e5f},
                {W, "q5_0", -1e6f},    {W, "q4_1", 65504.0f},
                {W, "q8_0", 8e6f},     {W, "f32", 3.4e38f},
                {W, "bf16", 3.38e38f}, {"output.weight", "q4_0", 2.5e8f}};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        again();
        weights[3][17] = good[i].value;
        ck_ok(run_small(good[i].name, good[i].type, &err));
        ck_assert(rounding.max_error <= (double)good[i].value / 8 ||
                  good[i].value < 0);
    }
}
END_TEST

/* ---- what is carried ----------------------------------------------------- */

static void expect_bytes(const void *bytes, size_t n)
{
    struct phi_sha256 *h = NULL;
    char want[PHI_SHA256_HEX];

    ck_ok(phi_sha256_new(&h, &err));
    ck_ok(phi_sha256_add(h, bytes, n, &err));
    ck_ok(phi_sha256_hex(h, want, &err));
    phi_sha256_free(h);
    ck_assert_str_eq(hex, want);
}

/* Types that nothing here computes with are copied, whatever is in them. */
START_TEST(carried_bytes_are_any)
{
    static uint8_t bytes[ROWS * COLS * 8];
    size_t types = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i % 3 == 0 ? 0xff : (uint8_t)(i * 7);
    how.bytes = bytes;
    for (int t = 0; t < PHI_NDTYPES; t++) {
        const struct phi_dtype_info *d = phi_dtype_info((enum phi_dtype)t);
        uint64_t n = 0;

        if (d->ggml < 0 || phi_widen_kernel(0, (enum phi_dtype)t) != NULL)
            continue;
        again();
        how.from = (enum phi_dtype)t;
        how.unmeasured = types % 2 == 1;
        ck_ok(run_small(W, "copy", &err));
        ck_assert_double_eq(rounding.max_error, 0);
        ck_assert(phi_dtype_nbytes((enum phi_dtype)t, ROWS * COLS, &n));
        expect_bytes(bytes, (size_t)n);
        types++;
    }
    ck_assert_uint_eq(types, 17);
}
END_TEST

/* F64 need not fit f32 where it stays, but is finite. */
START_TEST(doubles_stay_what_they_are)
{
    static double x[ROWS][COLS];

    x[0][5] = -1e300;
    x[4][255] = 0x1p-1074;
    how.from = PHI_F64;
    how.bytes = x;
    ck_ok(run_small(W, "copy", &err));
    ck_assert_double_eq(rounding.max_error, 0);
    expect_bytes(x, sizeof(x));
    again();
    x[3][17] = (double)NAN;
    ck_refused(run_small(W, "copy", &err), PHI_E_FORMAT,
               "model: tensor \"blk.0.ffn_up.weight\": NaN at row 3, column "
               "17, expected finite");
    again();
    x[2][200] = (double)-INFINITY;
    ck_refused(run_small(W, "copy", &err), PHI_E_FORMAT,
               "-infinity at row 2, column 200");
    again(); /* where it is rounded, f32 must have room */
    x[2][200] = x[3][17] = 0;
    ck_refused(run_small(W, "q8_0", &err), PHI_E_FORMAT,
               "-infinity at row 0, column 5");
}
END_TEST

START_TEST(a_monitor_stops_the_run)
{
    int ticks = 0;
    const struct phi_monitor monitor = {stop, &ticks};

    how.monitor = &monitor;
    ck_refused(run_small(W, "q8_0", &err), PHI_E_CANCELLED, "interrupted");
    ck_assert_int_eq(ticks, 1);
}
END_TEST

START_TEST(a_full_sink_stops_the_run)
{
    how.full = 1000;
    for (how.nthreads = 1; how.nthreads <= 4; how.nthreads++) {
        ck_refused(run_small(W, "q8_0", &err), PHI_E_IO,
                   "sink is full at byte 816");
        again();
    }
}
END_TEST

START_TEST(memory_is_bounded)
{
    char want[PHI_SHA256_HEX];
    const struct phi_plan_options opt = {.recipe.type =
                                             phi_file_type_find("q8_0")};
    const struct phi_output_job job = {&plan, NULL, &rounding};
    const struct phi_pipeline_work work = {
        .source = &model.base, .outputs = &job, .n = 1};
    char words[64];

    for (int i = 0; i < ROWS * COLS; i++)
        weights[i / COLS][i % COLS] = (float)(i % 37);
    how.chunk = 0;
    ck_ok(run_small(W, "q8_0", &err));
    memcpy(want, hex, sizeof(want));
    ck_ok(phi_plan_make(&plan, &model.base, &opt, &err));
    ck_ok(phi_pipeline_least(&how.max_memory, &work, &err));
    phi_plan_release(&plan);
    for (how.chunk = 1; how.chunk < 1 << 20; how.chunk *= 8) {
        again();
        ck_ok(run_small(W, "q8_0", &err));
        ck_assert_str_eq(hex, want);
    }
    snprintf(words, sizeof(words), "need %llu bytes of memory",
             (unsigned long long)how.max_memory);
    how.max_memory--;
    again();
    ck_refused(run_small(W, "q8_0", &err), PHI_E_ARG, words);
}
END_TEST

START_TEST(a_source_that_changed_is_noticed)
{
    model.changed = true;
    ck_refused(run_small(W, "q8_0", &err), PHI_E_IO,
               "changed while it was read");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pipeline");
    TCase *t = tcase_create("pipeline");

    tcase_add_test(t, bytes_are_llama_quantizes);
    tcase_add_test(t, plans_are_in_the_order_of_the_golden_file);
    tcase_add_test(t, errors_are_measured);
    tcase_add_test(t, time_is_accounted_for);
    tcase_add_test(t, nothing_is_lost_in_f32);
    tcase_add_loop_test(t, bad_weights_are_named, 0,
                        sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, the_same_message_whatever_the_threads);
    tcase_add_test(t, large_weights_that_fit_pass);
    tcase_add_test(t, carried_bytes_are_any);
    tcase_add_test(t, doubles_stay_what_they_are);
    tcase_add_test(t, a_monitor_stops_the_run);
    tcase_add_test(t, a_full_sink_stops_the_run);
    tcase_add_test(t, memory_is_bounded);
    tcase_add_test(t, a_source_that_changed_is_noticed);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    return unit_main(s);
}

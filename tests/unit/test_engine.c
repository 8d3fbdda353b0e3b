/* SPDX-License-Identifier: MIT */
/* The engine on tiny random models, against reference/ in double. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <time.h>

#include "libconv/cpu/cpu.h"
#include "libconv/engine/engine.h"
#include "libconv/engine/rope.h"
#include "tests/kernels/here.h"
#include "tests/unit/array_truth.h"

/* Odd sizes: tails of panels, groups, tiles and blocks everywhere. */
static const struct memory_shape shapes[] = {
    {70, 40, 32, 64, 2, 4, 4, 4, .fused_qkv = false},
    {33, 64, 60, 100, 2, 6, 2, 6, .fused_qkv = true},
    {130, 37, 36, 580, 3, 2, 1, 18, .head_norms = true},
    {50, 70, 40, 24, 1, 5, 5, 8, .tied = true},
    {17, 20, 8, 16, 1, 1, 1, 2, .fused_qkv = true, .head_norms = true},
};
#define NSHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define WINDOWS 3

static uint32_t *tokens_of(const struct memory_shape *s, size_t n)
{
    uint32_t *t = malloc(n * sizeof(*t));

    for (size_t i = 0; i < n; i++)
        t[i] = (uint32_t)(i * i * 7 + i * 3 + 5) % s->n_vocab;
    return t;
}

/* All logits of `count` positions from `first` on, in one batch. */
static float *logits_of(const struct memory_model *m,
                        const struct memory_shape *s, const uint32_t *tokens,
                        size_t nwindows, size_t first, size_t count,
                        uint32_t features, size_t nthreads)
{
    const struct phi_engine_options o = {.kernels =
                                             phi_kernels_select(features),
                                         .nthreads = nthreads,
                                         .n_ctx = s->n_ctx};
    const struct phi_batch batch = {tokens, nwindows, first, count};
    const size_t n = nwindows * count;
    const size_t half = s->n_vocab / 2;
    float *hidden = malloc(n * s->n_embd * sizeof(*hidden));
    float *logits = malloc(n * s->n_vocab * sizeof(*logits));
    struct phi_head_part parts[] = {
        {hidden, n, 0, half, logits, s->n_vocab},
        {hidden, n, half, s->n_vocab - half, logits + half, s->n_vocab},
    };
    struct phi_engine *e = NULL;
    struct phi_space space = {0};

    ck_ok(phi_engine_open(&e, &m->base, &o, &err));
    ck_ok(phi_engine_forward(e, &space, &batch, hidden, NULL, &err));
    ck_ok(phi_engine_head(e, &space, &parts[0], NULL, &err));
    ck_ok(phi_engine_head(e, &space, &parts[1], NULL, &err));
    phi_space_release(&space);
    phi_engine_close(e);
    free(hidden);
    return logits;
}

/*
 * Activations are rounded to f32 about ten times a layer. 1e-5 of the largest
 * logit is twenty times what is seen; a wrong term is thousands of times more.
 */
START_TEST(forward_equals_the_reference)
{
    const struct memory_shape *s = &shapes[_i];
    struct memory_model *m = memory_new(s, 7);
    uint32_t *tokens = tokens_of(s, s->n_ctx);
    float *got = logits_of(m, s, tokens, 1, 0, s->n_ctx, 0, 1);
    double *want = malloc(sizeof(*want) * s->n_ctx * s->n_vocab);
    struct truth r;
    double worst = 0;
    double largest = 0;

    truth_init(&r, m, s);
    ck_assert_int_eq(
        ref_phi_forward(&r.params, &r.weights, tokens, s->n_ctx, want), 0);
    for (size_t i = 0; i < (size_t)s->n_ctx * s->n_vocab; i++) {
        const double off = fabs((double)got[i] - want[i]);

        if (isnan(off))
            ck_abort_msg("logit %zu is not a number", i);
        if (off > worst)
            worst = off;
        if (fabs(want[i]) > largest)
            largest = fabs(want[i]);
    }
    ck_assert_double_ge(largest, 0.5);
    ck_assert_msg(worst <= 1e-5 * fmax(1, largest), "off by %g of %g", worst,
                  largest);
    truth_release(&r);
    free(want);
    free(got);
    free(tokens);
    phi_source_close(&m->base);
}
END_TEST

/* Threads, kernels, neighbours in the batch, and which positions count. */
START_TEST(nothing_changes_a_bit)
{
    const struct memory_shape *s = &shapes[_i];
    const size_t row = s->n_vocab * sizeof(float);
    struct memory_model *m = memory_new(s, 8);
    uint32_t *tokens = tokens_of(s, (size_t)s->n_ctx * WINDOWS);
    float *all = logits_of(m, s, tokens, WINDOWS, 0, s->n_ctx, 0, 1);
    const char *level;
    uint32_t features;

    for (size_t nthreads = 1; nthreads <= 3; nthreads++) {
        for (size_t l = 0; level_next(&l, &level, &features); l++) {
            float *const again = logits_of(m, s, tokens, WINDOWS, 0, s->n_ctx,
                                           features, nthreads);

            ck_assert_int_eq(memcmp(all, again, row * s->n_ctx * WINDOWS), 0);
            free(again);
        }
    }
    for (size_t w = 0; w < WINDOWS; w++) {
        const size_t first = s->n_ctx / 2;
        float *alone =
            logits_of(m, s, tokens + w * s->n_ctx, 1, first, 5, cpu_here(), 2);

        ck_assert_int_eq(
            memcmp(alone, all + (w * s->n_ctx + first) * s->n_vocab, row * 5),
            0);
        free(alone);
    }
    free(all);
    free(tokens);
    phi_source_close(&m->base);
}
END_TEST

static void open_refused(const struct memory_model *m, size_t n_ctx,
                         enum phi_status status, const char *text)
{
    const struct phi_engine_options o = {
        .kernels = phi_kernels_select(0), .nthreads = 1, .n_ctx = n_ctx};
    struct phi_engine *e = NULL;

    ck_refused(phi_engine_open(&e, &m->base, &o, &err), status, text);
    ck_assert_ptr_null(e);
}

START_TEST(tensors_are_checked)
{
    struct memory_model *m = memory_new(&shapes[0], 1);
    size_t i = 0;

    open_refused(m, 41, PHI_E_ARG, "a context of 41 tokens is longer than");

    ck_assert(phi_source_find(&m->base, "blk.1.ffn_up.bias", &i));
    m->names[i][0] = 'x';
    open_refused(m, 8, PHI_E_UNSUPPORTED,
                 "tensor \"xlk.1.ffn_up.bias\": has no place");
    m->names[i][0] = 'b';

    m->tensors[i].dim[0] = 63;
    open_refused(m, 8, PHI_E_FORMAT,
                 "tensor \"blk.1.ffn_up.bias\": has shape [63], expected [64]");
    m->tensors[i].dim[0] = 64;

    m->tensors[i].dtype = PHI_I32;
    open_refused(m, 8, PHI_E_UNSUPPORTED, "type I32 cannot be computed with");
    m->tensors[i].dtype = PHI_F32;

    ck_assert(phi_source_find(&m->base, "blk.0.attn_q.weight", &i));
    m->tensors[i].dim[0] = 31;
    open_refused(m, 8, PHI_E_FORMAT, "has shape [31, 32], expected [32, 32]");
    m->tensors[i].dim[0] = 32;

    memory_add(m, "blk.0.surprise.weight", 2, 2, 0, 1);
    open_refused(m, 8, PHI_E_UNSUPPORTED,
                 "tensor \"blk.0.surprise.weight\": has no place");
    phi_source_close(&m->base);
}
END_TEST

START_TEST(tokens_are_checked)
{
    const struct memory_shape *s = &shapes[0];
    struct memory_model *m = memory_new(s, 1);
    const struct phi_engine_options o = {
        .kernels = phi_kernels_select(0), .nthreads = 1, .n_ctx = 4};
    const uint32_t tokens[4] = {1, 2, 70, 3};
    const struct phi_batch batch = {tokens, 1, 0, 4};
    float hidden[4 * 32];
    struct phi_engine *e = NULL;
    struct phi_space space = {0};

    ck_ok(phi_engine_open(&e, &m->base, &o, &err));
    ck_refused(phi_engine_forward(e, &space, &batch, hidden, NULL, &err),
               PHI_E_FORMAT, "token 70, but the embedding has 70 rows");
    phi_space_release(&space);
    phi_engine_close(e);
    phi_source_close(&m->base);
}
END_TEST

/* A source that cannot be read fails the pass, whichever thread met it. */
static enum phi_status failing_read(const struct phi_source *s, size_t i,
                                    uint64_t offset, void *to, size_t n,
                                    struct phi_err *err)
{
    if (strcmp(s->tensors[i].name, "blk.1.ffn_up.weight") == 0 && offset > 0)
        return phi_fail(err, PHI_E_IO, "the disk is gone");
    return memory_read(s, i, offset, to, n, err);
}

START_TEST(read_errors_arrive)
{
    const struct phi_source_ops failing = {.read = failing_read,
                                           .close = memory_close};
    const struct memory_shape *s = &shapes[1];
    struct memory_model *m = memory_new(s, 1);
    const struct phi_engine_options o = {
        .kernels = phi_kernels_select(0), .nthreads = 2, .n_ctx = s->n_ctx};
    uint32_t *tokens = tokens_of(s, s->n_ctx);
    const struct phi_batch batch = {tokens, 1, 0, 1};
    float hidden[60];
    struct phi_engine *e = NULL;
    struct phi_space space = {0};

    m->base.ops = &failing;
    ck_ok(phi_engine_open(&e, &m->base, &o, &err));
    ck_refused(phi_engine_forward(e, &space, &batch, hidden, NULL, &err),
               PHI_E_IO, "the disk is gone");
    m->base.ops = &memory_ops;
    ck_ok(phi_engine_forward(e, &space, &batch, hidden, NULL, &err));
    phi_space_release(&space);
    phi_engine_close(e);
    free(tokens);
    phi_source_close(&m->base);
}
END_TEST

/* Rows of a tensor that cannot be read, and some time for every read, so that
 * all threads have a part. */
static enum phi_status damaged_read(const struct phi_source *s, size_t i,
                                    uint64_t offset, void *to, size_t n,
                                    struct phi_err *err)
{
    static const struct timespec moment = {.tv_nsec = 20000};
    const struct phi_tensor *t = &s->tensors[i];
    const uint64_t size = t->dim[t->rank - 1] * sizeof(float);
    const bool embd = strcmp(t->name, "token_embd.weight") == 0;
    const bool head = strcmp(t->name, "output.weight") == 0;

    if (embd || head)
        nanosleep(&moment, NULL);
    for (uint64_t row = embd ? 5 : 100; embd || head; row += embd ? 1 : 100) {
        if (row >= t->dim[0] || row * size >= offset + n)
            break;
        if (row * size >= offset && (!embd || row < 7))
            return phi_fail(err, PHI_E_IO, "row %u is damaged", (unsigned)row);
    }
    return memory_read(s, i, offset, to, n, err);
}

/* Of two errors that of the thread with the lowest number was reported. */
START_TEST(the_first_error_is_told)
{
    static const struct memory_shape s = {512, 64, 8, 16,           1,
                                          1,   1,  2, .tied = false};
    static const struct phi_source_ops ops = {.read = damaged_read,
                                              .close = memory_close};
    const struct phi_engine_options o = {
        .kernels = phi_kernels_select(0), .nthreads = 5, .n_ctx = 64};
    struct memory_model *m = memory_new(&s, 3);
    uint32_t tokens[64] = {0};
    const struct phi_batch batch = {tokens, 1, 0, 64};
    float *hidden = calloc((size_t)64 * s.n_embd, sizeof(*hidden));
    float *logits = malloc((size_t)64 * s.n_vocab * sizeof(*logits));
    const struct phi_head_part part = {hidden, 64, 0, 512, logits, 512};
    struct phi_engine *e = NULL;
    struct phi_space space = {0};

    ck_ok(phi_engine_open(&e, &m->base, &o, &err));
    ck_ok(phi_engine_forward(e, &space, &batch, hidden, NULL, &err));
    m->base.ops = &ops;
    /* In different pieces of tokens, and groups of rows. */
    tokens[20] = 5;
    tokens[40] = tokens[60] = 6;
    for (int i = 0; i < 40; i++) {
        ck_refused(phi_engine_forward(e, &space, &batch, hidden, NULL, &err),
                   PHI_E_IO, "row 5 ");
        ck_refused(phi_engine_head(e, &space, &part, NULL, &err), PHI_E_IO,
                   "row 100 ");
    }
    phi_space_release(&space);
    phi_engine_close(e);
    free(hidden);
    free(logits);
    phi_source_close(&m->base);
}
END_TEST

/* Linear scaling divides positions. */
START_TEST(rope_positions)
{
    struct phi_hparams h = {.n_rot = 8, .rope_base = 10000, .rope_factor = 1};
    struct phi_rope plain, scaled;
    float a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float b[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    ck_ok(phi_rope_init(&plain, &h, 4, &err));
    h.rope_factor = 2;
    ck_ok(phi_rope_init(&scaled, &h, 7, &err));
    phi_rope_apply(&plain, a, 3);
    phi_rope_apply(&scaled, b, 6);
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    ck_assert_float_eq_tol(a[0], (float)(cos(3) - 5 * sin(3)), 1e-6f);
    ck_assert_float_eq_tol(a[5], (float)(2 * sin(0.3) + 6 * cos(0.3)), 1e-6f);
    phi_rope_release(&plain);
    phi_rope_release(&scaled);
    /* Angles beyond those that sines are exact for. */
    h.rope_factor = 1.0 / 1024;
    ck_ok(phi_rope_init(&plain, &h, 512, &err));
    phi_rope_release(&plain);
    ck_refused(phi_rope_init(&plain, &h, 513, &err), PHI_E_UNSUPPORTED,
               "513 positions with a rope factor of 0.000976562 turn by up to "
               "525312, at most 524288 is computed exactly");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("engine");
    TCase *t = tcase_create("engine");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, forward_equals_the_reference, 0, NSHAPES);
    tcase_add_loop_test(t, nothing_changes_a_bit, 0, NSHAPES);
    tcase_add_test(t, tensors_are_checked);
    tcase_add_test(t, tokens_are_checked);
    tcase_add_test(t, read_errors_arrive);
    tcase_add_test(t, the_first_error_is_told);
    tcase_add_test(t, rope_positions);
    suite_add_tcase(s, t);
    return unit_main(s);
}

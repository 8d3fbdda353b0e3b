/* SPDX-License-Identifier: MIT */
/*
 * Several models against a reference in one run: every number that is
 * reported, from logits that reference/ makes in double. The vocabulary takes
 * several slabs, the windows several batches' worth of positions.
 */
#define _DEFAULT_SOURCE
#include <math.h>

#include "libconv/cpu/cpu.h"
#include "libconv/engine/perplexity.h"
#include "libconv/engine/statistics.h"
#include "reference/ref_math.h"
#include "tests/unit/array_truth.h"

#define N_VOCAB 5003 /* three slabs, the last one with tails */
#define N_CTX   15   /* odd: 7 context, 7 scored */
#define SCORED  7
#define WINDOWS 4
#define NTOKENS (WINDOWS * N_CTX + 6) /* the rest is unused */
#define NMODELS 3

/* Float32 logits are 1e-6 off on these models; see test_engine.c. */
#define TOLERANCE 1e-5

static const struct memory_shape shapes[NMODELS + 1] = {
    {N_VOCAB, N_CTX, 16, 40, 1, 2, 2, 4, .fused_qkv = false},
    {N_VOCAB, 64, 24, 24, 2, 3, 1, 8, .fused_qkv = true},
    {N_VOCAB, 32, 16, 40, 1, 2, 1, 8, .fused_qkv = false}, /* a near one */
    {N_VOCAB, 32, 16, 40, 1, 2, 1, 8, .fused_qkv = false}, /* reference */
};

struct fixture {
    struct memory_model *models[NMODELS + 1];
    const struct phi_source *sources[NMODELS + 1];
    uint32_t tokens[NTOKENS];
    struct phi_eval_options options;
};

static const uint32_t edges[] = {2047, 2048, 4095, 4096, N_VOCAB - 1, 0};

/* The reference with some noise: half of its top tokens stay. */
static void make_near(struct memory_model *m, const struct memory_model *from)
{
    for (size_t i = 0; i < m->base.ntensors; i++) {
        const size_t n = (size_t)m->tensors[i].nbytes / sizeof(float);

        for (size_t k = 0; k < n; k++)
            m->data[i][k] = from->data[i][k] * (1 + 0.1f * memory_random(m));
    }
}

static void fixture_open(struct fixture *f)
{
    for (size_t i = 0; i <= NMODELS; i++) {
        f->models[i] = memory_new(&shapes[i], 11 + i);
        f->sources[i] = &f->models[i]->base;
    }
    make_near(f->models[NMODELS - 1], f->models[NMODELS]);
    for (size_t i = 0; i < NTOKENS; i++)
        f->tokens[i] = (uint32_t)(i * 2477 + i * i * 31) % N_VOCAB;
    /* The first and last rows of slabs among those that are predicted. */
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        f->tokens[N_CTX / 2 + 1 + i] = edges[i];
    f->options = (struct phi_eval_options){
        .engine = {.kernels = phi_kernels_select(phi_cpu_detect()),
                   .nthreads = 2,
                   .n_ctx = N_CTX}};
}

static void fixture_close(struct fixture *f)
{
    for (size_t i = 0; i <= NMODELS; i++)
        phi_source_close(&f->models[i]->base);
}

/* Where windows are, and which of their positions are scored. */
struct places {
    size_t step;
    size_t first;
    size_t windows;
};

#define STRIDE 4
#define MOST   100 /* scored positions */

static const struct places side_by_side = {N_CTX, N_CTX / 2, WINDOWS};
/* Windows begin while there is a token after one: at 0, 4, ..., 48. */
static const struct places overlapping = {STRIDE, N_CTX - 1 - STRIDE, 13};

/* Logits (windows, N_CTX, N_VOCAB) of one model, in double. */
static double *true_logits(const struct fixture *f, const struct places *p,
                           size_t i, bool add_bos, uint32_t bos)
{
    const size_t window = (size_t)N_CTX * N_VOCAB;
    double *all = malloc(p->windows * window * sizeof(*all));
    uint32_t tokens[N_CTX];
    struct truth r;

    truth_init(&r, f->models[i], &shapes[i]);
    for (size_t w = 0; w < p->windows; w++) {
        memcpy(tokens, f->tokens + w * p->step, sizeof(tokens));
        if (add_bos)
            tokens[0] = bos;
        ck_assert_int_eq(ref_phi_forward(&r.params, &r.weights, tokens, N_CTX,
                                         all + w * window),
                         0);
    }
    truth_release(&r);
    return all;
}

/* What the scored positions of one model are, one after the other. */
struct scores {
    size_t n;
    size_t per_window;
    double nll[MOST];
    double kld[MOST];
    size_t top[MOST];
};

static void true_scores(struct scores *s, const struct fixture *f,
                        const struct places *p, const double *logits,
                        const double *reference)
{
    s->per_window = N_CTX - 1 - p->first;
    s->n = p->windows * s->per_window;
    ck_assert_uint_le(s->n, MOST);
    for (size_t i = 0; i < s->n; i++) {
        const size_t w = i / s->per_window;
        const size_t pos = p->first + i % s->per_window;
        const size_t row = (w * N_CTX + pos) * N_VOCAB;
        const double *q = logits + row;

        s->nll[i] = ref_nll(q, N_VOCAB, f->tokens[w * p->step + pos + 1]);
        s->kld[i] = ref_kl_divergence(reference + row, q, N_VOCAB);
        s->top[i] = 0;
        for (size_t v = 1; v < N_VOCAB; v++)
            s->top[i] = q[v] > q[s->top[i]] ? v : s->top[i];
    }
}

/* Mean and its standard error, two passes. */
static void mean_of(const double *v, size_t n, double *mean, double *error)
{
    double sum = 0;
    double squares = 0;

    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - *mean) * (v[i] - *mean);
    *error = sqrt(squares / (double)n / (double)(n - 1));
}

static void check_ppl(const struct phi_eval_result *got, const struct scores *s)
{
    const size_t per = s->per_window;
    double mean, error;

    mean_of(s->nll, s->n, &mean, &error);
    ck_assert_double_eq_tol(got->mean_nll, mean, TOLERANCE);
    ck_assert_double_eq_tol(got->mean_nll_error, error, TOLERANCE);
    ck_assert_double_eq_tol(got->ppl, exp(mean), TOLERANCE * exp(mean));
    ck_assert_double_eq_tol(got->ppl_error, exp(mean) * error,
                            TOLERANCE * exp(mean));
    for (size_t w = 0; w < s->n / per; w++) {
        mean_of(s->nll + w * per, per, &mean, &error);
        ck_assert_double_eq_tol(got->window_nll[w], mean * (double)per,
                                (double)per * TOLERANCE);
    }
}

/* Percentiles of v, which is sorted here. */
static void check_percentiles(const double *got, double *v, size_t n)
{
    phi_sort(v, n);
    for (size_t i = 0; i < PHI_EVAL_NPERCENTILES; i++) {
        if (phi_eval_percentiles[i] == 50) /* n is even */
            ck_assert_double_eq_tol(got[i], (v[n / 2 - 1] + v[n / 2]) / 2,
                                    TOLERANCE);
        if (i > 0)
            ck_assert_double_ge(got[i], got[i - 1]);
        ck_assert_double_ge(got[i], v[0] - TOLERANCE);
        ck_assert_double_le(got[i], v[n - 1] + TOLERANCE);
    }
}

/* The numbers of windows, and what is a mean over all of them. */
static size_t check_windows(const struct phi_eval_result *got,
                            const struct scores *s, const struct scores *ref)
{
    const size_t per = s->per_window;
    size_t same = 0;

    for (size_t w = 0; w < s->n / per; w++) {
        double mean, error;
        size_t here = 0;

        for (size_t i = w * per; i < (w + 1) * per; i++)
            here += s->top[i] == ref->top[i];
        mean_of(s->kld + w * per, per, &mean, &error);
        ck_assert_double_eq_tol(got->window_kld[w], mean, TOLERANCE);
        ck_assert_double_eq(got->window_same[w], (double)here / (double)per);
        same += here;
    }
    return same;
}

static void check_dp(const struct phi_eval_against *got, const struct scores *s,
                     const struct scores *ref)
{
    double dp[MOST];
    double squares[MOST];
    double mean, error;

    for (size_t i = 0; i < s->n; i++) {
        dp[i] = exp(-s->nll[i]) - exp(-ref->nll[i]);
        squares[i] = dp[i] * dp[i];
    }
    mean_of(dp, s->n, &mean, &error);
    ck_assert_double_eq_tol(got->mean_dp, mean, TOLERANCE);
    ck_assert_double_eq_tol(got->dp_error, error, TOLERANCE);
    mean_of(squares, s->n, &mean, &error);
    ck_assert_double_eq_tol(got->rms_dp, sqrt(mean), TOLERANCE);
    ck_assert_double_eq_tol(got->rms_dp_error, 0.5 / sqrt(mean) * error,
                            TOLERANCE);
    check_percentiles(got->dp_percentiles, dp, s->n);
}

static void check_against(const struct phi_eval_result *r, struct scores *s,
                          const struct scores *ref, size_t *all_same)
{
    const struct phi_eval_against *got = &r->against;
    const size_t same = check_windows(r, s, ref);
    const size_t n = s->n;
    double ratio[MOST];
    double mean, error;

    for (size_t i = 0; i < n; i++)
        ratio[i] = s->nll[i] - ref->nll[i];
    mean_of(ratio, n, &mean, &error);
    ck_assert_double_eq_tol(got->ln_ratio, mean, TOLERANCE);
    ck_assert_double_eq_tol(got->ln_ratio_error, error, TOLERANCE);
    check_dp(got, s, ref);
    mean_of(s->kld, n, &mean, &error);
    ck_assert_double_gt(mean, 0.01);
    ck_assert_double_eq_tol(got->mean_kld, mean, TOLERANCE);
    ck_assert_double_eq_tol(got->kld_error, error, TOLERANCE);
    check_percentiles(got->percentiles, s->kld, n);
    ck_assert_double_eq_tol(got->min_kld, s->kld[0], TOLERANCE);
    ck_assert_double_eq_tol(got->max_kld, s->kld[n - 1], TOLERANCE);
    ck_assert_double_eq(got->same_top, (double)same / (double)n);
    *all_same += same;
    ck_assert_double_eq_tol(
        got->same_top_error,
        sqrt(got->same_top * (1 - got->same_top) / (double)(n - 1)), 1e-15);
}

/* Loop: without and with a token that begins every window, and a stride. */
START_TEST(all_numbers_are_the_references)
{
    const struct places *p = _i == 2 ? &overlapping : &side_by_side;
    const bool add_bos = _i == 1;
    const uint32_t bos = 4999;
    static struct scores scores[NMODELS + 1];
    double *logits[NMODELS + 1];
    size_t same = 0;
    struct fixture f;
    struct phi_eval e = {0};

    fixture_open(&f);
    f.options.add_bos = add_bos;
    f.options.bos = bos;
    f.options.stride = _i == 2 ? STRIDE : 0;
    for (size_t i = 0; i <= NMODELS; i++)
        logits[i] = true_logits(&f, p, i, add_bos, bos);
    for (size_t i = 0; i <= NMODELS; i++)
        true_scores(&scores[i], &f, p, logits[i], logits[NMODELS]);
    ck_ok(phi_eval_run(&e, f.sources, NMODELS, f.sources[NMODELS], f.tokens,
                       NTOKENS, &f.options, &err));
    ck_assert_uint_eq(e.nwindows, p->windows);
    ck_assert_uint_eq(e.nplanned, p->windows);
    ck_assert_uint_eq(e.step, p->step);
    ck_assert_uint_eq(e.scored, scores[0].n);
    for (size_t i = 0; i <= NMODELS; i++)
        check_ppl(&e.results[i], &scores[i]);
    for (size_t i = 0; i < NMODELS; i++)
        check_against(&e.results[i], &scores[i], &scores[NMODELS], &same);
    /* Some and not all: the comparison had something to find. */
    ck_assert_uint_gt(same, 3);
    ck_assert_uint_lt(same, scores[0].n);
    phi_eval_release(&e);
    for (size_t i = 0; i <= NMODELS; i++)
        free(logits[i]);
    fixture_close(&f);
}
END_TEST

/* Says that three windows are enough; what it saw then is in *ctx. */
static bool three(void *ctx, const struct phi_eval *so_far)
{
    struct phi_eval_against *seen = ctx;

    *seen = so_far->results[1].against;
    return so_far->nwindows == 3;
}

/* A run that is stopped has what a run of as many windows has. */
START_TEST(stops_when_it_is_enough)
{
    struct phi_eval_against seen = {0};
    const struct phi_eval_stop stop = {&seen, three};
    struct fixture f;
    struct phi_eval short_one = {0};
    struct phi_eval stopped = {0};

    fixture_open(&f);
    f.options.max_windows = 3;
    ck_ok(phi_eval_run(&short_one, f.sources, NMODELS, f.sources[NMODELS],
                       f.tokens, NTOKENS, &f.options, &err));
    f.options.max_windows = 0;
    f.options.stop = &stop;
    ck_ok(phi_eval_run(&stopped, f.sources, NMODELS, f.sources[NMODELS],
                       f.tokens, NTOKENS, &f.options, &err));
    ck_assert_uint_eq(stopped.nwindows, 3);
    ck_assert_uint_eq(stopped.nplanned, WINDOWS);
    ck_assert_uint_eq(stopped.scored, 3 * SCORED);
    for (size_t i = 0; i < NMODELS; i++)
        ck_assert_mem_eq(&stopped.results[i].against,
                         &short_one.results[i].against,
                         sizeof(stopped.results[i].against));
    ck_assert(seen.mean_kld == stopped.results[1].against.mean_kld);
    ck_assert(seen.same_top == stopped.results[1].against.same_top);
    ck_assert(seen.ln_ratio == stopped.results[1].against.ln_ratio);
    phi_eval_release(&short_one);
    phi_eval_release(&stopped);
    fixture_close(&f);
}
END_TEST

/* A model's numbers do not depend on who runs beside it. */
START_TEST(company_changes_nothing)
{
    struct fixture f;
    struct phi_eval together = {0};
    struct phi_eval alone = {0};

    fixture_open(&f);
    ck_ok(phi_eval_run(&together, f.sources, NMODELS, f.sources[NMODELS],
                       f.tokens, NTOKENS, &f.options, &err));
    for (size_t i = 0; i < NMODELS; i++) {
        ck_ok(phi_eval_run(&alone, &f.sources[i], 1, f.sources[NMODELS],
                           f.tokens, NTOKENS, &f.options, &err));
        ck_assert_mem_eq(&alone.results[0].against,
                         &together.results[i].against,
                         sizeof(alone.results[0].against));
        phi_eval_release(&alone);
        ck_ok(phi_eval_run(&alone, &f.sources[i], 1, NULL, f.tokens, NTOKENS,
                           &f.options, &err));
        ck_assert_mem_eq(alone.results[0].window_nll,
                         together.results[i].window_nll,
                         WINDOWS * sizeof(double));
        ck_assert(alone.results[0].ppl == together.results[i].ppl);
        phi_eval_release(&alone);
    }
    phi_eval_release(&together);
    fixture_close(&f);
}
END_TEST

/* Loop: where the bad number is; it must not pass for a perplexity. */
START_TEST(bad_logits_are_refused)
{
    static const struct {
        const char *tensor;
        float value;
    } bad[] = {
        {"output.bias", NAN},
        {"output.bias", INFINITY},
        {"blk.0.ffn_down.weight", NAN},
        {"blk.0.attn_norm.bias", INFINITY},
    };
    struct fixture f;
    struct phi_eval e = {0};

    fixture_open(&f);
    memory_data(f.models[0], bad[_i].tensor)[3] = bad[_i].value;
    ck_refused(phi_eval_run(&e, f.sources, 1, f.sources[NMODELS], f.tokens,
                            NTOKENS, &f.options, &err),
               PHI_E_FORMAT,
               "the logits of window 0, position 7 are not finite numbers");
    phi_eval_release(&e);
    fixture_close(&f);
}
END_TEST

/* Minus infinity is a probability of 0: no divergence can be told from it. */
START_TEST(minus_infinity_is_refused)
{
    struct fixture f;
    struct phi_eval e = {0};

    fixture_open(&f);
    memory_data(f.models[0], "output.bias")[3] = -INFINITY;
    ck_refused(phi_eval_run(&e, f.sources, 1, f.sources[NMODELS], f.tokens,
                            NTOKENS, &f.options, &err),
               PHI_E_FORMAT, "the divergence at window 0, position 7");
    phi_eval_release(&e);
    fixture_close(&f);
}
END_TEST

START_TEST(vocabularies_must_fit)
{
    const struct memory_shape other = {N_VOCAB + 1,       32, 8, 8, 1, 1, 1, 2,
                                       .fused_qkv = false};
    struct memory_model *m = memory_new(&other, 1);
    struct fixture f;
    struct phi_eval e = {0};

    fixture_open(&f);
    ck_refused(phi_eval_run(&e, f.sources, 1, &m->base, f.tokens, NTOKENS,
                            &f.options, &err),
               PHI_E_FORMAT, "a vocabulary of 5004, but");
    phi_eval_release(&e);
    f.options.engine.n_ctx = 2;
    ck_refused(phi_eval_run(&e, f.sources, 1, NULL, f.tokens, NTOKENS,
                            &f.options, &err),
               PHI_E_ARG, "a context of 2 tokens scores nothing");
    phi_eval_release(&e);
    f.options.engine.n_ctx = 8;
    f.options.stride = 8;
    ck_refused(phi_eval_run(&e, f.sources, 1, NULL, f.tokens, NTOKENS,
                            &f.options, &err),
               PHI_E_ARG, "a stride of 8 is more than the 7 predictions");
    phi_eval_release(&e);
    phi_source_close(&m->base);
    fixture_close(&f);
}
END_TEST

/* Ctrl-C between two layers. */
static bool stop_at_third(void *ctx, uint64_t done, uint64_t total,
                          const char *note)
{
    int *calls = ctx;

    (void)note;
    ck_assert_uint_le(done, total);
    ck_assert_uint_eq(total, (NMODELS + 1) * WINDOWS * N_CTX);
    return ++*calls < 3;
}

START_TEST(interruption_arrives)
{
    int calls = 0;
    const struct phi_monitor m = {stop_at_third, &calls};
    struct fixture f;
    struct phi_eval e = {0};

    fixture_open(&f);
    f.options.monitor = &m;
    ck_refused(phi_eval_run(&e, f.sources, NMODELS, f.sources[NMODELS],
                            f.tokens, NTOKENS, &f.options, &err),
               PHI_E_CANCELLED, "interrupted");
    ck_assert_int_eq(calls, 3);
    phi_eval_release(&e);
    fixture_close(&f);
}
END_TEST

/* How the monitor was called, and the call at which it says stop, if any. */
struct watch {
    size_t calls;
    size_t stop_at;
    uint64_t last;
    size_t ends; /* calls that said all is done */
};

static bool watch_tick(void *ctx, uint64_t done, uint64_t total,
                       const char *note)
{
    struct watch *w = ctx;

    (void)note;
    ck_assert_uint_ge(done, w->last);
    ck_assert_uint_le(done, total);
    w->last = done;
    w->ends += done == total;
    return ++w->calls != w->stop_at;
}

static enum phi_status run_watched(struct fixture *f, struct watch *w,
                                   struct phi_err *to)
{
    const struct phi_monitor m = {watch_tick, w};
    struct phi_eval e = {0};
    enum phi_status st;

    f->options.monitor = &m;
    f->options.engine.nthreads = 1; /* the calls are the same every time */
    st = phi_eval_run(&e, f->sources, NMODELS, f->sources[NMODELS], f->tokens,
                      NTOKENS, &f->options, to);
    phi_eval_release(&e);
    return st;
}

/* A layer or the logits of a large model take seconds: no wait for their end */
START_TEST(interruption_arrives_within_layers)
{
    struct watch all = {0};
    struct fixture f;

    fixture_open(&f);
    ck_ok(run_watched(&f, &all, &err));
    ck_assert_uint_eq(all.last, (NMODELS + 1) * WINDOWS * N_CTX);
    ck_assert_uint_eq(all.ends, 1);
    /* For each group of rows at least, and the vocabulary has most. */
    ck_assert_uint_gt(all.calls, (NMODELS + 1) * (N_VOCAB / PHI_GROUP));
    for (size_t k = 1; k <= all.calls; k += 37) {
        struct watch w = {.stop_at = k};

        ck_refused(run_watched(&f, &w, &err), PHI_E_CANCELLED, "interrupted");
        ck_assert_uint_eq(w.calls, k);
    }
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("divergence");
    TCase *t = tcase_create("divergence");

    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, all_numbers_are_the_references, 0, 3);
    tcase_add_test(t, company_changes_nothing);
    tcase_add_loop_test(t, bad_logits_are_refused, 0, 4);
    tcase_add_test(t, minus_infinity_is_refused);
    tcase_add_test(t, vocabularies_must_fit);
    tcase_add_test(t, interruption_arrives);
    tcase_add_test(t, interruption_arrives_within_layers);
    tcase_add_test(t, stops_when_it_is_enough);
    suite_add_tcase(s, t);
    return unit_main(s);
}

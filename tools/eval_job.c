/* SPDX-License-Identifier: MIT */
#include "tools/eval_job.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tools/signals.h"

/* The largest text that is read; it is held in memory with its ids. */
#define MAX_TEXT ((uint64_t)1 << 32)

/* Hashed between two questions whether to go on. */
#define ASK_BYTES ((size_t)1 << 24)

#define DEFAULT_CTX 512

static const char *const acts[] = {[PHI_ENGINE_REF] = "ref",
                                   [PHI_ENGINE_EXACT] = "exact",
                                   [PHI_ENGINE_FAST] = "fast"};

const char *eval_act_name(enum phi_engine_act act)
{
    return acts[act];
}

static bool on_mean(const struct eval_args *a)
{
    return a->gate_on != NULL && strcmp(a->gate_on, "mean") == 0;
}

bool eval_gated(const struct eval_args *a)
{
    return a->max_ratio.given || a->max_kld.given || a->min_top.given;
}

/* ---- words --------------------------------------------------------------- */

/* The parser has seen to it that the word is one of them. */
static void read_act(struct eval_job *job)
{
    const char *word = job->args->act;

    job->act = PHI_ENGINE_EXACT;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (word != NULL && strcmp(word, acts[i]) == 0)
            job->act = (enum phi_engine_act)i;
    }
}

int eval_read_words(struct eval_job *job, bool compared)
{
    const struct eval_args *a = job->args;
    const bool gated = eval_gated(a);

    read_act(job);
    job->n_ctx = a->n_ctx;
    if (job->n_ctx == 0 && !job->stored)
        job->n_ctx = DEFAULT_CTX;
    if (gated && !compared)
        return usage_error(job->cmd,
                           "a gate compares with a model: --reference MODEL");
    if ((a->gate_on != NULL || a->early) && !gated)
        return usage_error(job->cmd, "%s is for gates, and there is none",
                           a->gate_on != NULL ? "--gate-on" : "--early-stop");
    if (job->n_ctx != 0 && a->stride >= job->n_ctx)
        return usage_error(job->cmd,
                           "--stride %llu: a window of %llu tokens predicts "
                           "%llu",
                           (unsigned long long)a->stride,
                           (unsigned long long)job->n_ctx,
                           (unsigned long long)job->n_ctx - 1);
    return -1;
}

/* ---- tokens -------------------------------------------------------------- */

/* The ids of the text, unless it is NULL, by one model's tokenizer, and its
 * BOS. */
struct encoded {
    struct phi_tokens tokens;
    bool add_bos;
    uint32_t bos;
    struct phi_control_texts *controls; /* or NULL: not to be counted */
};

static enum phi_status encode(const struct eval_job *job,
                              const struct phi_source *s, const char *text,
                              size_t n, struct encoded *out,
                              struct phi_err *err)
{
    const struct phi_encode_options how = {
        .nthreads = (size_t)job->common->threads, .monitor = &signals_monitor};
    struct phi_tokenizer *t = NULL;
    enum phi_status st = phi_tokenizer_new(&t, &s->meta, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    out->add_bos = phi_tokenizer_add_bos(t, &out->bos);
    if (text != NULL)
        st = phi_tokenizer_encode(t, text, n, &how, &out->tokens, err);
    if (st == PHI_OK && text != NULL && out->controls != NULL)
        st =
            phi_tokenizer_controls(t, text, n, how.monitor, out->controls, err);
    if (st != PHI_OK)
        phi_err_prefix(err, "%s", job->args->text);
    phi_tokenizer_free(t);
    return st;
}

/* Numbers of two models can be compared only on the same tokens. */
static enum phi_status check_same(const struct eval_job *job,
                                  const struct phi_source *s,
                                  const struct encoded *other,
                                  struct phi_err *err)
{
    const struct phi_tokens *want = &job->tokens;
    const struct phi_tokens *got = &other->tokens;
    const size_t n = got->n < want->n ? got->n : want->n;
    size_t i = 0;

    while (i < n && got->id[i] == want->id[i])
        i++;
    if (i < n || got->n != want->n)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: makes other tokens of the text than %s, from "
                        "token %zu on",
                        s->path, job->models[0]->path, i);
    if (other->add_bos != job->options.add_bos ||
        (other->add_bos && other->bos != job->options.bos))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: begins a window with another token than %s",
                        s->path, job->models[0]->path);
    return PHI_OK;
}

/* The first model's tokens are the job's; the others' must be the same. */
static enum phi_status encode_all(struct eval_job *job, const char *text,
                                  size_t n, struct phi_err *err)
{
    const bool other = !job->stored && job->models[job->n] != NULL;
    const size_t nmodels = job->n + (other ? 1 : 0);
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < nmodels; i++) {
        struct encoded got = {.controls = i == 0 ? &job->controls : NULL};

        st = encode(job, job->models[i], text, n, &got, err);
        if (st == PHI_OK && i == 0) {
            job->tokens = got.tokens;
            job->options.add_bos = got.add_bos;
            job->options.bos = got.bos;
            continue;
        }
        if (st == PHI_OK)
            st = check_same(job, job->models[i], &got, err);
        phi_tokens_release(&got.tokens);
    }
    return st;
}

static enum phi_status hash_text(struct eval_job *job, const uint8_t *text,
                                 size_t n, struct phi_err *err)
{
    struct phi_sha256 *h = NULL;
    enum phi_status st = phi_sha256_new(&h, err);

    for (size_t at = 0; st == PHI_OK && at < n; at += ASK_BYTES) {
        const size_t left = n - at;

        st = phi_sha256_add(h, text + at, left < ASK_BYTES ? left : ASK_BYTES,
                            err);
        if (st == PHI_OK)
            st = phi_monitor_tick(&signals_monitor, at, n, NULL, err);
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, job->text_sha256, err);
    phi_sha256_free(h);
    job->text_nbytes = n;
    return st;
}

static void set_options(struct eval_job *job)
{
    const struct eval_args *a = job->args;

    job->options.engine = (struct phi_engine_options){
        phi_kernels_select(job->features), (size_t)job->common->threads,
        (size_t)job->n_ctx, job->act, job->features};
    job->options.stride = (size_t)a->stride;
    job->options.max_windows = (size_t)a->chunks;
}

/* Windows and tokens are the logits file's; a text must begin with them. */
static enum phi_status take_stored(struct eval_job *job, struct phi_err *err)
{
    const struct phi_source *s = job->models[job->n];
    const enum phi_status st =
        eval_logits_tokens(s, &job->tokens, job->args->text, err);

    return st == PHI_OK
               ? eval_logits_use_reference(&job->logits, s, &job->options, err)
               : st;
}

/* Two windows, as llama-perplexity wants them. */
static enum phi_status check_length(const struct eval_job *job,
                                    struct phi_err *err)
{
    if (job->tokens.n / 2 >= job->n_ctx)
        return PHI_OK;
    phi_fail(err, PHI_E_FORMAT,
             "%s: has %zu tokens, expected at least %llu, two windows",
             job->args->text, job->tokens.n,
             (unsigned long long)job->n_ctx * 2);
    return phi_hint(err, "-c N makes the windows shorter");
}

/* A gate judges by how windows differ, or groups of them. */
static enum phi_status check_interval(const struct eval_job *job,
                                      struct phi_err *err)
{
    const struct eval_args *a = job->args;
    const size_t n_ctx = (size_t)job->n_ctx;
    const size_t step = a->stride != 0 ? (size_t)a->stride : n_ctx;
    const size_t fewest = 2 * eval_gates_group(n_ctx, step);
    const size_t n = phi_eval_windows(job->tokens.n, n_ctx, &job->options);

    if (!eval_gated(a) || on_mean(a) || n >= fewest)
        return PHI_OK;
    if (a->chunks != 0 && a->chunks < fewest)
        phi_fail(err, PHI_E_ARG,
                 "--chunks %llu: a gate judges by how windows differ, expected "
                 "at least %zu",
                 (unsigned long long)a->chunks, fewest);
    else
        phi_fail(err, PHI_E_FORMAT,
                 "%s: has %zu windows, expected at least %zu: a gate judges "
                 "by how they differ",
                 job->stored ? job->models[job->n]->path : a->text, n, fewest);
    return phi_hint(err, "take more text, or judge the value alone: "
                         "--gate-on mean");
}

enum phi_status eval_read_text(struct eval_job *job, struct phi_err *err)
{
    const char *path = job->args->text;
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = PHI_OK;

    phi_tokens_release(&job->tokens);
    phi_control_texts_release(&job->controls);
    if (job->stored)
        st = eval_logits_check_options(job->models[job->n], &job->n_ctx,
                                       job->args->stride, err);
    set_options(job);
    if (st == PHI_OK && path != NULL)
        st = phi_file_load_large(path, MAX_TEXT, &signals_monitor, &text, &n,
                                 err);
    if (st == PHI_OK && path != NULL)
        st = hash_text(job, text, n, err);
    if (st == PHI_OK && n > 0 && text[n - 1] == '\n')
        n--; /* as llama-perplexity does */
    if (st == PHI_OK)
        st = encode_all(job, (const char *)text, n, err);
    if (st == PHI_OK)
        st = job->stored ? take_stored(job, err) : check_length(job, err);
    if (st == PHI_OK)
        st = check_interval(job, err);
    free(text);
    return st;
}

/* Control tokens that have a note each. */
#define NOTED 4

void eval_note_controls(const struct eval_job *job)
{
    const struct phi_control_texts *c = &job->controls;

    for (size_t i = 0; i < c->n && i < NOTED; i++) {
        const bool one = c->v[i].n == 1;

        report_note("%s: %llu x \"%.*s\" %s read as text, not as %s",
                    job->args->text, (unsigned long long)c->v[i].n,
                    PHI_ERR_NAME, c->v[i].text, one ? "is" : "are",
                    one ? "a token" : "tokens");
    }
    if (c->n > NOTED)
        report_note("%s: so are %zu others", job->args->text, c->n - NOTED);
}

/* ---- the run ------------------------------------------------------------- */

static bool enough(void *ctx, const struct phi_eval *so_far)
{
    return eval_gates_enough(ctx, so_far);
}

static enum phi_status measure_sizes(struct eval_job *job, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    job->sizes = phi_alloc(job->n + 1, sizeof(*job->sizes), err);
    if (job->sizes == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] != NULL)
            st = eval_size_of(&job->sizes[i], job->models[i], err);
    }
    return st;
}

static void begin_report(struct eval_job *job)
{
    const struct eval_args *a = job->args;

    job->report = (struct eval_report){
        .text = a->text != NULL ? a->text : job->names[job->n],
        .act = acts[job->act],
        .controls = &job->controls,
        .n_ctx = (size_t)job->n_ctx,
        .models = job->models,
        .names = job->names,
        .labels = job->labels,
        .sizes = job->sizes,
        .eval = &job->eval,
        .max_ratio = a->max_ratio,
        .max_kld = a->max_kld,
        .min_top = a->min_top,
        .on_mean = on_mean(a),
        .early = a->early,
    };
}

enum phi_status eval_run(struct eval_job *job, struct phi_err *err)
{
    const struct phi_eval_stop stop = {&job->report, enough};
    struct phi_monitor monitor = progress_monitor(&job->progress);
    enum phi_status st = measure_sizes(job, err);

    if (st != PHI_OK)
        return st;
    begin_report(job);
    job->options.stop = job->args->early ? &stop : NULL;
    job->options.monitor = &monitor;
    progress_begin(&job->progress, job->common->progress, job->cmd->name,
                   "tokens");
    st = phi_eval_run(&job->eval, job->models, job->n, job->models[job->n],
                      job->tokens.id, job->tokens.n, &job->options, err);
    progress_end(&job->progress);
    job->report.seconds = progress_seconds(&job->progress);
    job->options.stop = NULL;
    job->options.monitor = NULL;
    return st;
}

enum phi_status eval_unchanged(const struct eval_job *job, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] != NULL)
            st = phi_source_unchanged(job->models[i], err);
    }
    return st;
}

void eval_job_release(struct eval_job *job)
{
    phi_eval_release(&job->eval);
    free(job->sizes);
    eval_gates_release(&job->gates);
    eval_logits_release(&job->logits);
    phi_tokens_release(&job->tokens);
    phi_control_texts_release(&job->controls);
}

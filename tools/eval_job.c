/* SPDX-License-Identifier: MIT */
#include "tools/eval_job.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/text/tokenizer.h"

/* The largest text that is read; it is held in memory with its ids. */
#define MAX_TEXT ((uint64_t)1 << 32)

#define DEFAULT_CTX 512

static const char *const acts[] = {[PHI_ENGINE_REF] = "ref",
                                   [PHI_ENGINE_EXACT] = "exact",
                                   [PHI_ENGINE_FAST] = "fast"};

const char *eval_act_name(enum phi_engine_act act)
{
    return acts[act];
}

bool eval_gated(const struct eval_args *a)
{
    return a->max_ratio.given || a->max_kld.given || a->min_top.given;
}

/* ---- words --------------------------------------------------------------- */

static size_t n_ctx_of(const struct eval_job *job)
{
    return job->args->n_ctx > 0 ? (size_t)job->args->n_ctx : DEFAULT_CTX;
}

static int read_act(struct eval_job *job)
{
    const char *word = job->args->act != NULL ? job->args->act : "exact";

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(word, acts[i]) == 0) {
            job->act = (enum phi_engine_act)i;
            return -1;
        }
    }
    return usage_error(job->cmd, "--act %s: expected exact, fast or ref", word);
}

int eval_read_words(struct eval_job *job, bool compared)
{
    const struct eval_args *a = job->args;
    const bool gated = eval_gated(a);
    const int code = read_act(job);

    if (code != -1)
        return code;
    if (gated && !compared)
        return usage_error(job->cmd,
                           "a gate compares with a model: --reference MODEL");
    if (a->gate_on != NULL && strcmp(a->gate_on, "ci") != 0 &&
        strcmp(a->gate_on, "mean") != 0)
        return usage_error(job->cmd, "--gate-on %s: expected ci or mean",
                           a->gate_on);
    if ((a->gate_on != NULL || a->early) && !gated)
        return usage_error(job->cmd, "%s is for gates, and there is none",
                           a->gate_on != NULL ? "--gate-on" : "--early-stop");
    if (a->stride >= n_ctx_of(job))
        return usage_error(job->cmd,
                           "--stride %llu: a window of %zu tokens predicts "
                           "%zu",
                           (unsigned long long)a->stride, n_ctx_of(job),
                           n_ctx_of(job) - 1);
    return -1;
}

/* ---- tokens -------------------------------------------------------------- */

/* The ids of the text by one model's tokenizer, and its BOS. */
struct encoded {
    struct phi_tokens tokens;
    bool add_bos;
    uint32_t bos;
};

static enum phi_status encode(const struct eval_job *job,
                              const struct phi_source *s, const char *text,
                              size_t n, struct encoded *out,
                              struct phi_err *err)
{
    const struct phi_encode_options how = {.nthreads =
                                               (size_t)job->common->threads};
    struct phi_tokenizer *t = NULL;
    enum phi_status st = phi_tokenizer_new(&t, &s->meta, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    out->add_bos = phi_tokenizer_add_bos(t, &out->bos);
    st = phi_tokenizer_encode(t, text, n, &how, &out->tokens, err);
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
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        struct encoded got = {0};

        if (job->models[i] == NULL)
            continue;
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

    if (st == PHI_OK)
        st = phi_sha256_add(h, text, n, err);
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
        n_ctx_of(job), job->act, job->features};
    job->options.stride = (size_t)a->stride;
    job->options.max_windows = (size_t)a->chunks;
}

enum phi_status eval_read_text(struct eval_job *job, struct phi_err *err)
{
    const char *path = job->args->text;
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = phi_file_load(path, MAX_TEXT, &text, &n, err);

    phi_tokens_release(&job->tokens);
    set_options(job);
    if (st == PHI_OK)
        st = hash_text(job, text, n, err);
    if (st == PHI_OK && n > 0 && text[n - 1] == '\n')
        n--; /* as llama-perplexity does */
    if (st == PHI_OK)
        st = encode_all(job, (const char *)text, n, err);
    if (st == PHI_OK && job->tokens.n / 2 < n_ctx_of(job)) {
        phi_fail(err, PHI_E_FORMAT,
                 "%s: has %zu tokens, expected at least %zu, two windows", path,
                 job->tokens.n, n_ctx_of(job) * 2);
        st = phi_hint(err, "-c N makes the windows shorter");
    }
    free(text);
    return st;
}

/* ---- the run ------------------------------------------------------------- */

static bool enough(void *ctx, const struct phi_eval *so_far)
{
    return eval_gates_enough(ctx, so_far);
}

static void begin_report(struct eval_job *job)
{
    const struct eval_args *a = job->args;

    job->report = (struct eval_report){
        .text = a->text,
        .act = acts[job->act],
        .n_ctx = n_ctx_of(job),
        .models = job->models,
        .names = job->names,
        .eval = &job->eval,
        .max_ratio = a->max_ratio,
        .max_kld = a->max_kld,
        .min_top = a->min_top,
        .on_mean = a->gate_on != NULL && strcmp(a->gate_on, "mean") == 0,
        .early = a->early,
    };
}

enum phi_status eval_run(struct eval_job *job, struct phi_err *err)
{
    const struct phi_eval_stop stop = {&job->report, enough};
    struct phi_monitor monitor = progress_monitor(&job->progress);
    enum phi_status st;

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
    eval_gates_release(&job->gates);
    phi_tokens_release(&job->tokens);
}

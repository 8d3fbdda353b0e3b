/* SPDX-License-Identifier: MIT */
/* phiconv eval-ppl: perplexity, and what quantization changed. */
#include <stdlib.h>
#include <string.h>

#include "formats/model.h"
#include "formats/pack_source.h"
#include "formats/pack_verify.h"
#include "formats/safetensors.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/text/tokenizer.h"
#include "tools/commands.h"
#include "tools/eval_gates.h"
#include "tools/eval_html.h"
#include "tools/eval_journal.h"
#include "tools/eval_report.h"
#include "tools/levels.h"
#include "tools/lora_options.h"
#include "tools/lora_report.h"
#include "tools/progress.h"

/* The largest text that is read; it is held in memory with its ids. */
#define MAX_TEXT ((uint64_t)1 << 32)

/* Fewer tokens would leave nothing to score. */
#define MIN_CTX 4
#define MAX_CTX (1 << 20)

struct args {
    struct common common;
    const char *file;
    const char *reference;
    uint64_t n_ctx;
    uint64_t stride;
    uint64_t chunks;
    const char *act;
    struct opt_float max_ratio;
    struct opt_float max_kld;
    struct opt_float min_top;
    const char *gate_on;
    bool early;
    const char *junit;
    const char *page;
    const char *journal;
    const char *logits;
    bool verify;
    bool force;
    struct lora_args lora;
};

static const struct option options[] = {
    OPT_TEXT('f', "file", "TEXT", struct args, file,
             "the text, in UTF-8; one newline at its end does not count"),
    OPT_TEXT('r', "reference", "MODEL", struct args, reference,
             "compare every MODEL with this one, on the same windows"),
    OPT_UINT('c', "ctx-size", "N", struct args, n_ctx, MIN_CTX, MAX_CTX,
             "tokens of a window (512)"),
    OPT_UINT(0, "stride", "N", struct args, stride, 1, MAX_CTX,
             "begin a window every N tokens, and score its last N predictions: "
             "more context for each, and slower"),
    OPT_UINT(0, "chunks", "N", struct args, chunks, 1, UINT32_MAX,
             "evaluate the first N windows only"),
    OPT_TEXT(0, "act", "MODE", struct args, act,
             "how activations meet quantized weights: exact, two bytes each, "
             "which is the default; fast, one byte; ref, f32 with sums in "
             "double. Float weights are always as in ref"),
    OPT_LIST(0, "lora", "ADAPTER[:SCALE]", struct args, lora.adapters,
             "merge the adapter into every MODEL, but not into the reference; "
             "several are merged in order"),
    OPT_TEXT(0, "allow-unused", "REGEX", struct args, lora.allow_unused,
             "let tensors of an adapter go unused whose key REGEX is found "
             "in"),
    OPT_FLOAT(0, "max-ppl-ratio", "X", struct args, max_ratio,
              "fail if a perplexity is more than X times the reference's"),
    OPT_FLOAT(0, "max-kld", "X", struct args, max_kld,
              "fail if a mean KL divergence is more than X"),
    OPT_FLOAT(0, "min-same-top", "X", struct args, min_top,
              "fail if the share of equal top tokens is less than X"),
    OPT_TEXT(0, "gate-on", "WHAT", struct args, gate_on,
             "judge gates by the worse end of a 95 % confidence interval (ci, "
             "the default) or by the value measured (mean)"),
    OPT_FLAG(0, "early-stop", struct args, early,
             "end as soon as a sequential test of the windows has decided the "
             "gates, with 99 % confidence over all of its looks"),
    OPT_TEXT(0, "junit", "FILE", struct args, junit,
             "write the gates' verdicts as a JUnit report"),
    OPT_TEXT(0, "report", "FILE.html", struct args, page,
             "write a page with the table, the gates and plots: one file that "
             "needs nothing else"),
    OPT_TEXT(0, "journal", "FILE", struct args, journal,
             "keep what is done in FILE, and go on from there: a run that was "
             "stopped ends with the same digits"),
    OPT_TEXT(0, "logits", "FILE", struct args, logits,
             "write the first window's logits as safetensors"),
    OPT_FLAG(0, "verify", struct args, verify,
             "look at all checksums of packed files first; otherwise at those "
             "of a part when it is first read"),
    OPT_FLAG(0, "force", struct args, force, "replace a FILE that exists"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    uint32_t features;
    enum phi_engine_act act;
    struct lora_words words;
    struct phi_adapted *adapted; /* (n) with --lora */
    struct phi_source **models;  /* (n + 1), the reference last or NULL */
    size_t n;
    struct phi_tokens tokens;
    struct eval_journal *journal;
    struct phi_eval_options options;
    struct progress progress;
    struct phi_eval_stop stop;
    struct phi_eval eval;
    struct eval_report report;
    struct eval_gates gates;
};

static const char *const acts[] = {[PHI_ENGINE_REF] = "ref",
                                   [PHI_ENGINE_EXACT] = "exact",
                                   [PHI_ENGINE_FAST] = "fast"};

static int read_act(struct job *job)
{
    const char *word = job->args.act != NULL ? job->args.act : "exact";

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(word, acts[i]) == 0) {
            job->act = (enum phi_engine_act)i;
            return -1;
        }
    }
    return usage_error(job->cmd, "--act %s: expected exact, fast or ref", word);
}

static int check_args(struct job *job)
{
    struct args *a = &job->args;
    int code;
    const bool gated =
        a->max_ratio.given || a->max_kld.given || a->min_top.given;

    if (a->file == NULL)
        return usage_error(job->cmd, "no text: -f TEXT");
    code = read_act(job);
    if (code != -1)
        return code;
    if (gated && a->reference == NULL)
        return usage_error(job->cmd,
                           "a gate compares with a model: --reference MODEL");
    if (a->gate_on != NULL && strcmp(a->gate_on, "ci") != 0 &&
        strcmp(a->gate_on, "mean") != 0)
        return usage_error(job->cmd, "--gate-on %s: expected ci or mean",
                           a->gate_on);
    if ((a->junit != NULL || a->gate_on != NULL || a->early) && !gated)
        return usage_error(job->cmd, "%s is for gates, and there is none",
                           a->junit != NULL     ? "--junit"
                           : a->gate_on != NULL ? "--gate-on"
                                                : "--early-stop");
    if (a->logits != NULL && a->common.operands.n != 1)
        return usage_error(job->cmd, "--logits is for a single MODEL");
    if (a->n_ctx == 0)
        a->n_ctx = 512;
    if (a->stride >= a->n_ctx)
        return usage_error(job->cmd,
                           "--stride %llu: a window of %llu tokens predicts "
                           "%llu",
                           (unsigned long long)a->stride,
                           (unsigned long long)a->n_ctx,
                           (unsigned long long)a->n_ctx - 1);
    code = level_features(job->cmd, &a->common, &job->features);
    if (code != -1)
        return code;
    code = lora_words_read(&job->words, job->cmd, &a->lora, a->lora.adapters.v,
                           a->lora.adapters.n, job->features);
    /* Here nothing is rounded again. */
    job->words.options.dequantize = true;
    return code;
}

static enum phi_status open_adapted(struct job *job, size_t i,
                                    struct phi_err *err)
{
    struct phi_adapted *a = &job->adapted[i];
    const enum phi_status st =
        phi_adapted_open(a, job->args.common.operands.v[i], job->words.v,
                         job->words.n, &job->words.options, err);

    if (st != PHI_OK)
        return st;
    if (i == 0 && !job->args.common.quiet)
        lora_print_notes(a);
    return phi_adapted_values(a, &job->models[i], err);
}

/* What is written at the end should not fail for what can be seen now. */
static enum phi_status check_output(const struct job *job, const char *path,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_OK;
    if (!job->args.force && phi_path_kind(path) != PHI_PATH_NONE) {
        phi_fail(err, PHI_E_ARG, "%s: exists already", path);
        return phi_hint(err, "--force replaces it");
    }
    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] != NULL)
            st = phi_source_not_input(job->models[i], path, err);
    }
    return st;
}

/* All of a model that has checksums, before any of it is used. */
static enum phi_status verify(const struct job *job, const struct phi_source *s,
                              struct phi_err *err)
{
    const struct phi_pack_verify_options opt = {
        .nthreads = (size_t)job->args.common.threads,
        .crc32 = phi_crc32_kernel(job->features)};
    struct phi_pack_verified v = {0};
    enum phi_status st = PHI_OK;

    if (phi_pack_of(s) != NULL)
        st = phi_pack_verify(&v, s, &opt, err);
    phi_pack_verified_release(&v);
    return st;
}

static enum phi_status verify_models(const struct job *job, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        const struct phi_source *s = job->adapted != NULL && i < job->n
                                         ? job->adapted[i].base
                                         : job->models[i];

        if (s != NULL)
            st = verify(job, s, err);
    }
    return st;
}

static enum phi_status open_models(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    enum phi_status st = PHI_OK;

    job->n = a->common.operands.n;
    job->models = phi_alloc(job->n + 1, sizeof(struct phi_source *), err);
    if (job->models == NULL)
        return PHI_E_NOMEM;
    if (job->words.n > 0) {
        job->adapted = phi_alloc(job->n, sizeof(*job->adapted), err);
        if (job->adapted == NULL)
            return PHI_E_NOMEM;
    }
    for (size_t i = 0; st == PHI_OK && i < job->n; i++)
        st =
            job->adapted != NULL
                ? open_adapted(job, i, err)
                : phi_model_open(&job->models[i], a->common.operands.v[i], err);
    if (st == PHI_OK && a->reference != NULL)
        st = phi_model_open(&job->models[job->n], a->reference, err);
    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] != NULL)
            phi_pack_use_crc32(job->models[i], phi_crc32_kernel(job->features));
    }
    return st == PHI_OK && a->verify ? verify_models(job, err) : st;
}

/* The ids of the text by one model's tokenizer, and its BOS. */
static enum phi_status encode(const struct job *job, const struct phi_source *s,
                              const char *text, size_t n,
                              struct phi_tokens *out, bool *add_bos,
                              uint32_t *bos, struct phi_err *err)
{
    const struct phi_encode_options how = {
        .nthreads = (size_t)job->args.common.threads};
    struct phi_tokenizer *t = NULL;
    enum phi_status st = phi_tokenizer_new(&t, &s->meta, err);

    if (st != PHI_OK)
        return phi_err_prefix(err, "%s", s->path);
    *add_bos = phi_tokenizer_add_bos(t, bos);
    st = phi_tokenizer_encode(t, text, n, &how, out, err);
    if (st != PHI_OK)
        phi_err_prefix(err, "%s", job->args.file);
    phi_tokenizer_free(t);
    return st;
}

/* Numbers of two models can be compared only on the same tokens. */
static enum phi_status check_same(const struct job *job,
                                  const struct phi_source *s,
                                  const struct phi_tokens *got, bool add_bos,
                                  uint32_t bos, struct phi_err *err)
{
    const struct phi_tokens *want = &job->tokens;
    const size_t n = got->n < want->n ? got->n : want->n;
    size_t i = 0;

    while (i < n && got->id[i] == want->id[i])
        i++;
    if (i < n || got->n != want->n)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: makes other tokens of the text than %s, from "
                        "token %zu on",
                        s->path, job->models[0]->path, i);
    if (add_bos != job->options.add_bos || (add_bos && bos != job->options.bos))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: begins a window with another token than %s",
                        s->path, job->models[0]->path);
    return PHI_OK;
}

static enum phi_status read_text(struct job *job, struct phi_err *err)
{
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st =
        phi_file_load(job->args.file, MAX_TEXT, &text, &n, err);

    if (st == PHI_OK && n > 0 && text[n - 1] == '\n')
        n--; /* as llama-perplexity does */
    if (st == PHI_OK)
        st = encode(job, job->models[0], (const char *)text, n, &job->tokens,
                    &job->options.add_bos, &job->options.bos, err);
    for (size_t i = 1; st == PHI_OK && i <= job->n; i++) {
        struct phi_tokens other = {0};
        bool add_bos = false;
        uint32_t bos = 0;

        if (job->models[i] == NULL)
            continue;
        st = encode(job, job->models[i], (const char *)text, n, &other,
                    &add_bos, &bos, err);
        if (st == PHI_OK)
            st = check_same(job, job->models[i], &other, add_bos, bos, err);
        phi_tokens_release(&other);
    }
    if (st == PHI_OK && job->tokens.n / 2 < job->args.n_ctx) {
        phi_fail(err, PHI_E_FORMAT,
                 "%s: has %zu tokens, expected at least %llu, two windows",
                 job->args.file, job->tokens.n,
                 (unsigned long long)job->args.n_ctx * 2);
        st = phi_hint(err, "-c N makes the windows shorter");
    }
    free(text);
    return st;
}

/* What was computed is of the files as they are. */
static enum phi_status check_unchanged(const struct job *job,
                                       struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] != NULL)
            st = phi_source_unchanged(job->models[i], err);
    }
    return st;
}

static enum phi_status write_logits(const struct job *job, struct phi_err *err)
{
    struct phi_st_entry entry = {"logits", PHI_F32, 2, {job->args.n_ctx, 0}};
    struct phi_st_writer *w = NULL;
    float *logits = NULL;
    size_t n_vocab = 0;
    enum phi_status st =
        phi_eval_logits(&logits, &n_vocab, job->models[0], job->tokens.id,
                        job->tokens.n, &job->options, err);

    if (st != PHI_OK)
        return st;
    entry.dim[1] = n_vocab;
    st = phi_st_create(&w, job->args.logits, &entry, 1, NULL, job->args.force,
                       err);
    if (st == PHI_OK)
        st = phi_st_write(w, 0, logits,
                          (size_t)job->args.n_ctx * n_vocab * sizeof(float),
                          err);
    if (st == PHI_OK)
        st = check_unchanged(job, err);
    if (st == PHI_OK)
        st = phi_st_commit(w, err);
    phi_st_writer_close(w);
    free(logits);
    return st;
}

/* After the options of the evaluation are set. */
static enum phi_status open_journal(struct job *job, struct phi_err *err)
{
    const size_t n = job->n + (job->models[job->n] != NULL);
    const struct eval_journal_key key = {
        .models = (const struct phi_source *const *)job->models,
        .n = n,
        .tokens = &job->tokens,
        .options = &job->options,
        .act = acts[job->act],
        .nthreads = (size_t)job->args.common.threads};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = phi_source_not_input(job->models[i], job->args.journal, err);
    if (st == PHI_OK)
        st = eval_journal_open(&job->journal, job->args.journal, &key, err);
    if (st == PHI_OK)
        job->options.journal = eval_journal_of(job->journal);
    return st;
}

static bool enough(void *ctx, const struct phi_eval *so_far)
{
    return eval_gates_enough(ctx, so_far);
}

static enum phi_status evaluate(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    struct phi_monitor monitor = progress_monitor(&job->progress);
    enum phi_status st;

    job->options.engine = (struct phi_engine_options){
        phi_kernels_select(job->features), (size_t)a->common.threads,
        (size_t)a->n_ctx, job->act, job->features};
    job->options.stride = (size_t)a->stride;
    job->options.max_windows = (size_t)a->chunks;
    job->stop = (struct phi_eval_stop){&job->report, enough};
    if (a->early)
        job->options.stop = &job->stop;
    if (a->journal != NULL && (st = open_journal(job, err)) != PHI_OK)
        return st;
    progress_begin(&job->progress, a->common.progress, "eval-ppl", "tokens");
    job->options.monitor = &monitor;
    st = phi_eval_run(&job->eval, (const struct phi_source *const *)job->models,
                      job->n, job->models[job->n], job->tokens.id,
                      job->tokens.n, &job->options, err);
    if (st == PHI_OK && a->logits != NULL)
        st = write_logits(job, err);
    else if (st == PHI_OK)
        st = check_unchanged(job, err);
    progress_end(&job->progress);
    if (st == PHI_OK && job->journal != NULL && !a->common.quiet &&
        eval_journal_loaded(job->journal) > 0)
        report_note("%s: %zu windows were done before", a->journal,
                    eval_journal_loaded(job->journal));
    return st;
}

static void begin_report(struct job *job)
{
    const struct args *a = &job->args;

    job->report = (struct eval_report){
        .text = a->file,
        .act = acts[job->act],
        .n_ctx = (size_t)a->n_ctx,
        .models = (const struct phi_source *const *)job->models,
        .eval = &job->eval,
        .max_ratio = a->max_ratio,
        .max_kld = a->max_kld,
        .min_top = a->min_top,
        .on_mean = a->gate_on != NULL && strcmp(a->gate_on, "mean") == 0,
        .early = a->early,
    };
}

/* All that is said of a finished run. */
static enum phi_status tell(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    const struct eval_report *r = &job->report;
    enum phi_status st = eval_gates_judge(&job->gates, r, err);

    if (st == PHI_OK && a->junit != NULL)
        st = eval_gates_junit(&job->gates, r, a->junit, a->force, err);
    if (st == PHI_OK && a->page != NULL)
        st = eval_html_write(&job->gates, r, a->page, a->force, err);
    if (st == PHI_OK && a->common.json)
        st = eval_report_json(r, &job->gates, err);
    else if (st == PHI_OK && !a->common.quiet)
        st = eval_report_table(r, err);
    return st;
}

static int eval_ppl(struct job *job)
{
    const struct args *a = &job->args;
    struct phi_err err = {0};
    enum phi_status st = open_models(job, &err);

    if (st == PHI_OK)
        st = check_output(job, a->junit, &err);
    if (st == PHI_OK)
        st = check_output(job, a->page, &err);
    if (st == PHI_OK)
        st = read_text(job, &err);
    if (st == PHI_OK) {
        begin_report(job);
        st = evaluate(job, &err);
    }
    if (st == PHI_OK) {
        job->report.seconds = progress_seconds(&job->progress);
        st = tell(job, &err);
    }
    if (st != PHI_OK)
        return report_error(&err);
    return eval_gates_tell(&job->gates) ? EXIT_CODE_DONE : EXIT_CODE_GATE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job job = {.cmd = self};
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1)
        code = check_args(&job);
    if (code == -1)
        code = eval_ppl(&job);
    phi_eval_release(&job.eval);
    eval_journal_close(job.journal);
    eval_gates_release(&job.gates);
    phi_tokens_release(&job.tokens);
    for (size_t i = 0; job.models != NULL && i <= job.n; i++)
        phi_source_close(job.models[i]);
    free(job.models);
    for (size_t i = 0; job.adapted != NULL && i < job.n; i++)
        phi_adapted_release(&job.adapted[i]);
    free(job.adapted);
    lora_words_release(&job.words);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_eval_ppl = {
    .name = "eval-ppl",
    .summary = "measure perplexity, and KL divergence from a reference",
    .synopsis = "MODEL... -f TEXT [--reference MODEL] [options]",
    .description =
        "A MODEL is a Hugging Face folder, a GGUF or a packed file. The method "
        "is "
        "llama-perplexity's: the text is cut into windows of N tokens, each "
        "is evaluated alone, and the second half of its tokens is scored; with "
        "--stride windows overlap.\n\n"
        "With --reference every MODEL is compared with it position by "
        "position: the mean KL divergence of the predictions in nats, the "
        "share of positions with the same most likely token, and the paired "
        "ratio of the perplexities. All are printed with their standard "
        "errors. A gate that fails makes the exit code 1; it is judged by what "
        "the text allows to say with 95 % confidence.\n\n"
        "With --lora, what is evaluated is MODEL with adapters merged in f32, "
        "and nothing is written.\n\n"
        "Every digit is the same for any number of threads and any level of "
        "kernels.",
    .options = options,
    .examples = "phiconv eval-ppl my-phi -f text.txt\n"
                "phiconv eval-ppl q4_0.gguf q8_0.gguf --reference my-phi -f "
                "text.txt\n"
                "phiconv eval-ppl my-phi --lora my-adapter -r my-phi -f "
                "text.txt\n"
                "phiconv eval-ppl q4_0.gguf -r my-phi -f text.txt --max-kld "
                "0.02 --json",
    .min_operands = 1,
    .max_operands = 64,
    .computes = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* phiconv eval-ppl: perplexity, and what quantization changed. */
#include <stdlib.h>
#include <string.h>

#include "formats/merged_identity.h"
#include "formats/model.h"
#include "formats/pack_source.h"
#include "formats/pack_verify.h"
#include "formats/safetensors.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/kernels/sha256_kernels.h"
#include "tools/commands.h"
#include "tools/eval_html.h"
#include "tools/eval_job.h"
#include "tools/eval_journal.h"
#include "tools/levels.h"
#include "tools/lora_options.h"
#include "tools/lora_report.h"
#include "tools/run_leftovers.h"
#include "tools/signals.h"

struct args {
    struct common common;
    struct eval_args eval;
    const char *reference;
    const char *junit;
    const char *page;
    const char *journal;
    const char *logits;
    const char *save;
    bool verify;
    bool force;
    struct lora_args lora;
};

static const struct option options[] = {
    OPT_TEXT('f', "file", "TEXT", struct args, eval.text,
             "the text, in UTF-8; one newline at its end does not count"),
    OPT_TEXT('r', "reference", "MODEL|FILE", struct args, reference,
             "compare every MODEL with this one, on the same windows; or with "
             "a logits file, on the file's"),
    EVAL_OPTIONS(struct args, eval),
    OPT_LIST(0, "lora", "ADAPTER[:SCALE]", struct args, lora.adapters,
             "merge the adapter into every MODEL, but not into the reference; "
             "several are merged in order"),
    OPT_TEXT(0, "allow-unused", "REGEX", struct args, lora.allow_unused,
             "let tensors of an adapter go unused whose key REGEX is found "
             "in"),
    GATE_OPTIONS(struct args, eval),
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
    OPT_TEXT(0, "save-logits", "FILE", struct args, save,
             "write what MODEL says of the text as a logits file of llama.cpp, "
             "16 bits a token of the vocabulary: for --reference, and for "
             "llama-perplexity --kl-divergence-base"),
    OPT_FLAG(0, "force", struct args, force, "replace a FILE that exists"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    struct lora_words words;
    struct phi_adapted *adapted; /* (n) with --lora */
    struct phi_source **models;  /* (n + 1), the reference last or NULL */
    const char **names;          /* (n + 1) their paths */
    char **labels;               /* (n + 1) without folders */
    size_t n;
    struct eval_journal *journal;
    struct eval_job eval;
};

static int check_args(struct job *job)
{
    struct args *a = &job->args;
    struct phi_err err = {0};
    int code;

    if (a->reference != NULL &&
        phi_logits_probe(a->reference, &job->eval.stored, &err) != PHI_OK)
        return report_error(&err);
    if (a->eval.text == NULL && !job->eval.stored)
        return usage_error(job->cmd, "no text: -f TEXT, or a logits file as "
                                     "--reference");
    code = eval_read_words(&job->eval, a->reference != NULL);
    if (code != -1)
        return code;
    if (a->junit != NULL && !eval_gated(&a->eval))
        return usage_error(job->cmd, "--junit is for gates, and there is none");
    if (a->logits != NULL && a->common.operands.n != 1)
        return usage_error(job->cmd, "--logits is for a single MODEL");
    if (a->save != NULL && (a->common.operands.n != 1 || a->eval.stride != 0 ||
                            a->journal != NULL || a->eval.early))
        return usage_error(job->cmd,
                           "--save-logits is for a single MODEL, without "
                           "--stride, --journal and --early-stop");
    code = level_features(job->cmd, &a->common, &job->eval.features);
    if (code != -1)
        return code;
    code = lora_words_read(&job->words, job->cmd, &a->lora, a->lora.adapters.v,
                           a->lora.adapters.n, job->eval.features);
    /* Here nothing is rounded again. */
    job->words.options.dequantize = true;
    return code;
}

static enum phi_status open_adapted(struct job *job, size_t i,
                                    struct phi_err *err)
{
    struct phi_adapted *a = &job->adapted[i];
    const enum phi_status st = phi_adapted_open(
        a, job->args.common.operands.v[i], job->words.v, job->words.n,
        &job->words.options, &signals_monitor, err);

    if (st != PHI_OK)
        return st;
    if (i == 0 && !job->args.common.quiet)
        lora_print_notes(a);
    return phi_adapted_values(a, &job->models[i], err);
}

/* A file that a run writes. */
struct written {
    const char *option;
    const char *path; /* or NULL */
    bool kept;        /* one that is there is gone on with */
};

/* What is written should not fail for what can be seen now, and must be
 * nothing that is read. */
static enum phi_status check_output(const struct job *job,
                                    const struct written *w,
                                    struct phi_err *err)
{
    const struct phi_output_options how = {.replace = job->args.force};
    enum phi_status st = phi_output_not_path(w->path, job->args.eval.text, err);

    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->adapted != NULL && i < job->n)
            st = phi_adapted_not_input(&job->adapted[i], w->path, err);
        else if (job->models[i] != NULL)
            st = phi_source_not_input(job->models[i], w->path, err);
    }
    if (st != PHI_OK || w->kept)
        return st;
    return phi_output_check(w->path, &how, err);
}

static enum phi_status check_two(const struct written *a,
                                 const struct written *b, struct phi_err *err)
{
    bool same = false;
    const enum phi_status st =
        phi_path_same_place(&same, a->path, b->path, err);

    if (st != PHI_OK || !same)
        return st;
    return phi_fail(err, PHI_E_ARG, "%s: is named as output of both %s and %s",
                    b->path, a->option, b->option);
}

static enum phi_status check_outputs(struct job *job, struct phi_err *err)
{
    struct args *a = &job->args;
    const struct written all[] = {{"--junit", a->junit, false},
                                  {"--report", a->page, false},
                                  {"--logits", a->logits, false},
                                  {"--save-logits", a->save, false},
                                  {"--journal", a->journal, true}};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].path == NULL)
            continue;
        st = check_output(job, &all[i], err);
        for (size_t k = 0; st == PHI_OK && k < i; k++) {
            if (all[k].path != NULL)
                st = check_two(&all[k], &all[i], err);
        }
        if (st != PHI_OK)
            return st;
        if (!all[i].kept)
            leftovers_before(&a->common, all[i].path);
    }
    return st;
}

/* All of a model that has checksums, before any of it is used. */
static enum phi_status verify(const struct job *job, const struct phi_source *s,
                              struct phi_err *err)
{
    const struct phi_pack_verify_options opt = {
        .nthreads = (size_t)job->args.common.threads,
        .crc32 = phi_crc32_kernel(job->eval.features),
        .sha256_pair = phi_sha256_kernel(job->eval.features),
        .monitor = &signals_monitor};
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

static enum phi_status open_reference(struct job *job, struct phi_err *err)
{
    const char *path = job->args.reference;

    if (path == NULL)
        return PHI_OK;
    return job->eval.stored ? phi_logits_open(&job->models[job->n], path, err)
                            : phi_model_open(&job->models[job->n], path, err);
}

/* "phi + physics". Pages are published: folders of this machine are not named.
 * Of the reference, i == n, no adapter is part. */
static char *make_label(const struct job *job, size_t i, struct phi_err *err)
{
    const struct args *a = &job->args;
    const char *path = i < job->n ? a->common.operands.v[i] : a->reference;
    const char *end = path + strlen(path);
    const char *from;
    struct phi_buf b = {0};
    char *label = NULL;

    while (end > path + 1 && end[-1] == '/')
        end--;
    from = end;
    while (from > path && from[-1] != '/')
        from--;
    if (from == end)
        from = path;
    phi_buf_put(&b, from, (size_t)(end - from));
    for (size_t k = 0; i < job->n && k < job->words.n; k++) {
        phi_buf_text(&b, " + ");
        phi_adapter_label(&b, job->words.v[k].path);
    }
    phi_buf_put(&b, "", 1);
    if (phi_buf_status(&b, err) == PHI_OK)
        label = phi_strdup((const char *)b.p, err);
    phi_buf_release(&b);
    return label;
}

static enum phi_status open_models(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    enum phi_status st = PHI_OK;

    job->n = a->common.operands.n;
    job->models = phi_alloc(job->n + 1, sizeof(struct phi_source *), err);
    job->names = phi_alloc(job->n + 1, sizeof(*job->names), err);
    job->labels = phi_alloc(job->n + 1, sizeof(*job->labels), err);
    if (job->models == NULL || job->names == NULL || job->labels == NULL)
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
    if (st == PHI_OK)
        st = open_reference(job, err);
    for (size_t i = 0; st == PHI_OK && i <= job->n; i++) {
        if (job->models[i] == NULL)
            continue;
        job->names[i] = job->models[i]->path;
        job->labels[i] = make_label(job, i, err);
        if (job->labels[i] == NULL)
            st = PHI_E_NOMEM;
        phi_pack_use_crc32(job->models[i],
                           phi_crc32_kernel(job->eval.features));
    }
    job->eval.models = (const struct phi_source *const *)job->models;
    job->eval.names = job->names;
    job->eval.labels = (const char *const *)job->labels;
    job->eval.n = job->n;
    return st;
}

static enum phi_status write_logits(const struct job *job, struct phi_err *err)
{
    const struct eval_job *e = &job->eval;
    const size_t n_ctx = e->options.engine.n_ctx;
    struct phi_st_entry entry = {"logits", PHI_F32, 2, {n_ctx, 0}};
    struct phi_st_writer *w = NULL;
    float *logits = NULL;
    size_t n_vocab = 0;
    enum phi_status st =
        phi_eval_logits(&logits, &n_vocab, job->models[0], e->tokens.id,
                        e->tokens.n, &e->options, err);

    if (st != PHI_OK)
        return st;
    entry.dim[1] = n_vocab;
    st = phi_st_create(&w, job->args.logits, &entry, 1, NULL, job->args.force,
                       err);
    if (st == PHI_OK)
        st = phi_st_write(w, 0, logits, n_ctx * n_vocab * sizeof(float), err);
    if (st == PHI_OK)
        st = eval_unchanged(e, err);
    if (st == PHI_OK)
        st = phi_st_commit(w, err);
    phi_st_writer_close(w);
    free(logits);
    return st;
}

/* After the options of the evaluation are set. */
static enum phi_status open_journal(struct job *job, struct phi_err *err)
{
    struct eval_job *e = &job->eval;
    const bool compared = job->models[job->n] != NULL;
    const struct eval_journal_key key = {.models = e->models,
                                         .n = job->n + compared,
                                         .compared = compared,
                                         .tokens = &e->tokens,
                                         .options = &e->options,
                                         .act = eval_act_name(e->act),
                                         .nthreads =
                                             (size_t)job->args.common.threads};
    const enum phi_status st =
        eval_journal_open(&job->journal, job->args.journal, &key, err);

    if (st == PHI_OK)
        e->options.journal = eval_journal_of(job->journal);
    return st;
}

static enum phi_status evaluate(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    struct eval_job *e = &job->eval;
    enum phi_status st = PHI_OK;

    if (a->save != NULL)
        eval_logits_save_to(&e->logits, a->save, a->force, &e->tokens,
                            &e->options);
    if (a->journal != NULL)
        st = open_journal(job, err);
    if (st == PHI_OK)
        st = eval_run(e, err);
    if (st == PHI_OK && a->logits != NULL)
        st = write_logits(job, err);
    else if (st == PHI_OK)
        st = eval_unchanged(e, err);
    if (st == PHI_OK)
        st = eval_logits_commit(&e->logits, err);
    if (st == PHI_OK && e->eval.nloaded > 0 && !a->common.quiet)
        report_note("%s: %zu windows were done before", a->journal,
                    e->eval.nloaded);
    return st;
}

/* All that is said of a finished run. */
static enum phi_status report(struct job *job, struct phi_err *err)
{
    const struct args *a = &job->args;
    const struct eval_report *r = &job->eval.report;
    struct eval_gates *gates = &job->eval.gates;
    enum phi_status st = eval_gates_judge(gates, r, err);

    if (st == PHI_OK && a->junit != NULL)
        st = eval_gates_junit(gates, r, a->junit, a->force, err);
    if (st == PHI_OK && a->page != NULL)
        st = eval_html_write(gates, r, a->page, a->force, err);
    if (st == PHI_OK && a->common.json)
        st = eval_report_json(r, gates, err);
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
        st = check_outputs(job, &err);
    if (st == PHI_OK && a->verify)
        st = verify_models(job, &err);
    if (st == PHI_OK)
        st = eval_read_text(&job->eval, &err);
    if (st == PHI_OK && !a->common.quiet)
        eval_note_controls(&job->eval);
    if (st == PHI_OK)
        st = evaluate(job, &err);
    if (st == PHI_OK)
        st = report(job, &err);
    if (st != PHI_OK)
        return report_error(&err);
    return eval_gates_print_failed(&job->eval.gates) ? EXIT_CODE_DONE
                                                     : EXIT_CODE_GATE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job job = {.cmd = self};
    int code = options_parse(self, argc, argv, &job.args);

    job.eval.cmd = self;
    job.eval.common = &job.args.common;
    job.eval.args = &job.args.eval;
    if (code == -1)
        code = check_args(&job);
    if (code == -1)
        code = eval_ppl(&job);
    eval_job_release(&job.eval);
    eval_journal_close(job.journal);
    for (size_t i = 0; job.models != NULL && i <= job.n; i++)
        phi_source_close(job.models[i]);
    free(job.models);
    for (size_t i = 0; job.labels != NULL && i <= job.n; i++)
        free(job.labels[i]);
    free(job.labels);
    free(job.names);
    for (size_t i = 0; job.adapted != NULL && i < job.n; i++)
        phi_adapted_release(&job.adapted[i]);
    free(job.adapted);
    lora_words_release(&job.words);
    leftovers_after(&job.args.common);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_eval_ppl = {
    .name = "eval-ppl",
    .summary = "measure perplexity, and KL divergence from a reference",
    .synopsis = "MODEL... -f TEXT [--reference MODEL|FILE] [options]",
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
        "errors, which are llama-perplexity's and take predictions as "
        "independent.\n\n"
        "A gate that fails makes the exit code 1. It is judged by what the "
        "text can say with 95 % confidence. Predictions of one window are "
        "alike, so that windows are counted: the interval is by their means "
        "and Student's t, of a share Wilson's with as many predictions as "
        "the windows are worth. Windows of a stride are taken in groups, "
        "together as long as one. One window has none, and is refused.\n\n"
        "The reference can be a logits file, which llama-perplexity "
        "--kl-divergence-base or --save-logits wrote. Windows and tokens are "
        "then the file's, -f and -c may be left out, and are compared with "
        "what it has if they are not. It keeps logarithms of probabilities to "
        "0.00012, so a divergence is no better known than that, and can be "
        "less than zero; and a token that is less likely than the best by more "
        "than e^16 counts as just that, which makes the file's perplexity too "
        "low. How many those are is printed.\n\n"
        "With --lora, what is evaluated is MODEL with adapters merged in f32, "
        "and nothing is written.\n\n"
        "Every digit is the same for any number of threads and any level of "
        "kernels.",
    .options = options,
    .examples = "phiconv eval-ppl my-phi -f text.txt\n"
                "phiconv eval-ppl q4_0.gguf q8_0.gguf --reference my-phi -f "
                "text.txt\n"
                "phiconv eval-ppl my-phi -f text.txt --save-logits my.logits\n"
                "phiconv eval-ppl q4_0.gguf --reference my.logits\n"
                "phiconv eval-ppl my-phi --lora my-adapter -r my-phi -f "
                "text.txt\n"
                "phiconv eval-ppl q4_0.gguf -r my-phi -f text.txt --max-kld "
                "0.02 --json",
    .min_operands = 1,
    .max_operands = 64,
    .computes = true,
    .run = run,
};

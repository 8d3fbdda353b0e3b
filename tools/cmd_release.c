/* SPDX-License-Identifier: MIT */
/* phiconv release: from a checkpoint to a folder that can be published. */
#include <stdlib.h>

#include "tools/commands.h"
#include "tools/lora_report.h"
#include "tools/quantize_report.h"
#include "tools/release_card.h"
#include "tools/release_job.h"
#include "tools/release_manifest.h"
#include "tools/run_leftovers.h"

static const struct option options[] = {
    OPT_LIST('t', "type", "TYPE[=LABEL]", struct release_args, q.types,
             "add a file of TYPE, as quantize --help lists them, called "
             "NAME-LABEL.gguf (TYPE in capitals); pack:TYPE for a packed file, "
             "NAME-LABEL.phipack"),
    OPT_TEXT(0, "recipe", "FILE", struct release_args, recipe,
             "add a file for each line of FILE: TYPE[=LABEL] and words that "
             "change it: pure, leave-output, embedding:TYPE, output:TYPE, "
             "tensor:REGEX=TYPE"),
    OPT_TEXT('o', "output", "DIR", struct release_args, q.output,
             "the folder to be made"),
    OPT_TEXT('e', "eval", "TEXT", struct release_args, eval.text,
             "measure on this text, in UTF-8; choose one that the model has "
             "not seen"),
    EVAL_OPTIONS(struct release_args, eval),
    GATE_OPTIONS(struct release_args, eval),
    OPT_LIST(0, "lora", "ADAPTER[:SCALE]", struct release_args, q.lora.adapters,
             "merge the adapter in f32 before anything is rounded or measured; "
             "several are merged in order"),
    LORA_OPTIONS(struct release_args, q.lora),
    OPT_TEXT(0, "imatrix", "FILE", struct release_args, q.imatrix,
             "let columns count by the importance matrix in FILE"),
    OPT_TEXT(0, "name", "NAME", struct release_args, name,
             "what the model is called in the names of its files and in its "
             "card, if not as its metadata say; after a merge in the metadata "
             "too, where it is BASE + ADAPTER otherwise"),
    OPT_LIST(0, "base-model", "ORG/NAME", struct release_args, base_models,
             "the model that was quantized, or with --lora the base, as hubs "
             "call it; without it the base_model of the source's card is "
             "carried over, if nothing was merged"),
    OPT_TEXT(0, "quantized-by", "WHO", struct release_args, quantized_by,
             "for the card (phiconv)"),
    OPT_FLAG(0, "allow-requantize", struct release_args, q.allow_requantize,
             "quantize what is quantized already; it is rounded twice"),
    OPT_FLAG(0, "strict", struct release_args, q.strict,
             "refuse a fallback type for an odd width, and float types that "
             "do not hold every value of the source's"),
    OPT_SIZE(0, "split-max-size", "N[K|M|G]", struct release_args,
             q.split_max_size, 1000,
             "split files, with at most N bytes of tensors in each; powers of "
             "1000"),
    OPT_UINT(0, "split-max-tensors", "N", struct release_args,
             q.split_max_tensors, 1, INT32_MAX,
             "the same with at most N tensors in each"),
    OPT_SIZE(0, "max-memory", "N[K|M|G]", struct release_args, q.max_memory,
             1024,
             "quantize with at most N bytes of memory, 256M if not given; "
             "powers of 1024"),
    OPT_FLAG(0, "keep-failed", struct release_args, keep_failed,
             "if a gate fails, leave what was made in DIR.failed, to see why"),
    OPT_FLAG('n', "dry-run", struct release_args, q.dry_run,
             "print the files that would be made, as quantize does, and write "
             "nothing"),
    OPT_FLAG('f', "force", struct release_args, q.force,
             "replace DIR, if it is an earlier release"),
    OPT_END,
};

/* What is missing for publishing, and may be on purpose. */
static void print_notes(const struct release_job *job)
{
    const char *text = NULL;

    if (release_base_model(job, 0) == NULL)
        report_note("nothing says what the base model is: --base-model "
                    "ORG/NAME");
    phi_meta_opt_str(&job->q.shapes->meta, "general.license", &text, NULL);
    if (text == NULL)
        report_note("nothing says under which license the model is");
}

static enum phi_status tell(struct release_job *job, struct phi_err *err)
{
    const struct common *c = &job->args.q.common;
    char dir[PHI_ERR_MAX];
    enum phi_status st = PHI_OK;

    if (c->json) /* the manifest is the result, for programs too */
        return release_print_manifest(job, err);
    if (c->quiet)
        return PHI_OK;
    if (job->q.model.n > 0)
        st = lora_print_adapters(&job->q.model, true, err);
    if (st == PHI_OK)
        st = eval_report_table(&job->eval.report, err);
    if (st == PHI_OK && job->passed)
        printf("%s: %zu files, every gate passed\n",
               phi_printable(dir, sizeof(dir), job->args.q.output),
               job->nfiles);
    return st;
}

/* Of --dry-run: there is no manifest yet. */
static enum phi_status tell_plan(const struct quantize_job *q,
                                 struct phi_err *err)
{
    if (q->args.common.json)
        return quantize_print_json(q, err);
    return q->args.common.quiet ? PHI_OK : quantize_print_summary(q, err);
}

/* After what the gates say. */
static int refused(const struct release_job *job)
{
    struct phi_err err = {0};
    char dir[PHI_ERR_MAX];
    char *path;

    if (!job->args.keep_failed) {
        fprintf(stderr, "hint: nothing was published; --keep-failed keeps "
                        "what was made\n");
        return EXIT_CODE_GATE;
    }
    path = release_failed_path(job, &err);
    if (path == NULL)
        return report_error(&err);
    fprintf(stderr, "hint: nothing was published; what was made is %s\n",
            phi_printable(dir, sizeof(dir), path));
    free(path);
    return EXIT_CODE_GATE;
}

/* Of DIR and, as a release that fails its gates may be put there, DIR.failed:
 * it may have been about to be replaced, too. */
static enum phi_status clear_leftovers(struct release_job *job,
                                       struct phi_err *err)
{
    struct common *c = &job->args.q.common;
    char *failed;

    leftovers_before(c, job->args.q.output);
    if (!job->args.keep_failed)
        return PHI_OK;
    failed = release_failed_path(job, err);
    if (failed == NULL)
        return PHI_E_NOMEM;
    leftovers_before(c, failed);
    free(failed);
    return PHI_OK;
}

static int release(struct release_job *job)
{
    struct phi_err err = {0};
    char date[32];
    enum phi_status st = release_date(date, &err);

    if (st == PHI_OK)
        st = release_prepare(job, &err);
    if (st == PHI_OK && job->args.q.dry_run) {
        st = tell_plan(&job->q, &err);
        return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
    }
    if (st == PHI_OK && !job->args.q.common.quiet)
        print_notes(job);
    if (st == PHI_OK)
        st = clear_leftovers(job, &err);
    if (st == PHI_OK)
        st = release_make(job, &err);
    if (st == PHI_OK)
        st = release_finish(job, &err);
    if (st == PHI_OK)
        st = tell(job, &err);
    if (st != PHI_OK)
        return report_error(&err);
    if (eval_gates_print_failed(&job->eval.gates))
        return EXIT_CODE_DONE;
    return refused(job);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct release_job job = {.cmd = self, .args.q.max_memory = 256u << 20};
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1)
        code = release_read_words(&job);
    if (code == -1)
        code = release(&job);
    release_job_release(&job);
    leftovers_after(&job.args.q.common);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_release = {
    .name = "release",
    .summary = "quantize, measure, gate: a folder ready to publish",
    .synopsis = "MODEL -t TYPE[=LABEL]... -o DIR --eval TEXT [options]",
    .description =
        "Quantizes MODEL, a Hugging Face folder or a file of floats, to "
        "all types in one read, measures every file against the source (with "
        "its adapters) on TEXT in one pass, and judges the gates. DIR appears "
        "if every gate has passed; if one has not, the exit code is 1 and "
        "nothing is there. Without a gate, --max-ppl-ratio 1.1 holds.\n\n"
        "DIR holds the files, README.md (a model card with what was "
        "measured), report.html (the same with plots), manifest.json (hashes "
        "of everything that went in and came out), the source's LICENSE and "
        "SHA256SUMS. It depends on the inputs and options alone: there are no "
        "paths and no times in it, but a date if SOURCE_DATE_EPOCH gives "
        "one. verify-release checks it.",
    .options = options,
    .examples =
        "phiconv release my-phi -t q8_0 -t q4_k_m -e text.txt -o my-phi-gguf\n"
        "phiconv release phi-2 --lora my-adapter -t q4_k_m -e text.txt "
        "--max-kld 0.02 -o my-phi-gguf\n"
        "phiconv release my-phi --recipe recipe.txt -e text.txt "
        "--base-model me/my-phi --quantized-by me -o my-phi-gguf\n"
        "phiconv release my-phi -t q2_k -e text.txt -o out --keep-failed",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .dated = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* phiconv inspect: what a model file or folder holds, and two compared. */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/inspect_compare.h"
#include "tools/inspect_print.h"
#include "tools/levels.h"
#include "tools/report.h"

static const struct option options[] = {
    OPT_FLAG('t', "tensors", struct inspect_args, tensors,
             "list the tensors: shape, outermost dimension first, type, bytes, "
             "offset in the file, file, and the name there if it is another"),
    OPT_FLAG('m', "metadata", struct inspect_args, metadata,
             "list the metadata: key, type, value; long ones are cut"),
    OPT_FLAG(0, "hash", struct inspect_args, hash,
             "compute the SHA-256 of every tensor as it is stored, and one "
             "digest of all"),
    OPT_FLAG(0, "diffable", struct inspect_args, diffable,
             "print all metadata and tensors, a line each, sorted and without "
             "paths, for diff"),
    OPT_TEXT(0, "compare", "OTHER", struct inspect_args, compare,
             "compare the tensors of two models, the first named being A; the "
             "exit code is 1 if they differ. With --tensors those that do "
             "not are listed, too, with --metadata keys that differ"),
    OPT_FLAG(0, "stored", struct inspect_args, stored,
             "of a folder: the names of its files and the values of "
             "config.json, not what they become in GGUF"),
    OPT_END,
};

static enum phi_status print(struct inspect_job *job, struct phi_err *err)
{
    const struct inspect_args *a = &job->args;
    enum phi_status st = PHI_OK;

    if (a->hash)
        st = inspect_hash(job, err);
    if (st != PHI_OK)
        return st;
    if (a->common.json)
        return inspect_print_json(job, err);
    if (job->why.status != PHI_OK && !a->common.quiet) {
        report_note("shown as it is stored; it cannot be converted:");
        report_note("%s", job->why.msg);
    }
    if (a->diffable)
        return inspect_print_diffable(job, err);
    if (!a->metadata && !a->tensors)
        return inspect_print_summary(job, err);
    if (a->metadata)
        st = inspect_print_metadata(job, err);
    if (st == PHI_OK && a->metadata && a->tensors)
        printf("\n");
    if (st == PHI_OK && a->tensors)
        st = inspect_print_tensors(job, err);
    if (st == PHI_OK && a->hash)
        printf("\ndigest %s\n", job->digest);
    return st;
}

/*
 * "A --compare B" and "--compare A B" both mean A, then B: the one that comes
 * first on the command line.
 */
static bool comes_first(const char *x, const char *y, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *end = argv[i] + strlen(argv[i]);

        if (y >= argv[i] && y <= end)
            return false;
        if (x >= argv[i] && x <= end)
            return true;
    }
    return true;
}

static int compare(struct inspect_job *job, int argc, char **argv)
{
    struct inspect_job other = {.cmd = job->cmd, .args = job->args};
    const char *a = job->args.common.operands.v[0];
    const char *b = job->args.compare;
    struct phi_err err = {0};
    bool same = false;
    enum phi_status st;

    if (!comes_first(a, b, argc, argv)) {
        const char *swap = a;

        a = b;
        b = swap;
    }
    st = inspect_open(job, a, &err);
    if (st == PHI_OK)
        st = inspect_open(&other, b, &err);
    if (st == PHI_OK)
        st = inspect_compare(job, &other, &same, &err);
    inspect_release(&other);
    if (st != PHI_OK)
        return report_error(&err);
    return same ? EXIT_CODE_DONE : EXIT_CODE_GATE;
}

static int inspect(struct inspect_job *job)
{
    struct phi_err err = {0};
    enum phi_status st =
        inspect_open(job, job->args.common.operands.v[0], &err);

    if (st == PHI_OK)
        st = print(job, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct inspect_job job = {.cmd = self};
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1)
        code = level_features(self, &job.args.common, &job.features);
    if (code == -1 && job.args.compare != NULL &&
        (job.args.hash || job.args.diffable))
        code = usage_error(self, "--compare takes neither --hash nor "
                                 "--diffable: it looks at every value");
    if (code == -1 && job.args.diffable && job.args.common.json)
        code = usage_error(self, "--diffable or --json, not both");
    if (code == -1)
        code = job.args.compare != NULL ? compare(&job, argc, argv)
                                        : inspect(&job);
    inspect_release(&job);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_inspect = {
    .name = "inspect",
    .summary = "show what a model holds, or compare two",
    .synopsis = "MODEL [options]\n"
                "  phiconv inspect A --compare B [options]",
    .description =
        "MODEL is a Hugging Face folder, a GGUF file (any part of a split "
        "one stands for all), a packed file, a safetensors file, a PEFT "
        "adapter's folder or an importance matrix. Only --hash and --compare "
        "read weights, in pieces. \"-\" is a packed file on standard input, "
        "of which only what comes before the weights is read.\n\n"
        "A folder that phiconv converts is shown with the names and keys that "
        "it has as GGUF, so that it can be compared with a file. Any other "
        "is shown as it is stored, with a note that says why.\n\n"
        "The digest is the SHA-256 of a line for each tensor, sorted by name: "
        "\"LENGTH NAME TYPE SHAPE HASH\", where LENGTH is that of the name in "
        "bytes and SHAPE has commas. Names of files, metadata and the order "
        "of tensors are no part of it.\n\n"
        "--compare widens both sides to f32. Tensors are \"same\" with the "
        "same type and bytes, \"equal\" with the same values in another "
        "type, and otherwise differ by the root of the mean square error, the "
        "largest error, and the first over the root mean square of A's.",
    .options = options,
    .examples = "phiconv inspect my-phi\n"
                "phiconv inspect my-phi-q4_0.gguf --tensors --hash\n"
                "phiconv inspect my-phi --compare my-phi-q4_0.gguf\n"
                "diff <(phiconv inspect a.gguf --diffable) "
                "<(phiconv inspect b.gguf --diffable)",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

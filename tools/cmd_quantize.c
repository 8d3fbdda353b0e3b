/* SPDX-License-Identifier: MIT */
/* phiconv quantize: a model to one or several GGUF files in one read. */
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/quantize_job.h"
#include "tools/quantize_report.h"
#include "tools/report.h"

static const struct option options[] = {
    OPT_LIST('t', "type", "TYPE[=FILE]", struct quantize_args, types,
             "write FILE with tensors of TYPE: f32, f16, bf16, q8_0, q5_1, "
             "q5_0, q4_1 or q4_0; several make several files in one read"),
    OPT_TEXT('o', "output", "FILE", struct quantize_args, output,
             "where the only -t without =FILE goes"),
    OPT_FLAG(0, "pure", struct quantize_args, pure,
             "no exception for the output tensor, which otherwise is Q6_K in "
             "files of 4 and 5 bits"),
    OPT_FLAG('n', "dry-run", struct quantize_args, dry_run,
             "print what would become of each tensor and write nothing"),
    OPT_FLAG('f', "force", struct quantize_args, force,
             "replace output files that exist"),
    OPT_END,
};

static int quantize(struct quantize_job *job)
{
    struct phi_err err = {0};
    enum phi_status st = quantize_make_plans(job, &err);

    if (st == PHI_OK && !job->args.dry_run)
        st = quantize_write_files(job, &err);
    if (st == PHI_OK && job->args.common.json)
        st = quantize_print_json(job, &err);
    else if (st == PHI_OK && !job->args.common.quiet)
        st = quantize_print_summary(job, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct quantize_job job = {.cmd = self};
    uint32_t features;
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1) /* one level so far, but a wrong name is a mistake */
        code = level_features(self, &job.args.common, &features);
    if (code == -1)
        code = quantize_read_targets(&job);
    if (code == -1)
        code = quantize(&job);
    quantize_release(&job);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_quantize = {
    .name = "quantize",
    .summary = "write a model as GGUF, in one or several types",
    .synopsis = "MODEL -t TYPE[=FILE] [-t ...] [-o FILE] [options]",
    .description =
        "MODEL is a Hugging Face folder or a GGUF file of floats. It is read "
        "once, whatever the number of outputs, and never held in memory.\n\n"
        "Every tensor gets the type and the bytes that llama-quantize gives "
        "it: norms and biases stay F32, the output tensor of 4- and 5-bit "
        "files is Q6_K. NaN, infinities and weights beyond the range of a "
        "type are refused. A file appears under its name when it is complete "
        "and synced, and not before.",
    .options = options,
    .examples = "phiconv quantize my-phi -t q4_0 -o my-phi-q4_0.gguf\n"
                "phiconv quantize my-phi -t q8_0=a.gguf -t q4_0=b.gguf\n"
                "phiconv quantize my-phi -t q4_0 --dry-run",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

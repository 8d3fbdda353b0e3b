/* SPDX-License-Identifier: MIT */
/* phiconv quantize: a model to one or several files in one read. */
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/quantize_job.h"
#include "tools/quantize_report.h"
#include "tools/quantize_write.h"
#include "tools/report.h"

static const struct option options[] = {
    OPT_LIST('t', "type", "TYPE[=FILE]", struct quantize_args, types,
             "write FILE with tensors of TYPE: f32, f16, bf16, q8_0, q6_k, "
             "q5_k_m, q5_k_s, q5_1, q5_0, q4_k_m, q4_k_s, iq4_nl, iq4_xs, "
             "q4_1, q4_0, q3_k_l, q3_k_m, q3_k_s, q2_k, q2_k_s, tq2_0, tq1_0, "
             "or copy (each tensor of a GGUF or packed file keeps its type; of "
             "a folder, f64 and what has one dimension become f32, f8 f16); "
             "several make several files in one read. pack:TYPE, or pack for "
             "pack:copy, which keeps a folder's types too, makes a packed "
             "file, FILE.phipack, and not GGUF"),
    OPT_TEXT('o', "output", "FILE", struct quantize_args, output,
             "where the only -t without =FILE goes"),
    OPT_TEXT(0, "imatrix", "FILE", struct quantize_args, imatrix,
             "let columns count by the importance matrix in FILE "
             "(llama-imatrix makes them, as .gguf or .dat)"),
    OPT_LIST(0, "lora", "ADAPTER[:SCALE]", struct quantize_args, lora.adapters,
             "merge the adapter in f32 before anything is rounded; several are "
             "merged in order (see merge-lora)"),
    LORA_OPTIONS(struct quantize_args, lora),
    OPT_LIST(0, "tensor-type", "REGEX=TYPE", struct quantize_args, tensor_types,
             "TYPE for tensors in whose name REGEX is found, in files of a "
             "block type; the first that fits decides"),
    OPT_TEXT(0, "token-embedding-type", "TYPE", struct quantize_args,
             embedding_type, "TYPE for token_embd.weight"),
    OPT_TEXT(0, "output-tensor-type", "TYPE", struct quantize_args, output_type,
             "TYPE for output.weight"),
    OPT_FLAG(0, "leave-output-tensor", struct quantize_args, leave_output,
             "output.weight keeps its type"),
    OPT_FLAG(0, "pure", struct quantize_args, pure,
             "one type for all: no rules for layers or the output tensor"),
    OPT_FLAG(0, "allow-requantize", struct quantize_args, allow_requantize,
             "quantize what is quantized already; it is rounded twice"),
    OPT_FLAG(0, "strict", struct quantize_args, strict,
             "refuse a fallback type for an odd width, and float types that "
             "do not hold every value of the source's"),
    OPT_SIZE(0, "split-max-size", "N[K|M|G]", struct quantize_args,
             split_max_size, 1000,
             "write FILE-00001-of-00002.gguf and so on, at most N bytes of "
             "tensors in each; powers of 1000"),
    OPT_UINT(0, "split-max-tensors", "N", struct quantize_args,
             split_max_tensors, 1, INT32_MAX,
             "the same with at most N tensors in each"),
    OPT_FLAG(0, "no-provenance", struct quantize_args, no_provenance,
             "leave out the keys phiconv.*, which name the program's version, "
             "the recipe, and hashes of the files read"),
    OPT_SIZE(0, "max-memory", "N[K|M|G]", struct quantize_args, max_memory,
             1024,
             "use at most N bytes of memory, 256M if not given; powers of "
             "1024"),
    OPT_FLAG(0, "pack-planes", struct quantize_args, pack_planes,
             "in packed files, store floats with their bytes in planes and "
             "deflated: smaller, for archives; slower to use"),
    OPT_FLAG('n', "dry-run", struct quantize_args, dry_run,
             "print what would become of each tensor and write nothing; of "
             "files with --pack-planes the size is the greatest"),
    OPT_FLAG('f', "force", struct quantize_args, force,
             "replace output files that exist"),
    OPT_END,
};

static int quantize(struct quantize_job *job)
{
    struct phi_err err = {0};
    enum phi_status st = quantize_open(job, &err);

    if (st == PHI_OK)
        st = quantize_make_plans(job, &err);
    if (st == PHI_OK && !job->args.common.quiet)
        quantize_print_notes(job);
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
    struct quantize_job job = {.cmd = self, .args.max_memory = 256u << 20};
    int code = options_parse(self, argc, argv, &job.args);

    if (code == -1)
        code = level_features(self, &job.args.common, &job.features);
    if (code == -1)
        code = quantize_read_words(&job);
    if (code == -1)
        code = quantize(&job);
    quantize_release(&job);
    options_release(self, &job.args);
    return code;
}

const struct command cmd_quantize = {
    .name = "quantize",
    .summary = "write a model as GGUF or packed, in one or several types",
    .synopsis = "MODEL -t TYPE[=FILE] [-t ...] [-o FILE] [options]",
    .description =
        "MODEL is a Hugging Face folder, or a GGUF or packed file of floats. "
        "It is read once, whatever the number of outputs, and never held in "
        "memory.\n\n"
        "Every tensor gets the type and the bytes that llama-quantize gives "
        "it: norms and biases stay F32, the output tensor is Q6_K in files "
        "of fewer bits than q8_0, and in the _m and _l types some layers have "
        "more bits. NaN, infinities and weights beyond the range of a type "
        "are refused. A file appears under its name when it is complete and "
        "synced, and not before.\n\n"
        "A packed file has the weights in the order in which the engine reads "
        "them, checksums of everything, and a folder's other files, but no "
        "other weights, nothing hidden and no folders: what is left out is "
        "named; see verify and extract. From GGUF to packed and back, copy "
        "keeps all "
        "metadata, those phiconv.* too: the GGUF file comes back byte for "
        "byte.\n\n"
        "REGEX is ECMAScript's, in lower case and searched for anywhere in "
        "the name, as llama-quantize does it. An option that names tensors "
        "and decides the type of none is a mistake, and so is a matrix that "
        "lacks a tensor whose type takes one (but the embedding and the "
        "output, which matrices seldom have).",
    .options = options,
    .examples = "phiconv quantize my-phi -t q4_0 -o my-phi-q4_0.gguf\n"
                "phiconv quantize my-phi -t q8_0=a.gguf -t q4_k_m=b.gguf\n"
                "phiconv quantize my-phi -t q4_0=a.gguf -t "
                "pack:q4_0=a.phipack\n"
                "phiconv quantize my-phi -t q4_k_m --imatrix phi.imatrix.gguf "
                "--tensor-type attn_v=q6_k -o my-phi.gguf\n"
                "phiconv quantize phi-2 --lora my-adapter -t q4_k_m -o "
                "my-phi.gguf\n"
                "phiconv quantize my-phi -t q4_0 --dry-run",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* phiconv merge-lora: adapters merged into their base. */
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_sink.h"
#include "formats/hf_folder_sink.h"
#include "libconv/base/disk.h"
#include "libconv/base/mem.h"
#include "libconv/convert/pipeline.h"
#include "libconv/convert/plan_floats.h"
#include "libconv/convert/provenance.h"
#include "tools/commands.h"
#include "tools/export_side.h"
#include "tools/float_type.h"
#include "tools/levels.h"
#include "tools/lora_options.h"
#include "tools/lora_report.h"
#include "tools/progress.h"
#include "tools/run_leftovers.h"
#include "tools/signals.h"
#include "tools/version.h"

struct args {
    struct common common;
    const char *output;
    const char *dtype;
    struct lora_args lora;
    uint64_t max_shard;
    bool no_provenance;
    bool dry_run;
    bool force;
};

static const struct option options[] = {
    OPT_TEXT('o', "output", "OUT", struct args, output,
             "the folder to write, or the GGUF file if it ends in .gguf"),
    OPT_WORD(0, "dtype", "TYPE", struct args, dtype, FLOAT_TYPES,
             "f32, f16 or bf16 for all matrices; auto, which is the default, "
             "keeps those of BASE"),
    LORA_OPTIONS(struct args, lora),
    OPT_SIZE(0, "max-shard-size", "N[K|M|G]", struct args, max_shard, 1000,
             "begin a new file of a folder where one would have more than N "
             "bytes of tensors, 50G if not given; powers of 1000. A folder's "
             "own files are kept while types do not change"),
    OPT_FLAG(0, "no-provenance", struct args, no_provenance,
             "leave out a GGUF file's keys phiconv.*, which name the "
             "program's version and hashes of the files read"),
    OPT_FLAG('n', "dry-run", struct args, dry_run,
             "print what would be done to each module and write nothing"),
    OPT_FLAG('f', "force", struct args, force, "replace an output that exists"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    uint32_t features;
    struct phi_floats_options floats;
    struct lora_words words;
    struct phi_adapted model;
    bool gguf; /* the output */
    struct phi_plan plan;
    struct phi_recipe recipe; /* of a GGUF file */
    struct phi_provenance_adapter *adapters;
    char (*sha256)[PHI_SHA256_HEX];
    struct export_side side;
    struct phi_file_id *inputs;
    struct phi_hf_folder_options folder;
    struct phi_sink *sink;
    uint64_t nbytes;
    double seconds;
};

static int read_words(struct job *j)
{
    const struct args *a = &j->args;
    const size_t len = a->output != NULL ? strlen(a->output) : 0;

    if (len == 0 && !a->dry_run)
        return usage_error(j->cmd, "no output: -o OUT");
    j->gguf = len > 5 && strcmp(a->output + len - 5, ".gguf") == 0;
    if (j->gguf && a->max_shard > 0)
        return usage_error(j->cmd, "--max-shard-size is for folders");
    if (!j->gguf && len > 0 && a->no_provenance)
        return usage_error(j->cmd, "--no-provenance is for GGUF files");
    float_type_read(&j->floats, a->dtype);
    j->floats.dequantize = a->lora.dequantize;
    j->floats.merge = &j->model.merge;
    return lora_words_read(&j->words, j->cmd, &a->lora,
                           a->common.operands.v + 1, a->common.operands.n - 1,
                           j->features);
}

/* ---- a GGUF file --------------------------------------------------------- */

/* The file type whose matrices have the type asked for, or the base's. */
static enum phi_status choose_type(struct job *j, struct phi_err *err)
{
    const enum phi_dtype type =
        j->floats.given ? j->floats.dtype : phi_floats_common(j->model.base);

    j->recipe.type = phi_file_type_find(type == PHI_F16    ? "f16"
                                        : type == PHI_BF16 ? "bf16"
                                                           : "f32");
    return j->recipe.type != NULL
               ? PHI_OK
               : phi_fail(err, PHI_E_ARG, "there is no such file type");
}

static enum phi_status plan_gguf(struct job *j, struct phi_err *err)
{
    struct phi_provenance p = {.version = PHICONV_VERSION,
                               .recipe = &j->recipe,
                               .nadapters = j->model.n};
    struct phi_plan_options opt = {.allow_requantize = j->args.lora.dequantize};
    const struct phi_gguf_options gguf = {.reserve = !j->args.no_provenance};
    enum phi_status st = choose_type(j, err);

    j->adapters = lora_provenance(&j->model, err);
    if (j->adapters == NULL)
        return PHI_E_NOMEM;
    p.adapters = j->adapters;
    opt.recipe = j->recipe;
    if (st == PHI_OK)
        st = phi_plan_make(&j->plan, j->model.shapes, &opt, err);
    if (st != PHI_OK)
        return st;
    if (j->args.no_provenance)
        phi_provenance_remove(&j->plan.meta);
    else
        st = phi_provenance_plan(&j->plan.meta, j->model.base, &p, err);
    if (st == PHI_OK && j->args.output != NULL)
        st = phi_adapted_not_input(&j->model, j->args.output, err);
    if (st == PHI_OK)
        st = phi_gguf_sink_size(&j->nbytes, "GGUF", &j->plan.meta,
                                j->plan.tensors, j->plan.n, &gguf, err);
    return st;
}

static enum phi_status open_gguf(struct job *j, struct phi_err *err)
{
    const struct phi_gguf_options gguf = {.replace = j->args.force,
                                          .reserve = !j->args.no_provenance};

    if (!j->args.no_provenance) {
        j->sha256 = phi_alloc(j->model.base->nfiles, sizeof(*j->sha256), err);
        if (j->sha256 == NULL)
            return PHI_E_NOMEM;
    }
    return phi_gguf_sink_open(&j->sink, j->args.output, &j->plan.meta,
                              j->plan.tensors, j->plan.n, &gguf, err);
}

/* ---- a folder ------------------------------------------------------------ */

static enum phi_status plan_folder(struct job *j, struct phi_err *err)
{
    const bool files = j->model.base->folder != NULL; /* packed or not */
    enum phi_status st =
        phi_plan_floats(&j->plan, j->model.shapes, &j->floats, err);

    if (st == PHI_OK)
        st = export_side_make(&j->side, j->model.shapes, err);
    if (st != PHI_OK)
        return st;
    j->inputs = phi_alloc(j->model.n, sizeof(*j->inputs), err);
    if (j->inputs == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < j->model.n; i++)
        j->inputs[i] = phi_file_identity(j->model.inputs[i].adapter->weights);
    j->folder = (struct phi_hf_folder_options){
        .replace = j->args.force,
        .max_shard = j->args.max_shard,
        .tokenizer = files ? j->model.tokenizer : NULL,
        .side = j->side.files,
        .nside = j->side.n,
        .inputs = j->inputs,
        .ninputs = j->model.n};
    return phi_hf_folder_sink_size(
        &j->nbytes, j->args.output != NULL ? j->args.output : "folder",
        j->model.base, j->plan.tensors, j->plan.n, &j->folder, err);
}

/* ---- the run ------------------------------------------------------------- */

/* Everything that can be refused without reading weights. */
static enum phi_status prepare(struct job *j, struct phi_err *err)
{
    struct phi_disk_need need = {.path = j->args.output};
    enum phi_status st =
        phi_adapted_open(&j->model, j->args.common.operands.v[0], j->words.v,
                         j->words.n, &j->words.options, &signals_monitor, err);

    if (st == PHI_OK)
        st = j->gguf ? plan_gguf(j, err) : plan_folder(j, err);
    if (st != PHI_OK || j->args.dry_run)
        return st;
    need.nbytes = j->nbytes;
    leftovers_before(&j->args.common, j->args.output);
    return phi_disk_check(&need, 1, err);
}

static enum phi_status finish(struct job *j, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (j->sha256 != NULL) {
        st = phi_provenance_fill(&j->plan.meta,
                                 (const char(*)[PHI_SHA256_HEX])j->sha256,
                                 j->model.base->nfiles, err);
        if (st == PHI_OK)
            st = phi_sink_set_meta(j->sink, &j->plan.meta, err);
    }
    return st == PHI_OK ? phi_sinks_commit(&j->sink, 1, err) : st;
}

static enum phi_status write(struct job *j, struct phi_err *err)
{
    struct progress progress;
    struct phi_monitor monitor;
    struct phi_pipeline_options opt = {
        .nthreads = (size_t)j->args.common.threads,
        .features = j->features,
        .monitor = &monitor,
    };
    struct phi_output_job job = {.plan = &j->plan};
    const struct phi_pipeline_work work = {.source = j->model.base,
                                           .merge = &j->model.merge,
                                           .outputs = &job,
                                           .n = 1};
    enum phi_status st =
        j->gguf ? open_gguf(j, err)
                : phi_hf_folder_sink_open(&j->sink, j->args.output,
                                          j->model.base, j->plan.tensors,
                                          j->plan.n, &j->folder, err);

    if (st != PHI_OK)
        return st;
    job.sink = j->sink;
    opt.sha256 = j->sha256;
    progress_begin(&progress, j->args.common.progress, "merge", "B");
    monitor = progress_monitor(&progress);
    st = phi_pipeline_run(&work, &opt, err);
    if (st == PHI_OK)
        st = finish(j, err);
    progress_end(&progress);
    j->seconds = progress_seconds(&progress);
    return st;
}

/* ---- what was done ------------------------------------------------------- */

static enum phi_status print_json(const struct job *j, struct phi_err *err)
{
    struct json_out o = {0};

    json_open(&o, NULL, '{');
    json_str(&o, "schema", "phiconv.merge-lora/1");
    json_bool(&o, "dry_run", j->args.dry_run);
    if (j->args.output != NULL)
        json_str(&o, "path", j->args.output);
    else
        json_null(&o, "path");
    json_str(&o, "base", j->model.base->path);
    json_uint(&o, "bytes", j->nbytes);
    json_num(&o, "seconds", j->seconds);
    json_uint(&o, "tensors", j->plan.n);
    json_uint(&o, "changed", j->model.merge.n);
    json_uint(&o, "vocabulary", j->model.merge.vocab);
    lora_json(&o, &j->model, !j->args.dry_run);
    json_open(&o, "unused", '[');
    for (size_t i = 0; i < j->model.merge.nunused; i++)
        json_str(&o, NULL, j->model.merge.unused[i]);
    json_close(&o, ']');
    json_open(&o, "left", '[');
    for (size_t i = 0; i < j->side.left.n; i++)
        json_str(&o, NULL, j->side.left.v[i]);
    json_close(&o, ']');
    json_close(&o, '}');
    return json_finish(&o, err);
}

static enum phi_status print_summary(const struct job *j, struct phi_err *err)
{
    struct table t = {.ncols = 4,
                      .right = {[1] = true, [2] = true, [3] = true}};
    const bool done = !j->args.dry_run;
    enum phi_status st = lora_print_modules(&j->model, done, err);

    if (st == PHI_OK)
        st = lora_print_adapters(&j->model, done, err);
    if (st != PHI_OK)
        return st;
    table_cell(&t, j->gguf ? "file" : "folder");
    table_cell(&t, "tensors");
    table_cell(&t, "changed");
    table_cell(&t, "bytes");
    table_cell(&t, "%s", done ? j->args.output : "(dry run)");
    table_cell(&t, "%zu", j->plan.n);
    table_cell(&t, "%zu", j->model.merge.n);
    table_cell(&t, "%llu", (unsigned long long)j->nbytes);
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

static int merge(struct job *j)
{
    struct phi_err err = {0};
    enum phi_status st = prepare(j, &err);

    if (st == PHI_OK && !j->args.common.quiet) {
        lora_print_notes(&j->model);
        export_side_notes(&j->side, j->args.common.verbose);
    }
    if (st == PHI_OK && !j->args.dry_run)
        st = write(j, &err);
    if (st == PHI_OK && j->args.common.json)
        st = print_json(j, &err);
    else if (st == PHI_OK && !j->args.common.quiet)
        st = print_summary(j, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job j = {.cmd = self};
    int code = options_parse(self, argc, argv, &j.args);

    if (code == -1)
        code = level_features(self, &j.args.common, &j.features);
    if (code == -1)
        code = read_words(&j);
    if (code == -1)
        code = merge(&j);
    phi_sink_close(j.sink);
    export_side_release(&j.side);
    phi_plan_release(&j.plan);
    phi_adapted_release(&j.model);
    lora_words_release(&j.words);
    free(j.adapters);
    free(j.sha256);
    free(j.inputs);
    leftovers_after(&j.args.common);
    options_release(self, &j.args);
    return code;
}

const struct command cmd_merge_lora = {
    .name = "merge-lora",
    .summary = "merge LoRA adapters into their base model",
    .synopsis = "BASE ADAPTER[:SCALE] [ADAPTER...] -o OUT [options]",
    .description =
        "BASE is a Hugging Face folder, a GGUF or a packed file of floats, "
        "ADAPTER a folder as PEFT saves it or a GGUF file. OUT is a folder in "
        "the layout "
        "of save_pretrained(), with BASE's files beside the weights, or a "
        "GGUF file if its name ends so. SCALE is a factor on top of the "
        "adapter's own scale, 1 if not given.\n\n"
        "W + SCALE B A is made in f32, for one adapter after the other, and "
        "rounded once. Ranks, scales, DoRA, biases, embeddings, trained tokens "
        "and resized vocabularies are what PEFT makes of "
        "adapter_config.json; what cannot be merged exactly is refused by "
        "name. Every tensor of an adapter is used once and every module that "
        "the configuration names has all its parts, or nothing is written. "
        "An adapter whose B is zero leaves every bit of BASE.\n\n"
        "The table has a line a module: rank, scale and where it comes from, "
        "the norm of the change over the norm of the weight, and what was "
        "done. A tokenizer in an adapter's folder replaces BASE's.",
    .options = options,
    .examples =
        "phiconv merge-lora phi-2 my-adapter -o my-phi\n"
        "phiconv merge-lora phi-2 style:0.5 facts -o my-phi --dtype bf16\n"
        "phiconv merge-lora phi-2-f16.gguf my-adapter -o my-phi.gguf",
    .min_operands = 2,
    .max_operands = 256,
    .computes = true,
    .run = run,
};

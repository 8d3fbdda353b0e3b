/* SPDX-License-Identifier: MIT */
/* phiconv export: a model as a Hugging Face folder. */
#include <string.h>

#include "formats/hf_folder_sink.h"
#include "formats/model.h"
#include "formats/pack_source.h"
#include "libconv/base/disk.h"
#include "libconv/base/mem.h"
#include "libconv/convert/pipeline.h"
#include "libconv/convert/plan_floats.h"
#include "tools/commands.h"
#include "tools/export_side.h"
#include "tools/float_type.h"
#include "tools/levels.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/run_leftovers.h"

struct args {
    struct common common;
    const char *output;
    const char *dtype;
    bool dequantize;
    uint64_t max_shard;
    bool force;
};

static const struct option options[] = {
    OPT_TEXT('o', "output", "DIR", struct args, output, "the folder to write"),
    OPT_WORD(0, "dtype", "TYPE", struct args, dtype, FLOAT_TYPES,
             "f32, f16 or bf16 for all tensors; auto, which is the default, "
             "keeps a folder's types, and gives all tensors of a GGUF file "
             "the type of its matrices"),
    OPT_FLAG(0, "dequantize", struct args, dequantize,
             "write the floats that quantized tensors stand for; f32, which "
             "auto is then, holds them exactly"),
    OPT_SIZE(0, "max-shard-size", "N[K|M|G]", struct args, max_shard, 1000,
             "begin a new file where one would have more than N bytes of "
             "tensors, 50G if not given; powers of 1000. A folder's own files "
             "are kept while types do not change"),
    OPT_FLAG('f', "force", struct args, force,
             "replace an output folder that exists, as a whole"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    uint32_t features;
    struct phi_floats_options floats;
    struct phi_source *source;
    struct phi_plan plan;
    struct export_side side;
    struct phi_hf_folder_options folder;
    struct phi_sink *sink;
    uint64_t nbytes;
    double seconds;
};

static int read_words(struct job *j)
{
    if (j->args.output == NULL || j->args.output[0] == '\0')
        return usage_error(j->cmd, "no output: -o DIR");
    j->floats.dequantize = j->args.dequantize;
    float_type_read(&j->floats, j->args.dtype);
    return -1;
}

/*
 * Whether an output layer that was tied to the embedding, in the folder that a
 * packed file is of, is one for itself: it was rounded for itself.
 */
static bool is_untied(const struct job *j)
{
    const struct phi_source *s = j->source;
    size_t e;
    size_t o;

    return phi_pack_of(s) != NULL && s->folder != NULL &&
           phi_source_find(s, "token_embd.weight", &e) &&
           phi_source_find(s, "output.weight", &o) &&
           (phi_dtype_info(s->tensors[e].dtype)->cls != PHI_CLASS_FLOAT ||
            phi_dtype_info(s->tensors[o].dtype)->cls != PHI_CLASS_FLOAT ||
            s->folder->places[o].file == PHI_NO_PLACE);
}

/* Everything that can be refused without reading weights. */
static enum phi_status prepare(struct job *j, struct phi_err *err)
{
    struct phi_disk_need need;
    enum phi_status st =
        phi_model_open(&j->source, j->args.common.operands.v[0], err);

    if (st == PHI_OK)
        st = phi_plan_floats(&j->plan, j->source, &j->floats, err);
    if (st == PHI_OK)
        st = export_side_make(&j->side, j->source, err);
    if (st != PHI_OK)
        return st;
    j->folder = (struct phi_hf_folder_options){.replace = j->args.force,
                                               .untie = is_untied(j),
                                               .max_shard = j->args.max_shard,
                                               .side = j->side.files,
                                               .nside = j->side.n};
    st = phi_hf_folder_sink_size(&j->nbytes, j->args.output, j->source,
                                 j->plan.tensors, j->plan.n, &j->folder, err);
    need = (struct phi_disk_need){j->args.output, j->nbytes};
    if (st != PHI_OK)
        return st;
    leftovers_before(&j->args.common, j->args.output);
    return phi_disk_check(&need, 1, err);
}

static enum phi_status write(struct job *j, struct phi_err *err)
{
    struct progress progress;
    struct phi_monitor monitor;
    const struct phi_pipeline_options opt = {
        .nthreads = (size_t)j->args.common.threads,
        .features = j->features,
        .monitor = &monitor,
    };
    struct phi_output_job job = {.plan = &j->plan};
    const struct phi_pipeline_work work = {
        .source = j->source, .outputs = &job, .n = 1};
    enum phi_status st =
        phi_hf_folder_sink_open(&j->sink, j->args.output, j->source,
                                j->plan.tensors, j->plan.n, &j->folder, err);

    if (st != PHI_OK)
        return st;
    job.sink = j->sink;
    progress_begin(&progress, j->args.common.progress, "export", "B");
    monitor = progress_monitor(&progress);
    st = phi_pipeline_run(&work, &opt, err);
    if (st == PHI_OK)
        st = phi_sinks_commit(&j->sink, 1, err);
    progress_end(&progress);
    j->seconds = progress_seconds(&progress);
    return st;
}

static enum phi_status print_json(const struct job *j, struct phi_err *err)
{
    struct json_out o = {0};

    json_open(&o, NULL, '{');
    json_str(&o, "schema", "phiconv.export/1");
    json_str(&o, "path", j->args.output);
    json_uint(&o, "bytes", j->nbytes);
    json_num(&o, "seconds", j->seconds);
    json_open(&o, "tensors", '[');
    for (size_t i = 0; i < j->plan.n; i++) {
        const struct phi_sink_tensor *t = &j->plan.tensors[i];

        json_open(&o, NULL, '{');
        json_str(&o, "name", t->name);
        json_str(&o, "type", phi_dtype_info(t->dtype)->name);
        json_uint(&o, "bytes", t->nbytes);
        json_close(&o, '}');
    }
    json_close(&o, ']');
    json_open(&o, "left", '[');
    for (size_t i = 0; i < j->side.left.n; i++)
        json_str(&o, NULL, j->side.left.v[i]);
    json_close(&o, ']');
    json_close(&o, '}');
    return json_finish(&o, err);
}

/* Of all tensors, if it is one. */
static const char *type_of(const struct phi_plan *plan)
{
    for (size_t i = 1; i < plan->n; i++) {
        if (plan->tensors[i].dtype != plan->tensors[0].dtype)
            return "mixed";
    }
    return phi_dtype_info(plan->tensors[0].dtype)->name;
}

static enum phi_status print_summary(const struct job *j, struct phi_err *err)
{
    struct table t = {.ncols = 4, .right = {[1] = true, [3] = true}};
    enum phi_status st;

    table_cell(&t, "folder");
    table_cell(&t, "tensors");
    table_cell(&t, "type");
    table_cell(&t, "bytes");
    table_cell(&t, "%s", j->args.output);
    table_cell(&t, "%zu", j->plan.n);
    table_cell(&t, "%s", type_of(&j->plan));
    table_cell(&t, "%llu", (unsigned long long)j->nbytes);
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

static int export(struct job *j)
{
    struct phi_err err = {0};
    enum phi_status st = prepare(j, &err);

    if (st == PHI_OK)
        st = write(j, &err);
    if (st == PHI_OK && !j->args.common.quiet)
        export_side_notes(&j->side, j->args.common.verbose);
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
        code = export(&j);
    phi_sink_close(j.sink);
    export_side_release(&j.side);
    phi_plan_release(&j.plan);
    phi_source_close(j.source);
    leftovers_after(&j.args.common);
    options_release(self, &j.args);
    return code;
}

const struct command cmd_export = {
    .name = "export",
    .summary = "write a model as a Hugging Face folder",
    .synopsis = "MODEL -o DIR [options]",
    .description =
        "MODEL is a GGUF file, a Hugging Face folder or a packed file. DIR "
        "gets the weights as safetensors, in the layout of transformers' "
        "save_pretrained(), with config.json and the tokenizer. From a GGUF "
        "file they are made from its metadata, as far as that says exactly "
        "what they are, with a README.md of licence and origin; what it does "
        "not say is refused. A folder's other "
        "files are copied: texts, tokenizer, code, licences and pictures, but "
        "no other weights, nothing hidden, no folders and no links out of the "
        "folder. A packed file gives back the folder that it was made from, "
        "or is treated as a GGUF file if it was made from one.\n\n"
        "DIR appears when it is complete and synced, and not before. One that "
        "is there is replaced only with --force, and only if it is empty or "
        "holds a model: a config.json and no folders.",
    .options = options,
    .examples = "phiconv export my-phi-f16.gguf -o my-phi\n"
                "phiconv export my-phi --dtype bf16 --max-shard-size 2G -o out",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

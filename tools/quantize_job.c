/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "tools/quantize_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/imatrix_read.h"
#include "formats/pack_extras.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/convert/provenance.h"
#include "tools/quantize_target.h"
#include "tools/report.h"
#include "tools/run_leftovers.h"
#include "tools/signals.h"
#include "tools/version.h"

/* "TYPE" or "TYPE=FILE" of every -t; -o names the file of a single TYPE. */
static int fill_targets(struct quantize_job *job)
{
    const struct quantize_args *a = &job->args;
    struct phi_err err = {0};

    if (a->types.n == 0)
        return usage_error(job->cmd, "no type: -t q8_0, for example");
    job->targets = phi_alloc(a->types.n, sizeof(*job->targets), &err);
    if (job->targets == NULL)
        return report_error(&err);
    for (; job->n < a->types.n; job->n++) {
        const char *word = a->types.v[job->n];
        const size_t len = strcspn(word, "=");
        const char *path = word[len] == '=' ? word + len + 1 : NULL;
        struct quantize_target *t = &job->targets[job->n];
        int code;

        if (quantize_word_type(&t->type, &t->packed, word, len, &err) != PHI_OK)
            return usage_error(job->cmd, "%s", err.msg);
        t->recipe = job->recipes != NULL ? &job->recipes[job->n] : &job->recipe;
        t->label =
            phi_sprintf(&err, "%s%s", t->packed ? "pack:" : "", t->type->name);
        if (t->label == NULL)
            return report_error(&err);
        if (path == NULL && a->types.n == 1)
            path = a->output;
        else if (a->output != NULL)
            return usage_error(job->cmd, "-o is for a single -t without =FILE");
        if (path == NULL && !a->dry_run && !job->unnamed)
            return usage_error(job->cmd, "no output for %s: -t %s=FILE%s",
                               t->label, t->label,
                               a->types.n == 1 ? " or -o FILE" : "");
        if (path != NULL && path[0] == '\0')
            return usage_error(job->cmd, "-t %s: the file has no name", word);
        code = quantize_check_format(job, t, path);
        if (code != -1)
            return code;
        if (path != NULL && (t->path = phi_strdup(path, &err)) == NULL)
            return report_error(&err);
    }
    return -1;
}

static int check_places(const struct quantize_job *job)
{
    struct phi_err err = {0};

    for (size_t i = 0; i < job->n; i++) {
        for (size_t k = 0; k < i; k++) {
            const char *a = job->targets[k].path;
            const char *b = job->targets[i].path;
            bool same = false;

            if (a != NULL && b != NULL &&
                phi_path_same_place(&same, a, b, &err) != PHI_OK)
                return report_error(&err);
            if (same)
                return usage_error(
                    job->cmd, "%s: is named as output of both %s and %s", b,
                    job->targets[k].label, job->targets[i].label);
        }
    }
    return -1;
}

static int read_recipe(struct quantize_job *job)
{
    const struct quantize_args *a = &job->args;
    const struct quantize_recipe_words words = {.names = &quantize_option_names,
                                                .tensors = a->tensor_types.v,
                                                .ntensors = a->tensor_types.n,
                                                .embedding = a->embedding_type,
                                                .output = a->output_type,
                                                .pure = a->pure,
                                                .leave_output =
                                                    a->leave_output};
    struct phi_err err = {0};
    const enum phi_status st = quantize_recipe_read(&job->recipe, &words, &err);

    if (st == PHI_E_ARG)
        return usage_error(job->cmd, "%s", err.msg);
    return st == PHI_OK ? -1 : report_error(&err);
}

int quantize_read_words(struct quantize_job *job)
{
    const struct quantize_args *a = &job->args;
    int code = fill_targets(job);

    if (code == -1 && a->pack_planes && !quantize_is_packed(job))
        return usage_error(job->cmd, "--pack-planes is for packed files: -t "
                                     "pack:f16=FILE, for example");
    if (code == -1 && a->split_max_size > 0 && a->split_max_tensors > 0)
        return usage_error(job->cmd, "--split-max-size and --split-max-tensors "
                                     "exclude each other");
    job->split =
        (struct phi_gguf_split){a->split_max_size, a->split_max_tensors};
    if (code == -1)
        code = check_places(job);
    if (code == -1)
        code =
            lora_words_read(&job->words, job->cmd, &a->lora, a->lora.adapters.v,
                            a->lora.adapters.n, job->features);
    return code == -1 ? read_recipe(job) : code;
}

/* The model and the matrix are not to be replaced by what is made of them. */
static enum phi_status check_paths(const struct quantize_job *job,
                                   const struct quantize_target *t,
                                   struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && t->path != NULL && i < t->parts.n; i++) {
        char *path = phi_gguf_part_path(&t->parts, t->path, i, err);

        if (path == NULL)
            return PHI_E_NOMEM;
        st = phi_adapted_not_input(&job->model, path, err);
        if (st == PHI_OK && job->args.imatrix != NULL)
            st = phi_output_not_input(path, job->imatrix.id, err);
        if (st == PHI_OK && quantize_is_packed(job))
            st = phi_pack_extras_not_input(job->source, path, err);
        free(path);
    }
    return st;
}

/*
 * Words that differ can name one file once parts have their numbers: a and
 * a.gguf do. Then all parts are the same, for the first says how many there
 * are.
 */
static enum phi_status check_first(const struct quantize_job *job,
                                   const struct quantize_target *t,
                                   struct phi_err *err)
{
    for (const struct quantize_target *a = job->targets; a < t; a++) {
        bool same = false;

        if (a->first != NULL &&
            phi_path_same_place(&same, a->first, t->first, err) != PHI_OK)
            return PHI_E_NOMEM;
        if (same)
            return phi_fail(err, PHI_E_ARG,
                            "%s: would be a file of both %s and %s", t->first,
                            a->label, t->label);
    }
    return PHI_OK;
}

/* How the file came about, in its metadata. */
static enum phi_status plan_provenance(const struct quantize_job *job,
                                       struct quantize_target *t,
                                       const struct phi_recipe *recipe,
                                       struct phi_err *err)
{
    const struct phi_provenance p = {
        .version = PHICONV_VERSION,
        .recipe = recipe,
        .imatrix_sha256 =
            phi_plan_has_importance(&t->plan) ? job->imatrix.sha256 : NULL,
        .adapters = job->adapters,
        .nadapters = job->model.n};

    if (job->args.no_provenance) {
        phi_provenance_remove(&t->plan.meta);
        return PHI_OK;
    }
    return phi_provenance_plan(&t->plan.meta, job->source, &p, err);
}

static enum phi_status make_plan(struct quantize_job *job,
                                 struct quantize_target *t, struct phi_err *err)
{
    struct phi_plan_options opt = {
        .recipe = t->recipe->recipe,
        .imatrix = job->args.imatrix != NULL ? &job->imatrix : NULL,
        .allow_requantize =
            job->args.allow_requantize || job->args.lora.dequantize,
        .strict = job->args.strict};
    enum phi_status st;

    opt.recipe.type = t->type;
    opt.recipe.keep = t->packed && t->type->copy;
    if ((st = phi_plan_make(&t->plan, job->shapes, &opt, err)) != PHI_OK ||
        (st = plan_provenance(job, t, &opt.recipe, err)) != PHI_OK ||
        (st = quantize_plan_format(job, t, err)) != PHI_OK ||
        (st = phi_gguf_parts_make(&t->parts, &job->split, t->plan.tensors,
                                  t->plan.n, err)) != PHI_OK ||
        (st = check_paths(job, t, err)) != PHI_OK)
        return st;
    if (t->path == NULL)
        return PHI_OK;
    t->first = phi_gguf_part_path(&t->parts, t->path, 0, err);
    return t->first != NULL ? check_first(job, t, err) : PHI_E_NOMEM;
}

enum phi_status quantize_open(struct quantize_job *job, struct phi_err *err)
{
    enum phi_status st = phi_adapted_open(
        &job->model, job->args.common.operands.v[0], job->words.v, job->words.n,
        &job->words.options, &signals_monitor, err);

    job->source = job->model.base;
    job->shapes = job->model.shapes;
    if (st == PHI_OK && job->model.n > 0 &&
        (job->adapters = lora_provenance(&job->model, err)) == NULL)
        st = PHI_E_NOMEM;
    if (st == PHI_OK && job->args.imatrix != NULL)
        st = phi_imatrix_read(&job->imatrix, job->args.imatrix, err);
    return st;
}

bool quantize_is_packed(const struct quantize_job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        if (job->targets[i].packed)
            return true;
    }
    return false;
}

enum phi_status quantize_make_plans(struct quantize_job *job,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++)
        st = make_plan(job, &job->targets[i], err);
    if (st == PHI_OK && quantize_is_packed(job) && job->model.tokenizer == NULL)
        st = phi_pack_extras_left(&job->left, job->source, job->published, err);
    return st == PHI_OK ? quantize_recipe_check(job, err) : st;
}

void quantize_release(struct quantize_job *job)
{
    for (size_t i = 0; job->targets != NULL && i < job->args.types.n; i++) {
        quantize_release_format(&job->targets[i]);
        phi_plan_release(&job->targets[i].plan);
        phi_gguf_parts_release(&job->targets[i].parts);
        free(job->targets[i].rounding);
        free(job->targets[i].path);
        free(job->targets[i].first);
    }
    free(job->targets);
    phi_names_release(&job->left);
    free(job->sha256);
    quantize_recipe_release(&job->recipe);
    phi_imatrix_release(&job->imatrix);
    free(job->adapters);
    phi_adapted_release(&job->model);
    lora_words_release(&job->words);
    leftovers_after(&job->args.common);
}

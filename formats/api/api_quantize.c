/* SPDX-License-Identifier: MIT */
/* phiconv_quantize(): plan, provenance, pipeline, sink, as the program. */
#include <stdlib.h>

#include "formats/api/api_parts.h"
#include "formats/gguf_copy.h"
#include "formats/gguf_sink.h"
#include "formats/imatrix_read.h"
#include "libconv/base/disk.h"
#include "libconv/base/leftovers.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "libconv/base/par.h"
#include "libconv/convert/pipeline.h"
#include "libconv/convert/plan.h"
#include "libconv/convert/provenance.h"
#include "libconv/cpu/cpu.h"
#include "libconv/tensor/sink_order.h"

struct job {
    struct phiconv_model *model;
    const char *path;
    struct phiconv_quantize_options o;
    struct phi_recipe recipe;
    struct phi_imatrix imatrix;
    struct phi_plan plan;
    struct phi_gguf_copy copy;             /* of a packed file */
    const struct phi_sink_tensor *tensors; /* of the plan, or the copy's */
    struct phi_gguf_options gguf;
    struct phi_sink *sink;
    char (*sha256)[PHI_SHA256_HEX];
};

const char *phiconv_type_name(size_t i)
{
    const struct phi_file_type *t = phi_file_type_at(i);

    return t != NULL ? t->name : NULL;
}

static enum phi_status add_provenance(struct job *j, struct phi_err *err)
{
    const struct phi_adapted *a = &j->model->adapted;
    struct phi_provenance_adapter *adapters =
        phi_alloc(a->n, sizeof(*adapters), err);
    const struct phi_provenance p = {
        .version = PHICONV_API_VERSION,
        .recipe = &j->recipe,
        .imatrix_sha256 =
            phi_plan_has_importance(&j->plan) ? j->imatrix.sha256 : NULL,
        .adapters = adapters,
        .nadapters = a->n};
    enum phi_status st = PHI_E_NOMEM;

    j->sha256 = phi_alloc(a->base->nfiles, sizeof(*j->sha256), err);
    if (adapters == NULL || j->sha256 == NULL)
        goto out;
    for (size_t i = 0; i < a->n; i++)
        adapters[i] = (struct phi_provenance_adapter){
            a->inputs[i].weights, a->inputs[i].settings, a->order[i].scale};
    st = phi_provenance_plan(&j->plan.meta, a->base, &p, err);
out:
    free(adapters);
    return st;
}

/* What a packed file was made of comes back as it was, as in the program. */
static enum phi_status plan_copy(struct job *j, struct phi_err *err)
{
    const struct phi_adapted *a = &j->model->adapted;
    size_t *map;
    enum phi_status st;

    if (!j->recipe.type->copy || a->n > 0)
        return PHI_OK;
    map = phi_plan_map(&j->plan, err);
    if (map == NULL)
        return PHI_E_NOMEM;
    st = phi_gguf_copy_make(&j->copy, a->base, false, j->plan.tensors, map,
                            j->plan.n, err);
    if (st != PHI_OK || j->copy.head == NULL)
        return st;
    phi_meta_release(&j->plan.meta);
    return phi_meta_copy(&j->plan.meta, &a->base->meta, err);
}

/* A host that prints nothing is not told either. */
static void not_told(void *ctx, const char *path, enum phi_leftover what)
{
    (void)ctx;
    (void)path;
    (void)what;
}

/* All that can be refused without reading weights. */
static enum phi_status prepare(struct job *j, const char *type,
                               struct phi_err *err)
{
    const struct phi_adapted *a = &j->model->adapted;
    struct phi_plan_options opt = {
        .imatrix = j->o.imatrix != NULL ? &j->imatrix : NULL,
        .allow_requantize = j->o.allow_requantize != 0,
        .strict = j->o.strict != 0};
    struct phi_disk_need need = {j->path, 0};
    enum phi_status st = PHI_OK;
    bool copied;

    j->recipe.type = phi_file_type_find(type);
    j->recipe.pure = j->o.pure != 0;
    if (j->recipe.type == NULL)
        return phi_fail(err, PHI_E_ARG, "unknown type \"%.64s\"", type);
    if (j->o.imatrix != NULL)
        st = phi_imatrix_read(&j->imatrix, j->o.imatrix, err);
    if (st == PHI_OK && j->o.imatrix != NULL)
        st = phi_output_not_input(j->path, j->imatrix.id, err);
    opt.recipe = j->recipe;
    if (st == PHI_OK)
        st = phi_plan_make(&j->plan, a->shapes, &opt, err);
    if (st == PHI_OK)
        st = plan_copy(j, err);
    if (st != PHI_OK)
        return st;
    copied = j->copy.head != NULL;
    if (!copied && j->o.no_provenance)
        phi_provenance_remove(&j->plan.meta);
    else if (!copied)
        st = add_provenance(j, err);
    j->tensors = copied ? j->copy.listed : j->plan.tensors;
    j->gguf =
        (struct phi_gguf_options){.replace = j->o.replace != 0,
                                  .reserve = !copied && !j->o.no_provenance,
                                  .head = j->copy.head,
                                  .head_nbytes = j->copy.head_nbytes};
    if (st == PHI_OK)
        st = phi_adapted_not_input(a, j->path, err);
    if (st == PHI_OK)
        st = phi_gguf_sink_size(&need.nbytes, j->path, &j->plan.meta,
                                j->tensors, j->plan.n, &j->gguf, err);
    if (st != PHI_OK)
        return st;
    /* The room that dead runs take is had back before it is asked for. */
    phi_leftovers_clear(j->path, not_told, NULL);
    return phi_disk_check(&need, 1, err);
}

static enum phi_status open_sink(struct job *j, struct phi_err *err)
{
    struct phi_sink *sink = NULL;
    const enum phi_status st = phi_gguf_sink_open(
        &sink, j->path, &j->plan.meta, j->tensors, j->plan.n, &j->gguf, err);

    if (st == PHI_OK && j->copy.head != NULL)
        return phi_sink_reorder(&j->sink, sink, j->copy.map, j->plan.n, err);
    j->sink = sink;
    return st;
}

static enum phi_status write_file(struct job *j, struct phi_err *err)
{
    struct phi_adapted *a = &j->model->adapted;
    struct phiconv_ticker ticker = {j->o.progress, j->o.context};
    const struct phi_monitor monitor = phiconv_monitor(&ticker);
    struct phi_output_job output = {.plan = &j->plan};
    const struct phi_pipeline_work work = {.source = a->base,
                                           .merge = a->n > 0 ? &a->merge : NULL,
                                           .outputs = &output,
                                           .n = 1};
    const struct phi_pipeline_options opt = {
        .nthreads = j->o.threads > 0 ? j->o.threads : phi_par_default(),
        .features = phi_cpu_detect(),
        .max_memory = j->o.max_memory,
        .sha256 = j->sha256,
        .monitor = &monitor};
    enum phi_status st = open_sink(j, err);

    if (st != PHI_OK)
        return st;
    output.sink = j->sink;
    st = phi_pipeline_run(&work, &opt, err);
    if (st == PHI_OK && j->sha256 != NULL) {
        st = phi_provenance_fill(&j->plan.meta,
                                 (const char(*)[PHI_SHA256_HEX])j->sha256,
                                 a->base->nfiles, err);
        if (st == PHI_OK)
            st = phi_sink_set_meta(j->sink, &j->plan.meta, err);
    }
    return st == PHI_OK ? phi_sinks_commit(&j->sink, 1, err) : st;
}

enum phiconv_status phiconv_quantize(
    struct phiconv_model *model, const char *type, const char *path,
    const struct phiconv_quantize_options *options, struct phiconv_error *error)
{
    struct job j = {.model = model, .path = path};
    struct phi_err err = {0};
    enum phi_status st = PHI_OK;

    if (options != NULL)
        st = phiconv_take_options(&j.o, sizeof(j.o), options, options->size,
                                  &err);
    if (st == PHI_OK)
        st = prepare(&j, type, &err);
    if (st == PHI_OK)
        st = write_file(&j, &err);
    phi_sink_close(j.sink);
    phi_gguf_copy_release(&j.copy);
    phi_plan_release(&j.plan);
    phi_imatrix_release(&j.imatrix);
    free(j.sha256);
    return phiconv_fail(error, st, &err);
}

/* SPDX-License-Identifier: MIT */
#include "tools/release_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/model.h"
#include "formats/pack_source.h"
#include "libconv/base/file.h"
#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/tensor/source_hash.h"
#include "tools/lora_report.h"
#include "tools/quantize_report.h"
#include "tools/quantize_target.h"
#include "tools/quantize_write.h"
#include "tools/release_card.h"
#include "tools/release_folder.h"
#include "tools/release_manifest.h"
#include "tools/release_names.h"

char *release_failed_path(const struct release_job *job, struct phi_err *err)
{
    const char *path = job->args.q.output;
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    return phi_sprintf(err, "%.*s.failed", (int)n, path);
}

/* ---- before anything is written ------------------------------------------ */

/* Targets are planned under the names that they will have. */
static enum phi_status name_targets(struct release_job *job, const char *dir,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        char *path = phi_path_join(dir, job->outputs[i].file, err);

        st = path != NULL ? quantize_name_target(&job->q.targets[i], path, err)
                          : PHI_E_NOMEM;
    }
    return st;
}

/* Those of files that are split are longer. */
static enum phi_status check_part_names(const struct release_job *job,
                                        struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        char *name = phi_gguf_part_path(&job->q.targets[i].parts,
                                        job->outputs[i].file, 0, err);

        st = name != NULL ? release_check_length(name, err) : PHI_E_NOMEM;
        free(name);
    }
    return st;
}

/* What outputs are compared with: the source, with its adapters. */
static enum phi_status open_reference(struct release_job *job,
                                      struct phi_err *err)
{
    if (job->q.model.n == 0)
        return PHI_OK;
    return phi_adapted_values(&job->q.model, &job->values, err);
}

static struct phi_source *reference_of(const struct release_job *job)
{
    return job->values != NULL ? job->values : job->q.source;
}

/* A text that is no use is noticed before the work. */
static enum phi_status try_text(struct release_job *job, struct phi_err *err)
{
    const struct phi_source *alone[2] = {reference_of(job), NULL};
    struct eval_job *e = &job->eval;
    enum phi_status st;

    e->models = alone;
    e->n = 1;
    st = eval_read_text(e, err);
    e->models = NULL;
    e->n = 0;
    if (st == PHI_OK && !job->args.q.common.quiet)
        eval_note_controls(e);
    return st;
}

/* Whether the file is read, as a part of what the release is made from. */
static enum phi_status check_read(const struct release_job *job,
                                  const char *path, struct phi_err *err)
{
    const struct release_args *a = &job->args;
    const char *const read[] = {a->eval.text, a->recipe, a->q.imatrix};
    enum phi_status st = phi_adapted_not_input(&job->q.model, path, err);

    for (size_t i = 0; st == PHI_OK && i < sizeof(read) / sizeof(read[0]); i++)
        st = phi_output_not_path(path, read[i], err);
    return st == PHI_OK ? st
                        : phi_hint(err, "a folder is replaced as a whole: "
                                        "choose another name");
}

/* A folder that may go holds nothing that is read. */
static enum phi_status check_folder(const struct release_job *job,
                                    const char *dir, struct phi_err *err)
{
    struct phi_names names = {0};
    enum phi_status st = PHI_OK;

    if (job->args.q.force && phi_path_may_be(dir, PHI_PATH_DIR))
        st = phi_folder_list(&names, dir, err);
    for (size_t i = 0; st == PHI_OK && i < names.n; i++) {
        char *path = phi_path_join(dir, names.v[i], err);

        st = path != NULL ? check_read(job, path, err) : PHI_E_NOMEM;
        free(path);
    }
    phi_names_release(&names);
    return st;
}

/* Nothing is to be replaced at the end that may not be. */
static enum phi_status check_places(const struct release_job *job,
                                    struct phi_err *err)
{
    char *failed;
    enum phi_status st = check_folder(job, job->args.q.output, err);

    if (st != PHI_OK || !job->args.keep_failed)
        return st;
    failed = release_failed_path(job, err);
    if (failed == NULL)
        return PHI_E_NOMEM;
    st = check_folder(job, failed, err);
    if (st == PHI_OK && !job->args.q.force &&
        phi_path_kind(failed) != PHI_PATH_NONE) {
        phi_fail(err, PHI_E_ARG, "%s: exists already", failed);
        st = phi_hint(err, "--force replaces it");
    }
    free(failed);
    return st;
}

enum phi_status release_prepare(struct release_job *job, struct phi_err *err)
{
    const char *dir = job->args.q.output;
    enum phi_status st = quantize_open(&job->q, err);

    if (st == PHI_OK)
        st = release_make_names(job, err);
    if (st == PHI_OK && dir != NULL)
        st = name_targets(job, dir, err);
    if (st == PHI_OK)
        st = quantize_make_plans(&job->q, err);
    if (st == PHI_OK)
        st = check_part_names(job, err);
    if (st == PHI_OK && !job->args.q.common.quiet)
        quantize_print_notes(&job->q);
    if (st != PHI_OK || job->args.q.dry_run)
        return st;
    if ((st = check_places(job, err)) != PHI_OK ||
        (st = open_reference(job, err)) != PHI_OK ||
        (st = try_text(job, err)) != PHI_OK)
        return st;
    return release_scan_licences(job, err);
}

/* ---- the models ---------------------------------------------------------- */

/* Messages name the folder that the user has named. */
static enum phi_status say_target(const struct release_job *job,
                                  enum phi_status st, struct phi_err *err)
{
    const struct phi_err was = *err;
    const char *at = job->temp != NULL ? strstr(was.msg, job->temp) : NULL;

    if (st != PHI_OK && at != NULL)
        snprintf(err->msg, sizeof(err->msg), "%.*s%s%s", (int)(at - was.msg),
                 was.msg, job->args.q.output, at + strlen(job->temp));
    return st;
}

static enum phi_status begin_folder(struct release_job *job,
                                    struct phi_err *err)
{
    const struct phi_output_folder_options options = {
        .replace = job->args.q.force, .marker = RELEASE_MANIFEST};
    enum phi_status st =
        phi_output_folder_open(&job->folder, job->args.q.output, &options, err);

    if (st != PHI_OK)
        return st;
    job->temp = phi_output_folder_temp(job->folder, err);
    return job->temp != NULL ? name_targets(job, job->temp, err) : PHI_E_NOMEM;
}

/* The outputs as they can be read now; the first part of a split one. */
static enum phi_status open_outputs(struct release_job *job,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    job->models = phi_alloc(job->n + 1, sizeof(*job->models), err);
    job->names = phi_alloc(job->n + 1, sizeof(*job->names), err);
    if (job->models == NULL || job->names == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct quantize_target *t = &job->q.targets[i];
        char *first = phi_gguf_part_path(&t->parts, t->path, 0, err);

        if (first == NULL)
            return PHI_E_NOMEM;
        free(job->outputs[i].file);
        job->outputs[i].file = phi_strdup(phi_path_base(first), err);
        if (job->outputs[i].file == NULL)
            st = PHI_E_NOMEM;
        if (st == PHI_OK)
            st = phi_model_open(&job->models[i], first, err);
        if (st == PHI_OK)
            phi_pack_use_crc32(job->models[i],
                               phi_crc32_kernel(job->q.features));
        free(first);
        job->names[i] = job->outputs[i].file;
    }
    job->models[job->n] = reference_of(job);
    job->names[job->n] = job->title;
    return st;
}

/* SHA-256 of all tensors, of the outputs and of the source. */
static enum phi_status hash_tensors(struct release_job *job,
                                    struct phi_err *err)
{
    const size_t nthreads = (size_t)job->args.q.common.threads;
    struct progress progress;
    const struct phi_monitor monitor = progress_monitor(&progress);
    char(*hex)[PHI_SHA256_HEX] =
        phi_alloc(job->q.source->ntensors, sizeof(*hex), err);
    enum phi_status st = PHI_E_NOMEM;

    progress_begin(&progress, job->args.q.common.progress, "hash", "B");
    if (hex != NULL)
        st = phi_source_hash(job->q.source, nthreads, &monitor, hex, err);
    if (st == PHI_OK)
        st =
            phi_source_digest(job->q.source, (const char(*)[PHI_SHA256_HEX])hex,
                              job->source_digest, err);
    free(hex);
    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        struct release_output *o = &job->outputs[i];
        const struct phi_source *s = job->models[i];

        progress_more(&progress);
        o->hex = phi_alloc(s->ntensors, sizeof(*o->hex), err);
        st = o->hex != NULL
                 ? phi_source_hash(s, nthreads, &monitor, o->hex, err)
                 : PHI_E_NOMEM;
        if (st == PHI_OK)
            st = phi_source_digest(s, (const char(*)[PHI_SHA256_HEX])o->hex,
                                   o->digest, err);
    }
    progress_end(&progress);
    return st;
}

static enum phi_status measure(struct release_job *job, struct phi_err *err)
{
    struct eval_job *e = &job->eval;
    enum phi_status st;

    e->models = (const struct phi_source *const *)job->models;
    e->names = e->labels = job->names;
    e->n = job->n;
    if ((st = eval_read_text(e, err)) != PHI_OK ||
        (st = eval_run(e, err)) != PHI_OK)
        return st;
    e->report.title = job->title;
    e->report.text = phi_path_base(job->args.eval.text);
    if ((st = eval_gates_judge(&e->gates, &e->report, err)) != PHI_OK ||
        (st = hash_tensors(job, err)) != PHI_OK)
        return st;
    job->passed = true;
    for (size_t i = 0; i < e->gates.n; i++)
        job->passed = job->passed && e->gates.gate[i].passed;
    return eval_unchanged(e, err);
}

enum phi_status release_make(struct release_job *job, struct phi_err *err)
{
    enum phi_status st = begin_folder(job, err);

    job->q.within = true;
    if (st == PHI_OK)
        st = quantize_write_files(&job->q, err);
    if (st == PHI_OK)
        st = open_outputs(job, err);
    if (st == PHI_OK)
        st = measure(job, err);
    return say_target(job, st, err);
}

/* ---- the folder ---------------------------------------------------------- */

static enum phi_status put_in_place(struct release_job *job,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (!job->passed) {
        char *path = release_failed_path(job, err);

        if (path == NULL)
            return PHI_E_NOMEM;
        st = phi_output_folder_rename(job->folder, path, err);
        free(path);
    }
    if (st == PHI_OK)
        st = phi_output_folder_sync(job->folder, err);
    if (st == PHI_OK)
        st = phi_output_folder_publish(job->folder, err);
    if (st == PHI_OK)
        st = phi_output_folder_settle(job->folder, err);
    return st;
}

enum phi_status release_finish(struct release_job *job, struct phi_err *err)
{
    enum phi_status st;

    if (!job->passed && !job->args.keep_failed)
        return PHI_OK;
    if ((st = release_add_outputs(job, err)) == PHI_OK &&
        (st = release_add_licences(job, err)) == PHI_OK &&
        (st = release_add_report(job, err)) == PHI_OK &&
        (st = release_add_card(job, err)) == PHI_OK &&
        (st = release_add_manifest(job, err)) == PHI_OK)
        st = release_add_sums(job, err);
    if (st == PHI_OK)
        st = put_in_place(job, err);
    return say_target(job, st, err);
}

void release_job_release(struct release_job *job)
{
    for (size_t i = 0; job->models != NULL && i < job->n; i++)
        phi_source_close(job->models[i]);
    phi_source_close(job->values);
    for (size_t i = 0; i < job->n; i++) {
        free(job->outputs[i].label);
        free(job->outputs[i].file);
        free(job->outputs[i].hex);
    }
    eval_job_release(&job->eval);
    quantize_release(&job->q);
    recipe_file_release(&job->recipe);
    phi_output_folder_close(job->folder);
    release_folder_release(job);
    phi_buf_release(&job->manifest);
    free(job->outputs);
    free(job->types.v);
    free(job->own);
    free(job->models);
    free(job->names);
    free(job->title);
    free(job->name);
    free(job->temp);
}

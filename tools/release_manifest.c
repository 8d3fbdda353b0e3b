/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tools/release_manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "formats/merged_identity.h"
#include "libconv/base/file.h"
#include "libconv/convert/provenance.h"
#include "tools/json_layout.h"
#include "tools/release_card.h"
#include "tools/release_folder.h"
#include "tools/release_names.h"
#include "tools/version.h"

/* The last second of year 9999. */
#define MAX_EPOCH 253402300799

enum phi_status release_date(char out[32], struct phi_err *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    long long seconds;
    time_t t;
    struct tm tm;

    out[0] = '\0';
    if (text == NULL || text[0] == '\0')
        return PHI_OK;
    errno = 0;
    seconds = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' ||
        seconds > MAX_EPOCH)
        return phi_fail(err, PHI_E_ARG,
                        "SOURCE_DATE_EPOCH=%s: expected seconds since 1970",
                        text);
    t = (time_t)seconds;
    if (gmtime_r(&t, &tm) == NULL ||
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return phi_fail(err, PHI_E_ARG, "SOURCE_DATE_EPOCH=%s: is no date",
                        text);
    return PHI_OK;
}

/* ---- what went in -------------------------------------------------------- */

static void put_tool(struct json_out *j)
{
    json_open(j, "tool", '{');
    json_str(j, "name", "phiconv");
    json_str(j, "version", PHICONV_VERSION);
    json_close(j, '}');
}

static void put_model(struct json_out *j, const struct release_job *job)
{
    const struct phi_meta *meta = &job->q.shapes->meta;
    const char *license = NULL;
    const char *architecture = NULL;

    phi_meta_opt_str(meta, "general.license", &license, NULL);
    phi_meta_opt_str(meta, "general.architecture", &architecture, NULL);
    json_open(j, "model", '{');
    json_str(j, "name", job->title);
    if (architecture != NULL)
        json_str(j, "architecture", architecture);
    if (license != NULL)
        json_str(j, "license", license);
    json_open(j, "base_models", '[');
    for (size_t i = 0; release_base_model(job, i) != NULL; i++)
        json_str(j, NULL, release_base_model(job, i));
    json_close(j, ']');
    json_close(j, '}');
}

static void put_source(struct json_out *j, const struct release_job *job)
{
    const struct phi_source *s = job->q.source;
    const char *name = NULL;

    phi_meta_opt_str(&s->meta, "general.name", &name, NULL);
    json_open(j, "source", '{');
    if (name != NULL)
        json_str(j, "name", name);
    json_str(j, "format", s->format);
    json_uint(j, "tensors", s->ntensors);
    json_str(j, "digest", job->source_digest);
    json_open(j, "files", '[');
    for (size_t i = 0; i < s->nfiles; i++) {
        json_open(j, NULL, '{');
        json_str(j, "name", s->files[i].name);
        json_uint(j, "bytes", s->files[i].nbytes);
        json_str(j, "sha256", job->q.sha256[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void put_adapters(struct json_out *j, const struct release_job *job)
{
    json_open(j, "adapters", '[');
    for (size_t i = 0; i < job->q.model.n; i++) {
        const struct phi_provenance_adapter *a = &job->q.adapters[i];
        struct phi_buf name = {0};

        phi_adapter_label(&name, job->q.words.v[i].path);
        json_open(j, NULL, '{');
        json_str_n(j, "name", (const char *)name.p, name.n);
        json_num(j, "scale", a->scale);
        json_str(j, "sha256", a->sha256);
        if (a->config_sha256[0] != '\0')
            json_str(j, "config_sha256", a->config_sha256);
        else
            json_null(j, "config_sha256");
        json_close(j, '}');
        phi_buf_release(&name);
    }
    json_close(j, ']');
}

static void put_imatrix(struct json_out *j, const struct release_job *job)
{
    const struct phi_imatrix *m = &job->q.imatrix;

    if (job->args.q.imatrix == NULL) {
        json_null(j, "imatrix");
        return;
    }
    json_open(j, "imatrix", '{');
    json_str(j, "name", phi_path_base(m->path));
    json_str(j, "sha256", m->sha256);
    json_uint(j, "entries", m->nentries);
    json_uint(j, "chunks", m->nchunks);
    json_close(j, '}');
}

static void put_options(struct json_out *j, const struct release_job *job)
{
    const struct quantize_args *a = &job->args.q;

    json_open(j, "options", '{');
    json_bool(j, "allow_requantize", a->allow_requantize);
    json_bool(j, "dequantize_base", a->lora.dequantize);
    json_bool(j, "strict", a->strict);
    json_uint(j, "split_max_size", a->split_max_size);
    json_uint(j, "split_max_tensors", a->split_max_tensors);
    put_imatrix(j, job);
    json_close(j, '}');
}

/* What the program was made with; nothing of the machine that it ran on. */
static void put_environment(struct json_out *j)
{
    json_open(j, "environment", '{');
#ifdef __VERSION__
    json_str(j, "compiler", __VERSION__);
#else
    json_null(j, "compiler");
#endif
#if defined(__x86_64__)
    json_str(j, "architecture", "x86_64");
#elif defined(__aarch64__)
    json_str(j, "architecture", "aarch64");
#else
    json_str(j, "architecture", "other");
#endif
    json_close(j, '}');
}

/* ---- what came out ------------------------------------------------------- */

static void put_tensors(struct json_out *j, const struct release_job *job,
                        size_t i)
{
    const struct phi_source *s = job->models[i];

    json_open(j, "tensors", '[');
    for (size_t k = 0; k < s->ntensors; k++) {
        const struct phi_tensor *t = &s->tensors[k];

        json_open(j, NULL, '{');
        json_str(j, "name", t->name);
        json_str(j, "type", phi_dtype_info(t->dtype)->name);
        json_open(j, "shape", '[');
        for (uint32_t d = 0; d < t->rank; d++)
            json_uint(j, NULL, t->dim[d]);
        json_close(j, ']');
        json_uint(j, "bytes", t->nbytes);
        json_str(j, "sha256", job->outputs[i].hex[k]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static enum phi_status put_output(struct json_out *j,
                                  const struct release_job *job, size_t i,
                                  struct phi_err *err)
{
    const struct quantize_target *t = &job->q.targets[i];
    const struct phi_eval_result *res = &job->eval.eval.results[i];
    struct phi_recipe recipe = t->recipe->recipe;
    char *text;

    recipe.type = t->type;
    text = phi_recipe_text(&recipe, err);
    if (text == NULL)
        return PHI_E_NOMEM;
    json_open(j, NULL, '{');
    json_str(j, "type", job->outputs[i].type);
    json_str(j, "recipe", text);
    free(text);
    json_open(j, "files", '[');
    for (size_t k = 0; k < t->parts.n; k++) {
        char *path = phi_gguf_part_path(&t->parts, t->path, k, err);

        if (path == NULL)
            return PHI_E_NOMEM;
        json_str(j, NULL, phi_path_base(path));
        free(path);
    }
    json_close(j, ']');
    json_uint(j, "bytes", t->nbytes);
    json_num(j, "bits_per_weight", phi_plan_bits(&t->plan));
    json_open(j, "results", '{');
    eval_json_perplexity(j, res);
    eval_json_divergence(j, &res->against);
    json_close(j, '}');
    json_str(j, "digest", job->outputs[i].digest);
    put_tensors(j, job, i);
    json_close(j, '}');
    return PHI_OK;
}

static void put_evaluation(struct json_out *j, const struct release_job *job)
{
    const struct eval_job *e = &job->eval;

    json_open(j, "evaluation", '{');
    json_open(j, "text", '{');
    json_str(j, "name", e->report.text);
    json_uint(j, "bytes", e->text_nbytes);
    json_str(j, "sha256", e->text_sha256);
    json_uint(j, "tokens", e->tokens.n);
    if (e->controls.n > 0)
        eval_json_controls(j, &e->controls);
    json_close(j, '}');
    json_uint(j, "n_ctx", e->report.n_ctx);
    json_uint(j, "window_step", e->eval.step);
    json_uint(j, "windows", e->eval.nwindows);
    json_uint(j, "windows_planned", e->eval.nplanned);
    json_uint(j, "scored", e->eval.scored);
    json_str(j, "act", e->report.act);
    json_str(j, "gate_on", e->report.on_mean ? "mean" : "ci");
    json_bool(j, "early_stop", e->report.early);
    json_open(j, "source", '{');
    eval_json_perplexity(j, &e->eval.results[job->n]);
    json_close(j, '}');
    json_close(j, '}');
}

static void put_files(struct json_out *j, const struct release_job *job)
{
    json_open(j, "files", '[');
    for (size_t i = 0; i < job->nfiles; i++) {
        json_open(j, NULL, '{');
        json_str(j, "name", job->files[i].name);
        json_uint(j, "bytes", job->files[i].nbytes);
        json_str(j, "sha256", job->files[i].sha256);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static enum phi_status put_all(struct json_out *j,
                               const struct release_job *job,
                               struct phi_err *err)
{
    char date[32];
    enum phi_status st = release_date(date, err);

    if (st != PHI_OK)
        return st;
    json_open(j, NULL, '{');
    json_str(j, "schema", RELEASE_SCHEMA);
    put_tool(j);
    if (date[0] != '\0')
        json_str(j, "date", date);
    else
        json_null(j, "date");
    put_model(j, job);
    put_source(j, job);
    put_adapters(j, job);
    put_options(j, job);
    put_evaluation(j, job);
    json_open(j, "outputs", '[');
    for (size_t i = 0; st == PHI_OK && i < job->n; i++)
        st = put_output(j, job, i, err);
    json_close(j, ']');
    eval_gates_json(j, &job->eval.gates);
    put_environment(j);
    put_files(j, job);
    json_close(j, '}');
    return st;
}

static enum phi_status make_text(struct phi_buf *text,
                                 const struct release_job *job,
                                 struct phi_err *err)
{
    struct json_out j = {0};
    enum phi_status st = put_all(&j, job, err);

    if (st == PHI_OK)
        st = phi_buf_status(&j.buf, err);
    if (st == PHI_OK)
        json_lay_out(text, &j.buf);
    phi_buf_release(&j.buf);
    return st == PHI_OK ? phi_buf_status(text, err) : st;
}

enum phi_status release_add_manifest(struct release_job *job,
                                     struct phi_err *err)
{
    const enum phi_status st = make_text(&job->manifest, job, err);

    if (st != PHI_OK)
        return st;
    return release_add_text(job, RELEASE_MANIFEST, &job->manifest, err);
}

/* One that was refused has none yet. */
enum phi_status release_print_manifest(struct release_job *job,
                                       struct phi_err *err)
{
    const enum phi_status st =
        job->manifest.n > 0 ? PHI_OK : make_text(&job->manifest, job, err);

    if (st == PHI_OK)
        fwrite(job->manifest.p, 1, job->manifest.n, stdout);
    return st;
}

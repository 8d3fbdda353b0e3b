/* SPDX-License-Identifier: MIT */
/* phiconv.inspect/1. */
#include "libconv/quant/file_type.h"
#include "tools/inspect_print.h"
#include "tools/inspect_value.h"
#include "tools/report.h"

static void put_fact(void *ctx, const char *label, const char *json,
                     const struct phi_kv *kv)
{
    (void)label;
    value_json(ctx, json, kv);
}

static void put_types(struct json_out *j, const struct inspect_job *job)
{
    json_open(j, "types", '[');
    for (int i = 0; i < PHI_NDTYPES; i++) {
        const struct inspect_type *t = &job->types[i];

        if (t->tensors == 0)
            continue;
        json_open(j, NULL, '{');
        json_str(j, "type", phi_dtype_info((enum phi_dtype)i)->name);
        json_uint(j, "tensors", t->tensors);
        json_uint(j, "parameters", t->weights);
        json_uint(j, "bytes", t->nbytes);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_summary(struct json_out *j, const struct inspect_job *job)
{
    uint64_t file_type = UINT64_MAX;

    json_open(j, "summary", '{');
    json_str(j, "kind", inspect_kind(job));
    inspect_facts(job, put_fact, j);
    if (phi_meta_opt_uint(&job->source->meta, "general.file_type", UINT32_MAX,
                          &file_type, NULL) == PHI_OK &&
        file_type != UINT64_MAX)
        json_str(j, "file_type", phi_file_type_name(file_type));
    if (inspect_vocabulary(job) > 0)
        json_uint(j, "vocabulary", inspect_vocabulary(job));
    json_bool(j, "chat_template", inspect_has_template(job));
    json_uint(j, "parameters", job->weights);
    json_uint(j, "tensor_bytes", job->tensor_nbytes);
    json_uint(j, "file_bytes", job->file_nbytes);
    json_num(j, "bits_per_weight", inspect_bits(job));
    put_types(j, job);
    json_close(j, '}');
}

static void put_tensors(struct json_out *j, const struct inspect_job *job)
{
    const struct phi_source *s = job->source;

    json_open(j, "tensors", '[');
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];

        json_open(j, NULL, '{');
        json_str(j, "name", t->name);
        json_str(j, "origin", t->origin);
        json_str(j, "type", phi_dtype_info(t->dtype)->name);
        json_open(j, "shape", '[');
        for (uint32_t d = 0; d < t->rank; d++)
            json_uint(j, NULL, t->dim[d]);
        json_close(j, ']');
        json_uint(j, "bytes", t->nbytes);
        json_str(j, "file", s->files[t->part].name);
        json_uint(j, "offset", inspect_offset(job, i));
        json_bool(j, "shared", job->shared[i]);
        if (job->hex != NULL)
            json_str(j, "sha256", job->hex[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

enum phi_status inspect_print_json(const struct inspect_job *job,
                                   struct phi_err *err)
{
    const struct phi_source *s = job->source;
    struct json_out j = {0};
    char root[PHI_SHA256_HEX];

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.inspect/1");
    json_str(&j, "path", job->path);
    json_str(&j, "format", s->format);
    if (job->why.status != PHI_OK)
        json_str(&j, "not_convertible", job->why.msg);
    else
        json_null(&j, "not_convertible");
    json_open(&j, "files", '[');
    for (size_t i = 0; i < s->nfiles; i++) {
        json_open(&j, NULL, '{');
        json_str(&j, "name", s->files[i].name);
        json_uint(&j, "bytes",
                  s->nfiles == 1 ? job->file_nbytes : s->files[i].nbytes);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    put_summary(&j, job);
    if (inspect_root(job, root))
        json_str(&j, "root", root);
    json_open(&j, "metadata", '{');
    for (size_t i = 0; i < s->meta.n; i++)
        value_json(&j, s->meta.kv[i].key, &s->meta.kv[i]);
    json_close(&j, '}');
    put_tensors(&j, job);
    if (job->hex != NULL)
        json_str(&j, "digest", job->digest);
    json_close(&j, '}');
    return json_finish(&j, err);
}

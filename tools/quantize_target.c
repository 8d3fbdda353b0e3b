/* SPDX-License-Identifier: MIT */
#include "tools/quantize_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_sink.h"
#include "formats/pack.h"
#include "formats/pack_sink.h"
#include "libconv/base/ascii.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/tensor/sink_order.h"
#include "tools/signals.h"

/* That are offered to somebody who misspelt one. */
#define MAX_TYPES 64

bool quantize_word_packed(const char *word, size_t n, const char **type,
                          size_t *ntype)
{
    static const char name[] = "pack";
    const size_t k = sizeof(name) - 1;

    *type = word;
    *ntype = n;
    if (n < k || strncmp(word, name, k) != 0 || (n > k && word[k] != ':'))
        return false;
    *type = n > k ? word + k + 1 : "copy";
    *ntype = n > k ? n - k - 1 : 4;
    return true;
}

enum phi_status quantize_word_type(const struct phi_file_type **out,
                                   bool *packed, const char *word, size_t n,
                                   struct phi_err *err)
{
    char name[32]; /* longer than any */
    const char *names[MAX_TYPES];
    const char *type;
    const char *near;
    size_t ntype;
    size_t k = 0;

    *packed = quantize_word_packed(word, n, &type, &ntype);
    snprintf(name, sizeof(name), "%.*s", (int)ntype, type);
    *out = phi_file_type_find(name);
    if (*out != NULL)
        return PHI_OK;
    for (; phi_file_type_at(k) != NULL && k < MAX_TYPES; k++)
        names[k] = phi_file_type_at(k)->name;
    near = nearest_word(name, names, k);
    if (near != NULL)
        return phi_fail(err, PHI_E_ARG, "unknown type \"%s\", did you mean %s?",
                        name, near);
    return phi_fail(err, PHI_E_ARG, "unknown type \"%s\"", name);
}

int quantize_check_format(const struct quantize_job *job,
                          const struct quantize_target *t, const char *path)
{
    const struct quantize_args *a = &job->args;

    if (t->packed && (a->split_max_size > 0 || a->split_max_tensors > 0))
        return usage_error(job->cmd, "-t %s: packed files are not split",
                           t->label);
    if (path != NULL && !t->packed && phi_ends(path, PHI_PACK_SUFFIX))
        return usage_error(job->cmd,
                           "%s: is named like a packed file: -t pack:%s=%s",
                           path, t->label, path);
    if (path != NULL && t->packed && phi_ends(path, ".gguf"))
        return usage_error(job->cmd,
                           "%s: is named like a GGUF file, but -t %s is packed",
                           path, t->label);
    return -1;
}

/* Only the container changes: metadata, and tensors in the order of the
 * source. */
static enum phi_status plan_copy(const struct quantize_job *job,
                                 struct quantize_target *t, struct phi_err *err)
{
    const bool split =
        job->args.split_max_size > 0 || job->args.split_max_tensors > 0;
    size_t *map;
    enum phi_status st;

    if (!t->type->copy || job->model.n > 0 || split)
        return PHI_OK;
    map = phi_plan_map(&t->plan, err);
    if (map == NULL)
        return PHI_E_NOMEM;
    st = phi_gguf_copy_make(&t->copy, job->source, t->packed, t->plan.tensors,
                            map, t->plan.n, err);
    if (st != PHI_OK || t->copy.head == NULL)
        return st;
    t->copied = true;
    phi_meta_release(&t->plan.meta);
    return phi_meta_copy(&t->plan.meta, &job->source->meta, err);
}

static const struct phi_sink_tensor *list_of(const struct quantize_target *t)
{
    return t->copied ? t->copy.listed : t->plan.tensors;
}

static struct phi_pack_options pack_options(const struct quantize_job *job,
                                            const struct quantize_target *t)
{
    return (struct phi_pack_options){
        .replace = job->args.force,
        .planes = job->args.pack_planes,
        /* An adapter's tokenizer would stand beside the base's. */
        .origin = job->model.tokenizer == NULL ? job->source : NULL,
        .published = job->published,
        .head = t->copy.head,
        .head_nbytes = t->copy.head_nbytes,
        .gguf_nbytes = t->copy.gguf_nbytes,
        .reserve = !job->args.no_provenance,
        .crc32 = phi_crc32_kernel(job->features),
        .nthreads = (size_t)job->args.common.threads,
        .monitor = &signals_monitor};
}

static struct phi_gguf_options gguf_options(const struct quantize_job *job,
                                            const struct quantize_target *t)
{
    return (struct phi_gguf_options){.replace = job->args.force,
                                     .reserve =
                                         !job->args.no_provenance && !t->copied,
                                     .split = job->split,
                                     .head = t->copy.head,
                                     .head_nbytes = t->copy.head_nbytes};
}

enum phi_status quantize_plan_format(struct quantize_job *job,
                                     struct quantize_target *t,
                                     struct phi_err *err)
{
    const char *path = t->path != NULL ? t->path : t->packed ? "pack" : "GGUF";
    struct phi_gguf_options gguf;
    enum phi_status st = plan_copy(job, t, err);

    if (st != PHI_OK)
        return st;
    if (t->packed) {
        const struct phi_pack_options opt = pack_options(job, t);

        st = phi_pack_sink_plan(&t->inner, path, &t->plan.meta, list_of(t),
                                t->plan.n, &opt, err);
        if (st == PHI_OK)
            t->nbytes = t->inner->nbytes;
        return st;
    }
    gguf = gguf_options(job, t);
    return phi_gguf_sink_size(&t->nbytes, path, &t->plan.meta, list_of(t),
                              t->plan.n, &gguf, err);
}

enum phi_status quantize_name_target(struct quantize_target *t, char *path,
                                     struct phi_err *err)
{
    free(t->path);
    t->path = path;
    /* A sink that was planned has its own copy. */
    if (t->packed && t->inner != NULL)
        return phi_pack_sink_rename(t->inner, path, err);
    return PHI_OK;
}

enum phi_status quantize_open_format(const struct quantize_job *job,
                                     struct quantize_target *t,
                                     struct phi_err *err)
{
    const struct phi_gguf_options gguf = gguf_options(job, t);
    enum phi_status st;

    if (t->packed)
        st = phi_pack_sink_begin(t->inner, err);
    else
        st = phi_gguf_sink_open(&t->inner, t->path, &t->plan.meta, list_of(t),
                                t->plan.n, &gguf, err);
    if (st != PHI_OK)
        return st;
    if (!t->copied) {
        t->sink = t->inner;
        return PHI_OK;
    }
    st = phi_sink_reorder(&t->sink, t->inner, t->copy.map, t->plan.n, err);
    if (st != PHI_OK)
        t->inner = NULL; /* it is closed */
    return st;
}

void quantize_release_format(struct quantize_target *t)
{
    phi_sink_close(t->sink != NULL ? t->sink : t->inner);
    free(t->label);
    phi_gguf_copy_release(&t->copy);
}

/* SPDX-License-Identifier: MIT */
#include "formats/gguf_split.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

/* split.count is a uint16. */
#define MAX_PARTS UINT16_MAX

/*
 * Whether tensor i begins a new part after one with `nbytes` of `count`
 * tensors. gguf-split counts tensors from the model's first, bytes from the
 * part's.
 */
static bool begins(const struct phi_gguf_split *s, size_t i, uint64_t nbytes,
                   size_t count, uint64_t more)
{
    uint64_t sum;

    if (count == 0)
        return false;
    if (s->max_tensors > 0 && i % s->max_tensors == 0)
        return true;
    return s->max_nbytes > 0 &&
           (!phi_add_u64(nbytes, more, &sum) || sum > s->max_nbytes);
}

static enum phi_status end_part(struct phi_gguf_parts *p, size_t *cap,
                                size_t end, struct phi_err *err)
{
    void *v = p->end;
    enum phi_status st;

    if (p->n == MAX_PARTS)
        return phi_fail(err, PHI_E_ARG,
                        "would be split into more than %u files, which is what "
                        "GGUF can count",
                        (unsigned)MAX_PARTS);
    st = phi_grow(&v, cap, p->n + 1, sizeof(*p->end), err);
    if (st != PHI_OK)
        return st;
    p->end = v;
    p->end[p->n++] = end;
    return PHI_OK;
}

enum phi_status phi_gguf_parts_make(struct phi_gguf_parts *out,
                                    const struct phi_gguf_split *split,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, struct phi_err *err)
{
    struct phi_gguf_parts p = {.split = split->max_nbytes > 0 ||
                                        split->max_tensors > 0};
    enum phi_status st = PHI_OK;
    uint64_t nbytes = 0;
    size_t count = 0;
    size_t cap = 0;

    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        /* gguf-split counts with this alignment, whatever the file's. */
        uint64_t padded;

        if (!phi_align_u64(tensors[i].nbytes, PHI_GGUF_ALIGN, &padded))
            padded = UINT64_MAX;
        if (begins(split, i, nbytes, count, padded)) {
            st = end_part(&p, &cap, i, err);
            nbytes = count = 0;
        }
        if (!phi_add_u64(nbytes, padded, &nbytes))
            nbytes = UINT64_MAX;
        count++;
    }
    if (st == PHI_OK)
        st = end_part(&p, &cap, n, err);
    if (st != PHI_OK)
        phi_gguf_parts_release(&p);
    *out = p;
    return st;
}

void phi_gguf_parts_release(struct phi_gguf_parts *p)
{
    free(p->end);
    *p = (struct phi_gguf_parts){0};
}

char *phi_gguf_part_path(const struct phi_gguf_parts *p, const char *path,
                         size_t i, struct phi_err *err)
{
    static const char suffix[] = ".gguf";
    size_t n = strlen(path);

    if (!p->split)
        return phi_strdup(path, err);
    if (n > sizeof(suffix) - 1 &&
        strcmp(path + n - (sizeof(suffix) - 1), suffix) == 0)
        n -= sizeof(suffix) - 1;
    return phi_sprintf(err, "%.*s-%05zu-of-%05zu%s", (int)n, path, i + 1, p->n,
                       suffix);
}

enum phi_status phi_gguf_part_meta(struct phi_meta *out,
                                   const struct phi_gguf_parts *p,
                                   const struct phi_meta *meta, size_t i,
                                   size_t ntensors, struct phi_err *err)
{
    static const char align[] = "general.alignment";
    const struct phi_kv *kv = phi_meta_find(meta, align);
    enum phi_status st = PHI_OK;

    *out = (struct phi_meta){0};
    if (i == 0)
        st = phi_meta_copy(out, meta, err);
    else if (kv != NULL) /* without it, offsets would be read as 32's */
        st = phi_meta_set_u(out, align, kv->type, kv->v.u, err);
    if (!p->split || st != PHI_OK)
        goto out;
    /* gguf-split's order. */
    if ((st = phi_meta_set_u(out, "split.no", PHI_KV_U16, i, err)) == PHI_OK &&
        (st = phi_meta_set_i(out, "split.tensors.count", PHI_KV_I32,
                             (int64_t)ntensors, err)) == PHI_OK)
        st = phi_meta_set_u(out, "split.count", PHI_KV_U16, p->n, err);
out:
    if (st != PHI_OK)
        phi_meta_release(out);
    return st;
}

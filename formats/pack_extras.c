/* SPDX-License-Identifier: MIT */
#include "formats/pack_extras.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/hf_index.h"
#include "formats/hf_side_files.h"
#include "formats/pack_origin.h"
#include "formats/pack_source.h"
#include "libconv/base/deflate.h"
#include "libconv/base/file.h"
#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"

/* Sections of files; beside them are head, tensors, chunks, origin and data. */
#define FILE_SECTIONS (PHI_PACK_MAX_SECTIONS - 5)

void phi_pack_extras_release(struct phi_pack_extras *x)
{
    for (size_t i = 0; x->parts != NULL && i < x->n; i++) {
        free(x->parts[i].head.name);
        phi_buf_release(&x->bufs[i]);
    }
    free(x->parts);
    free(x->bufs);
    phi_hf_side_files_release(&x->files);
    *x = (struct phi_pack_extras){0};
}

/* Section i, deflated if that is shorter. */
static enum phi_status fill(struct phi_pack_extras *x, size_t i, uint32_t kind,
                            const char *name, const uint8_t *bytes, size_t n,
                            struct phi_tally *tally, struct phi_err *err)
{
    struct phi_pack_part *p = &x->parts[i];
    struct phi_buf *b = &x->bufs[i];
    enum phi_status st;

    if (n > PHI_PACK_MAX_PLAIN)
        return phi_fail(err, PHI_E_ARG,
                        "\"%.*s\" has %zu bytes, at most %u can be packed",
                        PHI_ERR_NAME, name, n, PHI_PACK_MAX_PLAIN);
    p->head = (struct phi_pack_section){
        .kind = kind, .codec = PHI_PACK_ZLIB, .plain = n};
    p->head.name = phi_strdup(name, err);
    if (p->head.name == NULL)
        return PHI_E_NOMEM;
    st = phi_deflate(b, bytes, n, 0, 0, tally, err);
    if (st == PHI_OK && b->n >= n) {
        phi_buf_release(b);
        phi_buf_put(b, bytes, n);
        p->head.codec = PHI_PACK_PLAIN;
        st = phi_buf_status(b, err);
    }
    p->head.stored = b->n;
    p->bytes = b->p;
    return st;
}

enum phi_status phi_pack_extras_deflate(struct phi_pack_extras *x, size_t i,
                                        struct phi_tally *tally,
                                        struct phi_err *err)
{
    const struct phi_hf_side_item *item = &x->files.v[i];
    const char *fault = phi_pack_side_fault(item->name, strlen(item->name));
    char *name = phi_sprintf(err, PHI_PACK_FILES "%s", item->name);
    uint8_t *loaded = NULL;
    const uint8_t *bytes = item->bytes;
    size_t n = (size_t)item->nbytes;
    enum phi_status st = name != NULL ? PHI_OK : PHI_E_NOMEM;

    if (st == PHI_OK && fault != NULL)
        st = phi_fail(err, PHI_E_ARG,
                      "the file \"%.*s\" cannot be packed: its name %s",
                      PHI_ERR_NAME, item->name, fault);
    if (st == PHI_OK && bytes == NULL) {
        st = phi_hf_side_item_load(item, PHI_PACK_MAX_PLAIN, &loaded, &n, err);
        bytes = loaded;
    }
    if (st == PHI_OK)
        st = fill(x, 1 + i, PHI_PACK_KIND_FILE, name, bytes, n, tally, err);
    free(loaded);
    free(name);
    return st;
}

/* What a model has is not left out for its name, but refused. */
static bool can_be_packed(const char *name)
{
    return phi_hf_side_files_is_published(name) ||
           phi_pack_side_fault(name, strlen(name)) == NULL;
}

static enum phi_status collect(struct phi_hf_side_files *files,
                               const struct phi_source *origin, bool published,
                               struct phi_err *err)
{
    enum phi_status st;

    if (phi_pack_of(origin) == NULL && published)
        return phi_hf_side_files_scan(files, origin->path, err);
    if (phi_pack_of(origin) == NULL) {
        st = phi_hf_side_files_scan_all(files, origin->path, PHI_PACK_MAX_OTHER,
                                        err);
        return st == PHI_OK ? phi_hf_side_files_keep(files, can_be_packed, err)
                            : st;
    }
    st = phi_pack_side_files(files, origin, err);
    return st == PHI_OK && published
               ? phi_hf_side_files_keep(files, phi_hf_side_files_is_published,
                                        err)
               : st;
}

/* One of the model's own weights, which are packed, or their index. */
static bool is_model(const struct phi_source *s, const char *name)
{
    bool found = strcmp(name, PHI_HF_INDEX) == 0;

    for (size_t i = 0; i < s->nfiles; i++)
        found = found || strcmp(s->files[i].name, name) == 0;
    return found;
}

enum phi_status phi_pack_extras_left(struct phi_names *out,
                                     const struct phi_source *origin,
                                     bool published, struct phi_err *err)
{
    struct phi_hf_side_files found = {0};
    enum phi_status st = PHI_OK;

    if (origin->folder != NULL)
        st = collect(&found, origin, published, err);
    for (size_t i = 0; st == PHI_OK && i < found.left.n; i++) {
        if (!is_model(origin, found.left.v[i]))
            st = phi_names_add(out, found.left.v[i], err);
    }
    phi_hf_side_files_release(&found);
    return st;
}

enum phi_status phi_pack_extras_not_input(const struct phi_source *origin,
                                          const char *path, struct phi_err *err)
{
    struct phi_names names = {0};
    enum phi_status st = PHI_OK;

    if (origin->folder == NULL || phi_pack_of(origin) != NULL ||
        phi_path_kind(path) == PHI_PATH_NONE)
        return PHI_OK;
    st = phi_folder_list(&names, origin->path, err);
    for (size_t i = 0; st == PHI_OK && i < names.n; i++) {
        char *input;

        if (!phi_hf_side_files_is_archived(names.v[i]))
            continue;
        input = phi_path_join(origin->path, names.v[i], err);
        st =
            input != NULL ? phi_output_not_path(path, input, err) : PHI_E_NOMEM;
        free(input);
    }
    phi_names_release(&names);
    return st;
}

/* The names of sections have a limit together. */
static enum phi_status check_names(const struct phi_hf_side_files *files,
                                   struct phi_err *err)
{
    uint64_t n = strlen("head"
                        "tensors"
                        "chunks"
                        "origin"
                        "data");

    for (size_t i = 0; i < files->n; i++)
        n += strlen(PHI_PACK_FILES) + strlen(files->v[i].name);
    if (n > PHI_PACK_MAX_NAMES)
        return phi_fail(err, PHI_E_ARG,
                        "the names of %zu files beside the weights have "
                        "%" PRIu64 " bytes, at most %u can be packed",
                        files->n, n, PHI_PACK_MAX_NAMES);
    return PHI_OK;
}

enum phi_status phi_pack_extras_list(struct phi_pack_extras *out,
                                     const struct phi_source *origin,
                                     bool published,
                                     const struct phi_sink_tensor *tensors,
                                     size_t n, struct phi_err *err)
{
    struct phi_hf_side_files *files = &out->files;
    struct phi_buf places = {0};
    enum phi_status st;

    *out = (struct phi_pack_extras){0};
    if (origin == NULL || origin->folder == NULL)
        return PHI_OK;
    st = collect(files, origin, published, err);
    if (st == PHI_OK && files->n > FILE_SECTIONS)
        st = phi_fail(err, PHI_E_ARG,
                      "%zu files beside the weights, at most %u can be packed",
                      files->n, FILE_SECTIONS);
    if (st == PHI_OK)
        st = check_names(files, err);
    if (st == PHI_OK)
        st = phi_pack_origin_write(&places, origin, tensors, n, err);
    if (st == PHI_OK) {
        out->parts = phi_alloc(files->n + 1, sizeof(*out->parts), err);
        out->bufs = phi_alloc(files->n + 1, sizeof(*out->bufs), err);
        if (out->parts == NULL || out->bufs == NULL)
            st = PHI_E_NOMEM;
    }
    if (st == PHI_OK) {
        out->n = files->n + 1;
        out->nfiles = files->n;
        st = fill(out, 0, PHI_PACK_KIND_ORIGIN, "origin", places.p, places.n,
                  NULL, err);
    }
    phi_buf_release(&places);
    return st;
}

/* SPDX-License-Identifier: MIT */
/* The models: files and tensors as the manifest has them, and no others. */
#include <stdlib.h>
#include <string.h>

#include "formats/magic.h"
#include "formats/model.h"
#include "formats/pack_source.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/tensor/source_hash.h"
#include "tools/progress.h"
#include "tools/relcheck.h"
#include "tools/release_job.h"

/* ---- files --------------------------------------------------------------- */

/* A model is the files that it was opened from: of one that is only named
 * beside them nothing would be looked at. */
static enum phi_status check_files(struct relcheck *c,
                                   const struct relcheck_output *o,
                                   struct phi_err *err)
{
    const struct phi_source *s = o->model;
    struct phi_json item = {0};
    size_t k = 0;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < s->nfiles; i++) {
        struct relcheck_file *f = relcheck_find(c, s->files[i].name);

        if (f != NULL)
            f->opened = true;
    }
    if (phi_json_count(&o->files) != s->nfiles)
        return relcheck_found(c, err,
                              "%s: the number of the model's files is %zu, "
                              "expected %zu as in " RELEASE_MANIFEST,
                              o->first, s->nfiles, phi_json_count(&o->files));
    for (; st == PHI_OK && phi_json_next(&o->files, &item); k++) {
        const char *name = NULL;

        st = phi_json_str(&item, &name, err);
        if (st == PHI_OK && strcmp(name, s->files[k].name) != 0)
            st = relcheck_found(c, err,
                                "%s: file %zu of the model is %.*s, expected "
                                "%.*s as in " RELEASE_MANIFEST,
                                o->first, k + 1, PHI_ERR_NAME, s->files[k].name,
                                PHI_ERR_NAME, name);
    }
    return st;
}

/* Weights that are no output's: nothing but their hash was looked at, and who
 * takes the folder takes them too. */
static enum phi_status check_others(struct relcheck *c, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < c->nfiles; i++) {
        const struct relcheck_file *f = &c->files[i];
        struct phi_file *file = NULL;
        const char *what = NULL;
        char *path;

        if (f->opened)
            continue;
        path = relcheck_path(c, f->name, err);
        st = path != NULL ? phi_file_open(&file, path, err) : PHI_E_NOMEM;
        if (st == PHI_OK)
            st = phi_magic_weights(file, &what, err);
        if (st == PHI_OK && what != NULL)
            st = relcheck_found(c, err, "%s: is %s, and no output's", f->name,
                                what);
        phi_file_close(file);
        free(path);
    }
    return st;
}

/* ---- tensors ------------------------------------------------------------- */

static enum phi_status get_shape(const struct phi_json *item, bool *same,
                                 const struct phi_tensor *t,
                                 struct phi_err *err)
{
    struct phi_json list;
    struct phi_json v = {0};
    uint32_t n = 0;
    enum phi_status st =
        phi_json_get(item, "shape", PHI_JSON_ARRAY, &list, err);

    while (st == PHI_OK && phi_json_next(&list, &v)) {
        uint64_t dim = 0;

        st = phi_json_uint(&v, 0, PHI_JSON_MAX_INT, &dim, err);
        *same = *same && n < t->rank && t->dim[n] == dim;
        n++;
    }
    *same = *same && n == t->rank;
    return st;
}

/* Tensor k of a model, against its entry. */
static enum phi_status check_tensor(struct relcheck *c,
                                    const struct relcheck_output *o, size_t k,
                                    const struct phi_json *item,
                                    const char *hex, struct phi_err *err)
{
    const struct phi_tensor *t = &o->model->tensors[k];
    const char *name = NULL;
    const char *type = NULL;
    const char *sha256 = NULL;
    bool same = true;
    enum phi_status st;

    if ((st = phi_json_get_str(item, "name", &name, err)) != PHI_OK ||
        (st = phi_json_get_str(item, "type", &type, err)) != PHI_OK ||
        (st = phi_json_get_str(item, "sha256", &sha256, err)) != PHI_OK ||
        (st = get_shape(item, &same, t, err)) != PHI_OK)
        return st;
    if (strcmp(name, t->name) != 0)
        return relcheck_found(
            c, err, "%s: tensor %zu is \"%.*s\", expected \"%.*s\"", o->first,
            k, PHI_ERR_NAME, t->name, PHI_ERR_NAME, name);
    if (!same || strcmp(type, phi_dtype_info(t->dtype)->name) != 0)
        return relcheck_found(c, err,
                              "%s: tensor \"%.*s\": has another type or shape "
                              "than in " RELEASE_MANIFEST,
                              o->first, PHI_ERR_NAME, name);
    if (strcmp(sha256, hex) != 0)
        return relcheck_found(c, err,
                              "%s: tensor \"%.*s\": SHA-256 is %s, expected "
                              "%.64s",
                              o->first, PHI_ERR_NAME, name, hex, sha256);
    return PHI_OK;
}

static enum phi_status check_model(struct relcheck *c,
                                   struct relcheck_output *o,
                                   const struct phi_monitor *monitor,
                                   struct phi_err *err)
{
    const size_t n = o->model->ntensors;
    char(*hex)[PHI_SHA256_HEX] = phi_alloc(n, sizeof(*hex), err);
    struct phi_json item = {0};
    size_t k = 0;
    enum phi_status st = PHI_E_NOMEM;

    if (hex != NULL)
        st = phi_source_hash(o->model, (size_t)c->args.common.threads, monitor,
                             hex, err);
    while (st == PHI_OK && k < n && phi_json_next(&o->tensors, &item)) {
        st = check_tensor(c, o, k, &item, hex[k], err);
        k++;
    }
    free(hex);
    if (st == PHI_OK && n != phi_json_count(&o->tensors))
        st = relcheck_found(
            c, err, "%s: has %zu tensors, expected %zu as in " RELEASE_MANIFEST,
            o->first, n, phi_json_count(&o->tensors));
    c->ntensors += n;
    return st;
}

/* ---- all of it ----------------------------------------------------------- */

enum phi_status relcheck_models(struct relcheck *c, struct phi_err *err)
{
    struct progress progress;
    const struct phi_monitor monitor = progress_monitor(&progress);
    enum phi_status st = PHI_OK;

    progress_begin(&progress, c->args.common.progress, "tensors", "B");
    for (size_t i = 0; st == PHI_OK && i < c->n; i++) {
        struct relcheck_output *o = &c->outputs[i];
        char *path = relcheck_path(c, o->first, err);

        st = path != NULL ? phi_model_open(&o->model, path, err) : PHI_E_NOMEM;
        free(path);
        if (st == PHI_OK)
            phi_pack_use_crc32(o->model, phi_crc32_kernel(c->features));
        progress_more(&progress);
        if (st == PHI_OK)
            st = check_files(c, o, err);
        if (st == PHI_OK)
            st = check_model(c, o, &monitor, err);
    }
    progress_end(&progress);
    return st == PHI_OK ? check_others(c, err) : st;
}

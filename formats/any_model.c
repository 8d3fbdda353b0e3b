/* SPDX-License-Identifier: MIT */
#include "formats/any_model.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "formats/gguf_source.h"
#include "formats/hf_dir.h"
#include "formats/imatrix_source.h"
#include "formats/magic.h"
#include "formats/pack.h"
#include "formats/pack_source.h"
#include "formats/stored_source.h"
#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"

static enum phi_status has_file(const char *dir, const char *name, bool *out,
                                struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);

    if (path == NULL)
        return PHI_E_NOMEM;
    *out = phi_path_kind(path) != PHI_PATH_NONE;
    free(path);
    return PHI_OK;
}

static enum phi_status open_folder(struct phi_source **out, const char *dir,
                                   bool stored, struct phi_err *why,
                                   struct phi_err *err)
{
    bool adapter = false;
    bool config = false;
    enum phi_status st = has_file(dir, "adapter_config.json", &adapter, err);

    if (st == PHI_OK)
        st = has_file(dir, "config.json", &config, err);
    if (st != PHI_OK)
        return st;
    if (adapter && !config)
        return phi_stored_open_adapter(out, dir, err);
    if (stored)
        return phi_stored_open_model(out, dir, err);
    st = phi_hf_open(out, dir, why);
    if (st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED)
        return phi_stored_open_model(out, dir, err);
    if (st != PHI_OK && err != NULL)
        *err = *why;
    return st;
}

/*
 * The first part of a split model of which path may be any part, to be
 * released with free(): NAME-00001-of-0000N.gguf.
 */
static char *first_part(const char *path, struct phi_err *err)
{
    static const char digits[] = "0123456789";
    /* "-00002-of-00003.gguf" */
    const size_t tail = 20;
    const size_t n = strlen(path);
    char *first = phi_strdup(path, err);
    char *p;

    if (first == NULL || n <= tail)
        return first;
    p = first + n - tail;
    if (p[0] == '-' && strspn(p + 1, digits) == 5 &&
        strncmp(p + 6, "-of-", 4) == 0 && strspn(p + 10, digits) == 5 &&
        strcmp(p + 15, ".gguf") == 0)
        memcpy(p + 1, "00001", 5);
    return first;
}

static enum phi_status open_gguf(struct phi_source **out, const char *path,
                                 struct phi_err *err)
{
    char *first = first_part(path, err);
    const char *type = "model";
    enum phi_status st = PHI_E_NOMEM;

    if (first != NULL)
        st = phi_gguf_open(out, first, err);
    free(first);
    if (st != PHI_OK)
        return st;
    if (phi_meta_opt_str(&(*out)->meta, "general.type", &type, NULL) !=
            PHI_OK ||
        strcmp(type, "imatrix") != 0)
        return PHI_OK;
    phi_source_close(*out);
    *out = NULL;
    return phi_imatrix_open(out, path, err);
}

/*
 * Whether these may be the first bytes of an importance matrix of the old
 * form, which has no magic: a number of entries and the length of a name,
 * none of them zero or huge, and a name of printable characters.
 */
static bool is_old_imatrix(const uint8_t *p, size_t n)
{
    return n >= 9 && phi_load_u32(p) - 1 < 1u << 20 &&
           phi_load_u32(p + 4) - 1 < 1024 && p[8] > ' ' && p[8] < 0x7f;
}

enum phi_status phi_any_open(struct phi_source **out, const char *path,
                             bool stored, struct phi_err *why,
                             struct phi_err *err)
{
    uint8_t p[16] = {0};
    struct phi_file *f = NULL;
    size_t n;
    enum phi_status st;

    *out = NULL;
    *why = (struct phi_err){0};
    if (phi_path_kind(path) == PHI_PATH_DIR)
        return open_folder(out, path, stored, why, err);
    st = phi_file_open(&f, path, err);
    if (st != PHI_OK)
        return st;
    n = phi_file_size(f) < sizeof(p) ? (size_t)phi_file_size(f) : sizeof(p);
    st = phi_file_read(f, 0, p, n, err);
    if (st == PHI_OK && n >= 4 && memcmp(p, PHI_GGUF_MAGIC, 4) == 0)
        st = open_gguf(out, path, err);
    else if (st == PHI_OK && n >= 8 && memcmp(p, PHI_PACK_MAGIC, 8) == 0)
        st = phi_pack_open(out, path, err);
    else if (st == PHI_OK && n > 8 && p[8] == '{')
        st = phi_stored_open_file(out, path, err);
    else if (st == PHI_OK && is_old_imatrix(p, n))
        st = phi_imatrix_open(out, path, err);
    else if (st == PHI_OK)
        st = phi_magic_refuse(f, "a GGUF, packed, safetensors or imatrix file",
                              err);
    phi_file_close(f);
    return st;
}

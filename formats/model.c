/* SPDX-License-Identifier: MIT */
#include "formats/model.h"

#include <string.h>

#include "formats/gguf_source.h"
#include "formats/hf_dir.h"
#include "formats/pack.h"
#include "formats/pack_source.h"
#include "libconv/base/file.h"

/* Whether a file begins as packed ones do. */
static enum phi_status has_magic(const char *path, bool *out,
                                 struct phi_err *err)
{
    uint8_t magic[8];
    struct phi_file *f = NULL;
    enum phi_status st = phi_file_open(&f, path, err);

    *out = false;
    if (st == PHI_OK && phi_file_size(f) >= sizeof(magic)) {
        st = phi_file_read(f, 0, magic, sizeof(magic), err);
        *out = st == PHI_OK && memcmp(magic, PHI_PACK_MAGIC, 8) == 0;
    }
    phi_file_close(f);
    return st;
}

enum phi_status phi_model_open(struct phi_source **out, const char *path,
                               struct phi_err *err)
{
    bool packed = false;
    enum phi_status st;

    if (phi_path_kind(path) == PHI_PATH_DIR)
        return phi_hf_open(out, path, err);
    st = has_magic(path, &packed, err);
    if (st == PHI_OK && packed)
        return phi_pack_open(out, path, err);
    /* Reads the magic, and says what else the file is if it is not GGUF. */
    return st == PHI_OK ? phi_gguf_open(out, path, err) : st;
}

/* SPDX-License-Identifier: MIT */
#include "formats/model.h"

#include "formats/gguf_source.h"
#include "formats/hf_dir.h"
#include "libconv/base/file.h"

enum phi_status phi_model_open(struct phi_source **out, const char *path,
                               struct phi_err *err)
{
    if (phi_path_kind(path) == PHI_PATH_DIR)
        return phi_hf_open(out, path, err);
    /* Reads the magic, and says what else the file is if it is not GGUF. */
    return phi_gguf_open(out, path, err);
}

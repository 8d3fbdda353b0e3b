/* SPDX-License-Identifier: MIT */
#include "formats/model.h"

#include "formats/gguf_source.h"

enum phi_status phi_model_open(struct phi_source **out, const char *path,
                               struct phi_err *err)
{
    /* Reads the magic, and says what else the file is if it is not GGUF. */
    return phi_gguf_open(out, path, err);
}

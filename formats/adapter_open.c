/* SPDX-License-Identifier: MIT */
#include "formats/adapter_open.h"

#include <string.h>

#include "formats/adapter_formats.h"
#include "libconv/base/file.h"

enum phi_status phi_adapter_open(struct phi_adapter **out, const char *path,
                                 struct phi_err *err)
{
    static const char suffix[] = ".safetensors";
    const size_t n = strlen(path);

    if (phi_path_kind(path) == PHI_PATH_DIR)
        return phi_adapter_peft_open(out, path, err);
    if (n < sizeof(suffix) ||
        strcmp(path + n - sizeof(suffix) + 1, suffix) != 0)
        return phi_adapter_gguf_open(out, path, err);
    phi_fail(err, PHI_E_FORMAT,
             "%s: is a file of tensors, expected the adapter's folder or GGUF "
             "file",
             path);
    phi_hint(err, "adapter_config.json beside it says how to merge them: give "
                  "the folder");
    return PHI_E_FORMAT;
}

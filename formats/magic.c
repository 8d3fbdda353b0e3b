/* SPDX-License-Identifier: MIT */
#include "formats/magic.h"

#include <stdio.h>
#include <string.h>

#include "libconv/base/bytes.h"

#define MAGIC_BYTES 32

#define TO_SAFETENSORS                                                         \
    "phiconv never unpickles; save the model as safetensors "                  \
    "(save_pretrained does)"
#define TO_MODEL "inspect, quantize and eval-ppl take it as a model"
#define TO_GGUF  "convert the model again with a current converter"

static const struct {
    const char *bytes;
    size_t n;
    bool weights; /* what begins so holds them */
    const char *what;
    const char *hint;
} rows[] = {
    {"version https://git-lfs", 23, false, "a Git LFS pointer without the data",
     "run: git lfs pull"},
    {"GGUF", 4, true, "a GGUF file", TO_MODEL},
    {"PHIPACK\x1a", 8, true, "a packed file", TO_MODEL},
    {"_logits_", 8, false, "a logits file of llama.cpp",
     "eval-ppl takes it as --reference"},
    {"PK\3\4", 4, true, "a zip archive, as PyTorch's pickles are",
     TO_SAFETENSORS},
    {"\x80\2", 2, true, "a PyTorch pickle", TO_SAFETENSORS},
    {"\x80\3", 2, true, "a PyTorch pickle", TO_SAFETENSORS},
    {"\x80\4", 2, true, "a PyTorch pickle", TO_SAFETENSORS},
    {"\x80\5", 2, true, "a PyTorch pickle", TO_SAFETENSORS},
    {"lmgg", 4, true, "a ggml file, older than GGUF", TO_GGUF},
    {"fmgg", 4, true, "a ggml file, older than GGUF", TO_GGUF},
    {"tjgg", 4, true, "a ggml file, older than GGUF", TO_GGUF},
    {"{", 1, false, "JSON", "give the model's folder instead"},
};

/* A plausible header length, then the opening brace of the header. */
static bool is_safetensors(const uint8_t *p, size_t n, uint64_t size)
{
    return n > 8 && p[8] == '{' && phi_load_u64(p) <= size - 8;
}

/* Whether the bytes are those of a row; then err says so. */
static bool is_row(const uint8_t *p, size_t n, const char *path,
                   const char *expected, struct phi_err *err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (n >= rows[i].n && memcmp(p, rows[i].bytes, rows[i].n) == 0) {
            phi_fail(err, PHI_E_FORMAT, "%s: is %s, expected %s", path,
                     rows[i].what, expected);
            phi_hint(err, "%s", rows[i].hint);
            return true;
        }
    }
    return false;
}

bool phi_magic_is_other(const struct phi_file *f, const char *expected,
                        struct phi_err *err)
{
    const uint64_t size = phi_file_size(f);
    const size_t n = size < MAGIC_BYTES ? (size_t)size : MAGIC_BYTES;
    uint8_t p[MAGIC_BYTES] = {0};

    return phi_file_read(f, 0, p, n, NULL) == PHI_OK &&
           is_row(p, n, phi_file_path(f), expected, err);
}

/* A text may begin with GGUF, too; in a file of weights a number comes after
 * such a word, which has a zero in it in either order of bytes. */
static bool is_text(const uint8_t *p, size_t n, size_t magic)
{
    return magic == 4 && (n < 8 || memchr(p + 4, 0, 4) == NULL);
}

enum phi_status phi_magic_weights(const struct phi_file *f, const char **what,
                                  struct phi_err *err)
{
    const uint64_t size = phi_file_size(f);
    const size_t n = size < MAGIC_BYTES ? (size_t)size : MAGIC_BYTES;
    uint8_t p[MAGIC_BYTES] = {0};
    const enum phi_status st = phi_file_read(f, 0, p, n, err);

    *what = NULL;
    if (st != PHI_OK)
        return st;
    if (is_safetensors(p, n, size))
        *what = "a safetensors file";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].weights && n >= rows[i].n &&
            memcmp(p, rows[i].bytes, rows[i].n) == 0 &&
            !is_text(p, n, rows[i].n))
            *what = rows[i].what;
    }
    return PHI_OK;
}

enum phi_status phi_magic_refuse(const struct phi_file *f, const char *expected,
                                 struct phi_err *err)
{
    const char *path = phi_file_path(f);
    const uint64_t size = phi_file_size(f);
    const size_t n = size < MAGIC_BYTES ? (size_t)size : MAGIC_BYTES;
    uint8_t p[MAGIC_BYTES] = {0};
    char hex[3 * 8 + 1] = "";
    const enum phi_status st = phi_file_read(f, 0, p, n, err);

    if (st != PHI_OK)
        return st;
    if (is_safetensors(p, n, size)) {
        phi_fail(err, PHI_E_FORMAT, "%s: is a safetensors file, expected %s",
                 path, expected);
        phi_hint(err, "give the folder that holds it and config.json");
        return PHI_E_FORMAT;
    }
    if (is_row(p, n, path, expected, err))
        return PHI_E_FORMAT;
    if (n == 0)
        return phi_fail(err, PHI_E_FORMAT, "%s: is empty, expected %s", path,
                        expected);
    for (size_t i = 0; i < n && i < 8; i++)
        snprintf(hex + 3 * i, 4, " %02x", p[i]);
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: begins with the bytes%s, expected %s", path, hex,
                    expected);
}

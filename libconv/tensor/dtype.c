/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/dtype.h"

#include <string.h>
#include <strings.h>

#include "libconv/base/size.h"

#define FLT PHI_CLASS_FLOAT
#define OTH PHI_CLASS_OTHER
#define BLK PHI_CLASS_BLOCK
#define CAR PHI_CLASS_CARRIED

/*
 * GGUF numbers and block sizes: ggml's ggml.h and ggml-common.h, 2026-08.
 * Numbers 4, 5, 31-33 and 36-38 were removed there and have no row.
 */
static const struct phi_dtype_info rows[PHI_NDTYPES] = {
    /*                    name         safetensors  ggml block bits class */
    [PHI_F32] = {"F32", "F32", 0, 1, 32, FLT},
    [PHI_F16] = {"F16", "F16", 1, 1, 16, FLT},
    [PHI_BF16] = {"BF16", "BF16", 30, 1, 16, FLT},
    [PHI_F64] = {"F64", "F64", 28, 1, 64, FLT},
    [PHI_F8_E4M3] = {"F8_E4M3", "F8_E4M3", -1, 1, 8, FLT},
    [PHI_F8_E5M2] = {"F8_E5M2", "F8_E5M2", -1, 1, 8, FLT},
    [PHI_I8] = {"I8", "I8", 24, 1, 8, OTH},
    [PHI_I16] = {"I16", "I16", 25, 1, 16, OTH},
    [PHI_I32] = {"I32", "I32", 26, 1, 32, OTH},
    [PHI_I64] = {"I64", "I64", 27, 1, 64, OTH},
    [PHI_U8] = {"U8", "U8", -1, 1, 8, OTH},
    [PHI_U16] = {"U16", "U16", -1, 1, 16, OTH},
    [PHI_U32] = {"U32", "U32", -1, 1, 32, OTH},
    [PHI_U64] = {"U64", "U64", -1, 1, 64, OTH},
    [PHI_BOOL] = {"BOOL", "BOOL", -1, 1, 8, OTH},
    [PHI_C64] = {"C64", "C64", -1, 1, 64, OTH},
    [PHI_F8_E8M0] = {"F8_E8M0", "F8_E8M0", -1, 1, 8, OTH},
    [PHI_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", "F8_E4M3FNUZ", -1, 1, 8, OTH},
    [PHI_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", "F8_E5M2FNUZ", -1, 1, 8, OTH},
    [PHI_F4] = {"F4", "F4", -1, 1, 4, OTH},
    [PHI_F6_E2M3] = {"F6_E2M3", "F6_E2M3", -1, 1, 6, OTH},
    [PHI_F6_E3M2] = {"F6_E3M2", "F6_E3M2", -1, 1, 6, OTH},
    [PHI_Q4_0] = {"Q4_0", NULL, 2, 32, 18 * 8, BLK},
    [PHI_Q4_1] = {"Q4_1", NULL, 3, 32, 20 * 8, BLK},
    [PHI_Q5_0] = {"Q5_0", NULL, 6, 32, 22 * 8, BLK},
    [PHI_Q5_1] = {"Q5_1", NULL, 7, 32, 24 * 8, BLK},
    [PHI_Q8_0] = {"Q8_0", NULL, 8, 32, 34 * 8, BLK},
    [PHI_Q8_1] = {"Q8_1", NULL, 9, 32, 36 * 8, CAR},
    [PHI_Q2_K] = {"Q2_K", NULL, 10, 256, 84 * 8, BLK},
    [PHI_Q3_K] = {"Q3_K", NULL, 11, 256, 110 * 8, BLK},
    [PHI_Q4_K] = {"Q4_K", NULL, 12, 256, 144 * 8, BLK},
    [PHI_Q5_K] = {"Q5_K", NULL, 13, 256, 176 * 8, BLK},
    [PHI_Q6_K] = {"Q6_K", NULL, 14, 256, 210 * 8, BLK},
    [PHI_Q8_K] = {"Q8_K", NULL, 15, 256, 292 * 8, CAR},
    [PHI_IQ2_XXS] = {"IQ2_XXS", NULL, 16, 256, 66 * 8, CAR},
    [PHI_IQ2_XS] = {"IQ2_XS", NULL, 17, 256, 74 * 8, CAR},
    [PHI_IQ3_XXS] = {"IQ3_XXS", NULL, 18, 256, 98 * 8, CAR},
    [PHI_IQ1_S] = {"IQ1_S", NULL, 19, 256, 50 * 8, CAR},
    [PHI_IQ4_NL] = {"IQ4_NL", NULL, 20, 32, 18 * 8, BLK},
    [PHI_IQ3_S] = {"IQ3_S", NULL, 21, 256, 110 * 8, CAR},
    [PHI_IQ2_S] = {"IQ2_S", NULL, 22, 256, 82 * 8, CAR},
    [PHI_IQ4_XS] = {"IQ4_XS", NULL, 23, 256, 136 * 8, BLK},
    [PHI_IQ1_M] = {"IQ1_M", NULL, 29, 256, 56 * 8, CAR},
    [PHI_TQ1_0] = {"TQ1_0", NULL, 34, 256, 54 * 8, BLK},
    [PHI_TQ2_0] = {"TQ2_0", NULL, 35, 256, 66 * 8, BLK},
    [PHI_MXFP4] = {"MXFP4", NULL, 39, 32, 17 * 8, CAR},
    [PHI_NVFP4] = {"NVFP4", NULL, 40, 64, 36 * 8, CAR},
    [PHI_Q1_0] = {"Q1_0", NULL, 41, 128, 18 * 8, CAR},
    [PHI_Q2_0] = {"Q2_0", NULL, 42, 64, 18 * 8, CAR},
};

const struct phi_dtype_info *phi_dtype_info(enum phi_dtype t)
{
    return &rows[t];
}

bool phi_dtype_from_name(const char *name, enum phi_dtype *out)
{
    for (int t = 0; t < PHI_NDTYPES; t++) {
        if (strcasecmp(rows[t].name, name) == 0) {
            *out = (enum phi_dtype)t;
            return true;
        }
    }
    return false;
}

bool phi_dtype_from_ggml(uint32_t id, enum phi_dtype *out)
{
    for (int t = 0; t < PHI_NDTYPES; t++) {
        if (rows[t].ggml >= 0 && (uint32_t)rows[t].ggml == id) {
            *out = (enum phi_dtype)t;
            return true;
        }
    }
    return false;
}

bool phi_dtype_from_safetensors(const char *name, enum phi_dtype *out)
{
    for (int t = 0; t < PHI_NDTYPES; t++) {
        const char *s = rows[t].safetensors;

        if (s != NULL && strcmp(s, name) == 0) {
            *out = (enum phi_dtype)t;
            return true;
        }
    }
    return false;
}

bool phi_dtype_nbytes(enum phi_dtype t, uint64_t n, uint64_t *out)
{
    const struct phi_dtype_info *d = &rows[t];
    uint64_t bits;

    if (n % d->block != 0 || !phi_mul_u64(n / d->block, d->bits, &bits) ||
        bits % 8 != 0)
        return false;
    *out = bits / 8;
    return true;
}

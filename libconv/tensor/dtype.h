/* SPDX-License-Identifier: MIT */
/*
 * Element types: one row a type, for every type that GGUF and safetensors
 * know, whether or not phiconv computes with it, so that sizes can be checked.
 */
#ifndef PHI_TENSOR_DTYPE_H
#define PHI_TENSOR_DTYPE_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

enum phi_dtype {
    /* floats */
    PHI_F32,
    PHI_F16,
    PHI_BF16,
    PHI_F64,
    PHI_F8_E4M3,
    PHI_F8_E5M2,
    /* integers and the like, never weights of a Phi */
    PHI_I8,
    PHI_I16,
    PHI_I32,
    PHI_I64,
    PHI_U8,
    PHI_U16,
    PHI_U32,
    PHI_U64,
    PHI_BOOL,
    PHI_C64,
    PHI_F8_E8M0,
    PHI_F8_E4M3FNUZ,
    PHI_F8_E5M2FNUZ,
    PHI_F4,
    PHI_F6_E2M3,
    PHI_F6_E3M2,
    /* blocks */
    PHI_Q4_0,
    PHI_Q4_1,
    PHI_Q5_0,
    PHI_Q5_1,
    PHI_Q8_0,
    PHI_Q8_1,
    PHI_Q2_K,
    PHI_Q3_K,
    PHI_Q4_K,
    PHI_Q5_K,
    PHI_Q6_K,
    PHI_Q8_K,
    PHI_IQ2_XXS,
    PHI_IQ2_XS,
    PHI_IQ3_XXS,
    PHI_IQ1_S,
    PHI_IQ4_NL,
    PHI_IQ3_S,
    PHI_IQ2_S,
    PHI_IQ4_XS,
    PHI_IQ1_M,
    PHI_TQ1_0,
    PHI_TQ2_0,
    PHI_MXFP4,
    PHI_NVFP4,
    PHI_Q1_0,
    PHI_Q2_0,
    PHI_NDTYPES
};

enum phi_dtype_class {
    PHI_CLASS_FLOAT,   /* one number an element, widens to f32 */
    PHI_CLASS_OTHER,   /* sizes known, never computed with */
    PHI_CLASS_BLOCK,   /* quantized blocks along a row */
    PHI_CLASS_CARRIED, /* the same, copied but never computed with */
};

struct phi_dtype_info {
    const char *name;        /* as GGUF writes it: "Q4_0" */
    const char *safetensors; /* name there, or NULL */
    int ggml;                /* type number in GGUF, or -1 */
    uint32_t block;          /* elements a block, >= 1 */
    uint32_t bits;           /* bits a block; whole bytes unless sub-byte */
    enum phi_dtype_class cls;
};

/* The row of a type. Never NULL for a valid enumerator. */
const struct phi_dtype_info *phi_dtype_info(enum phi_dtype t);

/* Lookups by the names and numbers of the formats; false: no such type. */
bool phi_dtype_from_name(const char *name, enum phi_dtype *out); /* any case */
bool phi_dtype_from_ggml(uint32_t id, enum phi_dtype *out);
bool phi_dtype_from_safetensors(const char *name, enum phi_dtype *out);

/*
 * Bytes of `n` elements of one row (or of whole rows of `n` in all). False if
 * n is no multiple of the block, bits are not whole bytes, or it overflows.
 */
bool phi_dtype_nbytes(enum phi_dtype t, uint64_t n, uint64_t *out);

#endif

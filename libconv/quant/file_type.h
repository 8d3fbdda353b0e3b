/* SPDX-License-Identifier: MIT */
/*
 * File types: the names and numbers that llama.cpp gives to GGUF files by the
 * type of most of their tensors (its LLAMA_FTYPE, 2026-08).
 */
#ifndef PHI_QUANT_FILE_TYPE_H
#define PHI_QUANT_FILE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/tensor/dtype.h"

/* Numbers that the recipes' rules speak of. */
enum phi_file_number {
    PHI_FILE_Q4_0 = 2,
    PHI_FILE_Q5_0 = 8,
    PHI_FILE_Q2_K = 10,
    PHI_FILE_Q3_K_M = 12,
    PHI_FILE_Q3_K_L = 13,
    PHI_FILE_Q4_K_S = 14,
    PHI_FILE_Q4_K_M = 15,
    PHI_FILE_Q5_K_M = 17,
    PHI_FILE_Q2_K_S = 21,
    PHI_FILE_IQ4_NL = 25,
    PHI_FILE_IQ4_XS = 30,
    PHI_FILE_TQ1_0 = 36,
    PHI_FILE_TQ2_0 = 37,
};

struct phi_file_type {
    const char *name;     /* "q4_0" */
    const char *alias;    /* another name for it, or NULL */
    uint32_t number;      /* general.file_type */
    enum phi_dtype dtype; /* of most tensors */
    bool copy;            /* every tensor, and the number, is the source's */
};

/* By name or alias in any case; NULL if phiconv writes no such type. */
const struct phi_file_type *phi_file_type_find(const char *name);

/* Row i of the list, for help and messages; NULL after the last. */
const struct phi_file_type *phi_file_type_at(size_t i);

/*
 * The name that belongs to a general.file_type, of all that llama.cpp knows;
 * "unknown" for others.
 */
const char *phi_file_type_name(uint64_t number);

#endif

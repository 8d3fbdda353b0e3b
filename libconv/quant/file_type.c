/* SPDX-License-Identifier: MIT */
#include "libconv/quant/file_type.h"

#include <strings.h>

static const struct phi_file_type file_types[] = {
    {"f32", NULL, 0, PHI_F32, false},
    {"f16", NULL, 1, PHI_F16, false},
    {"bf16", NULL, 32, PHI_BF16, false},
    {"q8_0", NULL, 7, PHI_Q8_0, false},
    {"q6_k", NULL, 18, PHI_Q6_K, false},
    {"q5_k_m", "q5_k", PHI_FILE_Q5_K_M, PHI_Q5_K, false},
    {"q5_k_s", NULL, 16, PHI_Q5_K, false},
    {"q5_1", NULL, 9, PHI_Q5_1, false},
    {"q5_0", NULL, PHI_FILE_Q5_0, PHI_Q5_0, false},
    {"q4_k_m", "q4_k", PHI_FILE_Q4_K_M, PHI_Q4_K, false},
    {"q4_k_s", NULL, PHI_FILE_Q4_K_S, PHI_Q4_K, false},
    {"iq4_nl", NULL, PHI_FILE_IQ4_NL, PHI_IQ4_NL, false},
    {"iq4_xs", NULL, PHI_FILE_IQ4_XS, PHI_IQ4_XS, false},
    {"q4_1", NULL, 3, PHI_Q4_1, false},
    {"q4_0", NULL, PHI_FILE_Q4_0, PHI_Q4_0, false},
    {"q3_k_l", NULL, PHI_FILE_Q3_K_L, PHI_Q3_K, false},
    {"q3_k_m", "q3_k", PHI_FILE_Q3_K_M, PHI_Q3_K, false},
    {"q3_k_s", NULL, 11, PHI_Q3_K, false},
    {"q2_k", NULL, PHI_FILE_Q2_K, PHI_Q2_K, false},
    {"q2_k_s", NULL, PHI_FILE_Q2_K_S, PHI_Q2_K, false},
    {"tq2_0", NULL, PHI_FILE_TQ2_0, PHI_TQ2_0, false},
    {"tq1_0", NULL, PHI_FILE_TQ1_0, PHI_TQ1_0, false},
    {"copy", NULL, 0, PHI_F32, true},
};

#define NFILE_TYPES (sizeof(file_types) / sizeof(file_types[0]))

const struct phi_file_type *phi_file_type_find(const char *name)
{
    for (size_t i = 0; i < NFILE_TYPES; i++) {
        const struct phi_file_type *t = &file_types[i];

        if (strcasecmp(t->name, name) == 0 ||
            (t->alias != NULL && strcasecmp(t->alias, name) == 0))
            return t;
    }
    return NULL;
}

const struct phi_file_type *phi_file_type_at(size_t i)
{
    return i < NFILE_TYPES ? &file_types[i] : NULL;
}

const char *phi_file_type_name(uint64_t number)
{
    /* By number; gaps are types that llama.cpp has removed. */
    static const char *const names[] = {
        "f32",    "f16",    "q4_0",    "q4_1",   NULL,     NULL,      NULL,
        "q8_0",   "q5_0",   "q5_1",    "q2_k",   "q3_k_s", "q3_k_m",  "q3_k_l",
        "q4_k_s", "q4_k_m", "q5_k_s",  "q5_k_m", "q6_k",   "iq2_xxs", "iq2_xs",
        "q2_k_s", "iq3_xs", "iq3_xxs", "iq1_s",  "iq4_nl", "iq3_s",   "iq3_m",
        "iq2_s",  "iq2_m",  "iq4_xs",  "iq1_m",  "bf16",   NULL,      NULL,
        NULL,     "tq1_0",  "tq2_0",   "mxfp4",  "nvfp4",  "q1_0",    "q2_0",
    };

    if (number >= sizeof(names) / sizeof(names[0]) || names[number] == NULL)
        return "unknown";
    return names[number];
}

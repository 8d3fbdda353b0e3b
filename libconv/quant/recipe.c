/* SPDX-License-Identifier: MIT */
#include "libconv/quant/recipe.h"

#include <string.h>
#include <strings.h>

static const struct phi_file_type file_types[] = {
    {"f32", 0, PHI_F32},   {"f16", 1, PHI_F16},   {"bf16", 32, PHI_BF16},
    {"q8_0", 7, PHI_Q8_0}, {"q5_1", 9, PHI_Q5_1}, {"q5_0", 8, PHI_Q5_0},
    {"q4_1", 3, PHI_Q4_1}, {"q4_0", 2, PHI_Q4_0},
};

#define NFILE_TYPES (sizeof(file_types) / sizeof(file_types[0]))

const struct phi_file_type *phi_file_type_find(const char *name)
{
    for (size_t i = 0; i < NFILE_TYPES; i++) {
        if (strcasecmp(file_types[i].name, name) == 0)
            return &file_types[i];
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

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name);
    const size_t m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Dimensions as llama.cpp counts them: outer ones of 1 do not count. */
static uint32_t effective_rank(const struct phi_tensor *t)
{
    uint32_t first = 0;

    while (first < t->rank && t->dim[first] == 1)
        first++;
    return t->rank - first;
}

/* Norms, biases and routers are small, and the result depends on them. */
static const char *kept_because(const struct phi_tensor *t)
{
    if (effective_rank(t) < 2)
        return "one dimension";
    if (!ends_with(t->name, "weight"))
        return "no weight";
    if (strstr(t->name, "_norm.weight") != NULL)
        return "a norm";
    if (strstr(t->name, "ffn_gate_inp.weight") != NULL)
        return "a router";
    return NULL;
}

static bool fits(enum phi_dtype type, const struct phi_tensor *t)
{
    return phi_tensor_cols(t) % phi_dtype_info(type)->block == 0;
}

/* What takes the place of a type whose block does not divide the width. */
static bool fallback(enum phi_dtype *type)
{
    static const enum phi_dtype pairs[][2] = {
        {PHI_Q6_K, PHI_Q8_0},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][0] == *type) {
            *type = pairs[i][1];
            return true;
        }
    }
    return false;
}

/*
 * The tensor that makes the logits: output.weight, or the embedding where it
 * does both. Every block type but Q8_0 gives it Q6_K.
 */
static bool is_output(const struct phi_recipe *r, const struct phi_tensor *t)
{
    return strcmp(t->name, "output.weight") == 0 ||
           (!r->has_output && strcmp(t->name, "token_embd.weight") == 0);
}

enum phi_status phi_recipe_choose(const struct phi_recipe *r,
                                  const struct phi_tensor *t,
                                  struct phi_choice *out, struct phi_err *err)
{
    const enum phi_dtype wanted = r->type->dtype;
    const char *kept = kept_because(t);

    if (kept != NULL) {
        *out = (struct phi_choice){r->from_gguf ? t->dtype : PHI_F32, kept};
        return PHI_OK;
    }
    *out = (struct phi_choice){wanted, "the file's type"};
    if (phi_dtype_info(wanted)->cls != PHI_CLASS_BLOCK)
        return PHI_OK;
    if (!r->pure && is_output(r, t)) {
        if (!fits(wanted, t))
            *out = (struct phi_choice){PHI_Q8_0, "output of an odd width"};
        else if (wanted != PHI_Q8_0)
            *out = (struct phi_choice){PHI_Q6_K, "the output tensor"};
    }
    if (fits(out->dtype, t))
        return PHI_OK;
    if (!fallback(&out->dtype))
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "tensor \"%.*s\": its width %llu is no multiple of %u, "
                        "the block of %s",
                        PHI_ERR_NAME, t->origin,
                        (unsigned long long)phi_tensor_cols(t),
                        phi_dtype_info(out->dtype)->block,
                        phi_dtype_info(out->dtype)->name);
    out->why = "fallback for the width";
    if (!fits(out->dtype, t))
        out->dtype = PHI_F16;
    return PHI_OK;
}

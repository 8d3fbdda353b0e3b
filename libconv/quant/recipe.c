/* SPDX-License-Identifier: MIT */
/*
 * The rules are those of llama_tensor_get_type() in llama.cpp's llama-quant.cpp
 * as far as they concern a phi2: its exceptions for Falcon, for eight experts
 * and for 80 layers are left out.
 */
#include "libconv/quant/recipe.h"

#include <string.h>

#include "libconv/base/ascii.h"

/* Layers, heads and tensors: far above any model, far below an int. */
#define MAX_COUNT (1 << 20)

enum category { OTHER, OUTPUT, TOKEN_EMBD, VALUES, ATTN_OUT, FFN_DOWN };

/* When a rule applies; i and n count tensors of values, or of ffn_down. */
enum when {
    ALWAYS,
    GQA_4,             /* four query heads or more share their values */
    FIRST_2,           /* i < 2 */
    FIRST_4,           /* i < 4 */
    SIXTEENTH,         /* i < n / 16 */
    EIGHTH,            /* i < n / 8 */
    EIGHTH_IMATRIX,    /* the same, with an importance matrix */
    EIGHTH_NO_IMATRIX, /* or without */
    MORE_BITS,         /* the first and last eighth, every third between */
};

/* The first row that fits decides; without one the file's type stays. */
static const struct rule {
    enum phi_file_number file;
    enum category category;
    enum when when;
    enum phi_dtype then;
} rules[] = {
    {PHI_FILE_Q2_K, VALUES, GQA_4, PHI_Q4_K},
    {PHI_FILE_Q2_K, VALUES, ALWAYS, PHI_Q3_K},
    {PHI_FILE_Q2_K, ATTN_OUT, ALWAYS, PHI_Q3_K},
    {PHI_FILE_Q2_K, FFN_DOWN, ALWAYS, PHI_Q3_K},
    {PHI_FILE_Q2_K_S, VALUES, GQA_4, PHI_Q4_K},
    {PHI_FILE_Q2_K_S, FFN_DOWN, EIGHTH, PHI_Q4_K},
    {PHI_FILE_Q3_K_M, VALUES, FIRST_2, PHI_Q5_K},
    {PHI_FILE_Q3_K_M, VALUES, ALWAYS, PHI_Q4_K},
    {PHI_FILE_Q3_K_M, ATTN_OUT, ALWAYS, PHI_Q4_K},
    {PHI_FILE_Q3_K_M, FFN_DOWN, SIXTEENTH, PHI_Q5_K},
    {PHI_FILE_Q3_K_M, FFN_DOWN, ALWAYS, PHI_Q4_K},
    {PHI_FILE_Q3_K_L, VALUES, ALWAYS, PHI_Q5_K},
    {PHI_FILE_Q3_K_L, ATTN_OUT, ALWAYS, PHI_Q5_K},
    {PHI_FILE_Q3_K_L, FFN_DOWN, ALWAYS, PHI_Q5_K},
    {PHI_FILE_Q4_0, FFN_DOWN, EIGHTH_IMATRIX, PHI_Q4_1},
    {PHI_FILE_Q5_0, FFN_DOWN, EIGHTH_IMATRIX, PHI_Q5_1},
    {PHI_FILE_Q4_K_S, VALUES, FIRST_4, PHI_Q5_K},
    {PHI_FILE_Q4_K_S, FFN_DOWN, EIGHTH, PHI_Q5_K},
    {PHI_FILE_Q4_K_M, VALUES, MORE_BITS, PHI_Q6_K},
    {PHI_FILE_Q4_K_M, FFN_DOWN, MORE_BITS, PHI_Q6_K},
    {PHI_FILE_Q5_K_M, VALUES, MORE_BITS, PHI_Q6_K},
    {PHI_FILE_Q5_K_M, FFN_DOWN, MORE_BITS, PHI_Q6_K},
    {PHI_FILE_IQ4_NL, VALUES, GQA_4, PHI_Q5_K},
    {PHI_FILE_IQ4_NL, FFN_DOWN, EIGHTH_NO_IMATRIX, PHI_Q5_K},
    {PHI_FILE_IQ4_XS, VALUES, GQA_4, PHI_Q5_K},
    {PHI_FILE_IQ4_XS, FFN_DOWN, EIGHTH_NO_IMATRIX, PHI_Q5_K},
    {PHI_FILE_TQ1_0, TOKEN_EMBD, ALWAYS, PHI_Q4_K},
    {PHI_FILE_TQ2_0, TOKEN_EMBD, ALWAYS, PHI_Q4_K},
};

#define NRULES (sizeof(rules) / sizeof(rules[0]))

/* By the first part of a name that is found; fused q, k, v count as values. */
static enum category category_of(const char *name)
{
    static const struct {
        const char *part;
        enum category category;
    } parts[] = {
        {"attn_qkv.weight", VALUES}, {"attn_kv_b.weight", VALUES},
        {"attn_v.weight", VALUES},   {"attn_k.weight", OTHER},
        {"attn_q.weight", OTHER},    {"attn_output.weight", ATTN_OUT},
        {"ffn_up", OTHER},           {"ffn_gate", OTHER},
        {"ffn_down", FFN_DOWN},
    };

    if (strcmp(name, "output.weight") == 0)
        return OUTPUT;
    if (strcmp(name, "token_embd.weight") == 0)
        return TOKEN_EMBD;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(name, parts[i].part) != NULL)
            return parts[i].category;
    }
    return OTHER;
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
    if (!phi_ends(t->name, "weight"))
        return "no weight";
    if (strstr(t->name, "_norm.weight") != NULL)
        return "a norm";
    if (strstr(t->name, "ffn_gate_inp.weight") != NULL)
        return "a router";
    return NULL;
}

/*
 * The type of a matrix that is not to be changed. From a folder it is the
 * nearest one that a GGUF model may have: F16 holds every 8-bit float.
 */
static enum phi_dtype own_type(const struct phi_recipe_walk *w,
                               const struct phi_tensor *t)
{
    if (w->from_gguf || t->dtype == PHI_F16 || t->dtype == PHI_BF16)
        return t->dtype;
    if (t->dtype == PHI_F8_E4M3 || t->dtype == PHI_F8_E5M2)
        return PHI_F16;
    return PHI_F32;
}

static bool fits(enum phi_dtype type, const struct phi_tensor *t)
{
    return phi_tensor_cols(t) % phi_dtype_info(type)->block == 0;
}

static enum phi_status width_error(const struct phi_tensor *t,
                                   enum phi_dtype type, struct phi_err *err)
{
    return phi_fail(err, PHI_E_UNSUPPORTED,
                    "tensor \"%.*s\": its width %llu is no multiple of %u, "
                    "the block of %s",
                    PHI_ERR_NAME, t->origin,
                    (unsigned long long)phi_tensor_cols(t),
                    phi_dtype_info(type)->block, phi_dtype_info(type)->name);
}

/* What takes the place of a type whose block does not divide the width. */
static enum phi_status fit(struct phi_choice *c, const struct phi_tensor *t,
                           struct phi_err *err)
{
    static const enum phi_dtype pairs[][2] = {
        {PHI_Q2_K, PHI_Q4_0},  {PHI_Q3_K, PHI_Q4_0},     {PHI_TQ1_0, PHI_Q4_0},
        {PHI_TQ2_0, PHI_Q4_0}, {PHI_Q4_K, PHI_Q5_0},     {PHI_Q5_K, PHI_Q5_1},
        {PHI_Q6_K, PHI_Q8_0},  {PHI_IQ4_XS, PHI_IQ4_NL},
    };
    const size_t n = sizeof(pairs) / sizeof(pairs[0]);
    size_t i = 0;

    if (fits(c->dtype, t))
        return PHI_OK;
    while (i < n && pairs[i][0] != c->dtype)
        i++;
    if (i == n)
        return width_error(t, c->dtype, err);
    c->dtype = fits(pairs[i][1], t) ? pairs[i][1] : PHI_F16;
    c->why = "fallback for the width";
    return PHI_OK;
}

static bool applies(const struct phi_recipe_walk *w, const struct rule *rule)
{
    const bool values = rule->category == VALUES;
    const int i = values ? w->i_values : w->i_down;
    const int n = values ? w->n_values : w->n_layer;

    switch (rule->when) {
    case ALWAYS:
        return true;
    case GQA_4:
        return w->n_gqa >= 4;
    case FIRST_2:
        return i < 2;
    case FIRST_4:
        return i < 4;
    case SIXTEENTH:
        return i < n / 16;
    case EIGHTH:
        return i < n / 8;
    case EIGHTH_IMATRIX:
        return i < n / 8 && w->recipe->has_imatrix;
    case EIGHTH_NO_IMATRIX:
        return i < n / 8 && !w->recipe->has_imatrix;
    case MORE_BITS:
        return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    }
    return false;
}

static const char *reason(enum when when)
{
    switch (when) {
    case ALWAYS:
        return "the file type's rule for its kind";
    case GQA_4:
        return "values shared by many heads";
    case MORE_BITS:
        return "a layer with more bits";
    default:
        return "one of the first layers";
    }
}

/*
 * The tensor that makes the logits: output.weight, or the embedding where it
 * does both. Every block type but Q8_0 gives it Q6_K.
 */
static void choose_output(const struct phi_recipe *r,
                          const struct phi_tensor *t, struct phi_choice *c)
{
    if (r->output != NULL)
        *c = (struct phi_choice){r->output->dtype, r->output->dtype,
                                 "--output-tensor-type", r->output};
    else if (!fits(c->dtype, t)) /* wanted stays the file's type */
        *c = (struct phi_choice){PHI_Q8_0, c->wanted, "output of an odd width",
                                 NULL};
    else if (c->dtype != PHI_Q8_0)
        *c = (struct phi_choice){PHI_Q6_K, PHI_Q6_K, "the output tensor", NULL};
}

/* Counts the tensor, whichever rule applies. */
static void choose_by_rules(struct phi_recipe_walk *w,
                            const struct phi_tensor *t, struct phi_choice *c)
{
    const enum category category = category_of(t->name);

    if (category == OUTPUT || (category == TOKEN_EMBD && !w->has_output)) {
        choose_output(w->recipe, t, c);
        return;
    }
    for (size_t i = 0; i < NRULES; i++) {
        const struct rule *rule = &rules[i];

        if (rule->file == w->recipe->type->number &&
            rule->category == category && applies(w, rule)) {
            *c = (struct phi_choice){rule->then, rule->then, reason(rule->when),
                                     NULL};
            break;
        }
    }
    if (category == VALUES)
        w->i_values++;
    else if (category == FFN_DOWN)
        w->i_down++;
}

/* --tensor-type: sets *by to the first that matches. */
static enum phi_status find_override(const struct phi_recipe *r,
                                     const char *name,
                                     const struct phi_type_override **by,
                                     struct phi_err *err)
{
    *by = NULL;
    for (size_t i = 0; i < r->noverrides; i++) {
        bool found = false;
        const enum phi_status st =
            phi_name_pattern_find(r->overrides[i].pattern, name, &found, err);

        if (st != PHI_OK)
            return phi_err_prefix(err, "--tensor-type %.*s", PHI_ERR_NAME,
                                  r->overrides[i].text);
        if (found) {
            *by = &r->overrides[i];
            break;
        }
    }
    return PHI_OK;
}

/* A type of their own for two tensors, in files of any type. */
static const struct phi_type_override *own_override(const struct phi_recipe *r,
                                                    const char *name)
{
    if (strcmp(name, "token_embd.weight") == 0)
        return r->embedding;
    return strcmp(name, "output.weight") == 0 ? r->output : NULL;
}

enum phi_status phi_recipe_next(struct phi_recipe_walk *w,
                                const struct phi_tensor *t,
                                struct phi_choice *out, struct phi_err *err)
{
    const struct phi_recipe *r = w->recipe;
    const enum phi_dtype type = r->type->dtype;
    const char *kept = kept_because(t);
    const struct phi_type_override *by;
    enum phi_status st;

    if (kept != NULL) {
        const enum phi_dtype same = w->from_gguf ? t->dtype : PHI_F32;

        *out = (struct phi_choice){same, same, kept, NULL};
        return PHI_OK;
    }
    if (r->type->copy ||
        (r->leave_output && strcmp(t->name, "output.weight") == 0)) {
        const enum phi_dtype same = own_type(w, t);

        *out = (struct phi_choice){
            same, same, r->type->copy ? "copied" : "--leave-output-tensor",
            NULL};
        return PHI_OK;
    }
    by = own_override(r, t->name);
    if (by != NULL) {
        *out = (struct phi_choice){by->dtype, by->dtype,
                                   by == r->output ? "--output-tensor-type"
                                                   : "--token-embedding-type",
                                   by};
        return fits(by->dtype, t) ? PHI_OK : width_error(t, by->dtype, err);
    }
    *out = (struct phi_choice){type, type, "the file's type", NULL};
    if (phi_dtype_info(type)->cls != PHI_CLASS_BLOCK)
        return PHI_OK;
    if ((st = find_override(r, t->name, &by, err)) != PHI_OK)
        return st;
    if (by != NULL)
        *out = (struct phi_choice){by->dtype, by->dtype, "--tensor-type", by};
    else if (!r->pure)
        choose_by_rules(w, t, out);
    return fit(out, t, err);
}

static bool has_rules(const struct phi_recipe *r)
{
    for (size_t i = 0; !r->pure && i < NRULES; i++) {
        if (rules[i].file == r->type->number)
            return true;
    }
    return false;
}

enum phi_status phi_recipe_begin(struct phi_recipe_walk *w,
                                 const struct phi_recipe *r,
                                 const struct phi_source *s,
                                 struct phi_err *err)
{
    uint64_t n_layer = 0;
    uint64_t n_head = 0;
    uint64_t n_head_kv;
    size_t at;
    enum phi_status st;

    *w = (struct phi_recipe_walk){.recipe = r};
    w->has_output = phi_source_find(s, "output.weight", &at);
    w->from_gguf = r->keep || phi_source_is_gguf(s);
    if (!has_rules(r))
        return PHI_OK;
    for (size_t i = 0; i < s->ntensors && w->n_values < MAX_COUNT; i++)
        w->n_values += category_of(s->tensors[i].name) == VALUES;
    if ((st = phi_meta_get_uint(&s->meta, "phi2.block_count", MAX_COUNT,
                                &n_layer, err)) != PHI_OK ||
        (st = phi_meta_get_uint(&s->meta, "phi2.attention.head_count",
                                MAX_COUNT, &n_head, err)) != PHI_OK)
        return st;
    n_head_kv = n_head;
    st = phi_meta_opt_uint(&s->meta, "phi2.attention.head_count_kv", MAX_COUNT,
                           &n_head_kv, err);
    if (st != PHI_OK)
        return st;
    w->n_layer = (int)n_layer;
    w->n_gqa = n_head_kv > 0 ? (int)(n_head / n_head_kv) : 0;
    return PHI_OK;
}

bool phi_recipe_needs_importance(const struct phi_recipe *r, const char *name,
                                 enum phi_dtype dtype)
{
    return r->type->number == PHI_FILE_Q2_K_S && !r->type->copy &&
           dtype == PHI_Q2_K && strcmp(name, "output.weight") != 0 &&
           strcmp(name, "token_embd.weight") != 0;
}

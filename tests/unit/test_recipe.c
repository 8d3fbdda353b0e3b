/* SPDX-License-Identifier: MIT */
/* The rules for types against what llama-quantize does, case by case. */
#include "libconv/quant/recipe.h"
#include "tests/unit/unit.h"

START_TEST(file_types_have_llama_cpps_numbers)
{
    static const struct {
        const char *name;
        uint32_t number;
        enum phi_dtype dtype;
    } want[] = {{"f32", 0, PHI_F32},      {"f16", 1, PHI_F16},
                {"bf16", 32, PHI_BF16},   {"q4_0", 2, PHI_Q4_0},
                {"q4_k", 15, PHI_Q4_K},   {"Q3_K", 12, PHI_Q3_K},
                {"q5_k", 17, PHI_Q5_K},   {"q6_k", 18, PHI_Q6_K},
                {"tq1_0", 36, PHI_TQ1_0}, {"iq4_xs", 30, PHI_IQ4_XS},
                {"q4_1", 3, PHI_Q4_1},    {"q5_0", 8, PHI_Q5_0},
                {"q5_1", 9, PHI_Q5_1},    {"q8_0", 7, PHI_Q8_0},
                {"Q4_0", 2, PHI_Q4_0},    {"BF16", 32, PHI_BF16}};

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        const struct phi_file_type *t = phi_file_type_find(want[i].name);

        ck_assert_ptr_nonnull(t);
        ck_assert_uint_eq(t->number, want[i].number);
        ck_assert_int_eq(t->dtype, want[i].dtype);
    }
    ck_assert_ptr_null(phi_file_type_find("q4"));
    ck_assert_ptr_null(phi_file_type_find("q4_00"));
    ck_assert_ptr_null(phi_file_type_find(""));
}
END_TEST

enum { PURE = 1, TIED = 2, GGUF = 4, LEAVE = 8, SUBSTITUTED = 16 };

#define W "blk.0.ffn_up.weight"

/* -1: refused. The source is F16. */
static const struct {
    const char *file_type;
    int flags;
    const char *name;
    uint32_t rank;
    uint64_t dim[4];
    int want;
} cases[] = {
    {"q4_0", 0, W, 2, {4, 256}, PHI_Q4_0},
    {"q5_1", PURE, W, 2, {4, 256}, PHI_Q5_1},
    {"f16", 0, W, 2, {4, 7}, PHI_F16},
    {"f32", 0, W, 2, {4, 7}, PHI_F32},
    {"bf16", 0, W, 2, {4, 7}, PHI_BF16},
    {"q4_0", 0, W, 3, {2, 4, 256}, PHI_Q4_0},
    /* the tensor that makes the logits */
    {"q4_0", 0, "output.weight", 2, {4, 256}, PHI_Q6_K},
    {"q4_1", 0, "output.weight", 2, {4, 256}, PHI_Q6_K},
    {"q5_0", 0, "output.weight", 2, {4, 256}, PHI_Q6_K},
    {"q5_1", 0, "output.weight", 2, {4, 256}, PHI_Q6_K},
    {"q8_0", 0, "output.weight", 2, {4, 256}, PHI_Q8_0},
    {"f16", 0, "output.weight", 2, {4, 256}, PHI_F16},
    {"q4_0", PURE, "output.weight", 2, {4, 256}, PHI_Q4_0},
    {"q4_0", 0, "token_embd.weight", 2, {4, 256}, PHI_Q4_0},
    {"q4_0", TIED, "token_embd.weight", 2, {4, 256}, PHI_Q6_K},
    {"q4_0", TIED | PURE, "token_embd.weight", 2, {4, 256}, PHI_Q4_0},
    {"q4_0", 0, "blk.0.attn_output.weight", 2, {4, 256}, PHI_Q4_0},
    /* odd widths */
    {"q4_0", SUBSTITUTED, "output.weight", 2, {4, 288}, PHI_Q8_0},
    {"q4_k_s", SUBSTITUTED, "output.weight", 2, {4, 288}, PHI_Q8_0},
    {"q4_k_s", SUBSTITUTED, W, 2, {4, 288}, PHI_Q5_0},
    {"iq4_xs", SUBSTITUTED, W, 2, {4, 33}, PHI_F16},
    {"q4_k_m", SUBSTITUTED | PURE, W, 2, {4, 33}, PHI_F16},
    {"q4_0", 0, "output.weight", 2, {4, 48}, -1},
    {"q4_0", PURE, "output.weight", 2, {4, 48}, -1},
    {"q4_0", 0, W, 2, {4, 48}, -1},
    {"q8_0", 0, W, 2, {4, 31}, -1},
    /* what is not to be quantized */
    {"copy", GGUF, W, 2, {4, 7}, PHI_F16},
    {"copy", 0, "blk.0.ffn_up.bias", 1, {256}, PHI_F32},
    {"copy", GGUF, "blk.0.ffn_up.bias", 1, {256}, PHI_F16},
    {"q4_k_m", LEAVE, "output.weight", 2, {4, 256}, PHI_F16},
    {"f32", LEAVE, "output.weight", 2, {4, 256}, PHI_F16},
    {"q4_k_m", LEAVE | TIED, "token_embd.weight", 2, {4, 256}, PHI_Q6_K},
    /* what is never quantized */
    {"q4_0", 0, "blk.0.ffn_up.bias", 1, {256}, PHI_F32},
    {"q4_0", GGUF, "blk.0.ffn_up.bias", 1, {256}, PHI_F16},
    {"f16", 0, "blk.0.ffn_up.bias", 1, {256}, PHI_F32},
    {"f16", 0, "blk.0.ffn_up.bias", 2, {2, 256}, PHI_F32},
    {"q4_0", 0, "blk.0.attn_norm.weight", 1, {256}, PHI_F32},
    {"q4_0", 0, "blk.0.attn_norm.weight", 2, {8, 256}, PHI_F32},
    {"q4_0", 0, "blk.0.ffn_gate_inp.weight", 2, {8, 256}, PHI_F32},
    {"q4_0", 0, W, 2, {1, 256}, PHI_F32},
    {"q4_0", 0, W, 4, {1, 1, 2, 256}, PHI_Q4_0},
    {"f16", 0, W, 1, {256}, PHI_F32},
    {"q4_0", PURE, "blk.0.attn_norm.weight", 1, {256}, PHI_F32},
};

#define NCASES (sizeof(cases) / sizeof(cases[0]))

/* A model that is nothing but the tensor, and output.weight unless tied. */
static struct phi_source source_of(const struct phi_tensor *both, int flags)
{
    return (struct phi_source){.path = "model",
                               .format = (flags & GGUF) != 0 ? "gguf" : "hf",
                               .tensors = both,
                               .ntensors = (flags & TIED) != 0 ? 1 : 2};
}

/* The rules that count layers need three numbers. */
static void set_numbers(struct phi_meta *m)
{
    ck_ok(phi_meta_set_u(m, "phi2.block_count", PHI_KV_U32, 4, &err));
    ck_ok(phi_meta_set_u(m, "phi2.attention.head_count", PHI_KV_U32, 8, &err));
    ck_ok(
        phi_meta_set_u(m, "phi2.attention.head_count_kv", PHI_KV_U32, 8, &err));
}

START_TEST(tensors_get_llama_quantizes_types)
{
    const size_t i = (size_t)_i;
    struct phi_tensor t[2] = {{.name = cases[i].name,
                               .origin = cases[i].name,
                               .file = "model",
                               .dtype = PHI_F16,
                               .rank = cases[i].rank},
                              {.name = "output.weight"}};
    const struct phi_recipe recipe = {
        .type = phi_file_type_find(cases[i].file_type),
        .pure = (cases[i].flags & PURE) != 0,
        .leave_output = (cases[i].flags & LEAVE) != 0};
    struct phi_source source = source_of(t, cases[i].flags);
    struct phi_recipe_walk walk;
    struct phi_choice got = {.dtype = PHI_NDTYPES};

    memcpy(t[0].dim, cases[i].dim, sizeof(cases[i].dim));
    set_numbers(&source.meta);
    ck_ok(phi_recipe_begin(&walk, &recipe, &source, &err));
    phi_meta_release(&source.meta);
    if (cases[i].want < 0) {
        ck_refused(phi_recipe_next(&walk, t, &got, &err), PHI_E_UNSUPPORTED,
                   "no multiple of 32");
        return;
    }
    ck_ok(phi_recipe_next(&walk, t, &got, &err));
    ck_assert_msg((int)got.dtype == cases[i].want, "case %zu: %s", i,
                  phi_dtype_info(got.dtype)->name);
    ck_assert_ptr_nonnull(got.why);
    ck_assert_int_eq(got.dtype != got.wanted,
                     (cases[i].flags & SUBSTITUTED) != 0);
}
END_TEST

START_TEST(own_types_of_a_folder)
{
    static const enum phi_dtype pairs[][2] = {
        {PHI_F32, PHI_F32},     {PHI_F16, PHI_F16},     {PHI_BF16, PHI_BF16},
        {PHI_F8_E4M3, PHI_F16}, {PHI_F8_E5M2, PHI_F16}, {PHI_F64, PHI_F32}};
    const struct phi_recipe copy = {.type = phi_file_type_find("copy")};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct phi_tensor t = {
            .name = W, .dtype = pairs[i][0], .rank = 2, .dim = {4, 7}};
        const struct phi_source source = source_of(&t, TIED);
        struct phi_recipe_walk walk;
        struct phi_choice got;

        ck_ok(phi_recipe_begin(&walk, &copy, &source, &err));
        ck_ok(phi_recipe_next(&walk, &t, &got, &err));
        ck_assert_int_eq(got.dtype, pairs[i][1]);
    }
}
END_TEST

START_TEST(rules_need_the_models_numbers)
{
    const struct phi_tensor t = {.name = W, .rank = 2, .dim = {4, 256}};
    struct phi_recipe recipe = {.type = phi_file_type_find("q4_k_m")};
    struct phi_source source = source_of(&t, TIED);
    struct phi_meta *m = &source.meta;
    struct phi_recipe_walk walk;

    ck_refused(phi_recipe_begin(&walk, &recipe, &source, &err), PHI_E_FORMAT,
               "key \"phi2.block_count\": is missing");
    recipe.pure = true;
    ck_ok(phi_recipe_begin(&walk, &recipe, &source, &err));
    recipe.pure = false;
    ck_ok(phi_meta_set_u(m, "phi2.block_count", PHI_KV_U64, 1u << 21, &err));
    ck_refused(phi_recipe_begin(&walk, &recipe, &source, &err), PHI_E_FORMAT,
               "phi2.block_count");
    set_numbers(m);
    ck_ok(
        phi_meta_set_u(m, "phi2.attention.head_count_kv", PHI_KV_U32, 0, &err));
    ck_ok(phi_recipe_begin(&walk, &recipe, &source, &err));
    ck_assert_int_eq(walk.n_gqa, 0);
    phi_meta_remove(m, "phi2.attention.head_count_kv");
    ck_ok(phi_recipe_begin(&walk, &recipe, &source, &err));
    ck_assert_int_eq(walk.n_gqa, 1);
    phi_meta_release(m);
}
END_TEST

START_TEST(names_by_number)
{
    const struct phi_file_type *t;

    for (size_t i = 0; (t = phi_file_type_at(i)) != NULL; i++)
        ck_assert_str_eq(t->copy ? "copy" : phi_file_type_name(t->number),
                         t->name);
    ck_assert_str_eq(phi_file_type_name(15), "q4_k_m");
    ck_assert_str_eq(phi_file_type_name(4), "unknown");
    ck_assert_str_eq(phi_file_type_name(42), "unknown");
    ck_assert_str_eq(phi_file_type_name(UINT64_MAX), "unknown");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recipe");
    TCase *t = tcase_create("recipe");

    tcase_add_test(t, file_types_have_llama_cpps_numbers);
    tcase_add_loop_test(t, tensors_get_llama_quantizes_types, 0, NCASES);
    tcase_add_test(t, own_types_of_a_folder);
    tcase_add_test(t, rules_need_the_models_numbers);
    tcase_add_test(t, names_by_number);
    suite_add_tcase(s, t);
    return unit_main(s);
}

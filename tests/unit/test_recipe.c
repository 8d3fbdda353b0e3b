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
    } want[] = {{"f32", 0, PHI_F32},    {"f16", 1, PHI_F16},
                {"bf16", 32, PHI_BF16}, {"q4_0", 2, PHI_Q4_0},
                {"q4_1", 3, PHI_Q4_1},  {"q5_0", 8, PHI_Q5_0},
                {"q5_1", 9, PHI_Q5_1},  {"q8_0", 7, PHI_Q8_0},
                {"Q4_0", 2, PHI_Q4_0},  {"BF16", 32, PHI_BF16}};

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

enum { PURE = 1, TIED = 2, GGUF = 4 };

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
    {"q4_0", 0, "output.weight", 2, {4, 288}, PHI_Q8_0},
    {"q4_0", 0, "output.weight", 2, {4, 48}, -1},
    {"q4_0", PURE, "output.weight", 2, {4, 48}, -1},
    {"q4_0", 0, W, 2, {4, 48}, -1},
    {"q8_0", 0, W, 2, {4, 31}, -1},
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

START_TEST(tensors_get_llama_quantizes_types)
{
    const size_t i = (size_t)_i;
    struct phi_tensor t = {.name = cases[i].name,
                           .origin = cases[i].name,
                           .file = "model",
                           .dtype = PHI_F16,
                           .rank = cases[i].rank};
    const struct phi_recipe recipe = {
        .type = phi_file_type_find(cases[i].file_type),
        .pure = (cases[i].flags & PURE) != 0,
        .has_output = (cases[i].flags & TIED) == 0,
        .from_gguf = (cases[i].flags & GGUF) != 0};
    struct phi_choice got = {PHI_NDTYPES, NULL};

    memcpy(t.dim, cases[i].dim, sizeof(cases[i].dim));
    if (cases[i].want < 0) {
        ck_refused(phi_recipe_choose(&recipe, &t, &got, &err),
                   PHI_E_UNSUPPORTED, "no multiple of 32");
        return;
    }
    ck_ok(phi_recipe_choose(&recipe, &t, &got, &err));
    ck_assert_msg((int)got.dtype == cases[i].want, "case %zu: %s", i,
                  phi_dtype_info(got.dtype)->name);
    ck_assert_ptr_nonnull(got.why);
}
END_TEST

START_TEST(names_by_number)
{
    const struct phi_file_type *t;

    for (size_t i = 0; (t = phi_file_type_at(i)) != NULL; i++)
        ck_assert_str_eq(phi_file_type_name(t->number), t->name);
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
    tcase_add_test(t, names_by_number);
    suite_add_tcase(s, t);
    return unit_main(s);
}

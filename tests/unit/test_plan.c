/* SPDX-License-Identifier: MIT */
/* What a plan says of a small model, and what it refuses. */
#include "libconv/convert/plan.h"
#include "tests/unit/memory_model.h"

static struct phi_plan_options options_of(const char *type)
{
    return (struct phi_plan_options){.recipe.type = phi_file_type_find(type)};
}

START_TEST(order_types_and_sizes)
{
    static const struct {
        const char *name;
        size_t source;
        enum phi_dtype dtype;
        uint64_t nbytes;
    } want[] = {
        {"output.bias", 3, PHI_F32, 2 * 4},
        {"output.weight", 1, PHI_Q6_K, 2 * 210},
        {"token_embd.weight", 4, PHI_Q4_0, 2 * 8 * 18},
        {"blk.2.ffn_up.bias", 5, PHI_F32, 256 * 4},
        {"blk.2.ffn_up.weight", 2, PHI_Q4_0, 3 * 8 * 18},
        {"blk.10.ffn_up.weight", 0, PHI_Q4_0, 8 * 18 * 2},
    };
    const struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_plan plan;
    uint64_t total = 0;

    memory_add(&m, "blk.10.ffn_up.weight", PHI_F16, 2, 256, NULL);
    memory_add(&m, "output.weight", PHI_BF16, 2, 256, NULL);
    memory_add(&m, "blk.2.ffn_up.weight", PHI_F32, 3, 256, NULL);
    memory_add(&m, "output.bias", PHI_F16, 0, 2, NULL);
    memory_add(&m, "token_embd.weight", PHI_F16, 2, 256, NULL);
    memory_add(&m, "blk.2.ffn_up.bias", PHI_F32, 0, 256, NULL);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_uint_eq(plan.n, 6);
    for (size_t i = 0; i < plan.n; i++) {
        ck_assert_str_eq(plan.tensors[i].name, want[i].name);
        ck_assert_uint_eq(plan.steps[i].source, want[i].source);
        ck_assert_int_eq(plan.tensors[i].dtype, want[i].dtype);
        ck_assert_uint_eq(plan.tensors[i].nbytes, want[i].nbytes);
        ck_assert_ptr_nonnull(plan.steps[i].why);
        total += want[i].nbytes;
    }
    ck_assert_uint_eq(plan.nbytes, total);
    ck_assert_uint_eq(plan.weights, 9 * 256 + 256 + 2);
    ck_assert_double_eq(phi_plan_bits(&plan),
                        (double)total * 8 / (9 * 256 + 256 + 2));
    phi_plan_release(&plan);
    phi_source_close(&m.base);
}
END_TEST

START_TEST(metadata_ends_as_llama_quantize_ends_it)
{
    static const char *const want[] = {
        "general.architecture",         "phi2.block_count",
        "phi2.attention.head_count",    "general.name",
        "general.quantization_version", "general.file_type"};
    const struct phi_plan_options opt = options_of("bf16");
    struct memory_source m = {0};
    struct phi_meta *meta = &m.base.meta;
    struct phi_plan plan;

    memory_add(&m, "output.weight", PHI_F32, 2, 256, NULL);
    ck_ok(phi_meta_set_u(meta, want[5], PHI_KV_U32, 1, &err));
    ck_ok(phi_meta_set_u(meta, want[4], PHI_KV_U32, 9, &err));
    ck_ok(phi_meta_set_str(meta, want[3], "x", 1, &err));
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_uint_eq(plan.meta.n, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(plan.meta.kv[i].key, want[i]);
    ck_assert_uint_eq(plan.meta.kv[4].v.u, 2);
    ck_assert_uint_eq(plan.meta.kv[5].v.u, 32);
    ck_assert_int_eq(plan.meta.kv[5].type, PHI_KV_U32);
    ck_assert_uint_eq(meta->n, 6); /* the source's own are untouched */
    ck_assert_uint_eq(meta->kv[3].v.u, 1);
    phi_plan_release(&plan);
    phi_source_close(&m.base);
}
END_TEST

/* One tensor beside a good one; refused in these words. */
static void refuse(const char *format, const char *name, enum phi_dtype dtype,
                   uint64_t cols, const char *words)
{
    const struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {.base.format = format};
    struct phi_plan plan;

    memory_add(&m, "output.weight", PHI_F16, 2, 256, NULL);
    memory_add(&m, name, dtype, 2, cols, NULL);
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_UNSUPPORTED,
               words);
    phi_source_close(&m.base);
}

START_TEST(refusals_name_the_tensor)
{
    refuse("hf", "blk.0.attn_q_norm.weight", PHI_F16, 256,
           "model: tensor \"blk.0.attn_q_norm.weight\": ");
    refuse("hf", "blk.0.attn_k_norm.bias", PHI_F16, 256, "qk_layernorm");
    refuse("hf",
           "blk.0."
           "a_name_that_is_much_longer_than_what_llama_cpp_loads.weight",
           PHI_F16, 256, "its name has 65 bytes");
    refuse("gguf", "blk.0.ffn_up.weight", PHI_Q8_0, 256,
           "tensor \"blk.0.ffn_up.weight\": is quantized already (Q8_0)");
    refuse("hf", "blk.0.ffn_up.weight", PHI_I32, 256, "is of type I32");
    refuse("hf", "blk.0.ffn_up.bias", PHI_I64, 256, "is of type I64");
    refuse("hf", "blk.0.ffn_up.weight", PHI_F16, 33,
           "its width 33 is no multiple of 32");
}
END_TEST

START_TEST(other_models_are_refused)
{
    const struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "output.weight", PHI_F16, 2, 256, NULL);
    ck_ok(phi_meta_set_str(&m.base.meta, "general.architecture", "llama", 5,
                           &err));
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_UNSUPPORTED,
               "key \"general.architecture\": is \"llama\", expected \"phi2\"");
    phi_meta_remove(&m.base.meta, "general.architecture");
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_FORMAT,
               "key \"general.architecture\": is missing");
    phi_source_close(&m.base);
}
END_TEST

START_TEST(ranks_that_gguf_lacks)
{
    const struct phi_plan_options opt = options_of("f16");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "blk.0.ffn_up.weight", PHI_F16, 2, 256, NULL);
    m.tensors[0].rank = 0;
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_UNSUPPORTED,
               "has 0 dimensions");
    m.tensors[0].rank = 5;
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_UNSUPPORTED,
               "has 5 dimensions");
    phi_source_close(&m.base);
}
END_TEST

START_TEST(sizes_that_overflow)
{
    const struct phi_plan_options opt = options_of("f32");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "blk.0.ffn_up.weight", PHI_F16, 2, 256, NULL);
    m.tensors[0].dim[0] = UINT64_MAX / 512;
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_FORMAT,
               "its size overflows");
    phi_source_close(&m.base);
}
END_TEST

START_TEST(a_quantized_tensor_of_the_same_type_is_copied)
{
    const struct phi_plan_options opt = options_of("q8_0");
    struct memory_source m = {.base.format = "gguf"};
    struct phi_plan plan;

    memory_add(&m, "blk.0.ffn_up.weight", PHI_Q8_0, 2, 256, NULL);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_int_eq(plan.tensors[0].dtype, PHI_Q8_0);
    phi_plan_release(&plan);
    phi_plan_release(&plan); /* empty again */
    phi_source_close(&m.base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");

    tcase_add_test(t, order_types_and_sizes);
    tcase_add_test(t, metadata_ends_as_llama_quantize_ends_it);
    tcase_add_test(t, refusals_name_the_tensor);
    tcase_add_test(t, other_models_are_refused);
    tcase_add_test(t, ranks_that_gguf_lacks);
    tcase_add_test(t, sizes_that_overflow);
    tcase_add_test(t, a_quantized_tensor_of_the_same_type_is_copied);
    suite_add_tcase(s, t);
    return unit_main(s);
}

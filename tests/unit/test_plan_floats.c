/* SPDX-License-Identifier: MIT */
/* Plans that keep a model one of floats. */
#include "libconv/convert/plan_floats.h"
#include "tests/unit/memory_model.h"

/* A matrix of each given type and a vector of F32. */
static void fill(struct memory_source *m, const char *format,
                 enum phi_dtype first, enum phi_dtype second)
{
    *m = (struct memory_source){.base.format = format};
    memory_add(m, "token_embd.weight", first, 4, 64, NULL);
    memory_add(m, "blk.0.attn_norm.weight", PHI_F32, 0, 64, NULL);
    memory_add(m, "blk.0.attn_q.weight", second, 2, 64, NULL);
}

static void ck_types(const struct memory_source *m,
                     const struct phi_floats_options *opt,
                     enum phi_dtype matrix, enum phi_dtype vector)
{
    struct phi_plan plan;
    uint64_t nbytes;

    ck_ok(phi_plan_floats(&plan, &m->base, opt, &err));
    ck_assert_uint_eq(plan.n, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(plan.tensors[i].name, m->tensors[i].name);
        ck_assert_uint_eq(plan.steps[i].source, i);
        ck_assert_int_eq(plan.tensors[i].dtype, i == 1 ? vector : matrix);
    }
    ck_assert_uint_eq(plan.weights, 7 * 64);
    ck_assert(phi_dtype_nbytes(matrix, 6 * 64, &nbytes));
    ck_assert_uint_eq(plan.tensors[0].nbytes + plan.tensors[2].nbytes, nbytes);
    ck_assert_uint_eq(plan.nbytes, nbytes + plan.tensors[1].nbytes);
    phi_plan_release(&plan);
}

START_TEST(types_are_chosen)
{
    const struct phi_floats_options keep = {0};
    const struct phi_floats_options f16 = {.given = true, .dtype = PHI_F16};
    const struct phi_floats_options blocks = {.dequantize = true};
    struct memory_source m;

    fill(&m, "hf", PHI_BF16, PHI_BF16);
    ck_types(&m, &keep, PHI_BF16, PHI_F32);
    ck_types(&m, &f16, PHI_F16, PHI_F16);
    memory_close(&m.base);
    fill(&m, "gguf", PHI_BF16, PHI_BF16);
    ck_types(&m, &keep, PHI_BF16, PHI_BF16);
    memory_close(&m.base);
    fill(&m, "gguf", PHI_F16, PHI_BF16); /* only F32 holds both */
    ck_types(&m, &keep, PHI_F32, PHI_F32);
    memory_close(&m.base);
    fill(&m, "gguf", PHI_Q8_0, PHI_Q8_0);
    ck_types(&m, &blocks, PHI_F32, PHI_F32);
    memory_close(&m.base);
}
END_TEST

START_TEST(what_is_no_float_is_refused)
{
    const struct phi_floats_options keep = {0};
    struct phi_plan plan;
    struct memory_source m;

    fill(&m, "gguf", PHI_F16, PHI_Q4_0);
    ck_refused(phi_plan_floats(&plan, &m.base, &keep, &err), PHI_E_UNSUPPORTED,
               "model: tensor \"blk.0.attn_q.weight\": is quantized (Q4_0), "
               "expected a float type");
    memory_close(&m.base);
    fill(&m, "hf", PHI_F16, PHI_I16);
    ck_refused(phi_plan_floats(&plan, &m.base, &keep, &err), PHI_E_UNSUPPORTED,
               "type I16 cannot become I16");
    memory_close(&m.base);
    /* Whatever the pipeline will not do is known before it begins. */
    fill(&m, "hf", PHI_F16, PHI_F8_E4M3);
    ck_refused(phi_plan_floats(&plan, &m.base, &keep, &err), PHI_E_UNSUPPORTED,
               "type F8_E4M3 cannot become F8_E4M3");
    memory_close(&m.base);
    fill(&m, "hf", PHI_F16, PHI_F64);
    ck_ok(phi_plan_floats(&plan, &m.base, &keep, &err));
    phi_plan_release(&plan);
    memory_close(&m.base);
}
END_TEST

/* A head that is the embedding's bytes is not written again. */
START_TEST(tied_tensors_go_once)
{
    const struct phi_floats_options keep = {0};
    struct phi_plan plan;
    struct memory_source m;

    fill(&m, "hf", PHI_F16, PHI_F16);
    m.tensors[1] = m.tensors[0];
    m.tensors[1].name = "output.weight";
    ck_ok(phi_plan_floats(&plan, &m.base, &keep, &err));
    ck_assert_uint_eq(plan.n, 2);
    ck_assert_str_eq(plan.tensors[1].name, "blk.0.attn_q.weight");
    ck_assert_uint_eq(plan.steps[1].source, 2);
    phi_plan_release(&plan);
    memory_close(&m.base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan_floats");
    TCase *t = tcase_create("plan_floats");

    tcase_add_test(t, types_are_chosen);
    tcase_add_test(t, what_is_no_float_is_refused);
    tcase_add_test(t, tied_tensors_go_once);
    suite_add_tcase(s, t);
    return unit_main(s);
}

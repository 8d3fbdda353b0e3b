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
static void refuse(const char *name, enum phi_dtype dtype, uint64_t cols,
                   const char *words)
{
    const struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "output.weight", PHI_F16, 2, 256, NULL);
    memory_add(&m, name, dtype, 2, cols, NULL);
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_UNSUPPORTED,
               words);
    phi_source_close(&m.base);
}

START_TEST(refusals_name_the_tensor)
{
    refuse("blk.0.attn_q_norm.weight", PHI_F16, 256,
           "model: tensor \"blk.0.attn_q_norm.weight\": ");
    refuse("blk.0.attn_k_norm.bias", PHI_F16, 256, "qk_layernorm");
    refuse("blk.0."
           "a_name_that_is_much_longer_than_what_llama_cpp_loads.weight",
           PHI_F16, 256, "its name has 65 bytes");
    refuse("blk.0.ffn_up.weight", PHI_Q8_0, 256,
           "tensor \"blk.0.ffn_up.weight\": is quantized already (Q8_0)");
    refuse("blk.0.ffn_up.weight", PHI_I32, 256, "is of type I32");
    refuse("blk.0.ffn_up.bias", PHI_I64, 256, "is of type I64");
    refuse("blk.0.ffn_up.weight", PHI_F16, 33,
           "its width 33 is no multiple of 32");
}
END_TEST

START_TEST(the_widest_row)
{
    const struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "blk.0.ffn_up.weight", PHI_F16, 1, PHI_PLAN_MAX_COLS, NULL);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    phi_plan_release(&plan);
    phi_source_close(&m.base);
    refuse("blk.0.ffn_up.weight", PHI_F16, PHI_PLAN_MAX_COLS + 1,
           "has rows of 4194305 elements, at most 4194304 are converted");
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
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "blk.0.ffn_up.weight", PHI_Q8_0, 2, 256, NULL);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_int_eq(plan.tensors[0].dtype, PHI_Q8_0);
    phi_plan_release(&plan);
    phi_plan_release(&plan); /* empty again */
    phi_source_close(&m.base);
}
END_TEST

/* A matrix with one entry of n ones. */
static void matrix_add(struct phi_imatrix *m, const char *name, size_t n)
{
    static float ones[512];
    const float one = 1;
    const struct phi_imatrix_sums s = {name, strlen(name), ones, n, &one, 1};

    ck_assert_uint_le(n, 512);
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    ck_ok(phi_imatrix_add(m, &s, &err));
}

#define UP   "blk.0.ffn_up.weight"
#define DOWN "blk.0.ffn_down.weight"

/* Fills a model whose ffn_down is quantized already. */
static void fill_model(struct memory_source *m)
{
    memory_add(m, "output.weight", PHI_F16, 2, 256, NULL);
    memory_add(m, "token_embd.weight", PHI_F16, 2, 256, NULL);
    memory_add(m, UP, PHI_F16, 2, 256, NULL);
    memory_add(m, DOWN, PHI_Q4_0, 2, 256, NULL);
}

START_TEST(importance_goes_to_the_types_that_take_it)
{
    static const struct {
        const char *type;
        const char *want;         /* of output, embedding, down, up: 1 */
    } rows[] = {{"q4_0", "1101"}, /* down is copied */
                {"q4_k_m", "1111"}, {"q2_k_s", "1111"}, {"iq4_nl", "1111"},
                {"q8_0", "0000"},   {"tq1_0", "0000"},  {"tq2_0", "0000"},
                {"f16", "0000"},    {"copy", "0000"}};
    struct memory_source m = {0};
    struct phi_imatrix imatrix = {0};
    char x[] = "x";

    matrix_add(&imatrix, "output.weight", 256);
    matrix_add(&imatrix, "token_embd.weight", 256);
    matrix_add(&imatrix, UP, 256);
    matrix_add(&imatrix, DOWN, 256);
    imatrix.path = x;
    fill_model(&m);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct phi_plan_options opt = options_of(rows[i].type);
        struct phi_plan plan;

        opt.imatrix = &imatrix;
        opt.recipe.pure = true;
        opt.allow_requantize = true;
        ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
        for (size_t k = 0; k < 4; k++) {
            const char *name = plan.tensors[k].name;
            const float *want = phi_imatrix_find(&imatrix, name)->importance;

            ck_assert_msg(plan.steps[k].importance ==
                              (rows[i].want[k] == '1' ? want : NULL),
                          "%s: %s", rows[i].type, name);
        }
        phi_plan_release(&plan);
    }
    imatrix.path = NULL;
    phi_imatrix_release(&imatrix);
    phi_source_close(&m.base);
}
END_TEST

/* The matrix of `entries`, "name:width ...", for q4_0 and q8_0. */
static enum phi_status plan_with(const char *entries, const char *type,
                                 struct phi_plan *plan, struct phi_err *err)
{
    struct phi_plan_options opt = options_of(type);
    struct phi_imatrix imatrix = {.path = (char[]){"x.imatrix"}};
    static struct memory_source m;
    char name[64];
    unsigned width;
    int n;
    enum phi_status st;

    m = (struct memory_source){0};
    fill_model(&m);
    for (; sscanf(entries, " %63[^:]:%u%n", name, &width, &n) == 2;
         entries += n)
        matrix_add(&imatrix, name, width);
    opt.imatrix = &imatrix;
    opt.allow_requantize = true;
    st = phi_plan_make(plan, &m.base, &opt, err);
    imatrix.path = NULL;
    phi_imatrix_release(&imatrix);
    phi_source_close(&m.base);
    return st;
}

START_TEST(matrices_for_other_models)
{
    struct phi_plan plan;

    /* Rules take q4_0's first ffn_down to Q4_1, which needs its entry. */
    ck_ok(plan_with(UP ":256 " DOWN ":256", "q4_0", &plan, &err));
    ck_assert_int_eq(plan.tensors[2].dtype, PHI_Q4_1);
    phi_plan_release(&plan);
    ck_ok(plan_with(UP ":256 " DOWN ":256 token_embd.weight:2", "q4_0", &plan,
                    &err));
    ck_assert_ptr_null(plan.steps[1].importance);
    phi_plan_release(&plan);
    ck_ok(plan_with(UP ":256", "q8_0", &plan, &err)); /* takes none */
    phi_plan_release(&plan);
    ck_refused(plan_with(UP ":256", "q4_0", &plan, &err), PHI_E_UNSUPPORTED,
               "x.imatrix: has no entry for tensor \"" DOWN "\"");
    ck_refused(plan_with(UP ":256 " DOWN ":512", "q4_0", &plan, &err),
               PHI_E_UNSUPPORTED,
               "x.imatrix: entry \"" DOWN
               "\": has 512 values, but the tensor has 256 columns");
    ck_refused(
        plan_with(UP ":256 " DOWN ":256 output.weight:2", "q4_0", &plan, &err),
        PHI_E_UNSUPPORTED, "entry \"output.weight\": has 2 values");
    ck_refused(plan_with("blk.1.ffn_up.weight:256", "q8_0", &plan, &err),
               PHI_E_UNSUPPORTED,
               "x.imatrix: none of its 1 entries is for a tensor of model");
}
END_TEST

START_TEST(metadata_of_a_matrix)
{
    static const char *const keys[] = {
        "general.file_type", "quantize.imatrix.file",
        "quantize.imatrix.dataset", "quantize.imatrix.entries_count",
        "quantize.imatrix.chunks_count"};
    struct phi_plan_options opt = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_imatrix imatrix = {.nchunks = 7};
    char path[200];
    char dataset[200];
    struct phi_plan plan;
    const struct phi_kv *kv;

    memset(path, 'p', sizeof(path));
    memcpy(path, "/home/", 6);
    path[199] = '\0';
    memset(dataset, 'd', sizeof(dataset));
    memcpy(dataset, "/d/", 3);
    dataset[199] = '\0';
    fill_model(&m);
    ck_ok(phi_meta_set_u(&m.base.meta, keys[4], PHI_KV_U32, 99, &err));
    matrix_add(&imatrix, UP, 256);
    imatrix.path = path;
    imatrix.dataset = dataset;
    opt.imatrix = &imatrix;
    opt.recipe.pure = true;
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    kv = plan.meta.kv + plan.meta.n - 5;
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_eq(kv[i].key, keys[i]);
    ck_assert_uint_eq(kv[1].v.str.n, 127); /* without folders, and cut */
    ck_assert_int_eq(kv[1].v.str.p[0], 'p');
    ck_assert_uint_eq(kv[2].v.str.n, 127);
    ck_assert_uint_eq(kv[3].v.u, 1);
    ck_assert_int_eq(kv[3].type, PHI_KV_U32);
    ck_assert_uint_eq(kv[4].v.u, 7);
    phi_plan_release(&plan);
    imatrix.nchunks = 0;
    imatrix.dataset = NULL;
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_ptr_null(phi_meta_find(&plan.meta, keys[2]));
    ck_assert_ptr_null(phi_meta_find(&plan.meta, keys[4]));
    ck_assert_ptr_nonnull(phi_meta_find(&plan.meta, keys[3]));
    phi_plan_release(&plan);
    imatrix.path = NULL;
    phi_imatrix_release(&imatrix);
    phi_source_close(&m.base);
}
END_TEST

/*
 * Defect: a matrix that weighed nothing was named all the same, and one that
 * the source was made with by every file that was made from that.
 */
START_TEST(metadata_name_no_other_matrix)
{
    static const char key[] = "quantize.imatrix.file";
    static const struct {
        const char *type;
        bool matrix; /* --imatrix */
        bool kept;   /* the source's key stays */
        bool named;
    } rows[] = {{"q4_0", true, false, true},  /* down is copied, up made */
                {"q8_0", true, false, false}, /* takes none */
                {"f16", true, false, false},     {"f16", false, false, false},
                {"q4_k_m", false, false, false}, {"q4_0", false, true, false},
                {"copy", true, true, false},     {"copy", false, true, false}};
    struct memory_source m = {0};
    struct phi_imatrix imatrix = {.path = (char[]){"x.imatrix"}};

    fill_model(&m);
    matrix_add(&imatrix, UP, 256);
    matrix_add(&imatrix, DOWN, 256);
    ck_ok(phi_meta_set_str(&m.base.meta, key, "old", 3, &err));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct phi_plan_options opt = options_of(rows[i].type);
        const char *name = NULL;
        struct phi_plan plan;

        opt.imatrix = rows[i].matrix ? &imatrix : NULL;
        opt.recipe.pure = true;
        opt.recipe.keep = true; /* as of a GGUF file */
        opt.allow_requantize = true;
        ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
        ck_ok(phi_meta_opt_str(&plan.meta, key, &name, &err));
        if (rows[i].named || rows[i].kept)
            ck_assert_str_eq(name, rows[i].named ? "x.imatrix" : "old");
        else
            ck_assert_msg(name == NULL, "%s: %s", rows[i].type, name);
        ck_assert(phi_plan_has_importance(&plan) == rows[i].named);
        phi_plan_release(&plan);
    }
    imatrix.path = NULL;
    phi_imatrix_release(&imatrix);
    phi_source_close(&m.base);
}
END_TEST

START_TEST(low_bits_need_importance)
{
    struct phi_plan_options opt = options_of("q2_k_s");
    struct memory_source m = {0};
    struct phi_plan plan;

    memory_add(&m, "output.weight", PHI_F16, 2, 256, NULL);
    memory_add(&m, "token_embd.weight", PHI_F16, 2, 256, NULL);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err)); /* these do without */
    ck_assert_int_eq(plan.tensors[1].dtype, PHI_Q2_K);
    phi_plan_release(&plan);
    memory_add(&m, UP, PHI_F16, 2, 256, NULL);
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_ARG,
               "tensor \"" UP "\": Q2_K in a q2_k_s file needs");
    opt = options_of("q2_k");
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    phi_plan_release(&plan);
    phi_source_close(&m.base);
}
END_TEST

START_TEST(copies_keep_types_and_number)
{
    struct phi_plan_options opt = options_of("copy");
    struct phi_plan_options round = options_of("q4_0");
    struct memory_source m = {0};
    struct phi_err found = {0};
    struct phi_plan plan;

    opt.recipe.keep = true;
    round.allow_requantize = true;
    fill_model(&m);
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_ptr_null(phi_meta_find(&plan.meta, "general.file_type"));
    phi_plan_release(&plan);
    ck_ok(phi_meta_set_str(&m.base.meta, "general.file_type", "x", 1, &err));
    ck_refused(phi_plan_make(&plan, &m.base, &opt, &err), PHI_E_FORMAT,
               "model: key \"general.file_type\"");
    phi_meta_remove(&m.base.meta, "general.file_type");
    ck_ok(phi_meta_set_u(&m.base.meta, "general.file_type", PHI_KV_U32, 15,
                         &err));
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    ck_assert_uint_eq(phi_meta_find(&plan.meta, "general.file_type")->v.u, 15);
    for (size_t i = 0; i < plan.n; i++)
        ck_assert_int_eq(plan.tensors[i].dtype,
                         m.tensors[plan.steps[i].source].dtype);
    phi_plan_release(&plan);
    /* What nothing here computes with stays, and becomes nothing else. */
    m.tensors[2].dtype = PHI_IQ2_XXS;
    m.tensors[3].dtype = PHI_I32;
    ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
    for (size_t i = 0; i < plan.n; i++)
        ck_assert_int_eq(plan.tensors[i].dtype,
                         m.tensors[plan.steps[i].source].dtype);
    phi_plan_release(&plan);
    m.tensors[3].dtype = PHI_F16;
    ck_assert_int_eq(phi_plan_make(&plan, &m.base, &round, &found),
                     PHI_E_UNSUPPORTED);
    ck_assert_str_eq(found.hint, "");
    ck_assert_ptr_nonnull(strstr(found.msg, "is of type IQ2_XXS, expected"));
    phi_source_close(&m.base);
}
END_TEST

START_TEST(strict)
{
    static const struct {
        const char *type;
        enum phi_dtype from;
        uint64_t cols;
        const char *text; /* NULL: allowed */
    } rows[] = {
        {"q4_k_m", PHI_F16, 256, NULL},
        {"q4_k_m", PHI_F16, 288,
         "its width 288 does not fit type Q4_K, and "
         "--strict allows no Q5_0 for it"},
        {"iq4_xs", PHI_F16, 33, "IQ4_XS, and --strict allows no F16"},
        {"q5_0", PHI_F16, 288, NULL},
        {"f32", PHI_F16, 33, NULL},
        {"f32", PHI_BF16, 33, NULL},
        {"f32", PHI_F64, 33,
         "type F32 does not hold every value of the "
         "source's F64"},
        {"f16", PHI_F16, 33, NULL},
        {"f16", PHI_F8_E5M2, 33, NULL},
        {"f16", PHI_F32, 33, "type F16 does not hold every value"},
        {"f16", PHI_BF16, 33, "type F16 does not hold every value"},
        {"bf16", PHI_F16, 33, "type BF16 does not hold every value"},
        {"bf16", PHI_F8_E4M3, 33, NULL},
        {"q8_0", PHI_F64, 256, NULL},
        {"f16", PHI_Q8_0, 256, "source's Q8_0"},
        {"f32", PHI_Q8_0, 256, NULL},
        {"copy", PHI_F64, 33, "source's F64"},
        {"copy", PHI_BF16, 33, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct phi_plan_options opt = options_of(rows[i].type);
        struct memory_source m = {0};
        struct phi_plan plan;

        memory_add(&m, "output.weight", PHI_F32, 2, 256, NULL);
        m.tensors[0].dtype = PHI_F16;
        if (strcmp(rows[i].type, "bf16") == 0)
            m.tensors[0].dtype = PHI_BF16;
        memory_add(&m, UP, rows[i].from, 2, rows[i].cols, NULL);
        opt.allow_requantize = true;
        ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
        phi_plan_release(&plan);
        opt.strict = true;
        if (rows[i].text != NULL) {
            ck_refused(phi_plan_make(&plan, &m.base, &opt, &err),
                       PHI_E_UNSUPPORTED, rows[i].text);
        } else {
            ck_ok(phi_plan_make(&plan, &m.base, &opt, &err));
            phi_plan_release(&plan);
        }
        phi_source_close(&m.base);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");

    tcase_add_test(t, order_types_and_sizes);
    tcase_add_test(t, metadata_ends_as_llama_quantize_ends_it);
    tcase_add_test(t, refusals_name_the_tensor);
    tcase_add_test(t, the_widest_row);
    tcase_add_test(t, other_models_are_refused);
    tcase_add_test(t, ranks_that_gguf_lacks);
    tcase_add_test(t, sizes_that_overflow);
    tcase_add_test(t, a_quantized_tensor_of_the_same_type_is_copied);
    tcase_add_test(t, importance_goes_to_the_types_that_take_it);
    tcase_add_test(t, matrices_for_other_models);
    tcase_add_test(t, metadata_of_a_matrix);
    tcase_add_test(t, metadata_name_no_other_matrix);
    tcase_add_test(t, low_bits_need_importance);
    tcase_add_test(t, copies_keep_types_and_number);
    tcase_add_test(t, strict);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/*
 * What merging promises: its operations in their order, fused and split
 * tensors alike, any number of rows at a time, nothing changed by zeros.
 */
#define _POSIX_C_SOURCE 200809L
#include "libconv/cpu/cpu.h"
#include "libconv/lora/merged_source.h"
#include "tests/unit/merge_case.h"

#define Q0 "model.layers.0.self_attn.q_proj"
#define K0 "model.layers.0.self_attn.k_proj"
#define V0 "model.layers.0.self_attn.v_proj"
#define QKV                                                                    \
    "\"target_modules\":[\"q_proj\",\"k_proj\",\"v_proj\"],"                   \
    "\"layers_to_transform\":[0],\"r\":3,\"lora_alpha\":5"
#define WQKV                                                                   \
    "\"target_modules\":[\"Wqkv\"],\"layers_to_transform\":[0],\"r\":3,"       \
    "\"lora_alpha\":5"

static struct memory_model *base;
static struct adapter_model *adapter;
static struct adapter_model *other;
static struct phi_merge merge;

static void setup(void)
{
    base = case_base(false, false);
    adapter = other = NULL;
    merge = (struct phi_merge){0};
}

static void teardown(void)
{
    phi_merge_release(&merge);
    if (adapter != NULL)
        phi_adapter_close(&adapter->base);
    if (other != NULL)
        phi_adapter_close(&other->base);
    phi_source_close(&base->base);
}

static void add_qkv(struct adapter_model *a)
{
    adapter_pair(a, Q0, 3, 16, 16);
    adapter_pair(a, K0, 3, 8, 16);
    adapter_pair(a, V0, 3, 8, 16);
}

static const float *data_of(const struct adapter_model *a, const char *path,
                            enum phi_adapter_role role)
{
    for (size_t i = 0; i < a->base.ntensors; i++) {
        if (strcmp(a->tensors[i].path, path) == 0 && a->tensors[i].role == role)
            return a->tensors[i].data;
    }
    return NULL;
}

/* The delta of a module, f32, k ascending. */
static float delta(const struct adapter_model *a, const char *path, size_t row,
                   size_t col, size_t rank, size_t cols, float scale)
{
    const float *pa = data_of(a, path, PHI_ADAPTER_A);
    const float *pb = data_of(a, path, PHI_ADAPTER_B);
    float d = 0;

    for (size_t k = 0; k < rank; k++)
        d += pb[row * rank + k] * pa[k * cols + col];
    return scale * d;
}

START_TEST(adds_in_one_order)
{
    const float *w = memory_data(base, "blk.0.attn_q.weight");
    const float scale = (float)(5.0 / 3.0);
    float *x;

    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    case_make(&merge, &base->base, &adapter->base, NULL);
    ck_assert_uint_eq(merge.n, 3);
    ck_assert_uint_eq(merge.nmodules, 3);
    ck_assert(!merge.idle[0]);
    ck_assert_double_eq(merge.modules[0].scale.scale, 5.0 / 3.0);
    x = case_merged(&merge, "blk.0.attn_q.weight", 5);
    for (size_t i = 0; i < 16 * 16; i++)
        ck_assert(x[i] ==
                  w[i] + delta(adapter, Q0, i / 16, i % 16, 3, 16, scale));
    free(x);
}
END_TEST

START_TEST(zeros_leave_every_bit)
{
    float *w = memory_data(base, "blk.0.attn_q.weight");
    float *x;

    w[0] = -0.0f;
    w[17] = 0x1p-149f;
    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    for (size_t i = 0; i < adapter->base.ntensors; i++) {
        struct phi_adapter_tensor *t = &adapter->tensors[i];

        for (size_t k = 0; t->role == PHI_ADAPTER_B && k < t->dim[0] * 3; k++)
            t->data[k] = k % 2 == 0 ? 0.0f : -0.0f;
    }
    case_make(&merge, &base->base, &adapter->base, NULL);
    ck_assert(merge.idle[0]);
    x = case_merged(&merge, "blk.0.attn_q.weight", 16);
    ck_assert_mem_eq(x, w, 16 * 16 * sizeof(*x));
    free(x);
}
END_TEST

START_TEST(scaled_by_zero_it_is_idle)
{
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 0};
    float *x;

    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    input.adapter = &adapter->base;
    ck_ok(phi_merge_make(&merge, &base->base, &input, 1, &options, &err));
    ck_assert(merge.idle[0]);
    x = case_merged(&merge, "blk.0.attn_k.weight", 3);
    ck_assert_mem_eq(x, memory_data(base, "blk.0.attn_k.weight"),
                     8 * 16 * sizeof(*x));
    free(x);
}
END_TEST

/* ---- fused and split ----------------------------------------------------- */

/* The same weights in one tensor. */
static struct memory_model *fused_base(void)
{
    static const char *const thirds[] = {"attn_q", "attn_k", "attn_v"};
    struct memory_model *f = case_base(true, false);
    size_t row = 0;

    for (size_t i = 0; i < 3; i++) {
        const size_t rows = i == 0 ? 16 : 8;
        char name[64];

        snprintf(name, sizeof(name), "blk.0.%s.weight", thirds[i]);
        memcpy(memory_data(f, "blk.0.attn_qkv.weight") + row * 16,
               memory_data(base, name), rows * 16 * sizeof(float));
        snprintf(name, sizeof(name), "blk.0.%s.bias", thirds[i]);
        memcpy(memory_data(f, "blk.0.attn_qkv.bias") + row,
               memory_data(base, name), rows * sizeof(float));
        row += rows;
    }
    return f;
}

/* Rows of the fused tensor are those of the three. */
static void check_fused(const struct phi_merge *split,
                        const struct phi_merge *fused, const char *suffix,
                        size_t cols)
{
    static const char *const thirds[] = {"attn_q", "attn_k", "attn_v"};
    char name[64];
    float *all;
    size_t row = 0;

    snprintf(name, sizeof(name), "blk.0.attn_qkv.%s", suffix);
    all = case_merged(fused, name, 3);
    for (size_t i = 0; i < 3; i++) {
        const size_t rows = i == 0 ? 16 : 8;
        float *x;

        snprintf(name, sizeof(name), "blk.0.%s.%s", thirds[i], suffix);
        x = case_merged(split, name, 5);
        ck_assert_mem_eq(all + row * cols, x, rows * cols * sizeof(*x));
        row += rows;
        free(x);
    }
    free(all);
}

static const char *const more[] = {
    "", ",\"use_dora\":true", ",\"lora_bias\":true",
    ",\"bias\":\"lora_only\",\"use_rslora\":true",
    ",\"rank_pattern\":{\"q_proj\":3},\"alpha_pattern\":{\"k_proj\":11}"};

static void add_more(struct adapter_model *a, const char *path, uint64_t rows,
                     int which)
{
    if (which == 1)
        adapter_add(a, path, PHI_ADAPTER_MAGNITUDE, rows, 0);
    if (which == 2)
        adapter_add(a, path, PHI_ADAPTER_B_BIAS, rows, 0);
    if (which == 3)
        adapter_add(a, path, PHI_ADAPTER_BASE_BIAS, rows, 0);
}

START_TEST(split_adapters_fit_fused_bases)
{
    struct memory_model *f = fused_base();
    struct phi_merge fused = {0};
    char config[512];

    snprintf(config, sizeof(config), QKV "%s", more[_i]);
    adapter = adapter_new("a", config, 3);
    add_qkv(adapter);
    add_more(adapter, Q0, 16, _i);
    add_more(adapter, K0, 8, _i);
    add_more(adapter, V0, 8, _i);
    case_make(&merge, &base->base, &adapter->base, NULL);
    case_make(&fused, &f->base, &adapter->base, NULL);
    ck_assert_uint_eq(fused.n, _i == 2 || _i == 3 ? 2 : 1);
    check_fused(&merge, &fused, "weight", 16);
    check_fused(&merge, &fused, "bias", 1);
    phi_merge_release(&fused);
    phi_source_close(&f->base);
}
END_TEST

START_TEST(fused_adapters_fit_split_bases)
{
    struct memory_model *f = fused_base();
    struct phi_merge fused = {0};
    char config[512];

    snprintf(config, sizeof(config), WQKV "%s", more[_i]);
    adapter = adapter_new("a", config, 3);
    adapter_pair(adapter, "transformer.h.0.mixer.Wqkv", 3, 32, 16);
    add_more(adapter, "transformer.h.0.mixer.Wqkv", 32, _i);
    case_make(&merge, &base->base, &adapter->base, NULL);
    case_make(&fused, &f->base, &adapter->base, NULL);
    ck_assert_uint_eq(merge.n, _i == 2 || _i == 3 ? 6 : 3);
    check_fused(&merge, &fused, "weight", 16);
    check_fused(&merge, &fused, "bias", 1);
    phi_merge_release(&fused);
    phi_source_close(&f->base);
}
END_TEST

/* ---- several ------------------------------------------------------------- */

START_TEST(adapters_follow_one_another)
{
    const float *w = memory_data(base, "blk.0.attn_v.weight");
    const float scale = (float)(5.0 / 3.0);
    float *x;

    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    other = adapter_new("b", QKV, 2);
    add_qkv(other);
    case_make(&merge, &base->base, &adapter->base, &other->base);
    ck_assert_uint_eq(merge.n, 3);
    ck_assert_uint_eq(merge.nmodules, 6);
    x = case_merged(&merge, "blk.0.attn_v.weight", 8);
    for (size_t i = 0; i < 8 * 16; i++) {
        float v = w[i];

        v += delta(adapter, V0, i / 16, i % 16, 3, 16, scale);
        v += delta(other, V0, i / 16, i % 16, 3, 16, scale);
        ck_assert(x[i] == v);
    }
    free(x);
}
END_TEST

/* PEFT 0.21: the norm is that of the base's row with this delta alone. */
START_TEST(dora_measures_the_base)
{
    const float *w = memory_data(base, "blk.0.attn_v.weight");
    const float scale = (float)(5.0 / 3.0);
    const float *magnitude;
    float *x;

    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    other = adapter_new("b", QKV ",\"use_dora\":true", 2);
    add_qkv(other);
    add_more(other, Q0, 16, 1);
    add_more(other, K0, 8, 1);
    add_more(other, V0, 8, 1);
    magnitude = data_of(other, V0, PHI_ADAPTER_MAGNITUDE);
    case_make(&merge, &base->base, &adapter->base, &other->base);
    x = case_merged(&merge, "blk.0.attn_v.weight", 3);
    for (size_t r = 0; r < 8; r++) {
        double norm = 0;

        for (size_t c = 0; c < 16; c++) {
            const double v =
                (double)(w[r * 16 + c] + delta(other, V0, r, c, 3, 16, scale));

            norm += v * v;
        }
        for (size_t c = 0; c < 16; c++) {
            const float v = w[r * 16 + c] +
                            delta(adapter, V0, r, c, 3, 16, scale) +
                            delta(other, V0, r, c, 3, 16, scale);
            const double want = (double)magnitude[r] / sqrt(norm) * (double)v;

            ck_assert_double_le(fabs((double)x[r * 16 + c] - want),
                                2e-7 * (1 + fabs(want)));
        }
    }
    free(x);
}
END_TEST

START_TEST(embedding_dora_measures_columns)
{
    const float *w = memory_data(base, "token_embd.weight");
    const float *a, *b, *magnitude;
    double norm[16] = {0};
    float d[40 * 16];
    float *x;

    adapter = adapter_new("a",
                          "\"target_modules\":[\"embed_tokens\"],\"r\":2,"
                          "\"lora_alpha\":3,\"use_dora\":true",
                          4);
    a = adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_EMBEDDING_A, 2,
                    40);
    b = adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_EMBEDDING_B, 16,
                    2);
    magnitude = adapter_add(adapter, "model.embed_tokens",
                            PHI_ADAPTER_MAGNITUDE, 16, 0);
    case_make(&merge, &base->base, &adapter->base, NULL);
    for (size_t i = 0; i < 40 * 16; i++) {
        const size_t r = i / 16, c = i % 16;
        const float sum = a[r] * b[c * 2] + a[40 + r] * b[c * 2 + 1];

        d[i] = w[i] + 1.5f * sum;
        norm[c] += (double)d[i] * (double)d[i];
    }
    x = case_merged(&merge, "token_embd.weight", 7);
    for (size_t i = 0; i < 40 * 16; i++) {
        const double want =
            (double)magnitude[i % 16] / sqrt(norm[i % 16]) * (double)d[i];

        ck_assert_double_le(fabs((double)x[i] - want), 2e-7 * (1 + fabs(want)));
    }
    free(x);
}
END_TEST

/* ---- rows at a time ------------------------------------------------------ */

START_TEST(rows_at_a_time_change_nothing)
{
    static const size_t steps[] = {1, 2, 3, 4, 5, 7, 16};
    float *want;

    adapter = adapter_new("a", QKV ",\"use_dora\":true", 5);
    add_qkv(adapter);
    add_more(adapter, Q0, 16, 1);
    add_more(adapter, K0, 8, 1);
    add_more(adapter, V0, 8, 1);
    other = adapter_new("b", QKV, 2);
    add_qkv(other);
    case_make(&merge, &base->base, &adapter->base, &other->base);
    want = case_merged(&merge, "blk.0.attn_q.weight", 16);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        float *x = case_merged(&merge, "blk.0.attn_q.weight", steps[i]);

        ck_assert_mem_eq(x, want, 16 * 16 * sizeof(*x));
        free(x);
    }
    free(want);
}
END_TEST

/* Sums of a call of `step` rows each, tallied; delta and weight of line 0. */
static void tally(size_t step, double *change, double *weight)
{
    float x[16 * 16];
    float *room = malloc((phi_merge_room(&merge) + 1) * sizeof(*room));
    double w[16], d[16 * 2];
    const struct phi_merge_sums sums = {w, d, 16};
    size_t i = 0;

    ck_assert_ptr_nonnull(room);
    ck_assert(phi_source_find(&base->base, "blk.0.attn_q.weight", &i));
    merge.tensors[merge.of_source[i]].ops[0].delta = 0;
    merge.tensors[merge.of_source[i]].ops[0].weight = 0;
    memcpy(x, memory_data(base, "blk.0.attn_q.weight"), sizeof(x));
    for (size_t row = 0; row < 16; row += step) {
        const size_t n = 16 - row < step ? 16 - row : step;

        ck_ok(phi_merge_apply(&merge, merge.of_source[i], x + row * 16, row, n,
                              room, &sums, &err));
        phi_merge_tally(&merge, merge.of_source[i], row, n, &sums);
    }
    free(room);
    phi_merge_sum_up(&merge);
    *change = merge.modules[0].delta;
    *weight = merge.modules[0].weight;
}

START_TEST(sums_are_of_the_change)
{
    const float *w = memory_data(base, "blk.0.attn_q.weight");
    double change = 0, weight = 0, d, v;

    adapter = adapter_new("a", QKV, 1);
    add_qkv(adapter);
    case_make(&merge, &base->base, &adapter->base, NULL);
    for (size_t i = 0; i < 16 * 16; i++) {
        const float x =
            w[i] + delta(adapter, Q0, i / 16, i % 16, 3, 16, (float)(5.0 / 3));

        change += ((double)x - (double)w[i]) * ((double)x - (double)w[i]);
        weight += (double)w[i] * (double)w[i];
    }
    tally(16, &d, &v);
    ck_assert_double_le(fabs(d / change - 1), 1e-12);
    ck_assert_double_le(fabs(v / weight - 1), 1e-12);
    for (size_t step = 1; step < 16; step++) {
        double d2, v2;

        tally(step, &d2, &v2);
        ck_assert(d2 == d && v2 == v);
    }
}
END_TEST

/* ---- vocabulary ---------------------------------------------------------- */

START_TEST(single_tokens_are_replaced)
{
    const float *w = memory_data(base, "token_embd.weight");
    const float *rows;
    float *x;

    adapter = adapter_new("a", QKV ",\"trainable_token_indices\":[39,2,17]", 6);
    add_qkv(adapter);
    rows =
        adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_TOKENS, 3, 16);
    case_make(&merge, &base->base, &adapter->base, NULL);
    x = case_merged(&merge, "token_embd.weight", 7);
    for (size_t r = 0; r < 40; r++) {
        const float *want = r == 39   ? rows
                            : r == 2  ? rows + 16
                            : r == 17 ? rows + 32
                                      : w + r * 16;

        ck_assert_mem_eq(x + r * 16, want, 16 * sizeof(*x));
    }
    free(x);
    ck_assert_uint_eq(merge.modules[merge.nmodules - 1].tokens, 3);
}
END_TEST

START_TEST(vocabularies_grow)
{
    const float *embedding, *head, *bias;
    float *x;

    adapter = adapter_new("a", QKV, 6);
    add_qkv(adapter);
    embedding =
        adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_WEIGHT, 43, 16);
    head = adapter_add(adapter, "lm_head", PHI_ADAPTER_WEIGHT, 43, 16);
    bias = adapter_add(adapter, "lm_head", PHI_ADAPTER_BIAS, 43, 0);
    case_make(&merge, &base->base, &adapter->base, NULL);
    ck_assert_uint_eq(merge.vocab, 43);
    x = case_merged(&merge, "token_embd.weight", 10);
    ck_assert_mem_eq(x, embedding, 43 * 16 * sizeof(*x));
    free(x);
    x = case_merged(&merge, "output.weight", 43);
    ck_assert_mem_eq(x, head, 43 * 16 * sizeof(*x));
    free(x);
    x = case_merged(&merge, "output.bias", 1);
    ck_assert_mem_eq(x, bias, 43 * sizeof(*x));
    free(x);
}
END_TEST

/* A grown embedding that is adapted itself. */
START_TEST(grown_embeddings_are_adapted)
{
    const float *a, *b, *e;
    float *x;

    adapter = adapter_new("a",
                          "\"target_modules\":[\"embed_tokens\"],\"r\":2,"
                          "\"lora_alpha\":3",
                          4);
    e = adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_BASE_WEIGHT, 43,
                    16);
    a = adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_EMBEDDING_A, 2,
                    43);
    b = adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_EMBEDDING_B, 16,
                    2);
    adapter_add(adapter, "lm_head", PHI_ADAPTER_WEIGHT, 43, 16);
    adapter_add(adapter, "lm_head", PHI_ADAPTER_BIAS, 43, 0);
    case_make(&merge, &base->base, &adapter->base, NULL);
    x = case_merged(&merge, "token_embd.weight", 9);
    for (size_t i = 0; i < 43 * 16; i++) {
        const size_t r = i / 16, c = i % 16;
        float d = 0;

        d += a[r] * b[c * 2];
        d += a[43 + r] * b[c * 2 + 1];
        ck_assert(x[i] == e[i] + 1.5f * d);
    }
    free(x);
}
END_TEST

/* ---- as a source --------------------------------------------------------- */

START_TEST(the_merged_source_reads_the_same)
{
    static const char *const names[] = {"token_embd.weight", "output.weight",
                                        "output.bias", "blk.0.attn_q.weight",
                                        "blk.1.ffn_up.weight"};
    struct phi_source *merged = NULL;

    adapter = adapter_new("a", QKV, 6);
    add_qkv(adapter);
    adapter_add(adapter, "model.embed_tokens", PHI_ADAPTER_WEIGHT, 43, 16);
    adapter_add(adapter, "lm_head", PHI_ADAPTER_WEIGHT, 43, 16);
    adapter_add(adapter, "lm_head", PHI_ADAPTER_BIAS, 43, 0);
    case_make(&merge, &base->base, &adapter->base, NULL);
    ck_ok(phi_merged_source_open(&merged, &merge, &err));
    ck_assert_uint_eq(merged->ntensors, base->base.ntensors);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        float *want = case_merged(&merge, names[i], 16);
        uint8_t *got;
        size_t k = 0, n;

        ck_assert(phi_source_find(merged, names[i], &k));
        n = (size_t)merged->tensors[k].nbytes;
        got = malloc(n + 1);
        ck_assert_ptr_nonnull(got);
        ck_ok(phi_source_read(merged, k, 0, got, n, &err));
        ck_assert_mem_eq(got, want, n);
        /* odd places */
        memset(got, 0xaa, n + 1);
        for (size_t at = 0; at < n; at += 37)
            ck_ok(phi_source_read(merged, k, at, got + 1 + at,
                                  n - at < 37 ? n - at : 37, &err));
        ck_assert_mem_eq(got + 1, want, n);
        free(got);
        free(want);
    }
    phi_source_close(merged);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("merge");
    TCase *t = tcase_create("merge");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, adds_in_one_order);
    tcase_add_test(t, zeros_leave_every_bit);
    tcase_add_test(t, scaled_by_zero_it_is_idle);
    tcase_add_loop_test(t, split_adapters_fit_fused_bases, 0, 5);
    tcase_add_loop_test(t, fused_adapters_fit_split_bases, 0, 4);
    tcase_add_test(t, adapters_follow_one_another);
    tcase_add_test(t, dora_measures_the_base);
    tcase_add_test(t, embedding_dora_measures_columns);
    tcase_add_test(t, rows_at_a_time_change_nothing);
    tcase_add_test(t, sums_are_of_the_change);
    tcase_add_test(t, single_tokens_are_replaced);
    tcase_add_test(t, vocabularies_grow);
    tcase_add_test(t, grown_embeddings_are_adapted);
    tcase_add_test(t, the_merged_source_reads_the_same);
    suite_add_tcase(s, t);
    return unit_main(s);
}

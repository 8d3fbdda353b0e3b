/* SPDX-License-Identifier: MIT */
#include "libconv/engine/hparams.h"
#include "tests/unit/array_model.h"

static const struct memory_shape shape = {
    64, 32, 24, 96, 1, 4, 2, 4, .fused_qkv = false};

START_TEST(all_keys_are_read)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_hparams h;

    ck_ok(phi_hparams_read(&h, &m->base, &err));
    ck_assert_uint_eq(h.n_vocab, 64);
    ck_assert_uint_eq(h.n_ctx, 32);
    ck_assert_uint_eq(h.n_embd, 24);
    ck_assert_uint_eq(h.n_ff, 96);
    ck_assert_uint_eq(h.n_layer, 1);
    ck_assert_uint_eq(h.n_head, 4);
    ck_assert_uint_eq(h.n_head_kv, 2);
    ck_assert_uint_eq(h.head_dim, 6);
    ck_assert_uint_eq(h.n_rot, 4);
    ck_assert_double_eq(h.norm_eps, (double)1e-5f);
    ck_assert_double_eq(h.rope_base, 10000);
    ck_assert_double_eq(h.rope_factor, 1);
    phi_source_close(&m->base);
}
END_TEST

START_TEST(defaults_and_options)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_meta *meta = &m->base.meta;
    struct phi_hparams h;

    phi_meta_remove(meta, "phi2.attention.head_count_kv");
    phi_meta_remove(meta, "phi2.rope.dimension_count");
    ck_ok(phi_meta_set_f(meta, "phi2.rope.freq_base", PHI_KV_F32, 5e5, &err));
    ck_ok(phi_meta_set_str(meta, "phi2.rope.scaling.type", "linear", 6, &err));
    ck_ok(
        phi_meta_set_f(meta, "phi2.rope.scaling.factor", PHI_KV_F32, 4, &err));
    memory_key(m, "phi2.vocab_size", 64);
    memory_key(m, "phi2.attention.key_length", 6);
    ck_ok(phi_hparams_read(&h, &m->base, &err));
    ck_assert_uint_eq(h.n_head_kv, 4);
    ck_assert_uint_eq(h.n_rot, 6);
    ck_assert_double_eq(h.rope_base, 5e5);
    ck_assert_double_eq(h.rope_factor, 4);
    ck_ok(phi_meta_set_str(meta, "phi2.rope.scaling.type", "none", 4, &err));
    ck_ok(phi_hparams_read(&h, &m->base, &err));
    ck_assert_double_eq(h.rope_factor, 1);
    /* As in llama.cpp: a factor is meant, and a type without one means 1. */
    phi_meta_remove(meta, "phi2.rope.scaling.type");
    ck_ok(phi_hparams_read(&h, &m->base, &err));
    ck_assert_double_eq(h.rope_factor, 4);
    phi_meta_remove(meta, "phi2.rope.scaling.factor");
    ck_ok(phi_meta_set_str(meta, "phi2.rope.scaling.type", "linear", 6, &err));
    ck_ok(phi_hparams_read(&h, &m->base, &err));
    ck_assert_double_eq(h.rope_factor, 1);
    phi_source_close(&m->base);
}
END_TEST

/* One number that cannot be, and what is said about it. */
static const struct {
    const char *key;
    uint64_t value;
    enum phi_status status;
    const char *text;
} bad_numbers[] = {
    {"phi2.context_length", 0, PHI_E_FORMAT, "\"phi2.context_length\" is 0"},
    {"phi2.embedding_length", 23, PHI_E_FORMAT,
     "23 embedding dimensions do not divide into 4 heads"},
    {"phi2.embedding_length", 1 << 30, PHI_E_FORMAT, "embedding_length"},
    {"phi2.block_count", 0, PHI_E_FORMAT, "\"phi2.block_count\" is 0"},
    {"phi2.block_count", 100000, PHI_E_FORMAT, "block_count"},
    {"phi2.attention.head_count", 0, PHI_E_FORMAT, "head_count\" is 0"},
    {"phi2.attention.head_count_kv", 0, PHI_E_FORMAT, "head_count_kv\" is 0"},
    {"phi2.attention.head_count_kv", 3, PHI_E_FORMAT,
     "4 heads do not divide into 3 key-value heads"},
    {"phi2.rope.dimension_count", 3, PHI_E_FORMAT, "is 3, expected an even"},
    {"phi2.rope.dimension_count", 8, PHI_E_FORMAT, "up to the head's 6"},
    {"phi2.rope.freq_base", 10000, PHI_E_FORMAT, "freq_base"},
    {"phi2.vocab_size", 65, PHI_E_UNSUPPORTED, "is 65, only 64 is supported"},
    {"phi2.attention.key_length", 8, PHI_E_UNSUPPORTED, "only 6"},
    {"phi2.attention.value_length", 8, PHI_E_UNSUPPORTED, "only 6"},
    {"phi2.attention.sliding_window", 64, PHI_E_UNSUPPORTED,
     "key \"phi2.attention.sliding_window\" is not understood"},
    {"phi2.attention.layer_norm_epsilon", 0, PHI_E_FORMAT,
     "layer_norm_epsilon"},
};

START_TEST(bad_numbers_are_refused)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_hparams h;

    memory_key(m, bad_numbers[_i].key, bad_numbers[_i].value);
    ck_refused(phi_hparams_read(&h, &m->base, &err), bad_numbers[_i].status,
               bad_numbers[_i].text);
    ck_refused(phi_hparams_read(&h, &m->base, &err), bad_numbers[_i].status,
               "tiny: ");
    phi_source_close(&m->base);
}
END_TEST

static const char *const needed[] = {
    "general.architecture",
    "phi2.context_length",
    "phi2.embedding_length",
    "phi2.feed_forward_length",
    "phi2.block_count",
    "phi2.attention.head_count",
    "phi2.attention.layer_norm_epsilon",
};
#define NNEEDED (sizeof(needed) / sizeof(needed[0]))

START_TEST(missing_keys_are_named)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_hparams h;

    phi_meta_remove(&m->base.meta, needed[_i]);
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT, needed[_i]);
    phi_source_close(&m->base);
}
END_TEST

START_TEST(other_models_are_refused)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_meta *meta = &m->base.meta;
    struct phi_hparams h;

    ck_ok(phi_meta_set_f(meta, "phi2.rope.freq_base", PHI_KV_F32, -1, &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT, "is -1");
    ck_ok(phi_meta_set_f(meta, "phi2.rope.freq_base", PHI_KV_F32, (double)NAN,
                         &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT, "freq_base");
    phi_meta_remove(meta, "phi2.rope.freq_base");
    ck_ok(phi_meta_set_str(meta, "phi2.rope.scaling.type", "yarn", 4, &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_UNSUPPORTED,
               "rope scaling \"yarn\"");
    ck_ok(phi_meta_set_str(meta, "phi2.rope.scaling.type", "linear", 6, &err));
    ck_ok(
        phi_meta_set_f(meta, "phi2.rope.scaling.factor", PHI_KV_F32, -1, &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT,
               "phi2.rope.scaling.factor");
    phi_meta_remove(meta, "phi2.rope.scaling.factor");
    phi_meta_remove(meta, "phi2.rope.scaling.type");
    ck_ok(phi_meta_set_u(meta, "phi2.use_parallel_residual", PHI_KV_BOOL, 0,
                         &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_UNSUPPORTED,
               "use_parallel_residual\" is false");
    ck_ok(phi_meta_set_str(meta, "general.architecture", "llama", 5, &err));
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_UNSUPPORTED,
               "architecture \"llama\"");
    phi_source_close(&m->base);
}
END_TEST

START_TEST(no_embedding)
{
    struct memory_model *m = memory_new(&shape, 1);
    struct phi_hparams h;

    m->tensors[0].rank = 1;
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT,
               "token_embd.weight");
    m->names[0][0] = 'x';
    ck_refused(phi_hparams_read(&h, &m->base, &err), PHI_E_FORMAT,
               "\"token_embd.weight\": is missing");
    phi_source_close(&m->base);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hparams");
    TCase *t = tcase_create("hparams");

    tcase_add_test(t, all_keys_are_read);
    tcase_add_test(t, defaults_and_options);
    tcase_add_loop_test(t, bad_numbers_are_refused, 0,
                        sizeof(bad_numbers) / sizeof(bad_numbers[0]));
    tcase_add_loop_test(t, missing_keys_are_named, 0, NNEEDED);
    tcase_add_test(t, other_models_are_refused);
    tcase_add_test(t, no_embedding);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/*
 * Every tensor of a Phi is there once, or the plan and the engine refuse it:
 * for each tensor of small models, without it, with another shape, twice; and
 * with any other.
 */
#include "libconv/convert/plan.h"
#include "libconv/engine/weights.h"
#include "libconv/tensor/model_parts.h"
#include "tests/unit/array_model.h"

static const struct memory_shape shapes[] = {
    {.n_vocab = 48,
     .n_ctx = 32,
     .n_embd = 32,
     .n_ff = 64,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .n_rot = 8},
    {.n_vocab = 48,
     .n_ctx = 32,
     .n_embd = 32,
     .n_ff = 64,
     .n_layer = 3,
     .n_head = 4,
     .n_head_kv = 4,
     .n_rot = 4,
     .fused_qkv = true},
    {.n_vocab = 48,
     .n_ctx = 32,
     .n_embd = 32,
     .n_ff = 32,
     .n_layer = 2,
     .n_head = 2,
     .n_head_kv = 1,
     .n_rot = 8,
     .tied = true},
    {.n_vocab = 48,
     .n_ctx = 32,
     .n_embd = 32,
     .n_ff = 32,
     .n_layer = 2,
     .n_head = 2,
     .n_head_kv = 2,
     .n_rot = 8,
     .head_norms = true},
};
#define NSHAPES (int)(sizeof(shapes) / sizeof(shapes[0]))

static struct phi_err last; /* of the last call of these two */

static enum phi_status plan(const struct memory_model *m, const char *type)
{
    const struct phi_plan_options opt = {.recipe.type =
                                             phi_file_type_find(type)};
    struct phi_plan p;
    enum phi_status st;

    last = (struct phi_err){0};
    st = phi_plan_make(&p, &m->base, &opt, &last);
    if (st == PHI_OK)
        phi_plan_release(&p);
    return st;
}

static enum phi_status engine(const struct memory_model *m)
{
    struct phi_weights w;
    enum phi_status st;

    last = (struct phi_err){0};
    st = phi_weights_init(&w, &m->base, &last);
    phi_weights_release(&w);
    return st;
}

/* GGUF has no place for norms of heads; their plan fails for that alone. */
static void accepted(const struct memory_model *m)
{
    size_t i;

    ck_assert_msg(engine(m) == PHI_OK, "%s", last.msg);
    if (phi_source_find(&m->base, "blk.0.attn_q_norm.weight", &i)) {
        ck_assert_int_eq(plan(m, "copy"), PHI_E_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(last.msg, "qk_layernorm"));
    } else {
        ck_assert_msg(plan(m, "copy") == PHI_OK, "%s", last.msg);
    }
}

/* By both, in a line that names the tensor and says what was expected. */
static void refused(const struct memory_model *m, const char *name,
                    const char *what)
{
    static const char *const types[] = {"copy", "q8_0", "f16"};

    for (size_t i = 0; i < 4; i++) {
        const enum phi_status st = i < 3 ? plan(m, types[i]) : engine(m);

        ck_assert_msg(st == PHI_E_FORMAT || st == PHI_E_UNSUPPORTED,
                      "\"%s\" %s: status %d", name, what, st);
        ck_assert_msg(strstr(last.msg, name) != NULL &&
                          strstr(last.msg, what) != NULL &&
                          strstr(last.msg, "expected") != NULL,
                      "\"%s\" %s: %s", name, what, last.msg);
    }
}

/* Takes tensor i away; the last takes its place. */
static void take(struct memory_model *m, size_t i)
{
    const size_t n = --m->base.ntensors;

    free(m->data[i]);
    if (i == n)
        return;
    m->data[i] = m->data[n];
    memcpy(m->names[i], m->names[n], sizeof(m->names[i]));
    m->tensors[i] = m->tensors[n];
    m->tensors[i].name = m->names[i];
    m->tensors[i].origin = m->names[i];
}

START_TEST(without_any_one)
{
    struct memory_model *m = memory_new(&shapes[_i], 1);
    const size_t n = m->base.ntensors;

    accepted(m);
    phi_source_close(&m->base);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        const char *named = name;

        m = memory_new(&shapes[_i], 1);
        snprintf(name, sizeof(name), "%s", m->names[i]);
        take(m, i);
        /* A head without a weight is the embedding's. */
        if (strcmp(name, "output.weight") == 0) {
            accepted(m);
            phi_source_close(&m->base);
            continue;
        }
        /* Without a weight in one, three are expected, and what is there of
         * the one is said. */
        if (strstr(name, ".attn_qkv.weight") != NULL)
            named = ".attn_q.weight";
        refused(m, named, "is missing");
        phi_source_close(&m->base);
    }
}
END_TEST

START_TEST(with_any_other)
{
    static const char *const names[] = {
        "foo.weight",
        "blk.4.ffn_up.weight", /* beyond the last layer */
        "blk.1000000.attn_norm.bias",
        "blk.1000001.attn_norm.bias",
        "blk.18446744073709551616.ffn_up.weight", /* 2^64: not layer 0 */
        "blk.00.ffn_up.weight",
        "blk.0.ffn_gate.weight",
        "blk.0.ffn_up.scale",
        "blk.0.ffn_up",
        "blk.0.ffn_up.weight.more",
        "blk.0.token_embd.weight",
        "blk.output.weight",
        "attn_q.weight",
        "token_embd.bias",
        "rope_freqs.weight",
        "rope_factors_long.weight",
        "",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct memory_model *m = memory_new(&shapes[_i], 1);

        memory_add(m, names[i], 0, 32, 0, 1);
        refused(m, names[i], "has no place in");
        phi_source_close(&m->base);
    }
}
END_TEST

START_TEST(any_one_twice)
{
    struct memory_model *m = memory_new(&shapes[_i], 1);
    const size_t n = m->base.ntensors;

    for (size_t i = 0; i < n; i++) {
        const struct phi_tensor *t = &m->tensors[i];

        memory_add(m, m->names[i], t->rank == 2 ? t->dim[0] : 0,
                   phi_tensor_cols(t), 0, 1);
        refused(m, m->names[i], "is there twice");
        take(m, n);
    }
    phi_source_close(&m->base);
}
END_TEST

/* One row or column more or less, or another rank. */
START_TEST(any_other_shape)
{
    struct memory_model *m = memory_new(&shapes[_i], 1);

    for (size_t i = 0; i < m->base.ntensors; i++) {
        struct phi_tensor *t = &m->tensors[i];
        const struct phi_tensor was = *t;
        /* The embedding's rows are what the vocabulary is known by. */
        const bool embd = strcmp(t->name, "token_embd.weight") == 0;

        for (uint32_t d = embd ? 1 : 0; d < was.rank; d++) {
            t->dim[d] = was.dim[d] + 1;
            refused(m, t->name, "has shape [");
            t->dim[d] = was.dim[d] - 1;
            refused(m, t->name, "has shape [");
            *t = was;
        }
        if (embd)
            continue;
        t->rank++;
        t->dim[t->rank - 1] = 1;
        refused(m, t->name, "has shape [");
        *t = was;
    }
    phi_source_close(&m->base);
}
END_TEST

/* Query, key and value for themselves and in one. */
START_TEST(parts_that_are_there_in_two_ways)
{
    struct memory_model *m = memory_new(&shapes[0], 1);

    memory_add(m, "blk.1.attn_qkv.weight", 64, 32, 0, 1);
    refused(m, "blk.1.attn_q.weight", "has no place in");
    phi_source_close(&m->base);
    m = memory_new(&shapes[0], 1);
    memory_add(m, "blk.1.attn_qkv.bias", 0, 64, 0, 1);
    refused(m, "blk.1.attn_qkv.bias", "has no place in");
    phi_source_close(&m->base);
    m = memory_new(&shapes[1], 1);
    memory_add(m, "blk.2.attn_v.bias", 0, 32, 0, 1);
    refused(m, "blk.2.attn_v.bias", "has no place in");
    phi_source_close(&m->base);
}
END_TEST

START_TEST(a_tied_head_may_have_a_bias)
{
    struct memory_model *m = memory_new(&shapes[2], 1);

    memory_add(m, "output.bias", 0, 48, 0, 1);
    accepted(m);
    memory_add(m, "output.weight", 48, 32, 0, 1);
    accepted(m);
    phi_source_close(&m->base);
}
END_TEST

/* Keys that say of the tensors that there are others. */
START_TEST(keys_that_do_not_fit)
{
    static const struct {
        const char *key;
        uint64_t value;
        const char *text;
    } rows[] = {
        {"phi2.block_count", 1, "phi2.block_count is 1"},
        {"phi2.block_count", 3, "\"blk.2.attn_q.weight\": is missing"},
        {"phi2.block_count", UINT32_MAX, "layers, but only 33 tensors"},
        {"phi2.block_count", 0, "\"phi2.block_count\" is 0"},
        {"phi2.embedding_length", 64, "has shape ["},
        {"phi2.embedding_length", 30, "do not divide into 4 heads"},
        {"phi2.embedding_length", UINT32_MAX - 3, "has shape ["},
        {"phi2.feed_forward_length", 65, "expected [65, 32]"},
        {"phi2.attention.head_count_kv", 4, "expected [32, 32]"},
        {"phi2.attention.head_count_kv", 3, "do not divide into 3"},
        {"phi2.attention.head_count_kv", 0, "head_count_kv\" is 0"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct memory_model *m = memory_new(&shapes[0], 1);

        memory_key(m, rows[i].key, rows[i].value);
        ck_assert_int_ne(plan(m, "copy"), PHI_OK);
        ck_assert_msg(strstr(last.msg, rows[i].text) != NULL, "%s = %llu: %s",
                      rows[i].key, (unsigned long long)rows[i].value, last.msg);
        phi_source_close(&m->base);
    }
}
END_TEST

START_TEST(layers_in_names)
{
    static const struct {
        const char *name;
        uint64_t layer; /* or PHI_NO_LAYER */
    } rows[] = {
        {"blk.0.x", 0},
        {"blk.12.ffn_up.weight", 12},
        {"blk.1000000.x", 1000000},
        {"blk.1000001.x", UINT64_MAX},
        {"blk.99999999999999999999999.x", UINT64_MAX},
        {"blk.01.x", UINT64_MAX},
        {"blk.1", UINT64_MAX},
        {"blk..x", UINT64_MAX},
        {"blk.-1.x", UINT64_MAX},
        {"blk", UINT64_MAX},
        {"", UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t layer = PHI_NO_LAYER;

        ck_assert_int_eq(phi_layer_of(&layer, rows[i].name),
                         rows[i].layer != PHI_NO_LAYER);
        ck_assert_uint_eq(layer, rows[i].layer);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_parts");
    TCase *t = tcase_create("model_parts");

    tcase_add_loop_test(t, without_any_one, 0, NSHAPES);
    tcase_add_loop_test(t, with_any_other, 0, NSHAPES);
    tcase_add_loop_test(t, any_one_twice, 0, NSHAPES);
    tcase_add_loop_test(t, any_other_shape, 0, NSHAPES);
    tcase_add_test(t, parts_that_are_there_in_two_ways);
    tcase_add_test(t, a_tied_head_may_have_a_bias);
    tcase_add_test(t, keys_that_do_not_fit);
    tcase_add_test(t, layers_in_names);
    suite_add_tcase(s, t);
    return unit_main(s);
}

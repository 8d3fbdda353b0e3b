/* SPDX-License-Identifier: MIT */
/* Keys of adapters: all spellings, what is none, and the sample's files. */
#include "libconv/lora/adapter_key.h"

#include "formats/safetensors.h"
#include "tests/unit/unit.h"

#define B "base_model.model."
#define M "model.layers.0.mlp.fc1"

static struct phi_adapter_key key;

static const struct {
    const char *key;
    const char *path;
    const char *name;
    enum phi_adapter_role role;
} good[] = {
    {B M ".lora_A.weight", M, "", PHI_ADAPTER_A},
    {B M ".lora_A.default.weight", M, "default", PHI_ADAPTER_A},
    {B M ".lora_A.weight.weight", M, "weight", PHI_ADAPTER_A},
    {M ".lora_B.weight", M, "", PHI_ADAPTER_B},
    {B M ".lora_B.bias", M, "", PHI_ADAPTER_B_BIAS},
    {B M ".lora_B.x.bias", M, "x", PHI_ADAPTER_B_BIAS},
    {B "model.embed_tokens.lora_embedding_A", "model.embed_tokens", "",
     PHI_ADAPTER_EMBEDDING_A},
    {B "model.embed_tokens.lora_embedding_B.default", "model.embed_tokens",
     "default", PHI_ADAPTER_EMBEDDING_B},
    {B M ".lora_magnitude_vector", M, "", PHI_ADAPTER_MAGNITUDE},
    {B M ".lora_magnitude_vector.weight", M, "", PHI_ADAPTER_MAGNITUDE},
    {B M ".lora_magnitude_vector.default", M, "default", PHI_ADAPTER_MAGNITUDE},
    {B M ".lora_magnitude_vector.default.weight", M, "default",
     PHI_ADAPTER_MAGNITUDE},
    {B "model.embed_tokens.token_adapter.trainable_tokens_delta",
     "model.embed_tokens", "", PHI_ADAPTER_TOKENS},
    {B "lm_head.weight", "lm_head", "", PHI_ADAPTER_WEIGHT},
    {B "lm_head.bias", "lm_head", "", PHI_ADAPTER_BIAS},
    {B "lm_head.modules_to_save.weight", "lm_head", "", PHI_ADAPTER_WEIGHT},
    {B "lm_head.modules_to_save.default.bias", "lm_head", "default",
     PHI_ADAPTER_BIAS},
    {B M ".base_layer.bias", M, "", PHI_ADAPTER_BASE_BIAS},
    {B "lm_head.original_module.weight", "lm_head", "",
     PHI_ADAPTER_ORIGINAL_WEIGHT},
    {B "lm_head.original_module.bias", "lm_head", "",
     PHI_ADAPTER_ORIGINAL_BIAS},
    {B "model.embed_tokens.token_adapter.base_layer.weight",
     "model.embed_tokens", "", PHI_ADAPTER_BASE_WEIGHT},
    {B "model.embed_tokens.base_layer.weight", "model.embed_tokens", "",
     PHI_ADAPTER_BASE_WEIGHT},
    {"my_lora_A.weight", "my_lora_A", "", PHI_ADAPTER_WEIGHT},
};

START_TEST(all_spellings)
{
    ck_assert_msg(phi_adapter_key_parse(&key, good[_i].key), "%s",
                  good[_i].key);
    ck_assert_str_eq(key.path, good[_i].path);
    ck_assert_str_eq(key.name, good[_i].name);
    ck_assert_int_eq(key.role, good[_i].role);
}
END_TEST

static const char *const bad[] = {
    "",
    ".",
    "weight",
    ".weight",
    B,
    B "weight",
    B "lora_A.weight",
    B ".lora_A.weight",
    B M ".lora_A",
    B M ".lora_A.bias",
    B M ".lora_A.a.b.weight",
    B M ".lora_A..weight",
    B M ".lora_C.weights",
    B M ".lora_embedding_A.a.b",
    B M ".lora_magnitude_vector.a.b.weight",
    B M ".base_layer.default.weight",
    B M ".lora_A.lora_B.x.weight",
    B M ".original_module.scale",
    B M ".base_layer.lora_A.weight",
    B M ".scales",
};

START_TEST(what_is_no_key)
{
    ck_assert_msg(!phi_adapter_key_parse(&key, bad[_i]), "%s is \"%s\" %d",
                  bad[_i], key.path, (int)key.role);
}
END_TEST

START_TEST(the_longest)
{
    char text[PHI_ADAPTER_KEY_MAX + 2];

    memset(text, 'a', sizeof(text));
    memcpy(text + PHI_ADAPTER_KEY_MAX - 7, ".weight", 8);
    ck_assert(phi_adapter_key_parse(&key, text));
    ck_assert_uint_eq(strlen(key.path), PHI_ADAPTER_KEY_MAX - 7);
    memset(text, 'a', sizeof(text));
    memcpy(text + PHI_ADAPTER_KEY_MAX - 6, ".weight", 8);
    ck_assert(!phi_adapter_key_parse(&key, text));
}
END_TEST

/* Tensors of each role in the sample's files, in the order of the enum. */
static const struct {
    const char *name;
    size_t count[PHI_ADAPTER_BASE_BIAS + 1];
} samples[] = {
    {"physics", {24, 24}},
    {"physics-f16", {24, 24}},
    {"physics-dora", {24, 24, 0, 0, 0, 24}},
    {"physics-rslora", {16, 16}},
    {"physics-bias", {6, 6, 0, 0, 0, 0, 0, 0, 0, 0, 6}},
    {"physics-head", {8, 8, 0, 0, 0, 0, 0, 2, 2}},
    {"physics-embed", {4, 4, 0, 1, 1}},
};

START_TEST(the_samples_are_understood)
{
    size_t count[PHI_ADAPTER_BASE_BIAS + 1] = {0};
    struct phi_st *st = NULL;
    char path[1024];

    snprintf(path, sizeof(path), "%s/../adapters/%s/adapter_model.safetensors",
             PHI_SAMPLE, samples[_i].name);
    ck_ok(phi_st_open(&st, path, &err));
    for (size_t i = 0; i < st->n; i++) {
        ck_assert_msg(phi_adapter_key_parse(&key, st->tensors[i].name), "%s",
                      st->tensors[i].name);
        ck_assert_str_eq(key.name, "");
        count[key.role]++;
    }
    phi_st_close(st);
    for (size_t i = 0; i <= PHI_ADAPTER_BASE_BIAS; i++)
        ck_assert_msg(count[i] == samples[_i].count[i], "%s: role %zu: %zu",
                      samples[_i].name, i, count[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adapter_key");
    TCase *t = tcase_create("adapter_key");

    tcase_add_loop_test(t, all_spellings, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(t, what_is_no_key, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(t, the_longest);
    tcase_add_loop_test(t, the_samples_are_understood, 0,
                        (int)(sizeof(samples) / sizeof(samples[0])));
    suite_add_tcase(s, t);
    return unit_main(s);
}

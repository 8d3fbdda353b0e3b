/* SPDX-License-Identifier: MIT */
/*
 * Every tensor of an adapter is used once and every module has its tensors,
 * or the merge is refused, and says which tensor or module and why.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/merge_case.h"

#define FC1    "model.layers.0.mlp.fc1"
#define FC1B   "model.layers.1.mlp.fc1"
#define NORM   "model.final_layernorm"
#define EMBED  "model.embed_tokens"
#define TARGET "\"target_modules\":[\"fc1\"],\"r\":2"
#define ONE    TARGET ",\"layers_to_transform\":[0]"

static struct memory_model *base;
static struct adapter_model *adapter;
static struct phi_merge merge;

static void setup(void)
{
    base = case_base(false, false);
    adapter = NULL;
    merge = (struct phi_merge){0};
}

static void teardown(void)
{
    phi_merge_release(&merge);
    if (adapter != NULL)
        phi_adapter_close(&adapter->base);
    phi_source_close(&base->base);
}

/* A tensor of the adapter; rows = 0 ends a list. */
struct part {
    const char *path;
    enum phi_adapter_role role;
    uint64_t rows, cols;
};

static void add_parts(struct adapter_model *a, const struct part *p)
{
    for (; p->rows > 0; p++)
        adapter_add(a, p->path, p->role, p->rows, p->cols);
}

#define A(path) path, PHI_ADAPTER_A, 2, 16
#define B(path) path, PHI_ADAPTER_B, 24, 2
#define PAIR                                                                   \
    {A(FC1)},                                                                  \
    {                                                                          \
        B(FC1)                                                                 \
    }

static const struct refused {
    const char *config;
    struct part parts[8];
    enum phi_status status;
    const char *text;
} refused[] = {
    /* halves */
    {ONE, {{A(FC1)}}, PHI_E_FORMAT, "fc1\": has no lora_B in \"a\""},
    {ONE, {{B(FC1)}}, PHI_E_FORMAT, "fc1\": has no lora_A"},
    {TARGET, {PAIR}, PHI_E_FORMAT, "layers.1.mlp.fc1\": has no lora_A"},
    {ONE ",\"use_dora\":true", {PAIR}, PHI_E_FORMAT, "no lora_magnitude"},
    {ONE ",\"lora_bias\":true", {PAIR}, PHI_E_FORMAT, "no bias of lora_B"},
    {ONE ",\"bias\":\"lora_only\"", {PAIR}, PHI_E_FORMAT, "no bias, which"},
    {ONE ",\"bias\":\"all\"",
     {PAIR, {FC1, PHI_ADAPTER_BASE_BIAS, 24, 0}},
     PHI_E_FORMAT,
     "\"model.final_layernorm\": has no bias"},
    {ONE ",\"modules_to_save\":[\"lm_head\"]",
     {PAIR},
     PHI_E_FORMAT,
     "\"lm_head\": has no weight, which was trained"},
    {ONE ",\"modules_to_save\":[\"lm_head\"]",
     {PAIR, {"lm_head", PHI_ADAPTER_WEIGHT, 40, 16}},
     PHI_E_FORMAT,
     "\"lm_head\": has no bias, which was trained"},
    {ONE ",\"trainable_token_indices\":[1]",
     {PAIR},
     PHI_E_FORMAT,
     "\"model.embed_tokens\": has no trainable_tokens_delta"},
    {"\"target_modules\":[\"embed_tokens\"],\"r\":2",
     {{EMBED, PHI_ADAPTER_EMBEDDING_A, 2, 40}},
     PHI_E_FORMAT,
     "has no lora_embedding_B"},
    /* nothing */
    {"\"target_modules\":[\"c_attn\"]",
     {{NORM, PHI_ADAPTER_UNKNOWN, 1, 0}},
     PHI_E_FORMAT,
     "is no part of a LoRA adapter"},
    {"\"target_modules\":[\"c_attn\"],\"modules_to_save\":[\"lm_head\"]",
     {{"lm_head", PHI_ADAPTER_WEIGHT, 40, 16},
      {"lm_head", PHI_ADAPTER_BIAS, 40, 0}},
     PHI_E_FORMAT,
     "target_modules names no module of the base tiny"},
    /* no use */
    {ONE, {PAIR, {A(FC1B)}}, PHI_E_FORMAT, "target_modules does not name"},
    {ONE, {PAIR, {"x.y", PHI_ADAPTER_A, 2, 16}}, PHI_E_FORMAT, "one of a Phi"},
    {TARGET,
     {PAIR, {A(FC1B)}, {B(FC1B)}, {A("model.layers.2.mlp.fc1")}},
     PHI_E_FORMAT,
     "the base has no tensor of that module"},
    {ONE,
     {PAIR, {FC1, PHI_ADAPTER_MAGNITUDE, 24, 0}},
     PHI_E_FORMAT,
     "use_dora is false"},
    {ONE,
     {PAIR, {FC1, PHI_ADAPTER_B_BIAS, 24, 0}},
     PHI_E_FORMAT,
     "lora_bias is false"},
    {ONE,
     {PAIR, {FC1, PHI_ADAPTER_BASE_BIAS, 24, 0}},
     PHI_E_FORMAT,
     "bias is none"},
    {ONE,
     {PAIR, {FC1B, PHI_ADAPTER_BIAS, 24, 0}},
     PHI_E_FORMAT,
     "bias is none, or lora_only of other modules"},
    {ONE,
     {PAIR, {FC1B, PHI_ADAPTER_WEIGHT, 24, 16}},
     PHI_E_FORMAT,
     "modules_to_save does not name its module"},
    {ONE,
     {PAIR, {FC1, PHI_ADAPTER_BASE_WEIGHT, 24, 16}},
     PHI_E_FORMAT,
     "is no embedding that is adapted"},
    {ONE,
     {PAIR, {EMBED, PHI_ADAPTER_TOKENS, 1, 16}},
     PHI_E_FORMAT,
     "trainable_token_indices does not name its module"},
    {ONE,
     {PAIR, {FC1B, PHI_ADAPTER_TOKENS, 1, 16}},
     PHI_E_FORMAT,
     "is not one of the vocabulary"},
    {ONE, {PAIR, {NORM, PHI_ADAPTER_A, 2, 16}}, PHI_E_FORMAT, "no linear one"},
    {ONE,
     {PAIR, {FC1, PHI_ADAPTER_EMBEDDING_A, 2, 16}},
     PHI_E_FORMAT,
     "no embedding"},
    {ONE, {PAIR, {A(FC1)}}, PHI_E_FORMAT, "are the same part of one module"},
    /* shapes */
    {ONE,
     {{FC1, PHI_ADAPTER_A, 3, 16}, {B(FC1)}},
     PHI_E_FORMAT,
     "has shape [3, 16], expected [2, 16]"},
    {ONE,
     {{FC1, PHI_ADAPTER_A, 2, 17}, {B(FC1)}},
     PHI_E_FORMAT,
     "has shape [2, 17], expected [2, 16]"},
    {ONE,
     {{A(FC1)}, {FC1, PHI_ADAPTER_B, 25, 2}},
     PHI_E_FORMAT,
     "has shape [25, 2], expected [24, 2]"},
    {ONE,
     {{A(FC1)}, {FC1, PHI_ADAPTER_B, 24, 3}},
     PHI_E_FORMAT,
     "has shape [24, 3], expected [24, 2]"},
    {ONE ",\"use_dora\":true",
     {PAIR, {FC1, PHI_ADAPTER_MAGNITUDE, 16, 0}},
     PHI_E_FORMAT,
     "has shape [16], expected [24]"},
    {ONE ",\"modules_to_save\":[\"final_layernorm\"]",
     {PAIR, {NORM, PHI_ADAPTER_WEIGHT, 17, 0}, {NORM, PHI_ADAPTER_BIAS, 16, 0}},
     PHI_E_FORMAT,
     "has shape [17], expected [16]"},
    {ONE ",\"trainable_token_indices\":[1,2]",
     {PAIR, {EMBED, PHI_ADAPTER_TOKENS, 1, 16}},
     PHI_E_FORMAT,
     "has shape [1, 16], expected [2, 16]"},
    /* tokens */
    {ONE ",\"trainable_token_indices\":[1,40]",
     {PAIR, {EMBED, PHI_ADAPTER_TOKENS, 2, 16}},
     PHI_E_FORMAT,
     "is of token 40, expected tokens below 40"},
    {ONE ",\"trainable_token_indices\":[7,7]",
     {PAIR, {EMBED, PHI_ADAPTER_TOKENS, 2, 16}},
     PHI_E_FORMAT,
     "holds token 7 twice"},
    /* vocabularies */
    {ONE,
     {PAIR, {EMBED, PHI_ADAPTER_WEIGHT, 43, 16}},
     PHI_E_FORMAT,
     "\"output.weight\": has 40 rows after the merge, expected 43"},
    {ONE,
     {PAIR,
      {EMBED, PHI_ADAPTER_WEIGHT, 43, 16},
      {"lm_head", PHI_ADAPTER_WEIGHT, 43, 16}},
     PHI_E_FORMAT,
     "\"output.bias\": has 40 rows"},
    /* both at once */
    {"\"target_modules\":[\"lm_head\"],\"r\":2",
     {{"lm_head", PHI_ADAPTER_A, 2, 16},
      {"lm_head", PHI_ADAPTER_B, 40, 2},
      {"lm_head", PHI_ADAPTER_WEIGHT, 40, 16},
      {"lm_head", PHI_ADAPTER_BASE_WEIGHT, 40, 16}},
     PHI_E_UNSUPPORTED,
     "takes the place of rows of \"output.weight\""},
    /* scales */
    {"\"target_modules\":[\"fc1\"],\"r\":2,\"rank_pattern\":{\"fc1\":0.5}",
     {PAIR, {A(FC1B)}, {B(FC1B)}},
     PHI_E_FORMAT,
     "rank 0.5, expected an integer"},
};

START_TEST(names_what_does_not_fit)
{
    const struct refused *r = &refused[_i];
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1};

    adapter = adapter_new("a", r->config, 1);
    add_parts(adapter, r->parts);
    input.adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               r->status, r->text);
}
END_TEST

/* ---- what is allowed ----------------------------------------------------- */

START_TEST(unused_tensors_can_be_allowed)
{
    struct phi_module_pattern *pattern = NULL;
    struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1};

    ck_ok(phi_module_pattern_new(&pattern, "layers\\.1", PHI_MODULE_ANYWHERE,
                                 &err));
    options.allow_unused = pattern;
    adapter = adapter_new("a", ONE, 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    adapter_pair(adapter, FC1B, 2, 24, 16);
    input.adapter = &adapter->base;
    ck_ok(phi_merge_make(&merge, &base->base, &input, 1, &options, &err));
    ck_assert_uint_eq(merge.nunused, 2);
    ck_assert_uint_eq(merge.n, 1);
    ck_assert_uint_eq(merge.nmodules, 1);
    phi_merge_release(&merge);
    /* but not those that are needed */
    adapter_add(adapter, "x.y", PHI_ADAPTER_A, 2, 16);
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               PHI_E_FORMAT, "\"x.y/0\": its module is not one of a Phi");
    phi_module_pattern_free(pattern);
}
END_TEST

START_TEST(the_same_adapter_twice)
{
    struct phi_merge_options options = {0};
    struct phi_merge_input inputs[2] = {{NULL, 1}, {NULL, 0.5}};

    adapter = adapter_new("a", ONE, 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    inputs[0].adapter = inputs[1].adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, inputs, 2, &options, &err),
               PHI_E_ARG, "is the same adapter as a");
    phi_merge_release(&merge);
    options.allow_twice = true;
    ck_ok(phi_merge_make(&merge, &base->base, inputs, 2, &options, &err));
    ck_assert_uint_eq(merge.tensors[0].n, 2);
}
END_TEST

/* What takes a place has no half. */
START_TEST(only_sums_are_scaled)
{
    static const struct {
        const char *config;
        struct part parts[5];
        const char *text;
    } cases[] = {
        {ONE ",\"use_dora\":true",
         {PAIR, {FC1, PHI_ADAPTER_MAGNITUDE, 24, 0}},
         "magnitudes (DoRA), which cannot be scaled by 0.5"},
        {ONE ",\"bias\":\"lora_only\"",
         {PAIR, {FC1, PHI_ADAPTER_BIAS, 24, 0}},
         "cannot be scaled by 0.5"},
        {ONE ",\"trainable_token_indices\":[1]",
         {PAIR, {EMBED, PHI_ADAPTER_TOKENS, 1, 16}},
         "cannot be scaled by 0.5"},
    };
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 0.5};

    adapter = adapter_new("a", cases[_i].config, 1);
    add_parts(adapter, cases[_i].parts);
    input.adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               PHI_E_UNSUPPORTED, cases[_i].text);
}
END_TEST

START_TEST(scales_fit_f32)
{
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1e38};

    adapter = adapter_new("a", ONE ",\"lora_alpha\":8", 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    input.adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               PHI_E_FORMAT, "fc1\": scale 4e+38 is too large for F32");
}
END_TEST

/* Two adapters, of which the second replaces what the first changed. */
START_TEST(no_adapter_undoes_another)
{
    struct adapter_model *other =
        adapter_new("b", ONE ",\"bias\":\"lora_only\"", 2);
    const struct phi_merge_options options = {0};
    struct phi_merge_input inputs[2] = {{NULL, 1}, {&other->base, 1}};

    adapter = adapter_new("a", ONE ",\"lora_bias\":true", 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    adapter_add(adapter, FC1, PHI_ADAPTER_B_BIAS, 24, 0);
    adapter_pair(other, FC1, 2, 24, 16);
    adapter_add(other, FC1, PHI_ADAPTER_BIAS, 24, 0);
    inputs[0].adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, inputs, 2, &options, &err),
               PHI_E_UNSUPPORTED,
               "takes the place of rows of \"blk.0.ffn_up.bias\" that are "
               "changed before");
    phi_adapter_close(&other->base);
}
END_TEST

/* ---- bases --------------------------------------------------------------- */

START_TEST(tied_models_keep_their_embedding)
{
    struct memory_model *tied = case_base(false, true);
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1};

    adapter = adapter_new("a", ONE ",\"trainable_token_indices\":[1]", 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    adapter_add(adapter, EMBED, PHI_ADAPTER_TOKENS, 1, 16);
    input.adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &tied->base, &input, 1, &options, &err),
               PHI_E_UNSUPPORTED, "embedding and output layer are one tensor");
    phi_merge_release(&merge);
    phi_source_close(&tied->base);
}
END_TEST

START_TEST(quantized_bases_must_be_asked_for)
{
    struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1};
    struct phi_err found = {0};
    size_t i = 0;

    adapter = adapter_new("a", ONE, 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    input.adapter = &adapter->base;
    ck_assert(phi_source_find(&base->base, "blk.0.ffn_up.weight", &i));
    base->tensors[i].dtype = PHI_Q8_0;
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               PHI_E_UNSUPPORTED, "is Q8_0, expected floats to merge into");
    phi_merge_release(&merge);
    options.dequantize = true;
    ck_ok(phi_merge_make(&merge, &base->base, &input, 1, &options, &err));
    phi_merge_release(&merge);
    base->tensors[i].dtype = PHI_IQ3_S; /* nobody can */
    ck_assert_int_eq(
        phi_merge_make(&merge, &base->base, &input, 1, &options, &found),
        PHI_E_UNSUPPORTED);
    ck_assert_str_eq(found.hint, "");
    ck_assert_ptr_nonnull(strstr(found.msg, "is IQ3_S, expected floats"));
}
END_TEST

START_TEST(adapters_of_other_architectures)
{
    const struct phi_merge_options options = {0};
    struct phi_merge_input input = {.scale = 1};

    adapter = adapter_new("a", ONE, 1);
    adapter_pair(adapter, FC1, 2, 24, 16);
    adapter->base.arch = "llama";
    input.adapter = &adapter->base;
    ck_refused(phi_merge_make(&merge, &base->base, &input, 1, &options, &err),
               PHI_E_FORMAT, "is an adapter for llama, expected one for phi2");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("merge_refused");
    TCase *t = tcase_create("refused");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, names_what_does_not_fit, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(t, unused_tensors_can_be_allowed);
    tcase_add_test(t, the_same_adapter_twice);
    tcase_add_loop_test(t, only_sums_are_scaled, 0, 3);
    tcase_add_test(t, scales_fit_f32);
    tcase_add_test(t, no_adapter_undoes_another);
    tcase_add_test(t, tied_models_keep_their_embedding);
    tcase_add_test(t, quantized_bases_must_be_asked_for);
    tcase_add_test(t, adapters_of_other_architectures);
    suite_add_tcase(s, t);
    return unit_main(s);
}

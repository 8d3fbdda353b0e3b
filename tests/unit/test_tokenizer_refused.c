/* SPDX-License-Identifier: MIT */
/* Tokenizer metadata that is not accepted, and the line that says why. */
#include "tests/unit/small_vocabulary.h"

static const char *const texts[] = {"ab", "abc", "<e>", NULL};
static const int types[] = {1, 1, 3};
static const char *const merges[] = {"a b", "ab c", NULL};

static void setup(void)
{
    small_begin(texts, types, merges);
}

static void teardown(void)
{
    small_end();
}

static void refused(enum phi_status status, const char *message)
{
    struct phi_tokenizer *t = NULL;

    ck_refused(phi_tokenizer_new(&t, &small_meta, &err), status, message);
    ck_assert_ptr_null(t);
}

START_TEST(good_before_it_is_spoilt)
{
    struct phi_tokenizer *t = small_new();

    expect_ids(t, "abc<e>", true, "257 258");
    phi_tokenizer_free(t);
    phi_tokenizer_free(NULL);
}
END_TEST

START_TEST(missing_keys)
{
    static const char *const keys[] = {
        "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type", "tokenizer.ggml.merges"};
    char message[80];

    phi_meta_remove(&small_meta, keys[_i]);
    snprintf(message, sizeof(message), "key \"%s\": is missing", keys[_i]);
    refused(PHI_E_FORMAT, message);
}
END_TEST

START_TEST(keys_of_a_wrong_type)
{
    static const char *const names[] = {"model", "pre", "tokens", "token_type",
                                        "merges"};
    char message[80];

    small_uint(names[_i], PHI_KV_U32, 1);
    snprintf(message, sizeof(message),
             "key \"tokenizer.ggml.%s\": is of type uint32", names[_i]);
    refused(PHI_E_FORMAT, message);
}
END_TEST

START_TEST(arrays_of_a_wrong_type)
{
    static const char *const keys[] = {"tokenizer.ggml.tokens",
                                       "tokenizer.ggml.token_type",
                                       "tokenizer.ggml.merges"};
    const uint8_t zeros[2 * 259] = {0};

    ck_ok(phi_meta_set_numbers(&small_meta, keys[_i], PHI_KV_U16, zeros, 259,
                               &err));
    refused(PHI_E_FORMAT, keys[_i]);
}
END_TEST

START_TEST(other_tokenizers)
{
    small_text("pre", "llama-bpe");
    refused(PHI_E_UNSUPPORTED,
            "key \"tokenizer.ggml.pre\": is \"llama-bpe\", expected \"gpt-2\" "
            "or \"phi-2\"");
    small_text("model", "llama");
    refused(PHI_E_UNSUPPORTED,
            "key \"tokenizer.ggml.model\": is \"llama\", expected \"gpt2\"");
}
END_TEST

START_TEST(no_tokens)
{
    struct phi_kv *kv;

    ck_ok(phi_meta_set_strings(&small_meta, "tokenizer.ggml.tokens", 0, &kv,
                               &err));
    refused(PHI_E_FORMAT, "tokens\": has 0 entries, expected 1 to 16777216");
}
END_TEST

/* Only the number is looked at: as many tokens would fill a machine. */
START_TEST(number_of_tokens)
{
    struct phi_kv *tokens = NULL;
    size_t n;

    for (size_t i = 0; i < small_meta.n; i++) {
        if (strcmp(small_meta.kv[i].key, "tokenizer.ggml.tokens") == 0)
            tokens = &small_meta.kv[i];
    }
    ck_assert_ptr_nonnull(tokens);
    n = tokens->v.arr.n;
    tokens->v.arr.n = (1 << 24) + 1;
    refused(PHI_E_FORMAT, "has 16777217 entries, expected 1 to 16777216");
    tokens->v.arr.n = 1 << 24;
    refused(PHI_E_FORMAT, "expected one for each of 16777216 tokens");
    tokens->v.arr.n = n;
}
END_TEST

START_TEST(types_that_do_not_match)
{
    small_types(types, 258);
    refused(PHI_E_FORMAT, "token_type\": has 258 entries, expected one for "
                          "each of 259 tokens");
}
END_TEST

START_TEST(types_out_of_range)
{
    static const int bad[] = {0, 6, -1, 1 << 30};
    const int spoilt[] = {1, bad[_i], 3};
    char message[80];

    small_types(spoilt, 259);
    snprintf(message, sizeof(message), "entry 257 is %d, expected 1 to 5",
             bad[_i]);
    refused(PHI_E_FORMAT, message);
}
END_TEST

START_TEST(bad_tokens)
{
    char *large = malloc(65537);

    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 65537);
    ck_ok(phi_str_set(small_string("tokens", 258), "ab", 2, &err));
    refused(PHI_E_FORMAT, "tokens\": entry 258 \"ab\": is entry 256 already");
    ck_ok(phi_str_set(small_string("tokens", 258), "x\xff", 2, &err));
    refused(PHI_E_FORMAT, "entry 258 \"x\\xff\": is not valid UTF-8");
    ck_ok(phi_str_set(small_string("tokens", 258), large, 65537, &err));
    refused(PHI_E_FORMAT, "is of 65537 bytes, expected at most 65536");
    ck_ok(phi_str_set(small_string("tokens", 258), large, 65536, &err));
    phi_tokenizer_free(small_new());
    /* Nothing can be cut out by an empty text. */
    ck_ok(phi_str_set(small_string("tokens", 258), "", 0, &err));
    phi_tokenizer_free(small_new());
    free(large);
}
END_TEST

START_TEST(bad_merges)
{
    static const struct {
        const char *line;
        const char *message;
    } rows[] = {
        {"", "entry 1 \"\": expected two parts with one space"},
        {" ", "entry 1 \" \": expected two parts with one space"},
        {"ab", "entry 1 \"ab\": expected two parts with one space"},
        {"a ", "entry 1 \"a \": expected two parts with one space"},
        {" b", "entry 1 \" b\": expected two parts with one space"},
        {"a b c", "entry 1 \"a b c\": expected two parts with one space"},
        {"a  b", "entry 1 \"a  b\": expected two parts with one space"},
        {"ax b", "entry 1 \"ax b\": \"ax\" is not in the vocabulary"},
        {"a bx", "entry 1 \"a bx\": \"bx\" is not in the vocabulary"},
        {"b c", "entry 1 \"b c\": \"bc\" is not in the vocabulary"},
        {"a b", "entry 1 \"a b\": the same pair is merge 0 already"},
    };
    const size_t n = sizeof(rows) / sizeof(rows[0]);

    for (size_t i = 0; i < n; i++) {
        ck_ok(phi_str_set(small_string("merges", 1), rows[i].line,
                          strlen(rows[i].line), &err));
        refused(PHI_E_FORMAT, rows[i].message);
        refused(PHI_E_FORMAT, "key \"tokenizer.ggml.merges\": ");
    }
}
END_TEST

START_TEST(special_ids_out_of_range)
{
    static const char *const names[] = {
        "bos_token_id",       "eos_token_id",     "unknown_token_id",
        "seperator_token_id", "padding_token_id", "cls_token_id",
        "mask_token_id"};
    char message[96];

    small_uint(names[_i], PHI_KV_U32, 258);
    phi_tokenizer_free(small_new());
    small_uint(names[_i], PHI_KV_U32, 259);
    snprintf(message, sizeof(message),
             "key \"tokenizer.ggml.%s\": is 259, expected 0 to 258", names[_i]);
    refused(PHI_E_FORMAT, message);
    small_text(names[_i], "258");
    snprintf(message, sizeof(message),
             "key \"tokenizer.ggml.%s\": is of type string", names[_i]);
    refused(PHI_E_FORMAT, message);
}
END_TEST

START_TEST(begins_with_what)
{
    small_uint("add_bos_token", PHI_KV_BOOL, 1);
    refused(PHI_E_FORMAT,
            "key \"tokenizer.ggml.bos_token_id\": is missing, expected an id");
    small_uint("add_bos_token", PHI_KV_U32, 1);
    refused(PHI_E_FORMAT, "add_bos_token\": is of type uint32");
}
END_TEST

START_TEST(old_file)
{
    struct phi_tokenizer *t = NULL;
    struct phi_err err = {0};

    phi_meta_remove(&small_meta, "tokenizer.ggml.pre");
    ck_assert_int_eq(phi_tokenizer_new(&t, &small_meta, &err), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.hint, "convert the model again"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer_refused");
    TCase *tc = tcase_create("metadata");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, good_before_it_is_spoilt);
    tcase_add_loop_test(tc, missing_keys, 0, 5);
    tcase_add_loop_test(tc, keys_of_a_wrong_type, 0, 5);
    tcase_add_loop_test(tc, arrays_of_a_wrong_type, 0, 3);
    tcase_add_test(tc, other_tokenizers);
    tcase_add_test(tc, no_tokens);
    tcase_add_test(tc, number_of_tokens);
    tcase_add_test(tc, types_that_do_not_match);
    tcase_add_loop_test(tc, types_out_of_range, 0, 4);
    tcase_add_test(tc, bad_tokens);
    tcase_add_test(tc, bad_merges);
    tcase_add_loop_test(tc, special_ids_out_of_range, 0, 7);
    tcase_add_test(tc, begins_with_what);
    tcase_add_test(tc, old_file);
    suite_add_tcase(s, tc);
    return unit_main(s);
}

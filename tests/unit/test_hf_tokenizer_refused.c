/* SPDX-License-Identifier: MIT */
/* Tokenizers of folders that are refused, and with which words. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/small_tokenizer.h"

/* One place changed, and what must be said about it. */
static const struct {
    int file;
    const char *find;
    const char *with;
    enum phi_status status;
    const char *message;
} refused[] = {
    /* The pipeline. */
    {TOKENIZER, "\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}",
     PHI_E_UNSUPPORTED, "key \"normalizer\": is of type \"NFC\""},
    {TOKENIZER, "\"add_prefix_space\":false", "\"add_prefix_space\":true",
     PHI_E_UNSUPPORTED, "key \"pre_tokenizer\": has add_prefix_space"},
    {TOKENIZER, "\"trim_offsets\":true", "\"use_regex\":false",
     PHI_E_UNSUPPORTED, "has use_regex false, supported is true"},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\"",
     "{\"type\":\"Metaspace\",\"add_prefix_space\"", PHI_E_UNSUPPORTED,
     "is of type \"Metaspace\", supported is \"ByteLevel\""},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,",
     SPLIT "\"behavior\":\"Removed\"}" BYTES_ONLY, PHI_E_UNSUPPORTED,
     "pretokenizers[0]\": has behavior \"Removed\""},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
     "\"pattern\":{\"Regex\":\"\\\\p{N}{1,3}\"},\"behavior\":"
     "\"Isolated\"}" BYTES_ONLY,
     PHI_E_UNSUPPORTED, "is the pattern of cl100k (GPT-4, Phi-4, Llama 3)"},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","
     "\"individual_digits\":true}" BYTES_ONLY,
     PHI_E_UNSUPPORTED, "is of type \"Digits\""},
    {TOKENIZER, "\"pre_tokenizer\"", "\"x\"", PHI_E_FORMAT, "pre_tokenizer"},
    {TOKENIZER, "\"BPE\"", "\"Unigram\"", PHI_E_UNSUPPORTED,
     "key \"model\": is of type \"Unigram\", supported is \"BPE\""},
    {TOKENIZER, "\"dropout\":null", "\"dropout\":0.1", PHI_E_UNSUPPORTED,
     "has dropout 0.1"},
    {TOKENIZER, "\"byte_fallback\":false", "\"byte_fallback\":true",
     PHI_E_UNSUPPORTED, "has byte_fallback true"},
    {TOKENIZER, "\"byte_fallback\":false", "\"ignore_merges\":true",
     PHI_E_UNSUPPORTED, "has ignore_merges true"},
    {TOKENIZER, "\"continuing_subword_prefix\":\"\"",
     "\"continuing_subword_prefix\":\"##\"", PHI_E_UNSUPPORTED,
     "has continuing_subword_prefix \"##\""},
    {TOKENIZER, "\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"_\"",
     PHI_E_UNSUPPORTED, "has end_of_word_suffix \"_\""},
    {TOKENIZER, "\"decoder\":{\"type\":\"ByteLevel\"",
     "\"decoder\":{\"type\":\"WordPiece\"", PHI_E_UNSUPPORTED,
     "key \"decoder\": is of type \"WordPiece\""},
    {TOKENIZER, "\"post_processor\":{\"type\":\"ByteLevel\"",
     "\"post_processor\":{\"type\":\"BertProcessing\"", PHI_E_UNSUPPORTED,
     "key \"post_processor\": is of type \"BertProcessing\""},
    {OPTIONS, "\"add_prefix_space\":false", "\"add_prefix_space\":true",
     PHI_E_UNSUPPORTED, "has add_prefix_space true"},
    /* The vocabulary. */
    {TOKENIZER, "\"abc\":257", "\"abc\":263", PHI_E_FORMAT,
     "token \"abc\" has id 263, but the model has 263 rows: vocabulary does "
     "not fit the model"},
    {TOKENIZER, "\"abc\":257", "\"abc\":256", PHI_E_FORMAT,
     "tokens \"ab\" and \"abc\" both have id 256"},
    {TOKENIZER, "\"abc\":257", "\"abc\":257,\"abc\":261", PHI_E_FORMAT, "abc"},
    {TOKENIZER, "\"abc\":257", "\"abc\":-1", PHI_E_FORMAT,
     "is -1, expected an integer"},
    {TOKENIZER, "\"abc\":257", "\"abc\":\"x\"", PHI_E_FORMAT,
     "key \"model.vocab.abc\": is a string, expected an integer"},
    {TOKENIZER, "\"abc\":257", "\"abc\":257,\"\":261", PHI_E_FORMAT,
     "a token without text"},
    {VOCAB, "\"abc\":257", "\"abc\":261", PHI_E_FORMAT,
     "vocab.json: token \"abc\" has id 261, but 257 in "},
    {VOCAB, "\"abc\":257,", "", PHI_E_FORMAT,
     "tokenizer.json: token \"abc\" has id 257, but "},
    {VOCAB, "\"abc\":257,", "\"abc\":257,\"abd\":261,", PHI_E_FORMAT,
     "vocab.json: token \"abd\" has id 261, but "},
    /* The merges. */
    {TOKENIZER, "\"a b\"", "\"a z\"", PHI_E_FORMAT,
     "tokenizer.json: merge 0: \"az\" is not in the vocabulary"},
    {TOKENIZER, "\"a b\"", "\"bb b\"", PHI_E_FORMAT,
     "merge 0: \"bb\" is not in the vocabulary"},
    {TOKENIZER, "\"a b\"", "\"a b\",\"a b\"", PHI_E_FORMAT,
     "merge 1: \"a\" and \"b\" twice"},
    {TOKENIZER, "\"a b\"", "\"a b c\"", PHI_E_FORMAT,
     "key \"model.merges[0]\": is \"a b c\", expected two parts"},
    {TOKENIZER, "\"a b\"", "\"ab \"", PHI_E_FORMAT, "expected two parts"},
    {TOKENIZER, "\"a b\"", "[\"a\",\"b\",\"c\"]", PHI_E_FORMAT,
     "has 3 parts, expected 2"},
    {TOKENIZER, "\"a b\"", "[\"a\",\"b c\"]", PHI_E_FORMAT,
     "is \"b c\", expected text without blanks"},
    {TOKENIZER, "\"a b\"", "7", PHI_E_FORMAT, "key \"model.merges[0]\": is 7"},
    {MERGES, "a b\nab c", "ab c\na b", PHI_E_FORMAT,
     "merges.txt: line 2: merge 0 is \"ab c\", but \"a b\" in "},
    {MERGES, "ab c\n", "", PHI_E_FORMAT, "merges.txt: has 1 merges, but "},
    {MERGES, "ab c\n", "ab c\nab c\n", PHI_E_FORMAT,
     "merges.txt: line 4: merge 2, but "},
    {MERGES, "ab c\n", "\nab c\n", PHI_E_FORMAT,
     "line 3: is \"\", expected two parts"},
    /* Added tokens. */
    {TOKENIZER, "\"content\":\"  \",\"single_word\":false",
     "\"content\":\"  \",\"single_word\":true", PHI_E_UNSUPPORTED,
     "key \"added_tokens[1]\": token \"  \" has single_word"},
    {TOKENIZER, "\"lstrip\":false", "\"lstrip\":true", PHI_E_UNSUPPORTED,
     "has lstrip, which GGUF cannot carry"},
    {TOKENIZER, "\"rstrip\":false", "\"rstrip\":true", PHI_E_UNSUPPORTED,
     "has rstrip, which GGUF cannot carry"},
    {TOKENIZER, "\"id\":259", "\"id\":258", PHI_E_FORMAT,
     "token \"  \" has id 258, but Hugging Face's tokenizers give it 259"},
    {TOKENIZER, "\"id\":260", "\"id\":262", PHI_E_FORMAT,
     "give it 260, the next free one"},
    {TOKENIZER, "\"id\":258", "\"id\":257", PHI_E_FORMAT,
     "token \"<|endoftext|>\" has id 257, but 258 in the vocabulary"},
    {TOKENIZER, "\"content\":\"  \"", "\"content\":\"<|endoftext|>\"",
     PHI_E_FORMAT, "token \"<|endoftext|>\" is added twice"},
    {TOKENIZER, "\"content\":\"  \"", "\"content\":\"\"", PHI_E_FORMAT,
     "a token without text"},
    {TOKENIZER, "\"content\":\"  \"", "\"content\":\"\xe2\x96\x81\"",
     PHI_E_UNSUPPORTED, "holds U+2581"},
    {ADDED, "\"  \":259", "\"  \":260", PHI_E_FORMAT,
     "added_tokens.json: token \"  \" has id 260, but 259 in "},
    {ADDED, "\"  \":259,", "", PHI_E_FORMAT,
     "tokenizer.json: token \"  \" has id 259, but "},
    {ADDED, "\"  \":259", "\"  \":259,\"ab\":256", PHI_E_FORMAT,
     "token \"ab\" (id 256) is added, but not in "},
    {OPTIONS, "\"260\":{", "\"261\":{", PHI_E_FORMAT,
     "tokenizer_config.json: token \"<|end|>\" has id 261, but 260 in "},
    {OPTIONS, "\"260\":{", "\"x\":{", PHI_E_FORMAT, "is not an id"},
    {OPTIONS, "\"259\":{\"content\":\"  \",\"special\":false},", "",
     PHI_E_FORMAT, "tokenizer.json: token \"  \" has id 259, but "},
    {OPTIONS, "\"  \",\"special\":false", "\"  \",\"special\":true",
     PHI_E_FORMAT, "token \"  \" (id 259) is special, but not so in "},
    /* Roles. */
    {SPECIAL, "<|endoftext|>", "<|end|>", PHI_E_FORMAT,
     "special_tokens_map.json: key \"bos_token\": is \"<|end|>\", but "
     "\"<|endoftext|>\" in "},
    {OPTIONS, "\"eos_token\":{\"content\":\"<|end|>\"}",
     "\"eos_token\":\"<eos>\"", PHI_E_FORMAT,
     "eos_token \"<eos>\" is not in the vocabulary"},
    {OPTIONS, "\"eos_token\":{", "\"eos_token\":{\"rstrip\":true,",
     PHI_E_UNSUPPORTED, "key \"eos_token\": has rstrip"},
    {OPTIONS, "\"add_prefix_space\":false", "\"add_bos_token\":1", PHI_E_FORMAT,
     "key \"add_bos_token\": is 1, expected"},
    {SPECIAL, "{", "{\"additional_special_tokens\":[\"ab\"],", PHI_E_FORMAT,
     "token \"ab\" is not among the added tokens"},
    /* Templates for chats. */
    {OPTIONS, "\"add_prefix_space\":false", "\"chat_template\":7", PHI_E_FORMAT,
     "key \"chat_template\": is 7"},
    {OPTIONS, "\"add_prefix_space\":false",
     "\"chat_template\":[{\"name\":\"a b\",\"template\":\"x\"},"
     "{\"name\":\"a-b\",\"template\":\"x\"}]",
     PHI_E_FORMAT, "two chat templates are called \"a_b\""},
};

START_TEST(spoiled_tokenizer)
{
    write_all(ALL);
    write_one(refused[_i].file, refused[_i].find, refused[_i].with);
    ck_refused(run(root, "{}", 263, &err), refused[_i].status,
               refused[_i].message);
}
END_TEST

START_TEST(other_refusals)
{
    char *long_token = malloc(PHI_ERR_MAX + (64 << 10) + 8);

    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "has no tokenizer: expected tokenizer.json, or");
    ck_refused(run(root, "{}", ((uint64_t)1 << 24) + 1, &err),
               PHI_E_UNSUPPORTED,
               "config.json: a vocabulary of 16777217 "
               "tokens, the limit is 16777216");
    write_all(BIT(VOCAB));
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT, "has no tokenizer");
    write_all(ALL & ~BIT(TOKENIZER));
    write_one(OPTIONS, "CodeGenTokenizer", "BertTokenizer");
    ck_refused(run(root, "{}", 263, &err), PHI_E_UNSUPPORTED,
               "tokenizer_class is \"BertTokenizer\"");
    write_one(OPTIONS, "", "");
    ck_refused(run(root, "{\"pad_token_id\": 263}", 263, &err), PHI_E_FORMAT,
               "config.json: key \"pad_token_id\": is 263, expected an integer "
               "0 to 262");
    phi_meta_release(&meta);
    ck_ok(run(root, "{\"pad_token_id\": [1, 2]}", 263, &err));
    /* A token at the limit of length and one beyond. */
    ck_assert_ptr_nonnull(long_token);
    write_all(ALL & ~BIT(VOCAB));
    strcpy(long_token, "\"abc\":257,\"");
    memset(long_token + 11, 'z', 64 << 10);
    strcpy(long_token + 11 + (64 << 10), "\":261");
    write_one(TOKENIZER, "\"abc\":257", long_token);
    phi_meta_release(&meta);
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "give it 260, the next free one"); /* read on behind it */
    strcpy(long_token + 11 + (64 << 10), "z\":261");
    write_one(TOKENIZER, "\"abc\":257", long_token);
    ck_refused(run(root, "{}", 263, &err), PHI_E_UNSUPPORTED,
               "a token of 65537 bytes, the limit is 65536");
    free(long_token);
    /* Without U+0109 there is nothing that a tab could become. */
    write_one(TOKENIZER, "\"\xc4\x89\":9", "\"a\xc4\x89\":9");
    write_one(VOCAB, "\"\xc4\x89\":9", "\"a\xc4\x89\":9");
    ck_refused(run(root, "{}", 263, &err), PHI_E_UNSUPPORTED,
               "byte 0x09 has no token (\"\xc4\x89\"): text with it would "
               "lose it");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_tokenizer_refused");
    TCase *t = tcase_create("hf_tokenizer_refused");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, spoiled_tokenizer, 0, COUNT(refused));
    tcase_add_test(t, other_refusals);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/*
 * The tokenizers of the sample, of phi-2 and of GPT-2 on texts: the ids must
 * be those of the Hugging Face tokenizers library 0.23.3.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_tokenizer.h"
#include "formats/json.h"
#include "formats/model.h"
#include "libconv/base/bytes.h"
#include "libconv/base/mem.h"
#include "libconv/base/sha256.h"
#include "libconv/text/tokenizer.h"
#include "tests/unit/unit.h"

#define MAX_TEXT ((uint64_t)64 << 20)

static struct phi_tokenizer *tokenizer_of(const char *model)
{
    struct phi_source *source = NULL;
    struct phi_tokenizer *t = NULL;

    ck_ok(phi_model_open(&source, model, &err));
    ck_ok(phi_tokenizer_new(&t, &source->meta, &err));
    phi_source_close(source);
    return t;
}

static struct phi_json_doc *json_of(const char *path)
{
    struct phi_json_doc *doc = NULL;

    ck_ok(phi_json_load(&doc, path, PHI_JSON_MAX_CONFIG, &err));
    return doc;
}

/* A folder without weights, as phi-2 is among the test data. */
static struct phi_tokenizer *tokenizer_of_files(const char *dir,
                                                uint64_t vocab_size)
{
    struct phi_tokenizer *t = NULL;
    struct phi_meta meta = {0};
    char *path = phi_path_join(dir, "config.json", NULL);
    struct phi_json_doc *config = json_of(path);
    const struct phi_json root = phi_json_root(config);

    ck_ok(phi_hf_tokenizer(&meta, dir, &root, vocab_size, &err));
    ck_ok(phi_tokenizer_new(&t, &meta, &err));
    phi_json_free(config);
    phi_meta_release(&meta);
    free(path);
    return t;
}

/* The ids as they are hashed: little-endian, four bytes each. */
static void hash_of(const struct phi_tokens *ids, char hex[PHI_SHA256_HEX])
{
    struct phi_sha256 *h = NULL;
    struct phi_buf bytes = {0};

    for (size_t i = 0; i < ids->n; i++)
        phi_buf_u32(&bytes, ids->id[i]);
    ck_ok(phi_sha256_new(&h, &err));
    ck_ok(phi_sha256_add(h, bytes.p, bytes.n, &err));
    ck_ok(phi_sha256_hex(h, hex, &err));
    phi_sha256_free(h);
    phi_buf_release(&bytes);
}

/* Ids by one thread and by three, which are the same, and back again. */
static struct phi_tokens encode(const struct phi_tokenizer *t, const char *text,
                                size_t n, bool special)
{
    struct phi_encode_options options = {.special = special};
    struct phi_tokens ids = {0};
    struct phi_tokens again = {0};
    struct phi_buf back = {0};

    ck_ok(phi_tokenizer_encode(t, text, n, &options, &ids, &err));
    options.nthreads = 3;
    ck_ok(phi_tokenizer_encode(t, text, n, &options, &again, &err));
    ck_assert_uint_eq(ids.n, again.n);
    ck_assert(ids.n == 0 ||
              memcmp(ids.id, again.id, ids.n * sizeof(*ids.id)) == 0);
    ck_ok(phi_tokenizer_decode(t, ids.id, ids.n, &back, &err));
    ck_ok(phi_buf_status(&back, &err));
    ck_assert_uint_eq(back.n, n);
    ck_assert(n == 0 || memcmp(back.p, text, n) == 0);
    phi_tokens_release(&again);
    phi_buf_release(&back);
    return ids;
}

/* The text's ids have this "count" and "sha256". */
static void expect_hash(const struct phi_tokenizer *t, const char *name,
                        const char *text, size_t n,
                        const struct phi_json *expected)
{
    struct phi_tokens ids = encode(t, text, n, false);
    char hex[PHI_SHA256_HEX];
    const char *sha256;
    uint64_t count;

    ck_ok(phi_json_get_uint(expected, "count", 0, UINT32_MAX, &count, &err));
    ck_ok(phi_json_get_str(expected, "sha256", &sha256, &err));
    hash_of(&ids, hex);
    ck_assert_msg(ids.n == count && strcmp(hex, sha256) == 0,
                  "%s: %zu ids, SHA-256 %s, expected %llu, %s", name, ids.n,
                  hex, (unsigned long long)count, sha256);
    phi_tokens_release(&ids);
}

START_TEST(primer)
{
    struct phi_tokenizer *t = tokenizer_of(PHI_SAMPLE);
    struct phi_json_doc *golden =
        json_of(PHI_SOURCE_DIR "/reference/golden/phi-openstax.json");
    const struct phi_json root = phi_json_root(golden);
    struct phi_json expected;
    uint8_t *text = NULL;
    size_t n;

    ck_assert_uint_eq(phi_tokenizer_size(t), 2048);
    ck_assert(!phi_tokenizer_add_bos(t, NULL));
    ck_ok(phi_json_get(&root, "tokens", PHI_JSON_OBJECT, &expected, &err));
    ck_ok(phi_file_load(PHI_SOURCE_DIR "/reference/sample/text/primer.txt",
                        MAX_TEXT, &text, &n, &err));
    /* The golden values are of the text without its last line feed. */
    ck_assert_int_eq(text[n - 1], '\n');
    expect_hash(t, "primer.txt", (const char *)text, n - 1, &expected);
    free(text);
    phi_json_free(golden);
    phi_tokenizer_free(t);
}
END_TEST

/* The ids of one case, or of the same under another name if it is there. */
static void expect_case(const struct phi_tokenizer *t, const struct phi_json *c,
                        const char *key, bool special)
{
    struct phi_json list;
    struct phi_json item = {0};
    struct phi_tokens ids;
    const char *text;
    size_t i = 0;

    ck_ok(phi_json_get_str(c, "text", &text, &err));
    ck_ok(phi_json_get(c, key, PHI_JSON_ARRAY, &list, &err));
    ids = encode(t, text, strlen(text), special);
    ck_assert_msg(ids.n == phi_json_count(&list), "\"%s\": %zu ids, not %zu",
                  text, ids.n, phi_json_count(&list));
    while (phi_json_next(&list, &item)) {
        uint64_t id;

        ck_ok(phi_json_uint(&item, 0, UINT32_MAX, &id, &err));
        ck_assert_msg(ids.id[i] == id, "\"%s\": id %zu is %u, not %u", text, i,
                      ids.id[i], (unsigned)id);
        i++;
    }
    phi_tokens_release(&ids);
}

START_TEST(tricky_cases)
{
    struct phi_tokenizer *t = tokenizer_of(PHI_SAMPLE);
    struct phi_json_doc *doc =
        json_of(PHI_SOURCE_DIR "/tests/golden/tokenizer-cases.json");
    const struct phi_json root = phi_json_root(doc);
    struct phi_json cases;
    struct phi_json item = {0};
    struct phi_json plain;
    size_t n = 0;

    ck_ok(phi_json_get(&root, "cases", PHI_JSON_ARRAY, &cases, &err));
    for (; phi_json_next(&cases, &item); n++) {
        const bool differs = phi_json_find(&item, "plain", &plain);

        expect_case(t, &item, "ids", true);
        expect_case(t, &item, differs ? "plain" : "ids", false);
    }
    ck_assert_uint_ge(n, 200);
    phi_json_free(doc);
    phi_tokenizer_free(t);
}
END_TEST

/* Words of half a million characters: quadratic methods would not live to see
 * the end. */
START_TEST(endless_words)
{
    static const char *const units[] = {"a",        " ",  "\n", ".", "7",
                                        "\xc2\xa0", "th", "\t", "'"};
    const size_t n = 500000;
    struct phi_tokenizer *t = tokenizer_of(PHI_SAMPLE);
    char *text = malloc(n + 16);
    struct phi_tokens ids;
    size_t len = 0;

    ck_assert_ptr_nonnull(text);
    while (len < n) {
        memcpy(text + len, units[_i], strlen(units[_i]));
        len += strlen(units[_i]);
    }
    ids = encode(t, text, len, false); /* and back */
    ck_assert_uint_gt(ids.n, 0);
    phi_tokens_release(&ids);
    free(text);
    phi_tokenizer_free(t);
}
END_TEST

/* NUL is a character, and no end. */
START_TEST(nul_in_text)
{
    struct phi_tokenizer *t = tokenizer_of(PHI_SAMPLE);
    struct phi_tokens ids = encode(t, "a\0\0b", 4, false);

    ck_assert_uint_eq(ids.n, 4);
    ck_assert_uint_eq(ids.id[1], ids.id[2]);
    phi_tokens_release(&ids);
    phi_tokenizer_free(t);
}
END_TEST

/* corpus/NAME.xz unpacked by xz, or sample/text/NAME; NULL without xz. */
static char *load_text(const char *data, const char *name, size_t *n)
{
    char *path = phi_sprintf(NULL, "%s/sample/text/%s", data, name);
    uint8_t *text = NULL;

    if (phi_path_kind(path) == PHI_PATH_FILE) {
        ck_ok(phi_file_load(path, MAX_TEXT, &text, n, &err));
    } else {
        char *command = phi_sprintf(
            NULL, "xz -dc '%s/corpus/%s.xz' 2>/dev/null", data, name);
        FILE *pipe = popen(command, "r");

        ck_assert_ptr_nonnull(pipe);
        text = malloc(MAX_TEXT);
        ck_assert_ptr_nonnull(text);
        *n = fread(text, 1, MAX_TEXT, pipe);
        ck_assert_msg(pclose(pipe) == 0, "%s: needs xz", name);
        free(command);
    }
    free(path);
    return (char *)text;
}

static void check_corpus(const char *data, const struct phi_json *texts,
                         const struct phi_tokenizer *t)
{
    struct phi_json item = {0};
    size_t n;

    ck_assert_uint_eq(phi_json_count(texts), 11);
    while (phi_json_next(texts, &item)) {
        char *text = load_text(data, phi_json_key(&item), &n);

        expect_hash(t, phi_json_key(&item), text, n, &item);
        free(text);
    }
}

START_TEST(corpora)
{
    const char *data = unit_test_data("the ids of whole books");
    struct phi_tokenizer *sample;
    struct phi_tokenizer *phi2;
    struct phi_json_doc *doc;
    struct phi_json root;
    struct phi_json all;
    struct phi_json texts;
    char *path;

    if (data == NULL)
        return;
    path = phi_path_join(data, "goldens/tokens.json", NULL);
    doc = json_of(path);
    free(path);
    path = phi_path_join(data, "phi-2", NULL);
    phi2 = tokenizer_of_files(path, 51200);
    sample = tokenizer_of(PHI_SAMPLE);
    root = phi_json_root(doc);
    ck_ok(phi_json_get(&root, "tokenizers", PHI_JSON_OBJECT, &all, &err));
    ck_ok(phi_json_get(&all, "phi-2", PHI_JSON_OBJECT, &texts, &err));
    check_corpus(data, &texts, phi2);
    ck_ok(phi_json_get(&all, "sample/phi-openstax", PHI_JSON_OBJECT, &texts,
                       &err));
    check_corpus(data, &texts, sample);
    phi_tokenizer_free(sample);
    phi_tokenizer_free(phi2);
    phi_json_free(doc);
    free(path);
}
END_TEST

/* The whole file, a NUL after it. */
static char *load_vector(const char *data, const char *name)
{
    char *path = phi_path_join(data, name, NULL);
    uint8_t *text = NULL;
    size_t n;

    ck_ok(phi_file_load(path, MAX_TEXT, &text, &n, &err));
    ck_assert_uint_eq(strlen((const char *)text), n);
    free(path);
    return (char *)text;
}

/*
 * llama.cpp's vectors: cases in .inp are separated by a line, .out has the
 * ids of each on a line, a blank before every one.
 */
START_TEST(vectors_of_gpt2)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    const char *data = unit_test_data("GPT-2's vectors");
    struct phi_tokenizer *t;
    char *path;
    char *inp;
    char *out;
    char *line;
    size_t ncases = 0;

    if (data == NULL)
        return;
    path = phi_path_join(data, "vocab/ggml-vocab-gpt-2.gguf", NULL);
    t = tokenizer_of(path);
    ck_assert_uint_eq(phi_tokenizer_size(t), 50257);
    inp = load_vector(data, "vocab/ggml-vocab-gpt-2.gguf.inp");
    out = load_vector(data, "vocab/ggml-vocab-gpt-2.gguf.out");
    line = out;
    for (char *text = inp; text != NULL; ncases++) {
        char *end = strstr(text, mark);
        struct phi_buf list = {0};
        struct phi_tokens ids;

        if (end == NULL)
            break; /* what follows the last mark is no case */
        *end = '\0';
        ids = encode(t, text, strlen(text), false);
        for (size_t i = 0; i < ids.n; i++)
            phi_buf_printf(&list, " %u", ids.id[i]);
        phi_buf_u8(&list, '\n');
        ck_assert_msg(strncmp((const char *)list.p, line, list.n) == 0,
                      "case %zu \"%s\": %.*s", ncases, text, (int)list.n,
                      (const char *)list.p);
        line += list.n;
        text = end + strlen(mark);
        phi_tokens_release(&ids);
        phi_buf_release(&list);
    }
    ck_assert_uint_eq(ncases, 46);
    ck_assert_str_eq(line, "");
    free(inp);
    free(out);
    free(path);
    phi_tokenizer_free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer_text");
    TCase *tc = tcase_create("texts");

    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, primer);
    tcase_add_test(tc, tricky_cases);
    tcase_add_loop_test(tc, endless_words, 0, 9);
    tcase_add_test(tc, nul_in_text);
    tcase_add_test(tc, corpora);
    tcase_add_test(tc, vectors_of_gpt2);
    suite_add_tcase(s, tc);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/*
 * Tokenizers of folders that are accepted: a small one in many spellings, the
 * sample and Phi-2, compared with what llama.cpp's converter wrote.
 */
#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "libconv/base/bytes.h"
#include "libconv/base/file.h"
#include "libconv/base/sha256.h"
#include "libconv/base/utf8.h"
#include "tests/unit/small_tokenizer.h"

static void check_keys(const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n && i < meta.n; i++)
        ck_assert_str_eq(meta.kv[i].key, keys[i]);
    ck_assert_uint_eq(meta.n, n);
}

static const char *token(size_t i)
{
    const struct phi_kv *v = kv("tokenizer.ggml.tokens", PHI_KV_ARRAY);

    ck_assert_uint_lt(i, v->v.arr.n);
    return v->v.arr.str[i].p;
}

static unsigned token_type(size_t i)
{
    const struct phi_kv *v = kv("tokenizer.ggml.token_type", PHI_KV_ARRAY);

    ck_assert_uint_lt(i, v->v.arr.n);
    ck_assert_int_eq(v->v.arr.type, PHI_KV_I32);
    return phi_load_u32(v->v.arr.num + 4 * i);
}

static uint64_t number(const char *key)
{
    return kv(key, PHI_KV_U32)->v.u;
}

/* The small tokenizer, from whichever files. */
static void check_small(void)
{
    const struct phi_kv *merges;

    ck_assert_str_eq(kv("tokenizer.ggml.model", PHI_KV_STRING)->v.str.p,
                     "gpt2");
    ck_assert_str_eq(kv("tokenizer.ggml.pre", PHI_KV_STRING)->v.str.p, "phi-2");
    ck_assert_uint_eq(kv("tokenizer.ggml.tokens", PHI_KV_ARRAY)->v.arr.n, 263);
    ck_assert_str_eq(token(0), "\xc4\x80");
    ck_assert_str_eq(token(' '), "\xc4\xa0");
    ck_assert_str_eq(token(257), "abc");
    ck_assert_str_eq(token(258), "<|endoftext|>");
    ck_assert_str_eq(token(259), "  ");
    ck_assert_str_eq(token(260), "<|end|>");
    ck_assert_str_eq(token(261), "[PAD261]");
    ck_assert_str_eq(token(262), "[PAD262]");
    ck_assert_uint_eq(token_type(257), 1);
    ck_assert_uint_eq(token_type(258), 3);
    ck_assert_uint_eq(token_type(259), 4);
    ck_assert_uint_eq(token_type(260), 3); /* looks special */
    ck_assert_uint_eq(token_type(261), 5);
    merges = kv("tokenizer.ggml.merges", PHI_KV_ARRAY);
    ck_assert_uint_eq(merges->v.arr.n, 2);
    ck_assert_str_eq(merges->v.arr.str[0].p, "a b");
    ck_assert_str_eq(merges->v.arr.str[1].p, "ab c");
    ck_assert_uint_eq(number("tokenizer.ggml.bos_token_id"), 258);
    ck_assert_uint_eq(number("tokenizer.ggml.eos_token_id"), 260);
}

/* Which files there are must not matter. */
static const unsigned subsets[] = {
    ALL,
    BIT(TOKENIZER) | BIT(OPTIONS),
    BIT(TOKENIZER) | BIT(VOCAB) | BIT(OPTIONS),
    BIT(TOKENIZER) | BIT(MERGES) | BIT(OPTIONS) | BIT(SPECIAL),
    ALL & ~BIT(TOKENIZER),
    BIT(VOCAB) | BIT(MERGES) | BIT(OPTIONS),
    BIT(VOCAB) | BIT(MERGES) | BIT(ADDED) | BIT(OPTIONS),
};

START_TEST(small_tokenizer)
{
    write_all(subsets[_i]);
    ck_ok(run(root, "{\"bos_token_id\": 1, \"pad_token_id\": 262}", 263, &err));
    check_small();
    ck_assert_uint_eq(number("tokenizer.ggml.padding_token_id"), 262);
}
END_TEST

START_TEST(old_folder)
{
    /* As of 2020: no tokenizer.json, no list of added tokens. */
    write_all(BIT(VOCAB) | BIT(MERGES) | BIT(ADDED));
    ck_ok(
        run(root, "{\"bos_token_id\": 258, \"eos_token_id\": 260}", 263, &err));
    check_small();
}
END_TEST

START_TEST(keys_in_order)
{
    static const char *const keys[] = {
        "tokenizer.ggml.add_bos_token", "general.quantization_version",
        "tokenizer.ggml.model",         "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",  "tokenizer.ggml.padding_token_id",
        "tokenizer.ggml.add_eos_token", "tokenizer.chat_template"};

    write_all(ALL);
    write_one(OPTIONS, "\"add_prefix_space\":false",
              "\"add_bos_token\":true,\"add_eos_token\":false,"
              "\"chat_template\":\"{{ x }}\\n\",\"pad_token\":\"<|end|>\"");
    ck_ok(phi_meta_set_u(&meta, keys[0], PHI_KV_BOOL, 0, &err));
    ck_ok(phi_meta_set_u(&meta, keys[1], PHI_KV_U32, 2, &err));
    ck_ok(run(root, "{}", 263, &err));
    check_keys(keys, sizeof(keys) / sizeof(keys[0]));
    ck_assert_uint_eq(kv(keys[0], PHI_KV_BOOL)->v.u, 1);
    ck_assert_uint_eq(kv(keys[10], PHI_KV_BOOL)->v.u, 0);
    ck_assert_str_eq(kv(keys[11], PHI_KV_STRING)->v.str.p, "{{ x }}\n");
}
END_TEST

/* Spellings that mean the same. */
static const struct {
    int file;
    const char *find;
    const char *with;
} accepted[] = {
    {TOKENIZER, "\"normalizer\":null,", ""},
    {TOKENIZER, "\"normalizer\":null",
     "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[]}"},
    {TOKENIZER, "\"type\":\"BPE\",", ""},
    {TOKENIZER, "\"dropout\":null", "\"dropout\":0.0"},
    {TOKENIZER, "\"unk_token\":null", "\"unk_token\":\"<|endoftext|>\""},
    {TOKENIZER, "\"trim_offsets\":true", "\"use_regex\":true"},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,",
     SPLIT "\"behavior\":\"Isolated\",\"invert\":false}" BYTES_ONLY},
    {TOKENIZER, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,",
     SPLIT "\"behavior\":\"Removed\",\"invert\":true}" BYTES_ONLY},
    {TOKENIZER, "\"merges\":[\"a b\",[\"ab\",\"c\"]]",
     "\"merges\":[[\"a\",\"b\"],\"ab c\"]"},
    {TOKENIZER, "\"post_processor\":{\"type\":\"ByteLevel\"}",
     "\"post_processor\":null"},
    {VOCAB, ",\"<|endoftext|>\":258", ""},
    {MERGES, "#version: 0.2\n", ""},
    {MERGES, "#version: 0.2\na b\nab c\n", "#version: 0.2\r\na b\r\nab c"},
    {ADDED, "{", "{\"<|endoftext|>\":258,"},
    {OPTIONS, "\"tokenizer_class\":\"CodeGenTokenizer\"",
     "\"additional_special_tokens\":[\"<|end|>\"]"},
    {SPECIAL, "\"<|endoftext|>\"", "{\"content\":\"<|endoftext|>\"}"},
};

START_TEST(same_tokenizer)
{
    write_all(ALL);
    write_one(accepted[_i].file, accepted[_i].find, accepted[_i].with);
    ck_ok(run(root, "{}", 263, &err));
    check_small();
}
END_TEST

#define SPECIAL_ID(text)                                                       \
    "{\"SpecialToken\":{\"id\":\"" text "\",\"type_id\":0}}"
#define SEQUENCE(id) "{\"Sequence\":{\"id\":\"" id "\",\"type_id\":0}}"
#define TEMPLATE_OF(single, pair, special)                                     \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair \
    "],\"special_tokens\":{" special "}}"
#define IDS(text, ids) "\"" text "\":{\"id\":\"" text "\",\"ids\":[" ids "]}"
#define TEMPLATE(single, pair)                                                 \
    TEMPLATE_OF(single, pair,                                                  \
                IDS("<|endoftext|>", "258") "," IDS("<|end|>", "260"))

/* Post-processors; flags are -1 if they must not be written. */
static const struct {
    const char *post;
    int bos;
    int eos;
    int sep;
    const char *message;
} templates[] = {
    {TEMPLATE(SPECIAL_ID("<|endoftext|>") "," SEQUENCE("A"),
              SPECIAL_ID("<|endoftext|>") "," SEQUENCE("A") "," SEQUENCE("B")),
     1, -1, -1, NULL},
    {TEMPLATE(SEQUENCE("A") "," SPECIAL_ID("<|end|>"), SEQUENCE("A")), -1, 1,
     -1, NULL},
    {TEMPLATE(SEQUENCE("A"),
              SEQUENCE("A") "," SPECIAL_ID("<|end|>") "," SEQUENCE("B")),
     -1, -1, 1, NULL},
    {"{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"}"
     "," TEMPLATE(SPECIAL_ID("<|endoftext|>") "," SEQUENCE("A") "," SPECIAL_ID(
                      "<|end|>"),
                  "") "]}",
     1, 1, -1, NULL},
    {TEMPLATE(SPECIAL_ID("<|end|>") "," SEQUENCE("A"), ""), 0, 0, 0,
     "post_processor.single\": is a template other than"},
    {TEMPLATE(SEQUENCE("A") "," SPECIAL_ID("<|endoftext|>"), ""), 0, 0, 0,
     "is a template other than"},
    {TEMPLATE(SPECIAL_ID("<|endoftext|>") "," SPECIAL_ID("<|end|>"), ""), 0, 0,
     0, "is a template other than"},
    {TEMPLATE(SEQUENCE("A") "," SEQUENCE("A"), ""), 0, 0, 0,
     "is a template other than"},
    {TEMPLATE("", ""), 0, 0, 0, "is a template other than"},
    {TEMPLATE("3", ""), 0, 0, 0, "is a template other than"},
    /* what is put there is what the ids say */
    {TEMPLATE_OF(SPECIAL_ID("<|endoftext|>") "," SEQUENCE("A"), "",
                 IDS("<|endoftext|>", "5")),
     0, 0, 0,
     "post_processor.special_tokens.<|endoftext|>.ids\": puts other tokens "
     "than "
     "that of the text, expected [258]"},
    {TEMPLATE_OF(SEQUENCE("A") "," SPECIAL_ID("<|end|>"), "",
                 IDS("<|end|>", "260,260")),
     0, 0, 0, "puts other tokens than that of the text, expected [260]"},
    {TEMPLATE_OF(SEQUENCE("A") "," SPECIAL_ID("<|end|>"), "",
                 IDS("<|end|>", "")),
     0, 0, 0, "puts other tokens than that of the text, expected [260]"},
    {TEMPLATE_OF(SEQUENCE("A"),
                 SEQUENCE("A") "," SPECIAL_ID("<|end|>") "," SEQUENCE("B"),
                 IDS("<|end|>", "7")),
     0, 0, 0, "puts other tokens than that of the text, expected [260]"},
};

static void check_flag(const char *key, int expected)
{
    const struct phi_kv *v = phi_meta_find(&meta, key);

    ck_assert_int_eq(v != NULL ? (int)v->v.u : -1, expected);
}

START_TEST(text_templates)
{
    char post[1024];

    write_all(ALL);
    snprintf(post, sizeof(post), "\"post_processor\":%s", templates[_i].post);
    write_one(TOKENIZER, "\"post_processor\":{\"type\":\"ByteLevel\"}", post);
    if (templates[_i].message != NULL) {
        ck_refused(run(root, "{}", 263, &err), PHI_E_UNSUPPORTED,
                   templates[_i].message);
        return;
    }
    ck_ok(run(root, "{}", 263, &err));
    check_small();
    check_flag("tokenizer.ggml.add_bos_token", templates[_i].bos);
    check_flag("tokenizer.ggml.add_eos_token", templates[_i].eos);
    check_flag("tokenizer.ggml.add_sep_token", templates[_i].sep);
}
END_TEST

START_TEST(named_chat_templates)
{
    static const char *const keys[] = {
        "tokenizer.chat_template.tool_use", "tokenizer.chat_template.r_g",
        "tokenizer.chat_templates", "tokenizer.chat_template"};
    const struct phi_kv *list;

    write_all(ALL);
    write_one(OPTIONS, "\"add_prefix_space\":false",
              "\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"},"
              "{\"name\":\"default\",\"template\":\"D\"},"
              "{\"name\":\"r\xc3\xa9g\",\"template\":\"R\"},"
              "{\"name\":\"none\"},{\"template\":\"nameless\"}]");
    ck_ok(run(root, "{}", 263, &err));
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(meta.kv[meta.n - 4 + i].key, keys[i]);
    ck_assert_str_eq(kv(keys[0], PHI_KV_STRING)->v.str.p, "T");
    ck_assert_str_eq(kv(keys[1], PHI_KV_STRING)->v.str.p, "R");
    ck_assert_str_eq(kv(keys[3], PHI_KV_STRING)->v.str.p, "D");
    list = kv(keys[2], PHI_KV_ARRAY);
    ck_assert_uint_eq(list->v.arr.n, 2);
    ck_assert_str_eq(list->v.arr.str[0].p, "tool_use");
    ck_assert_str_eq(list->v.arr.str[1].p, "r_g");
}
END_TEST

START_TEST(chat_template_files)
{
    char path[256];

    write_all(ALL);
    write_file("chat_template.json", "{\"chat_template\":\"J\"}", 21);
    ck_ok(run(root, "{}", 263, &err));
    ck_assert_str_eq(kv("tokenizer.chat_template", PHI_KV_STRING)->v.str.p,
                     "J");
    phi_meta_release(&meta);
    write_file("chat_template.jinja", "{{ \xc3\xa9 }}\r\n", 10);
    snprintf(path, sizeof(path), "%s/additional_chat_templates", root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("additional_chat_templates/b.jinja", "B", 1);
    write_file("additional_chat_templates/a.jinja", "A", 1);
    write_file("additional_chat_templates/c.txt", "C", 1);
    ck_ok(run(root, "{}", 263, &err));
    ck_assert_str_eq(kv("tokenizer.chat_template", PHI_KV_STRING)->v.str.p,
                     "{{ \xc3\xa9 }}\r\n");
    ck_assert_str_eq(kv("tokenizer.chat_template.a", PHI_KV_STRING)->v.str.p,
                     "A");
    ck_assert_uint_eq(kv("tokenizer.chat_templates", PHI_KV_ARRAY)->v.arr.n, 2);
    phi_meta_release(&meta);
    /* A key of tokenizer_config.json that says nothing hid the files. */
    write_one(OPTIONS, "\"add_prefix_space\":false", "\"chat_template\":null");
    ck_ok(run(root, "{}", 263, &err));
    ck_assert_str_eq(kv("tokenizer.chat_template", PHI_KV_STRING)->v.str.p,
                     "{{ \xc3\xa9 }}\r\n");
    phi_meta_release(&meta);
    write_one(OPTIONS, "", "");
    write_file("chat_template.jinja", "\xff", 1);
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "chat_template.jinja: is not UTF-8 text");
}
END_TEST

static bool same_template(const char *a, const char *b)
{
    const bool same = phi_hf_same_template(a, strlen(a), b, strlen(b));

    ck_assert_int_eq(same, phi_hf_same_template(b, strlen(b), a, strlen(a)));
    return same;
}

/* Files end in a line, and may come from other systems: both render alike. */
START_TEST(chat_templates_alike)
{
    ck_assert(same_template("", ""));
    ck_assert(same_template("", "\n"));
    ck_assert(same_template("a\nb", "a\r\nb\r\n"));
    ck_assert(same_template("a\n\n", "a\n\r\n"));
    ck_assert(!same_template("a\n\n", "a"));
    ck_assert(!same_template("a\rb", "a\nb"));
    ck_assert(!same_template("a\r\rb", "a\r\nb"));
    ck_assert(!same_template("a\n", "b\n"));
    ck_assert(!same_template("a", "ab"));
}
END_TEST

/* An old template in tokenizer_config.json was taken for that of the file. */
START_TEST(chat_template_twice)
{
    struct phi_err why = {0};
    char path[256];

    write_all(ALL);
    write_one(OPTIONS, "\"add_prefix_space\":false", "\"chat_template\":\"N\"");
    write_file("chat_template.jinja", "N", 1);
    ck_ok(run(root, "{}", 263, &err));
    ck_assert_str_eq(kv("tokenizer.chat_template", PHI_KV_STRING)->v.str.p,
                     "N");
    phi_meta_release(&meta);
    write_file("chat_template.jinja", "N\r\n", 3);
    ck_ok(run(root, "{}", 263, &err));
    phi_meta_release(&meta);
    write_file("chat_template.jinja", "O", 1);
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "chat_template.jinja: template \"default\" differs from that of "
               "key \"chat_template\" of");
    ck_assert_int_eq(run(root, "{}", 263, &why), PHI_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(why.hint, "transformers takes the file"));
    /* Those with names, too, and on either side. */
    write_one(OPTIONS, "\"add_prefix_space\":false",
              "\"chat_template\":[{\"name\":\"default\",\"template\":\"O\"},"
              "{\"name\":\"a\",\"template\":\"A\"}]");
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "template \"a\" differs");
    snprintf(path, sizeof(path), "%s/additional_chat_templates", root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("additional_chat_templates/a.jinja", "A", 1);
    ck_ok(run(root, "{}", 263, &err));
    phi_meta_release(&meta);
    write_file("additional_chat_templates/b.jinja", "B", 1);
    ck_refused(run(root, "{}", 263, &err), PHI_E_FORMAT,
               "template \"b\" differs");
}
END_TEST

START_TEST(sample)
{
    const struct phi_kv *merges;

    ck_ok(run(PHI_SAMPLE, "{\"bos_token_id\":1999,\"eos_token_id\":1999}", 2048,
              &err));
    ck_assert_uint_eq(kv("tokenizer.ggml.tokens", PHI_KV_ARRAY)->v.arr.n, 2048);
    ck_assert_str_eq(token(0), "!");
    ck_assert_str_eq(token(1999), "<|endoftext|>");
    ck_assert_str_eq(token(2029), "  ");
    ck_assert_str_eq(token(2037), "\t\t");
    ck_assert_str_eq(token(2038), "[PAD2038]");
    for (size_t i = 0; i < 2048; i++) {
        const unsigned type = i < 1999 ? 1 : i == 1999 ? 3 : i < 2038 ? 4 : 5;

        ck_assert_uint_eq(token_type(i), type);
    }
    merges = kv("tokenizer.ggml.merges", PHI_KV_ARRAY);
    ck_assert_uint_eq(merges->v.arr.n, 1743);
    ck_assert_str_eq(merges->v.arr.str[0].p, "\xc4\xa0 t");
    ck_assert_str_eq(merges->v.arr.str[1742].p, "\xc4\xa0"
                                                "anthrop ologists");
    ck_assert_uint_eq(number("tokenizer.ggml.bos_token_id"), 1999);
    ck_assert_uint_eq(number("tokenizer.ggml.eos_token_id"), 1999);
    ck_assert_uint_eq(number("tokenizer.ggml.unknown_token_id"), 1999);
    ck_assert_ptr_null(phi_meta_find(&meta, "tokenizer.chat_template"));
}
END_TEST

/* Python's json.dumps() of an array, with all but ASCII as \uXXXX. */
static void dump(struct phi_buf *b, const struct phi_kv *v)
{
    phi_buf_text(b, "[");
    for (size_t i = 0; i < v->v.arr.n; i++) {
        phi_buf_text(b, i > 0 ? ", " : "");
        if (v->v.arr.str == NULL) {
            phi_buf_printf(b, "%u",
                           (unsigned)phi_load_u32(v->v.arr.num + 4 * i));
            continue;
        }
        phi_buf_text(b, "\"");
        for (size_t k = 0; k < v->v.arr.str[i].n;) {
            uint32_t c = 0;

            k += phi_utf8_decode((uint8_t *)v->v.arr.str[i].p + k,
                                 v->v.arr.str[i].n - k, &c);
            if (c == '"' || c == '\\')
                phi_buf_printf(b, "\\%c", (char)c);
            else if (c == '\t')
                phi_buf_text(b, "\\t");
            else if (c >= 0x20 && c < 0x7f)
                phi_buf_printf(b, "%c", (char)c);
            else
                phi_buf_printf(b, "\\u%04x", (unsigned)c);
        }
        phi_buf_text(b, "\"");
    }
    phi_buf_text(b, "]");
}

static void check_hash(const struct phi_kv *v, const char *expected)
{
    char hex[PHI_SHA256_HEX];
    struct phi_sha256 *h = NULL;
    struct phi_buf b = {0};

    dump(&b, v);
    ck_ok(phi_sha256_new(&h, &err));
    ck_ok(phi_sha256_add(h, b.p, b.n, &err));
    ck_ok(phi_sha256_hex(h, hex, &err));
    ck_assert_msg(strcmp(hex, expected) == 0, "%s: %s", v->key, hex);
    phi_sha256_free(h);
    phi_buf_release(&b);
}

/* Every tokenizer.* key of what llama.cpp's converter wrote. */
START_TEST(sample_golden)
{
    const char *data = unit_test_data("the converter's metadata");
    char path[4096];
    uint8_t *text = NULL;
    size_t n = 0;
    size_t checked = 0;
    size_t at = 0;
    cJSON *golden;
    cJSON *item;

    if (data == NULL)
        return;
    snprintf(path, sizeof(path), "%s/goldens/llama-convert-kv.json", data);
    ck_ok(phi_file_load(path, 1 << 20, &text, &n, &err));
    golden = cJSON_ParseWithLength((char *)text, n);
    ck_assert_ptr_nonnull(golden);
    ck_ok(phi_meta_set_u(&meta, "tokenizer.ggml.add_bos_token", PHI_KV_BOOL, 0,
                         &err));
    ck_ok(run(PHI_SAMPLE, "{\"bos_token_id\":1999}", 2048, &err));
    cJSON_ArrayForEach(item, golden)
    {
        const char *key = cJSON_GetArrayItem(item, 0)->valuestring;
        const cJSON *value = cJSON_GetArrayItem(item, 2);
        const struct phi_kv *v;

        if (strncmp(key, "tokenizer.", 10) != 0)
            continue;
        ck_assert_uint_lt(at, meta.n);
        v = &meta.kv[at++];
        ck_assert_str_eq(v->key, key);
        if (v->type == PHI_KV_STRING)
            ck_assert_str_eq(v->v.str.p, value->valuestring);
        else if (v->type == PHI_KV_ARRAY)
            check_hash(
                v, cJSON_GetObjectItem(value, "sha256_of_json")->valuestring);
        else
            ck_assert_uint_eq(v->v.u, (uint64_t)value->valueint);
        checked++;
    }
    ck_assert_uint_eq(at, meta.n);
    ck_assert_uint_eq(checked, 9);
    cJSON_Delete(golden);
    free(text);
}
END_TEST

START_TEST(phi_2)
{
    const char *data = unit_test_data("Phi-2's tokenizer");
    char path[4096];
    size_t types[7] = {0};

    if (data == NULL)
        return;
    snprintf(path, sizeof(path), "%s/phi-2", data);
    ck_ok(run(path, "{\"bos_token_id\":50256,\"eos_token_id\":50256}", 51200,
              &err));
    ck_assert_uint_eq(kv("tokenizer.ggml.tokens", PHI_KV_ARRAY)->v.arr.n,
                      51200);
    ck_assert_uint_eq(kv("tokenizer.ggml.merges", PHI_KV_ARRAY)->v.arr.n,
                      50000);
    for (size_t i = 0; i < 51200; i++)
        types[token_type(i)]++;
    ck_assert_uint_eq(types[1], 50256);
    ck_assert_uint_eq(types[3], 1);
    ck_assert_uint_eq(types[4], 38);
    ck_assert_uint_eq(types[5], 905);
    ck_assert_uint_eq(token_type(50256), 3);
    ck_assert_str_eq(token(50286), "  ");
    ck_assert_str_eq(token(50294), "\t\t");
    ck_assert_str_eq(token(51199), "[PAD51199]");
    ck_assert_uint_eq(number("tokenizer.ggml.bos_token_id"), 50256);
    ck_assert_uint_eq(number("tokenizer.ggml.eos_token_id"), 50256);
    ck_assert_uint_eq(number("tokenizer.ggml.unknown_token_id"), 50256);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_tokenizer");
    TCase *t = tcase_create("hf_tokenizer");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, small_tokenizer, 0, COUNT(subsets));
    tcase_add_test(t, old_folder);
    tcase_add_test(t, keys_in_order);
    tcase_add_loop_test(t, same_tokenizer, 0, COUNT(accepted));
    tcase_add_loop_test(t, text_templates, 0, COUNT(templates));
    tcase_add_test(t, named_chat_templates);
    tcase_add_test(t, chat_template_files);
    tcase_add_test(t, chat_templates_alike);
    tcase_add_test(t, chat_template_twice);
    tcase_add_test(t, sample);
    tcase_add_test(t, sample_golden);
    tcase_add_test(t, phi_2);
    suite_add_tcase(s, t);
    return unit_main(s);
}

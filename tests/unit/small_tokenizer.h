/* SPDX-License-Identifier: MIT */
/*
 * A small tokenizer in the files of a Hugging Face folder, 261 tokens of 263,
 * that tests write out whole or with one place changed.
 */
#ifndef PHI_TESTS_SMALL_TOKENIZER_H
#define PHI_TESTS_SMALL_TOKENIZER_H

#include "formats/hf_tokenizer.h"
#include "libconv/base/buf.h"
#include "libconv/base/utf8.h"
#include "tests/unit/unit.h"

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

/* The files of a folder, each as one text; NULL: not there. */
enum { TOKENIZER, VOCAB, MERGES, ADDED, OPTIONS, SPECIAL, NFILES };

static const char *const names[NFILES] = {"tokenizer.json",
                                          "vocab.json",
                                          "merges.txt",
                                          "added_tokens.json",
                                          "tokenizer_config.json",
                                          "special_tokens_map.json"};

#define ENTRY(id, text, special)                                               \
    "\"id\":" #id ",\"content\":\"" text "\",\"single_word\":false,"           \
    "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"                  \
    "\"special\":" special

/* @ stands for the 256 byte tokens, ids 0 to 255, as JSON members. */
static const char *const good[NFILES] = {
    "{\"added_tokens\":[{" ENTRY(
        258, "<|endoftext|>",
        "true") "},"
                "{" ENTRY(259, "  ", "false") "},{" ENTRY(
                    260, "<|end|>",
                    "false") "}],"
                             "\"normalizer\":null,"
                             "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_"
                             "prefix_space\":false,"
                             "\"trim_offsets\":true},"
                             "\"post_processor\":{\"type\":\"ByteLevel\"},"
                             "\"decoder\":{\"type\":\"ByteLevel\"},"
                             "\"model\":{\"type\":\"BPE\",\"dropout\":null,"
                             "\"unk_token\":null,"
                             "\"continuing_subword_prefix\":\"\",\"end_of_word_"
                             "suffix\":null,"
                             "\"byte_fallback\":false,\"vocab\":{@,\"ab\":256,"
                             "\"abc\":257,"
                             "\"<|endoftext|>\":258},\"merges\":[\"a "
                             "b\",[\"ab\",\"c\"]]}}",
    "{@,\"ab\":256,\"abc\":257,\"<|endoftext|>\":258}",
    "#version: 0.2\na b\nab c\n",
    "{\"  \":259,\"<|end|>\":260}",
    "{\"added_tokens_decoder\":{"
    "\"258\":{\"content\":\"<|endoftext|>\",\"special\":true},"
    "\"259\":{\"content\":\"  \",\"special\":false},"
    "\"260\":{\"content\":\"<|end|>\",\"special\":false}},"
    "\"add_prefix_space\":false,"
    "\"bos_token\":\"<|endoftext|>\",\"eos_token\":{\"content\":"
    "\"<|end|>\"},\"tokenizer_class\":\"CodeGenTokenizer\"}",
    "{\"bos_token\":\"<|endoftext|>\"}",
};

static char root[64];
static struct phi_meta meta;

static inline void setup(void)
{
    strcpy(root, "/tmp/phiconv-tokenizer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static inline void teardown(void)
{
    char command[256];

    phi_meta_release(&meta);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* GPT-2's character for a byte, found by its definition: in turn. */
static inline uint32_t byte_character(uint32_t byte)
{
    uint32_t next = 0x100;

    for (uint32_t b = 0;; b++) {
        const bool shown =
            (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;

        if (b == byte)
            return shown ? b : next;
        next += !shown;
    }
}

static inline void put_bytes(struct phi_buf *b)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t utf8[4];
        const uint32_t c = byte_character(i);

        phi_buf_text(b, i > 0 ? ",\"" : "\"");
        if (c == '"' || c == '\\')
            phi_buf_text(b, "\\");
        phi_buf_put(b, utf8, phi_utf8_encode(c, utf8));
        phi_buf_printf(b, "\":%u", (unsigned)i);
    }
}

static inline void write_file(const char *name, const void *text, size_t n)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* Writes one of the files with @ filled in and `find` replaced once. */
static inline void write_one(int which, const char *find, const char *with)
{
    struct phi_buf b = {0};
    struct phi_buf done = {0};
    char *at;

    for (const char *p = good[which]; *p != '\0'; p++) {
        if (*p == '@')
            put_bytes(&b);
        else
            phi_buf_put(&b, p, 1);
    }
    phi_buf_put(&b, "", 1);
    at = strstr((char *)b.p, find);
    ck_assert_msg(at != NULL, "%s has no %s", names[which], find);
    phi_buf_put(&done, b.p, (size_t)(at - (char *)b.p));
    phi_buf_text(&done, with);
    phi_buf_text(&done, at + strlen(find));
    write_file(names[which], done.p, done.n);
    phi_buf_release(&b);
    phi_buf_release(&done);
}

static inline void write_all(unsigned files)
{
    for (int i = 0; i < NFILES; i++) {
        if ((files >> i & 1) != 0)
            write_one(i, "", "");
    }
}

#define ALL        0x3fu
#define BIT(which) (1u << (which))

static inline enum phi_status run(const char *dir, const char *config,
                                  uint64_t size, struct phi_err *err)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json json;
    enum phi_status st;

    ck_assert_int_eq(
        phi_json_parse(&doc, config, strlen(config), "config.json", err),
        PHI_OK);
    json = phi_json_root(doc);
    st = phi_hf_tokenizer(&meta, dir, &json, size, err);
    phi_json_free(doc);
    return st;
}

static inline const struct phi_kv *kv(const char *key, enum phi_kv_type type)
{
    const struct phi_kv *v = phi_meta_find(&meta, key);

    ck_assert_msg(v != NULL, "%s", key);
    ck_assert_msg(v->type == type, "%s: %s", key, phi_kv_type_name(v->type));
    return v;
}

#define SPLIT                                                                  \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","           \
    "\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| "           \
    "?\\\\p{N}+| ?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"},"
#define BYTES_ONLY                                                             \
    ",{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"                     \
    "\"use_regex\":false}]},\"x\":{"

#endif

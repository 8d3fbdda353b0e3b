/* SPDX-License-Identifier: MIT */
/*
 * Any text through the splitter and the merges of a small vocabulary. It
 * comes back byte for byte, and where the splitter says that it may be cut it
 * makes the same tokens in two parts.
 */
#include <string.h>

#include "libconv/base/utf8.h"
#include "libconv/text/byte_level.h"
#include "libconv/text/pre_split.h"
#include "libconv/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

/* Behind the bytes; \xc4\xa0 is the blank's character. */
static const char *const more[] = {
    "he", "ll", "hell", "\xc4\xa0t", "\xc4\xa0th", "<|endoftext|>", "  "};
static const char *const merges[] = {"h e", "l l", "he ll", "\xc4\xa0 t",
                                     "\xc4\xa0t h"};

#define NMORE   (sizeof(more) / sizeof(more[0]))
#define NMERGES (sizeof(merges) / sizeof(merges[0]))
#define NTOKENS (256 + NMORE)

static const struct phi_tokenizer *tokenizer(void)
{
    static struct phi_tokenizer *t;
    uint8_t types[4 * NTOKENS] = {0};
    struct phi_meta meta = {0};
    struct phi_kv *kv;
    struct phi_err err;

    if (t != NULL)
        return t;
    PROMISE(phi_meta_set_str(&meta, "tokenizer.ggml.model", "gpt2", 4, &err) ==
            PHI_OK);
    PROMISE(phi_meta_set_str(&meta, "tokenizer.ggml.pre", "phi-2", 5, &err) ==
            PHI_OK);
    PROMISE(phi_meta_set_strings(&meta, "tokenizer.ggml.tokens", NTOKENS, &kv,
                                 &err) == PHI_OK);
    for (size_t i = 0; i < NTOKENS; i++) {
        uint8_t utf8[4];
        const char *text = (const char *)utf8;
        size_t n;

        if (i < 256) {
            n = phi_utf8_encode(phi_byte_to_char((uint8_t)i), utf8);
        } else {
            text = more[i - 256];
            n = strlen(text);
        }
        PROMISE(phi_str_set(&kv->v.arr.str[i], text, n, &err) == PHI_OK);
        types[4 * i] = i < NTOKENS - 2 ? 1 : i < NTOKENS - 1 ? 3 : 4;
    }
    PROMISE(phi_meta_set_numbers(&meta, "tokenizer.ggml.token_type", PHI_KV_I32,
                                 types, NTOKENS, &err) == PHI_OK);
    PROMISE(phi_meta_set_strings(&meta, "tokenizer.ggml.merges", NMERGES, &kv,
                                 &err) == PHI_OK);
    for (size_t i = 0; i < NMERGES; i++)
        PROMISE(phi_str_set(&kv->v.arr.str[i], merges[i], strlen(merges[i]),
                            &err) == PHI_OK);
    PROMISE(phi_tokenizer_new(&t, &meta, &err) == PHI_OK);
    phi_meta_release(&meta);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct phi_tokenizer *t = tokenizer();
    /* The first byte says how, and where a cut is looked for. */
    const struct phi_encode_options how = {.special = n > 0 && data[0] % 2};
    const size_t from = n > 0 ? data[0] / 2 : 0;
    const char *text = (const char *)data + (n > 0);
    struct phi_tokens whole = {0};
    struct phi_tokens parts = {0};
    struct phi_buf back = {0};
    struct phi_err err = {0};

    n -= n > 0;
    if (!fuzz_accepted(phi_tokenizer_encode(t, text, n, &how, &whole, &err),
                       &err))
        return 0;
    PROMISE(phi_tokenizer_decode(t, whole.id, whole.n, &back, &err) == PHI_OK);
    PROMISE(back.n == n && (n == 0 || memcmp(back.p, text, n) == 0));
    /* Added tokens may lie across a cut; without "<|" and two blanks none. */
    if (from <= n && memchr(text, '<', n) == NULL &&
        memchr(text, ' ', n) == NULL) {
        const size_t at = phi_pre_split_cut((const uint8_t *)text, n, from);

        PROMISE(at >= from && at <= n);
        PROMISE(phi_tokenizer_encode(t, text, at, &how, &parts, &err) ==
                PHI_OK);
        PROMISE(phi_tokenizer_encode(t, text + at, n - at, &how, &parts,
                                     &err) == PHI_OK);
        PROMISE(parts.n == whole.n);
        PROMISE(whole.n == 0 ||
                memcmp(parts.id, whole.id, whole.n * sizeof(*whole.id)) == 0);
    }
    phi_buf_release(&back);
    phi_tokens_release(&whole);
    phi_tokens_release(&parts);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The parts of the tokenizer and small vocabularies made by hand; merges and
 * added tokens are compared with the plainest possible methods. Whole texts
 * are in test_tokenizer_text.c, bad metadata in test_tokenizer_refused.c.
 */
#include "libconv/base/sha256.h"
#include "libconv/base/utf8.h"
#include "libconv/text/added_tokens.h"
#include "libconv/text/bpe.h"
#include "libconv/text/byte_level.h"
#include "libconv/text/pre_split.h"
#include "tests/unit/small_vocabulary.h"

/* A generator of its own, so that cases are the same everywhere. */
static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

START_TEST(alphabet_of_bytes)
{
    bool used[0x144] = {false};
    uint8_t b;

    ck_assert_uint_eq(phi_byte_to_char(' '), 0x120);
    ck_assert_uint_eq(phi_byte_to_char('\n'), 0x10a);
    ck_assert_uint_eq(phi_byte_to_char(0x7f), 0x121);
    ck_assert_uint_eq(phi_byte_to_char(0xa0), 0x142);
    ck_assert_uint_eq(phi_byte_to_char(0xad), 0x143);
    ck_assert_uint_eq(phi_byte_to_char('!'), '!');
    ck_assert_uint_eq(phi_byte_to_char(0xff), 0xff);
    for (uint32_t i = 0; i < 256; i++) {
        const uint32_t c = phi_byte_to_char((uint8_t)i);

        ck_assert_uint_le(c, 0x143);
        ck_assert(!used[c]);
        used[c] = true;
        ck_assert(phi_byte_from_char(c, &b));
        ck_assert_uint_eq(b, i);
    }
    for (uint32_t c = 0; c < 0x144; c++)
        ck_assert_int_eq(phi_byte_from_char(c, &b), used[c]);
    ck_assert(!phi_byte_from_char(0x144, &b));
    ck_assert(!phi_byte_from_char(0x10ffff, &b));
}
END_TEST

START_TEST(bytes_of_a_token)
{
    uint8_t out[16];

    /* "\u0120a" is " a"; with a blank in it, a text stands for itself. */
    ck_assert_uint_eq(phi_byte_text(out,
                                    (const uint8_t *)"\xc4\xa0"
                                                     "a",
                                    3),
                      2);
    ck_assert_int_eq(memcmp(out, " a", 2), 0);
    ck_assert_uint_eq(phi_byte_text(out, (const uint8_t *)"\xc4\xa0 ", 3), 3);
    ck_assert_int_eq(memcmp(out, "\xc4\xa0 ", 3), 0);
    ck_assert_uint_eq(phi_byte_text(out, NULL, 0), 0);
}
END_TEST

START_TEST(merges_in_order_of_rank)
{
    static const char *const texts[] = {"bc", "ab", "aa", "aaaa", "aab", NULL};
    static const char *const merges[] = {"b c",   "a b",  "a a",
                                         "aa aa", "aa b", NULL};
    struct phi_tokenizer *t;

    small_begin(texts, NULL, merges);
    t = small_new();
    expect_ids(t, "abc", false, "97 256");
    expect_ids(t, "ab", false, "257");
    /* Ties: the leftmost pair first. */
    expect_ids(t, "aaa", false, "258 97");
    expect_ids(t, "aaaaa", false, "259 97");
    expect_ids(t, "aaaaaa", false, "259 258");
    /* "a b" stands before "a a": a ab, and never aab. */
    expect_ids(t, "aab", false, "97 257");
    expect_ids(t, "", false, "");
    expect_ids(t, "c", false, "99");
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

/* The definition: look for the lowest rank, join it there, again. */
static size_t merge_plainly(const struct phi_bpe *b, uint32_t *id, size_t n)
{
    for (;;) {
        size_t rank = b->nmerges;
        size_t at = 0;

        for (size_t i = 0; i + 1 < n; i++) {
            for (size_t r = 0; r < rank; r++) {
                if (b->merge[r].left == id[i] &&
                    b->merge[r].right == id[i + 1]) {
                    rank = r;
                    at = i;
                }
            }
        }
        if (rank == b->nmerges)
            return n;
        id[at] = b->merge[rank].result;
        memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof(*id));
        n--;
    }
}

/*
 * Words over three letters with random merges. Ids are texts' numbers in an
 * imagined vocabulary: any two tokens may be joined, results are new.
 */
START_TEST(merges_as_by_definition)
{
    struct phi_bpe b = {0};
    struct phi_bpe_scratch scratch = {0};

    seed = (uint32_t)_i + 1;
    ck_ok(phi_bpe_init(&b, 40, &err));
    for (uint32_t i = 0; i < 256; i++)
        b.byte_token[i] = i < 3 ? i : PHI_NO_TOKEN;
    for (uint32_t i = 0; i < 40; i++) {
        const struct phi_bpe_merge m = {random_below(3 + i),
                                        random_below(3 + i), 3 + i};

        (void)phi_bpe_add(&b, m, NULL); /* a pair may come up twice */
    }
    ck_ok(phi_bpe_scratch_init(&scratch, &err));
    for (int k = 0; k < 200; k++) {
        const size_t n = 1 + random_below(k < 150 ? 40 : 500);
        struct phi_tokens got = {0};
        uint8_t word[500];
        uint32_t want[500];
        size_t nwant;

        for (size_t i = 0; i < n; i++)
            want[i] = word[i] = (uint8_t)random_below(3);
        nwant = merge_plainly(&b, want, n);
        ck_ok(phi_bpe_encode(&b, &scratch, word, n, &got, &err));
        ck_assert_uint_eq(got.n, nwant);
        ck_assert_int_eq(memcmp(got.id, want, nwant * sizeof(*want)), 0);
        /* And again: short words are remembered. */
        ck_ok(phi_bpe_encode(&b, &scratch, word, n, &got, &err));
        ck_assert_uint_eq(got.n, 2 * nwant);
        ck_assert_int_eq(memcmp(got.id + nwant, want, nwant * sizeof(*want)),
                         0);
        phi_tokens_release(&got);
    }
    phi_bpe_scratch_release(&scratch);
    phi_bpe_release(&b);
}
END_TEST

START_TEST(longest_of_the_leftmost)
{
    static const char *const texts[] = {"ab", "abc", "bcd", "cde", "xxx", NULL};
    static const int types[] = {4, 4, 4, 4, 4};
    struct phi_tokenizer *t;

    small_begin(texts, types, NULL);
    t = small_new();
    expect_ids(t, "abd", false, "256 100");
    expect_ids(t, "abcd", false, "257 100");
    expect_ids(t, "bcde", false, "258 101");
    expect_ids(t, "acde", false, "97 259");
    expect_ids(t, "ababc", false, "256 257");
    /* A beginning that comes to nothing hides nothing. */
    expect_ids(t, "aab", false, "97 256");
    expect_ids(t, "xxab", false, "120 120 256");
    expect_ids(t, "xxxx", false, "260 120");
    expect_ids(t, "a", false, "97");
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

/* Any set of added tokens, against trying every one at every place. */
START_TEST(added_tokens_as_by_definition)
{
    struct phi_added_tokens a = {0};
    char texts[40][8];
    size_t ntexts = 0;

    seed = (uint32_t)_i + 77;
    while (ntexts < 12) {
        const size_t n = 1 + random_below(6);
        size_t same = 0;

        for (size_t i = 0; i < n; i++)
            texts[ntexts][i] = (char)('a' + random_below(2));
        texts[ntexts][n] = '\0';
        while (strcmp(texts[same], texts[ntexts]) != 0)
            same++;
        if (same == ntexts) {
            ck_ok(phi_added_tokens_put(&a, (const uint8_t *)texts[ntexts], n,
                                       (uint32_t)ntexts, &err));
            ntexts++;
        }
    }
    phi_added_tokens_sort(&a);
    for (int k = 0; k < 200; k++) {
        uint8_t text[30];
        const size_t n = random_below(sizeof(text) + 1);
        const struct phi_added_token *found = NULL;
        const size_t most = random_below(4);
        size_t want = n;
        size_t best = 0;
        size_t got = 0;

        for (size_t i = 0; i < n; i++)
            text[i] = (uint8_t)('a' + random_below(3));
        for (size_t at = 0; at < n && best == 0; at++) {
            for (size_t i = 0; i < ntexts; i++) {
                const size_t len = strlen(texts[i]);

                if (len > best && len <= n - at &&
                    memcmp(text + at, texts[i], len) == 0) {
                    best = len;
                    want = at;
                }
            }
        }
        /* In as many goes as it takes. */
        while (got < n && found == NULL) {
            const size_t from = got;
            size_t steps = most;

            got = phi_added_tokens_find(&a, text, n, from, &steps, &found);
            ck_assert(found != NULL || got == n || steps > most);
            ck_assert_uint_le(steps, most + 6);
            ck_assert_uint_ge(steps, got - from);
        }
        ck_assert_uint_eq(got, want);
        if (best > 0)
            ck_assert_uint_eq(found->n, best);
        ck_assert(found == NULL ||
                  memcmp(found->text, text + want, found->n) == 0);
    }
    phi_added_tokens_release(&a);
}
END_TEST

START_TEST(control_tokens_on_request)
{
    static const char *const texts[] = {"<e>", "e>x", "a<", "  ", NULL};
    static const int types[] = {3, 4, 4, 4};
    struct phi_tokenizer *t;

    small_begin(texts, types, NULL);
    t = small_new();
    /* Control tokens are cut out first, whatever begins before them. */
    expect_ids(t, "a<e>x", true, "97 256 120");
    expect_ids(t, "a<e>x", false, "258 257");
    expect_ids(t, "<e>", true, "256");
    expect_ids(t, "<e>", false, "60 101 62");
    expect_ids(t, "<e><e>   ", true, "256 256 259 32");
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

START_TEST(words_of_the_pattern)
{
    /* Words, separated by '|' here and nowhere in the text. */
    static const char *const cases[] = {
        "Hello| world",
        "don|'t| we|'ve| I|'ll| it|'s| he|'d| you|'re| I|'m",
        "DON|'|T",
        "a|  | b|   | c| ",
        "x| |\t|y|\n|\n|z",
        "tail|   ",
        "12|ab|34| 56|!?| ...|  | (",
        "caf\xc3\xa9| \xc3\xa9|\xc2\xa0|x",
        " '|s| ''|s",
        "a|_|b| _|b",
    };

    struct phi_pre_split *s;
    struct phi_words w;

    ck_ok(phi_pre_split_new(&s, "phi-2", &err));
    ck_ok(phi_words_init(&w, s, &err));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[80];
        char got[80];
        size_t n = 0;
        size_t ngot = 0;

        for (const char *c = cases[i]; *c != '\0'; c++) {
            if (*c != '|')
                text[n++] = *c;
        }
        for (size_t at = 0, end; at < n; at = end) {
            ck_ok(phi_words_next(&w, (const uint8_t *)text, n, at, &end, &err));
            if (at > 0)
                got[ngot++] = '|';
            memcpy(got + ngot, text + at, end - at);
            ngot += end - at;
        }
        got[ngot] = '\0';
        ck_assert_str_eq(got, cases[i]);
    }
    phi_words_release(&w);
    phi_pre_split_free(s);
}
END_TEST

/* Does c join the character before it in one word? */
static bool joins(const struct phi_words *w, char before, uint32_t c)
{
    uint8_t text[5] = {(uint8_t)before};
    const size_t n = 1 + phi_utf8_encode(c, text + 1);
    size_t end;

    /* No ck_ok(): an assertion that passes costs a system call. */
    return phi_words_next(w, text, n, 0, &end, NULL) == PHI_OK && end == n;
}

/*
 * The class of every code point, as one letter each (- for surrogates), must
 * be what the tokenizers library 0.23.3 answers. If only the hash differs in
 * numbers of L, N and O, PCRE2 knows a Unicode newer than 16.0.
 */
START_TEST(class_of_every_code_point)
{
    struct phi_pre_split *s;
    struct phi_words w;
    struct phi_sha256 *h;
    char hex[PHI_SHA256_HEX];
    unsigned count[128] = {0};
    char *classes = malloc(0x110000);

    ck_assert_ptr_nonnull(classes);

    ck_ok(phi_pre_split_new(&s, "gpt-2", &err));
    ck_ok(phi_words_init(&w, s, &err));
    ck_ok(phi_sha256_new(&h, &err));
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char class = '-';

        if (c < 0xd800 || c > 0xdfff) {
            class = joins(&w, 'a', c)    ? 'L'
                    : joins(&w, '1', c)  ? 'N'
                    : joins(&w, '\n', c) ? 'S'
                    : joins(&w, '#', c)  ? 'O'
                                         : '?';
        }
        count[(int)class]++;
        classes[c] = class;
    }
    ck_ok(phi_sha256_add(h, classes, 0x110000, &err));
    ck_ok(phi_sha256_hex(h, hex, &err));
    ck_assert_uint_eq(count['S'], 25);
    ck_assert_uint_eq(count['L'], 141028);
    ck_assert_uint_eq(count['N'], 1911);
    ck_assert_uint_eq(count['O'], 969100);
    ck_assert_str_eq(
        hex,
        "66186c9f5a56a412deb27756aaa35b83cdd25f4fcdb3310b8d02b1c02069022a");
    free(classes);
    phi_sha256_free(h);
    phi_words_release(&w);
    phi_pre_split_free(s);
}
END_TEST

/* Cutting a text changes no word: every place that is offered. */
START_TEST(cuts_between_words)
{
    static const char parts[][6] = {"a",  "Z", " ", "\n",       "  ", "1",
                                    "'s", "'", ".", "\xc3\xa9", "\t", "t"};
    struct phi_pre_split *s;
    struct phi_words w;

    seed = 5;
    ck_ok(phi_pre_split_new(&s, "gpt-2", &err));
    ck_ok(phi_words_init(&w, s, &err));
    for (int k = 0; k < 3000; k++) {
        uint8_t text[64];
        bool ends[65] = {false};
        size_t n = 0;

        while (n < 40) {
            const char *p = parts[random_below(12)];

            memcpy(text + n, p, strlen(p));
            n += strlen(p);
        }
        for (size_t at = 0; at < n;) {
            ck_ok(phi_words_next(&w, text, n, at, &at, &err));
            ends[at] = true;
        }
        for (size_t cut = phi_pre_split_cut(text, n, 1); cut < n;
             cut = phi_pre_split_cut(text, n, cut + 1)) {
            ck_assert(ends[cut]);
            for (size_t at = 0; at < cut;) {
                ck_ok(phi_words_next(&w, text, cut, at, &at, &err));
                ck_assert(ends[at]);
            }
            for (size_t at = cut; at < n;) {
                size_t end;

                ck_ok(phi_words_next(&w, text + cut, n - cut, at - cut, &end,
                                     &err));
                at = cut + end;
                ck_assert(ends[at]);
            }
        }
    }
    phi_words_release(&w);
    phi_pre_split_free(s);
}
END_TEST

START_TEST(appends_or_leaves_alone)
{
    struct phi_tokenizer *t;
    struct phi_tokens ids = {0};

    small_begin(NULL, NULL, NULL);
    t = small_new();
    ck_ok(phi_tokenizer_encode(t, "ab", 2, NULL, &ids, &err));
    ck_ok(phi_tokenizer_encode(t, "c", 1, NULL, &ids, &err));
    ck_ok(phi_tokenizer_encode(t, NULL, 0, NULL, &ids, &err));
    ck_assert_uint_eq(ids.n, 3);
    ck_assert_uint_eq(ids.id[2], 'c');
    ck_refused(phi_tokenizer_encode(t, "ab\xc3", 3, NULL, &ids, &err),
               PHI_E_FORMAT, "byte 2: 0xC3 begins no character");
    ck_refused(phi_tokenizer_encode(t, "\xed\xa0\x80", 3, NULL, &ids, &err),
               PHI_E_FORMAT, "byte 0: 0xED begins no character");
    ck_assert_uint_eq(ids.n, 3);
    phi_tokens_release(&ids);
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

START_TEST(byte_without_token)
{
    struct phi_tokenizer *t;
    struct phi_tokens ids = {0};
    const struct phi_kv *types;

    small_begin(NULL, NULL, NULL);
    /* 0xA9, the second byte of U+00E9, stands for itself in the alphabet. */
    ck_ok(phi_str_set(small_string("tokens", 0xa9), "[PAD]", 5, &err));
    t = small_new();
    expect_ids(t, "caf", false, "99 97 102");
    ck_refused(phi_tokenizer_encode(t, "un caf\xc3\xa9", 8, NULL, &ids, &err),
               PHI_E_FORMAT,
               "byte 7: the vocabulary has no token for byte 0xA9");
    ck_assert_uint_eq(ids.n, 0);
    phi_tokens_release(&ids);
    phi_tokenizer_free(t);
    small_end();
    /* An added token that looks like a byte's is its text, not the byte. */
    small_begin(NULL, NULL, NULL);
    types = phi_meta_find(&small_meta, "tokenizer.ggml.token_type");
    phi_store_u32(types->v.arr.num + 4 * 0xa9, 4);
    t = small_new();
    ck_refused(phi_tokenizer_encode(t, "un caf\xc3\xa9", 8, NULL, &ids, &err),
               PHI_E_FORMAT,
               "byte 7: the vocabulary has no token for byte 0xA9");
    phi_tokens_release(&ids);
    phi_tokenizer_free(t);
    /* Of ASCII the two are the same: many models pad with "!". */
    phi_store_u32(types->v.arr.num + 4 * (size_t)'!', 3);
    t = small_new();
    expect_ids(t, "a!", false, "97 33");
    expect_ids(t, "a!", true, "97 33");
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

START_TEST(back_to_bytes)
{
    static const char *const texts[] = {"<e>",      "  ",       "\xc4\xa0th",
                                        "[PAD259]", "\xc3\xa9", NULL};
    static const int types[] = {3, 4, 1, 5, 4};
    static const uint32_t some[] = {256, 257, 258, 259, 260, 0, 0xe9};
    struct phi_tokenizer *t;
    struct phi_buf out = {0};
    uint32_t every[256];

    /* U+00E9 is the letter of byte 0xE9; an added token must differ. */
    small_begin(texts, types, NULL);
    ck_ok(phi_str_set(small_string("tokens", 0xe9), "[PAD]", 5, &err));
    t = small_new();
    ck_assert_uint_eq(phi_tokenizer_size(t), 261);
    ck_ok(phi_tokenizer_decode(t, some, 6, &out, &err));
    ck_ok(phi_buf_status(&out, &err));
    ck_assert_uint_eq(out.n, 3 + 2 + 3 + 8 + 2 + 1);
    ck_assert_int_eq(memcmp(out.p, "<e>   th[PAD259]\xc3\xa9\0", out.n), 0);
    phi_buf_release(&out);
    for (uint32_t i = 0; i < 256; i++)
        every[i] = i;
    ck_ok(phi_tokenizer_decode(t, every, 0xe9, &out, &err));
    for (uint32_t i = 0; i < 0xe9; i++)
        ck_assert_uint_eq(out.p[i], i);
    ck_refused(phi_tokenizer_decode(t, (const uint32_t[]){261}, 1, &out, &err),
               PHI_E_ARG, "token 261, expected less than 261");
    phi_buf_release(&out);
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

START_TEST(beginning_of_text)
{
    struct phi_tokenizer *t;
    uint32_t bos = 7;

    small_begin(NULL, NULL, NULL);
    t = small_new();
    ck_assert(!phi_tokenizer_add_bos(t, &bos));
    ck_assert_uint_eq(bos, 7);
    phi_tokenizer_free(t);
    small_uint("bos_token_id", PHI_KV_U32, 200);
    small_uint("add_bos_token", PHI_KV_BOOL, 1);
    t = small_new();
    ck_assert(phi_tokenizer_add_bos(t, &bos));
    ck_assert_uint_eq(bos, 200);
    expect_ids(t, "a", true, "97"); /* the caller's affair */
    phi_tokenizer_free(t);
    small_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *parts = tcase_create("parts");
    TCase *small = tcase_create("small vocabularies");

    tcase_set_timeout(parts, 300);
    tcase_add_test(parts, alphabet_of_bytes);
    tcase_add_test(parts, bytes_of_a_token);
    tcase_add_loop_test(parts, merges_as_by_definition, 0, 20);
    tcase_add_loop_test(parts, added_tokens_as_by_definition, 0, 50);
    tcase_add_test(parts, words_of_the_pattern);
    tcase_add_test(parts, class_of_every_code_point);
    tcase_add_test(parts, cuts_between_words);
    suite_add_tcase(s, parts);
    tcase_add_test(small, merges_in_order_of_rank);
    tcase_add_test(small, longest_of_the_leftmost);
    tcase_add_test(small, control_tokens_on_request);
    tcase_add_test(small, appends_or_leaves_alone);
    tcase_add_test(small, byte_without_token);
    tcase_add_test(small, back_to_bytes);
    tcase_add_test(small, beginning_of_text);
    suite_add_tcase(s, small);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/* A text that is not small is looked at in pieces, and between any two of them
 * the work can be stopped. */
#include "tests/unit/small_vocabulary.h"

static const char *const texts[] = {"ab", "abc", "<e>", NULL};
static const int types[] = {1, 1, 3};
static const char *const merges[] = {"a b", "ab c", NULL};

/* What is looked at before the monitor is asked. */
#define PIECE ((size_t)1 << 22)

/* Stops at its question `stop`, counted from 0. */
struct asked {
    size_t n;
    size_t stop;
    uint64_t done;
};

static bool tick(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    struct asked *a = ctx;

    (void)note;
    ck_assert_uint_ge(done, a->done);
    ck_assert_uint_le(done, total);
    a->done = done;
    return a->n++ < a->stop;
}

static enum phi_status encode(const struct phi_tokenizer *t,
                              const struct phi_buf *text, size_t nthreads,
                              struct asked *asked, struct phi_tokens *ids,
                              struct phi_err *err)
{
    const struct phi_monitor monitor = {tick, asked};
    const struct phi_encode_options how = {true, nthreads, &monitor};

    return phi_tokenizer_encode(t, (const char *)text->p, text->n, &how, ids,
                                err);
}

static void put_times(struct phi_buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        phi_buf_text(b, text);
}

/* A token across the end of one piece, a character across that of another, a
 * long word that is merged, and many short ones. */
static void make_text(struct phi_buf *b)
{
    phi_buf_text(b, "x");
    put_times(b, "\xc3\xa9", PIECE / 2 - 1);
    phi_buf_text(b, "<e>x");
    put_times(b, "\xc3\xa9", 3);
    put_times(b, "ab", 100000);
    put_times(b, " abc", 100000);
    ck_assert_uint_gt(b->n, PIECE + 2);
    ck_ok(phi_buf_status(b, &err));
}

/* x, bytes, <e>, x, bytes; a token for each pair; two for each short word. */
#define NTOKENS (PIECE - 1 + 1 + 1 + 6 + 100000 + 2 * 100000)

START_TEST(pieces_change_nothing)
{
    struct phi_tokenizer *t = small_new();
    struct phi_buf text = {0};

    make_text(&text);
    for (size_t nthreads = 1; nthreads <= 3; nthreads += 2) {
        struct asked asked = {0, SIZE_MAX, 0};
        struct phi_tokens ids = {0};

        ck_ok(encode(t, &text, nthreads, &asked, &ids, &err));
        ck_assert_uint_eq(ids.n, NTOKENS);
        ck_assert_uint_eq(ids.id[PIECE - 2], 0xa9);
        ck_assert_uint_eq(ids.id[PIECE - 1], 258);
        ck_assert_uint_eq(ids.id[PIECE], 'x');
        ck_assert_uint_eq(ids.id[ids.n - 1], 257);
        ck_assert_uint_gt(asked.n, 100);
        ck_assert_uint_gt(asked.done, PIECE);
        phi_tokens_release(&ids);
    }
    phi_buf_release(&text);
    phi_tokenizer_free(t);
}
END_TEST

START_TEST(stops_where_it_is_told_to)
{
    struct phi_tokenizer *t = small_new();
    struct phi_buf text = {0};
    struct phi_tokens ids = {0};
    struct asked all = {0, SIZE_MAX, 0};

    make_text(&text);
    ck_ok(encode(t, &text, 1, &all, &ids, &err));
    ids.n = 1;
    for (size_t k = 0; k < 12; k++) {
        /* The first, the last and some between. */
        const size_t stop = k < 4 ? k : k < 8 ? all.n * k / 8 : all.n + k - 12;
        const size_t nthreads = k % 2 == 0 ? 1 : 3;
        struct asked asked = {0, stop, 0};

        ck_refused(encode(t, &text, nthreads, &asked, &ids, &err),
                   PHI_E_CANCELLED, "interrupted");
        /* Nobody goes on or asks again. */
        ck_assert_uint_eq(asked.n, stop + 1);
        ck_assert_uint_eq(ids.n, 1);
    }
    phi_tokens_release(&ids);
    phi_buf_release(&text);
    phi_tokenizer_free(t);
}
END_TEST

/* What encode() reads as text alone was not counted. */
START_TEST(control_texts_are_counted)
{
    struct phi_tokenizer *t = small_new();
    struct phi_buf text = {0};
    struct asked asked = {0, SIZE_MAX, 0};
    const struct phi_monitor monitor = {tick, &asked};
    struct phi_control_texts c = {0};

    make_text(&text);
    ck_ok(phi_tokenizer_controls(t, "<e", 2, NULL, &c, &err));
    ck_assert_uint_eq(c.n, 0);
    phi_control_texts_release(&c);
    put_times(&text, "<e><<e>", 2);
    ck_ok(phi_buf_status(&text, &err));
    ck_ok(phi_tokenizer_controls(t, (const char *)text.p, text.n, &monitor, &c,
                                 &err));
    ck_assert_uint_eq(c.n, 1);
    ck_assert_str_eq(c.v[0].text, "<e>");
    ck_assert_uint_eq(c.v[0].n, 5);
    ck_assert_uint_ge(asked.n, 1);
    phi_control_texts_release(&c);
    asked = (struct asked){0, 0, 0};
    ck_refused(phi_tokenizer_controls(t, (const char *)text.p, text.n, &monitor,
                                      &c, &err),
               PHI_E_CANCELLED, "interrupted");
    ck_assert_uint_eq(asked.n, 1);
    phi_control_texts_release(&c);
    phi_buf_release(&text);
    phi_tokenizer_free(t);
}
END_TEST

/* The place of a stray byte is that in the whole text. */
START_TEST(stray_bytes_past_the_first_piece)
{
    struct phi_tokenizer *t = small_new();
    struct phi_tokens ids = {0};

    for (size_t at = PIECE - 2; at < PIECE + 2; at++) {
        struct asked asked = {0, SIZE_MAX, 0};
        struct phi_buf text = {0};
        char want[64];

        put_times(&text, "x", at);
        /* A character of three bytes, of which the last is none of it. */
        phi_buf_text(&text, "\xe2\x82z");
        snprintf(want, sizeof(want), "byte %zu: 0xE2 begins no", at);
        ck_refused(encode(t, &text, 1, &asked, &ids, &err), PHI_E_FORMAT, want);
        /* Asked before there is any token. */
        ck_assert_uint_eq(asked.n, at >= PIECE ? 1 : 0);
        phi_buf_release(&text);
    }
    phi_tokenizer_free(t);
}
END_TEST

/*
 * A long token that begins everywhere and ends nowhere: at each place all of
 * the text behind it was looked at, and nobody asked before the end of 4 MiB.
 */
START_TEST(asks_by_what_was_looked_at)
{
    enum { LONG = 65535, N = 6000 };
    static char token[LONG + 2];
    const char *const added[] = {token, NULL};
    static const int added_types[] = {4};
    struct asked all = {0, SIZE_MAX, 0};
    struct asked first = {0, 0, 0};
    struct phi_tokens ids = {0};
    struct phi_buf text = {0};
    struct phi_tokenizer *t;

    memset(token, 'a', LONG);
    token[LONG] = 'b';
    small_end();
    small_begin(added, added_types, NULL);
    t = small_new();
    put_times(&text, "a", N);
    ck_ok(phi_buf_status(&text, &err));
    ck_ok(encode(t, &text, 1, &all, &ids, &err));
    ck_assert_uint_eq(ids.n, N);
    ck_assert_uint_ge(all.n, (size_t)N * N / 2 / PIECE);
    ck_refused(encode(t, &text, 1, &first, &ids, &err), PHI_E_CANCELLED,
               "interrupted");
    ck_assert_uint_eq(first.n, 1);
    phi_tokens_release(&ids);
    phi_buf_release(&text);
    phi_tokenizer_free(t);
}
END_TEST

static void setup(void)
{
    small_begin(texts, types, merges);
}

static void teardown(void)
{
    small_end();
}

int main(void)
{
    Suite *s = suite_create("tokenizer_stop");
    TCase *tc = tcase_create("large texts");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, pieces_change_nothing);
    tcase_add_test(tc, control_texts_are_counted);
    tcase_add_test(tc, stops_where_it_is_told_to);
    tcase_add_test(tc, stray_bytes_past_the_first_piece);
    tcase_add_test(tc, asks_by_what_was_looked_at);
    suite_add_tcase(s, tc);
    return unit_main(s);
}

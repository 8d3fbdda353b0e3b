/* SPDX-License-Identifier: MIT */
/*
 * Logits files: what is written is read again, as near as its 16 bits allow.
 * Damaged files are in tests/malformed/cases_logits.py.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "formats/logits_file.h"
#include "libconv/base/bytes.h"
#include "libconv/base/half.h"
#include "tests/unit/fixture.h"

/* Odd, and more than is read at a time. */
#define VOCAB 5001

/* Two windows of 6 tokens have 2 scored positions each. */
static const struct phi_logits_head head = {6, VOCAB, 2};
static const uint32_t tokens[12] = {1, 2, 3, 4, 5, VOCAB - 1,
                                    7, 8, 9, 0, 0, 12};

/* Row i of logits by kind: far apart, equal, one that is not there, large. */
static void fill(float *x, size_t i)
{
    uint32_t state = 12345 + (uint32_t)i;

    for (size_t k = 0; k < VOCAB; k++) {
        state = state * 1664525 + 1013904223;
        x[k] = i == 1 ? 2.5f : (float)(state >> 8) / (1 << 24) * 30 - 10;
        x[k] = i == 3 ? x[k] * 1000 : x[k];
    }
    if (i == 2)
        x[VOCAB - 1] = -INFINITY;
}

/* ln(sum e^(x - max)), and *max. */
static double lse_of(const float *x, double *max)
{
    double sum = 0;

    *max = -INFINITY;
    for (size_t k = 0; k < VOCAB; k++)
        *max = (double)x[k] > *max ? (double)x[k] : *max;
    for (size_t k = 0; k < VOCAB; k++)
        sum += exp((double)x[k] - *max);
    return log(sum);
}

static struct phi_logits_writer *begin(const char *path)
{
    struct phi_logits_writer *w = NULL;

    ck_ok(phi_logits_create(&w, path, &head, tokens, true, &err));
    return w;
}

static void add(struct phi_logits_writer *w, size_t i)
{
    float x[VOCAB];
    double max;

    fill(x, i);
    ck_ok(phi_logits_add(w, x, (float)lse_of(x, &max), &err));
}

static void write_file(const char *path)
{
    struct phi_logits_writer *w = begin(path);

    for (size_t i = 0; i < 4; i++)
        add(w, i);
    ck_ok(phi_logits_commit(w, &err));
    phi_logits_writer_close(w);
}

START_TEST(what_was_written_is_read)
{
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "a.logits");
    struct phi_source *s = NULL;
    float x[VOCAB], got[VOCAB], piece[VOCAB];
    bool is;

    write_file(path);
    ck_ok(phi_logits_probe(path, &is, &err));
    ck_assert(is);
    ck_ok(phi_logits_open(&s, path, &err));
    ck_assert_mem_eq(phi_logits_head(s), &head, sizeof(head));
    ck_assert_mem_eq(phi_logits_tokens(s), tokens, sizeof(tokens));
    ck_ok(phi_logits_check(s, head.nwindows, &err));
    for (size_t i = 0; i < 4; i++) {
        double max, lse;

        fill(x, i);
        lse = lse_of(x, &max);
        ck_ok(phi_logits_read(s, i / 2, i % 2, 0, VOCAB, got, &err));
        for (size_t k = 0; k < VOCAB; k++) {
            const double below = fmax((double)x[k] - max, -16);

            ck_assert_double_le(fabs((double)got[k] - (below - lse)),
                                PHI_LOGITS_ERROR);
        }
        /* In pieces it is the same. */
        ck_ok(phi_logits_read(s, i / 2, i % 2, 0, 7, piece, &err));
        ck_ok(phi_logits_read(s, i / 2, i % 2, 7, VOCAB - 7, piece + 7, &err));
        ck_assert_mem_eq(piece, got, sizeof(got));
    }
    phi_source_close(s);
    free(path);
    fixture_remove(dir);
}
END_TEST

/* Halves go to the even neighbour; what is odd has a zero at the end. */
START_TEST(bytes_of_a_row)
{
    const struct phi_logits_head h = {4, 5, 1};
    const uint32_t four[4] = {0, 1, 2, 3};
    /* Their range is 65535 / 4096: steps are 1 / 4096 to the last bit. */
    const float step = 1.0f / 4096;
    const float x[5] = {0, 0.5f * step, 1.5f * step, 2 * step, 65535 * step};
    const uint16_t want[6] = {0, 0, 2, 2, 65535, 0};
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "a.logits");
    struct phi_logits_writer *w = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;

    ck_ok(phi_logits_create(&w, path, &h, four, false, &err));
    ck_ok(phi_logits_add(w, x, 0.25f, &err));
    ck_ok(phi_logits_commit(w, &err));
    phi_logits_writer_close(w);
    ck_ok(phi_file_load(path, 1000, &bytes, &n, &err));
    ck_assert_uint_eq(n, 20 + 4 * 4 + 8 + 2 * 6);
    ck_assert_mem_eq(bytes, "_logits_\4\0\0\0\5\0\0\0\1\0\0\0", 20);
    ck_assert(phi_bits_f32(phi_load_u32(bytes + 36)) == step);
    ck_assert(phi_bits_f32(phi_load_u32(bytes + 40)) == -65535 * step - 0.25f);
    for (size_t k = 0; k < 6; k++)
        ck_assert_uint_eq(phi_load_u16(bytes + 44 + 2 * k), want[k]);
    free(bytes);
    free(path);
    fixture_remove(dir);
}
END_TEST

START_TEST(a_file_that_is_not_whole_is_none)
{
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "a.logits");
    struct phi_logits_writer *w = begin(path);

    for (size_t i = 0; i < 3; i++)
        add(w, i);
    ck_refused(phi_logits_commit(w, &err), PHI_E_ARG, path);
    phi_logits_writer_close(w);
    ck_assert_int_eq(phi_path_kind(path), PHI_PATH_NONE);
    free(path);
    fixture_remove(dir);
}
END_TEST

START_TEST(more_than_can_be_read_is_not_written)
{
    const struct phi_logits_head h = {4, 1, PHI_LOGITS_MAX_TOKENS / 4 + 1};
    struct phi_logits_writer *w = NULL;

    ck_refused(phi_logits_create(&w, "none.logits", &h, tokens, false, &err),
               PHI_E_ARG, "holds at most 67108864 tokens");
    ck_assert_ptr_null(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("logits_file");
    TCase *t = tcase_create("logits_file");

    tcase_add_test(t, what_was_written_is_read);
    tcase_add_test(t, bytes_of_a_row);
    tcase_add_test(t, a_file_that_is_not_whole_is_none);
    tcase_add_test(t, more_than_can_be_read_is_not_written);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/* Errors, and that nothing from a file can steer a terminal. */
#include "libconv/base/utf8.h"
#include "tests/unit/unit.h"

START_TEST(fail_fills_everything)
{
    struct phi_err err;

    memset(&err, 'x', sizeof(err));
    ck_assert_int_eq(phi_fail(&err, PHI_E_FORMAT, "%s: %d", "a", 7),
                     PHI_E_FORMAT);
    ck_assert_int_eq(err.status, PHI_E_FORMAT);
    ck_assert_int_eq(err.sys, 0);
    ck_assert_str_eq(err.msg, "a: 7");
    ck_assert_str_eq(err.hint, "");
    ck_assert_int_eq(phi_hint(&err, "try %s", "b"), PHI_E_FORMAT);
    ck_assert_str_eq(err.hint, "try b");
    ck_assert_int_eq(phi_err_prefix(&err, "f%d", 1), PHI_E_FORMAT);
    ck_assert_str_eq(err.msg, "f1: a: 7");
    ck_assert_int_eq(phi_fail_sys(&err, 28, "out"), PHI_E_IO);
    ck_assert_int_eq(err.sys, 28);
    ck_assert_str_eq(err.msg, "out: No space left on device");
    ck_assert_str_eq(err.hint, "");
    ck_assert_int_eq(phi_fail(NULL, PHI_E_ARG, "nobody listens"), PHI_E_ARG);
}
END_TEST

START_TEST(messages_are_one_printable_line)
{
    struct phi_err err;

    phi_fail(&err, PHI_E_FORMAT, "key \"%s\"",
             "a\nb\033[2J\x7f\xff\xc2\x9b\xe2\x80\xa8\xc3\xa9");
    ck_assert_str_eq(err.msg,
                     "key \"a\\x0ab\\x1b[2J\\x7f\\xff\\xc2\\x9b\\xe2\\x80\\xa8"
                     "\xc3\xa9\"");
    phi_hint(&err, "%s", "\r");
    ck_assert_str_eq(err.hint, "\\x0d");
}
END_TEST

/* What neither XML 1.0 nor YAML 1.2 lets a file have, and no more of what is
 * not a control. */
START_TEST(noncharacters_are_escaped)
{
    for (uint32_t c = 0xa0; c <= 0x10ffff; c++) {
        const bool none = (c >= 0xfdd0 && c <= 0xfdef) ||
                          (c & 0xffff) == 0xfffe || (c & 0xffff) == 0xffff;
        const bool ends = c == 0x2028 || c == 0x2029;
        uint8_t text[5] = {0};
        char out[32];

        if (c == 0xd800)
            c = 0xe000;
        phi_utf8_encode(c, text);
        phi_printable(out, sizeof(out), (const char *)text);
        if ((strcmp(out, (const char *)text) != 0) != (none || ends))
            ck_abort_msg("U+%04X", (unsigned)c);
    }
}
END_TEST

START_TEST(long_messages_are_cut_at_a_character)
{
    char text[2000];
    struct phi_err err;

    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof(text) - 2] = '\0';
    phi_fail(&err, PHI_E_FORMAT, "x%s", text);
    ck_assert_uint_lt(strlen(err.msg), PHI_ERR_MAX);
    ck_assert_uint_gt(strlen(err.msg), PHI_ERR_MAX - 16);
    memset(text, 7, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    phi_fail(&err, PHI_E_FORMAT, "%s", text);
    ck_assert_uint_lt(strlen(err.msg), PHI_ERR_MAX);
    ck_assert_uint_eq(strlen(err.msg) % 4, 0);
    for (int i = 0; i < 100; i++)
        phi_err_prefix(&err, "front %d", i);
    ck_assert_uint_lt(strlen(err.msg), PHI_ERR_MAX);
    ck_assert_int_eq(strncmp(err.msg, "front 99: front 98: ", 20), 0);
}
END_TEST

START_TEST(utf8_round_trip_of_every_code_point)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t p[4];
        uint32_t back = 0;
        const size_t n = phi_utf8_encode(c, p);
        const bool surrogate = c >= 0xd800 && c <= 0xdfff;

        /* Check tells its parent of each assertion: a million are slow. */
        if (phi_utf8_decode(p, n, &back) != (surrogate ? 0 : n) ||
            (!surrogate && back != c) ||
            (n > 1 && phi_utf8_decode(p, n - 1, &back) != 0))
            ck_abort_msg("U+%04X", (unsigned)c);
    }
}
END_TEST

START_TEST(utf8_refuses_what_the_rfc_refuses)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3(",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[16];
        const int n = snprintf(text, sizeof(text), "ok%sok", bad[i]);

        ck_assert_uint_eq(phi_utf8_valid((const uint8_t *)text, (size_t)n), 2);
    }
    ck_assert_uint_eq(phi_utf8_valid((const uint8_t *)"a\0b", 3), 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("err");
    TCase *t = tcase_create("err");

    tcase_add_test(t, fail_fills_everything);
    tcase_add_test(t, messages_are_one_printable_line);
    tcase_add_test(t, noncharacters_are_escaped);
    tcase_add_test(t, long_messages_are_cut_at_a_character);
    tcase_add_test(t, utf8_round_trip_of_every_code_point);
    tcase_add_test(t, utf8_refuses_what_the_rfc_refuses);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return unit_main(s);
}

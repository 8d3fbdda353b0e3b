/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "formats/json.h"
#include "libconv/base/decimal.h"
#include "tests/unit/comma.h"

static const struct {
    double v;
    const char *text;
} doubles[] = {{0, "0"},
               {-0.0, "-0"},
               {3, "3"},
               {100000, "100000"},
               {0.1, "0.1"},
               {-1e-5, "-1e-05"},
               {1.5e-7, "1.5e-07"},
               {2.0 / 3, "0.6666666666666666"},
               {0.1 + 0.2, "0.30000000000000004"},
               {1e22, "1e+22"},
               {5e-324, "4.94065645841247e-324"},
               {1.7976931348623157e308, "1.7976931348623157e+308"},
               {-(double)INFINITY, "-inf"}};

static const struct {
    float v;
    const char *text;
} floats[] = {{0.1f, "0.1"},
              {1e-5f, "1e-05"},
              {16777216, "16777216"},
              {1.0f / 3, "0.33333334"},
              {3.4028235e38f, "3.4028235e+38"}};

static void check_texts(void)
{
    char text[PHI_DECIMAL_MAX];

    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++)
        ck_assert_str_eq(phi_decimal(text, doubles[i].v), doubles[i].text);
    for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++)
        ck_assert_str_eq(phi_decimal_f32(text, floats[i].v), floats[i].text);
}

START_TEST(the_fewest_digits)
{
    check_texts();
}
END_TEST

START_TEST(all_bits_survive)
{
    uint64_t bits = 0x9e3779b97f4a7c15;

    for (int i = 0; i < 100000; i++) {
        char text[PHI_DECIMAL_MAX];
        double d;
        float f;

        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&d, &bits, sizeof(d));
        memcpy(&f, &bits, sizeof(f));
        if (isfinite(d))
            ck_assert_double_eq(strtod(phi_decimal(text, d), NULL), d);
        if (isfinite(f))
            ck_assert_float_eq(strtof(phi_decimal_f32(text, f), NULL), f);
        ck_assert_uint_lt(strlen(text), PHI_DECIMAL_MAX);
    }
}
END_TEST

/* JSON, too, has points. */
static void check_json(void)
{
    static const char text[] = "{\"a\": 1.5e-3}";
    struct phi_json_doc *doc = NULL;
    struct phi_json root, item;
    double v = 0;

    ck_ok(phi_json_parse(&doc, text, sizeof(text) - 1, "t.json", &err));
    root = phi_json_root(doc);
    ck_assert(phi_json_find(&root, "a", &item));
    ck_ok(phi_json_number(&item, 0, 1, &v, &err));
    ck_assert_double_eq(v, 1.5e-3);
    phi_json_free(doc);
}

START_TEST(a_point_where_people_write_a_comma)
{
    if (comma_begin()) {
        check_texts();
        check_json();
    }
    comma_end();
}
END_TEST

/* Every folder was refused there, for want of memory. */
START_TEST(a_point_of_two_bytes)
{
    char text[8];

    if (comma_begin_wide()) {
        check_texts();
        check_json();
        /* It is the host's still. */
        snprintf(text, sizeof(text), "%.1f", 1.5);
        ck_assert_str_eq(text, "1\xd9\xab"
                               "5");
    }
    comma_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decimal");
    TCase *t = tcase_create("decimal");

    tcase_add_test(t, the_fewest_digits);
    tcase_add_test(t, all_bits_survive);
    tcase_add_test(t, a_point_where_people_write_a_comma);
    tcase_add_test(t, a_point_of_two_bytes);
    suite_add_tcase(s, t);
    return unit_main(s);
}

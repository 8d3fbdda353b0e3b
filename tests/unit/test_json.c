/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "formats/json.h"
#include "libconv/base/buf.h"
#include "tests/unit/fixture.h"

static struct phi_json_doc *parse(const char *text)
{
    struct phi_json_doc *doc = NULL;

    ck_ok(phi_json_parse(&doc, text, strlen(text), "t.json", &err));
    return doc;
}

static const char *const valid[] = {
    "{}",
    "[]",
    " \t\r\n[ ]\n",
    "null",
    "true",
    "-0",
    "0.5e-7",
    "1E+2",
    "[1,2,[3,{}]]",
    "{\"a\":{\"a\":1},\"A\":2,\"\":3}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
    "\"\xc3\xa9 \xf0\x9f\x98\x80 \x7f\"",
    "[\"\\uFFFF\"]",
};

START_TEST(accepts)
{
    phi_json_free(parse(valid[_i]));
}
END_TEST

/* Each rule of the grammar and of json.h, and the message that it earns. */
static const struct {
    const char *text;
    const char *message;
} invalid[] = {
    {"", "t.json: at byte 0 (line 1): is not valid JSON: the text ends, "
         "expected a value"},
    {"version https://git-lfs.github.com/spec/v1\n",
     "t.json: is a Git LFS pointer, expected JSON"},
    {" ", "at byte 1 (line 1): is not valid JSON: the text ends"},
    {"{} x", "at byte 3 (line 1): is not valid JSON: found 'x', expected the "
             "end of the text"},
    {"[1]\n]", "at byte 4 (line 2)"},
    {"[1,]", "found ']', expected a value"},
    {"[,1]", "found ',', expected a value"},
    {"[1 2]", "found '2', expected ',' or ']'"},
    {"[1}", "found '}', expected ',' or ']'"},
    {"{\"a\":1]", "found ']', expected ',' or '}'"},
    {"{\"a\":1,}", "found '}', expected a key in quotes"},
    {"{a:1}", "found 'a', expected a key in quotes"},
    {"{1:1}", "found '1', expected a key in quotes"},
    {"{\"a\" 1}", "found '1', expected ':' after a key"},
    {"{\"a\":}", "found '}', expected a value"},
    {"{\"a\"", "the text ends, expected ':' after a key"},
    {"[1", "the text ends, expected ',' or ']'"},
    {"[", "the text ends, expected a value"},
    {"\f1", "found byte 0x0c, expected a value"},
    {"01", "expected a number without leading zeros"},
    {"-01", "expected a number without leading zeros"},
    {"+1", "found '+', expected a value"},
    {".5", "found '.', expected a value"},
    {"1.", "the text ends, expected a digit"},
    {"-", "the text ends, expected a digit"},
    {"1e", "the text ends, expected a digit"},
    {"1e+x", "found 'x', expected a digit"},
    {"0x10", "found 'x', expected the end of the text"},
    {"NaN", "found 'N', expected a value"},
    {"Infinity", "found 'I', expected a value"},
    {"-Infinity", "found 'I', expected a digit"},
    {"nul", "found 'n', expected a value"},
    {"True", "found 'T', expected a value"},
    {"'a'", "found ''', expected a value"},
    {"// no\n1", "found '/', expected a value"},
    {"\"a", "the text ends, expected the rest of a string"},
    {"\"a\tb\"", "found byte 0x09, expected the rest of a string"},
    {"\"a\nb\"", "found byte 0x0a, expected the rest of a string"},
    {"\"\\a\"", "at byte 2 (line 1): is not valid JSON: found 'a', expected "
                "an escape"},
    {"\"\\", "the text ends, expected an escape"},
    {"\"\\u12g4\"", "found 'g', expected four hexadecimal digits"},
    {"\"\\u0000\"", "at byte 1 (line 1): is not valid JSON: found '\\', "
                    "expected a character other than \\u0000"},
    {"\"\\udc00\"", "expected a high surrogate before a low one"},
    {"\"\\ud800\"", "expected a low surrogate after a high one"},
    {"\"\\ud800x\"", "expected a low surrogate after a high one"},
    {"\"\\ud800\\u0041\"", "at byte 7 (line 1): is not valid JSON: found '\\', "
                           "expected a low surrogate after a high one"},
    {"\"\xff\"", "at byte 1: found byte 0xff, expected valid UTF-8"},
    {"\"\xed\xa0\x80\"", "at byte 1: found byte 0xed, expected valid UTF-8"},
    {"\xef\xbb\xbf{}", "at byte 0: begins with a byte order mark"},
    {"[1, 1e309]", "t.json: at byte 4: a number is beyond the range of a "
                   "double"},
    {"{\"a\":1,\"b\":2,\"a\":1}", "t.json: key \"a\": is there twice"},
    {"{\"a\":1,\"\\u0061\":2}", "key \"a\": is there twice, expected once"},
    {"[0,{\"b\":[{\"c\":1,\"c\":2}]}]", "key \"[1].b[0].c\": is there twice"},
    {"{\"\":1,\"\":2}", "is there twice"},
};

START_TEST(refuses)
{
    struct phi_json_doc *doc = NULL;

    ck_refused(phi_json_parse(&doc, invalid[_i].text, strlen(invalid[_i].text),
                              "t.json", &err),
               PHI_E_FORMAT, invalid[_i].message);
    ck_assert_ptr_null(doc);
}
END_TEST

START_TEST(refuses_nul_bytes)
{
    struct phi_json_doc *doc = NULL;

    ck_refused(phi_json_parse(&doc, "\"a\0b\"", 5, "t", &err), PHI_E_FORMAT,
               "at byte 2 (line 1): is not valid JSON: found byte 0x00");
    ck_refused(phi_json_parse(&doc, "1\0", 2, "t", &err), PHI_E_FORMAT,
               "at byte 1 (line 1): is not valid JSON: found byte 0x00");
}
END_TEST

/* Every limit: at it, and one past it. */
START_TEST(limits)
{
    struct phi_buf b = {0};
    struct phi_json_doc *doc = NULL;
    char *dir = fixture_folder();
    char *path = fixture_path(dir, "a.json");

    for (int i = 0; i < PHI_JSON_MAX_DEPTH; i++)
        phi_buf_text(&b, "[");
    for (int i = 0; i < PHI_JSON_MAX_DEPTH; i++)
        phi_buf_text(&b, "]");
    ck_ok(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err));
    phi_json_free(doc);
    phi_buf_release(&b);
    for (int i = 0; i < PHI_JSON_MAX_DEPTH + 1; i++)
        phi_buf_text(&b, "{\"\":");
    ck_refused(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err), PHI_E_FORMAT,
               "is nested more than 512 deep");
    phi_buf_release(&b);

    for (int i = 0; i < PHI_JSON_MAX_NUMBER; i++)
        phi_buf_text(&b, "1");
    ck_ok(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err));
    phi_json_free(doc);
    phi_buf_text(&b, "1");
    ck_refused(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err), PHI_E_FORMAT,
               "a number has 64 characters, the limit is 63");
    phi_buf_release(&b);

    for (size_t i = 0; i < PHI_JSON_MAX_VALUES - 1; i++)
        phi_buf_text(&b, i == 0 ? "[1" : ",1");
    phi_buf_text(&b, "]");
    ck_ok(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err));
    phi_json_free(doc);
    b.p[b.n - 1] = ',';
    phi_buf_text(&b, "1]");
    ck_refused(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err), PHI_E_FORMAT,
               "at byte 8388607: has more than 4194304 values");
    phi_buf_release(&b);

    fixture_text(dir, "a.json", "[1234]");
    ck_ok(phi_json_load(&doc, path, 6, &err));
    phi_json_free(doc);
    ck_refused(phi_json_load(&doc, path, 5, &err), PHI_E_FORMAT,
               "a.json: has 6 bytes, the limit is 5");
    free(path);
    fixture_remove(dir);
}
END_TEST

static const char sample[] =
    "{\"n\": 12, \"f\": 2.5, \"s\": \"x\\u00e9\", \"b\": true, \"z\": null, "
    "\"neg\": -3, \"big\": 9007199254740991, \"over\": 9007199254740992, "
    "\"two\": 2.0, \"tenth\": 0.1, \"o\": {\"k\": [1, \"q\"]}, \"N\": 13}";

START_TEST(typed_getters)
{
    struct phi_json_doc *doc = parse(sample);
    const struct phi_json root = phi_json_root(doc);
    struct phi_json v;
    uint64_t u = 7;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const char *s = NULL;

    ck_ok(phi_json_get_uint(&root, "n", 1, 12, &u, &err));
    ck_assert_uint_eq(u, 12);
    ck_ok(phi_json_get_uint(&root, "N", 1, 13, &u, &err));
    ck_assert_uint_eq(u, 13);
    ck_ok(phi_json_get_uint(&root, "big", 0, PHI_JSON_MAX_INT, &u, &err));
    ck_assert_uint_eq(u, 9007199254740991u);
    ck_refused(phi_json_get_uint(&root, "over", 0, PHI_JSON_MAX_INT, &u, &err),
               PHI_E_FORMAT,
               "t.json: key \"over\": is 9007199254740992, expected an integer "
               "0 to 9007199254740991");
    ck_refused(phi_json_get_uint(&root, "n", 13, 20, &u, &err), PHI_E_FORMAT,
               "key \"n\": is 12, expected an integer 13 to 20");
    ck_refused(phi_json_get_uint(&root, "two", 0, 9, &u, &err), PHI_E_FORMAT,
               "key \"two\": is 2, expected an integer");
    ck_refused(phi_json_get_uint(&root, "f", 0, 9, &u, &err), PHI_E_FORMAT,
               "key \"f\": is 2.5, expected an integer 0 to 9");
    ck_refused(phi_json_get_uint(&root, "neg", 0, 9, &u, &err), PHI_E_FORMAT,
               "key \"neg\": is -3, expected");
    ck_refused(phi_json_get_uint(&root, "s", 1, 1048576, &u, &err),
               PHI_E_FORMAT,
               "t.json: key \"s\": is a string, expected an integer 1 to "
               "1048576");
    ck_refused(phi_json_get_uint(&root, "none", 0, 9, &u, &err), PHI_E_FORMAT,
               "t.json: key \"none\": is missing");
    ck_assert(phi_json_find(&root, "neg", &v));
    ck_ok(phi_json_int(&v, -3, 3, &i, &err));
    ck_assert_int_eq(i, -3);
    ck_refused(phi_json_int(&v, -2, 3, &i, &err), PHI_E_FORMAT,
               "is -3, expected an integer -2 to 3");

    ck_ok(phi_json_opt_number(&root, "f", 0, 3, &d, &err));
    ck_assert_double_eq(d, 2.5);
    ck_refused(phi_json_opt_number(&root, "f", 3, 4, &d, &err), PHI_E_FORMAT,
               "key \"f\": is 2.5, expected a number 3 to 4");
    ck_refused(phi_json_opt_number(&root, "tenth", 3, 4, &d, &err),
               PHI_E_FORMAT, "key \"tenth\": is 0.1, expected a number 3 to 4");
    ck_ok(phi_json_opt_bool(&root, "b", &b, &err));
    ck_assert(b);
    ck_refused(phi_json_opt_bool(&root, "n", &b, &err), PHI_E_FORMAT,
               "key \"n\": is 12, expected true or false");
    ck_ok(phi_json_get_str(&root, "s", &s, &err));
    ck_assert_str_eq(s, "x\xc3\xa9");
    ck_refused(phi_json_get_str(&root, "b", &s, &err), PHI_E_FORMAT,
               "key \"b\": is a boolean, expected a string");

    /* Missing and null leave the value alone. */
    u = 7;
    ck_ok(phi_json_opt_uint(&root, "z", 0, 9, &u, &err));
    ck_ok(phi_json_opt_uint(&root, "none", 0, 9, &u, &err));
    ck_assert_uint_eq(u, 7);
    ck_ok(phi_json_opt(&root, "z", PHI_JSON_OBJECT, &v, &err));
    ck_assert_ptr_null(v.node);
    ck_refused(phi_json_get(&root, "z", PHI_JSON_OBJECT, &v, &err),
               PHI_E_FORMAT, "key \"z\": is null, expected an object");
    phi_json_free(doc);
}
END_TEST

START_TEST(walks_and_names_places)
{
    struct phi_json_doc *doc = parse(sample);
    const struct phi_json root = phi_json_root(doc);
    struct phi_json o, k, item = {0};
    char text[64];
    uint64_t u;

    ck_assert_uint_eq(phi_json_count(&root), 12);
    ck_assert(phi_json_next(&root, &item));
    ck_assert_str_eq(phi_json_key(&item), "n");
    ck_ok(phi_json_get(&root, "o", PHI_JSON_OBJECT, &o, &err));
    ck_ok(phi_json_get(&o, "k", PHI_JSON_ARRAY, &k, &err));
    ck_assert_uint_eq(phi_json_count(&k), 2);
    item = (struct phi_json){0};
    ck_assert(phi_json_next(&k, &item));
    ck_assert_ptr_null(phi_json_key(&item));
    ck_ok(phi_json_uint(&item, 0, 1, &u, &err));
    ck_assert(phi_json_next(&k, &item));
    ck_refused(phi_json_uint(&item, 0, 1, &u, &err), PHI_E_FORMAT,
               "t.json: key \"o.k[1]\": is a string, expected an integer");
    ck_refused(phi_json_refuse(&item, PHI_E_UNSUPPORTED, &err, "is %s",
                               phi_json_describe(&item, text, sizeof(text))),
               PHI_E_UNSUPPORTED, "t.json: key \"o.k[1]\": is \"q\"");
    ck_assert(!phi_json_next(&k, &item));
    ck_refused(phi_json_get_uint(&o, "x", 0, 1, &u, &err), PHI_E_FORMAT,
               "t.json: key \"o.x\": is missing");
    ck_refused(phi_json_expect(&root, PHI_JSON_ARRAY, &err), PHI_E_FORMAT,
               "t.json: is an object, expected an array");
    phi_json_free(doc);
}
END_TEST

/* A document cut anywhere is refused. */
START_TEST(every_truncation_is_refused)
{
    for (size_t n = 0; n < sizeof(sample) - 1; n++) {
        struct phi_json_doc *doc = NULL;

        ck_refused(phi_json_parse(&doc, sample, n, "t", &err), PHI_E_FORMAT,
                   "is not valid JSON");
    }
}
END_TEST

/* Keys are looked up in a table: one by one this would not end in time. */
START_TEST(large_objects_take_linear_time)
{
    struct phi_buf b = {0};
    struct phi_json_doc *doc = NULL;

    phi_buf_text(&b, "{");
    for (int i = 0; i < 1000000; i++)
        phi_buf_printf(&b, "\"key%d\":%d,", i, i);
    phi_buf_text(&b, "\"key7\":0}");
    ck_refused(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err), PHI_E_FORMAT,
               "key \"key7\": is there twice");
    phi_buf_release(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, accepts, 0, sizeof(valid) / sizeof(valid[0]));
    tcase_add_loop_test(t, refuses, 0, sizeof(invalid) / sizeof(invalid[0]));
    tcase_add_test(t, refuses_nul_bytes);
    tcase_add_test(t, limits);
    tcase_add_test(t, typed_getters);
    tcase_add_test(t, walks_and_names_places);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, large_objects_take_linear_time);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/*
 * RFC 8259, rule by rule: what each allows, as the value that comes out of it,
 * and what is next to it and no JSON, with the message that it earns. What
 * json.h refuses besides is in test_json.c.
 */
#include "formats/json.h"
#include "libconv/base/buf.h"
#include "tests/unit/unit.h"

/* ---- accepted ----------------------------------------------------------- */

static const struct {
    const char *text;
    const char *value; /* as messages show it; of an array the last element */
} valid[] = {
    /* white space is these four, anywhere between tokens */
    {"\t\n\r 1 \t\n\r", "1"},
    {"\n[\r\n1\t,\n2 ]", "2"},
    {"[ ]", "an array"},
    {"{\n}", "an object"},
    /* any value may be the text */
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {"\"\"", "\"\""},
    {"[[]]", "an array"},
    /* numbers */
    {"0", "0"},
    {"-0", "-0"},
    {"-0.0", "-0"},
    {"0.0", "0"},
    {"0e0", "0"},
    {"0E+00", "0"},
    {"0e999", "0"},
    {"-1", "-1"},
    {"10", "10"},
    {"1.50", "1.5"},
    {"1e2", "100"},
    {"1E2", "100"},
    {"1e+2", "100"},
    {"1e-2", "0.01"},
    {"1e0002", "100"},
    {"100e-2", "1"},
    {"9007199254740993", "9007199254740992"},
    {"0.1", "0.1"},
    {"4.9e-324", "4.94065645841247e-324"},
    {"1e-400", "0"},
    {"-1e-400", "-0"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"-1.7976931348623157e+308", "-1.7976931348623157e+308"},
    {"123456789012345678901234567890", "1.2345678901234568e+29"},
    /* strings */
    {"\"\\\"\\\\\\/\"", "\"\"\\/\""},
    {"\"\\b\\f\\n\\r\\t\"", "\"\b\f\n\r\t\""},
    {"\"/'\"", "\"/'\""},
    {"\"\\u0041\\u00e9\\u20AC\\u20ac\"", "\"A\u00e9\u20ac\u20ac\""},
    {"\"\\u0001\\u001f\\u007f\"", "\"\x01\x1f\x7f\""},
    {"\"\x7f\xc2\x80\"", "\"\x7f\xc2\x80\""},
    {"\"\\uD83D\\udE00\"", "\"\xf0\x9f\x98\x80\""},
    {"\"\\ud800\\udc00\\udbff\\udfff\"",
     "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    {"\"\\uffff\\ufdd0\\ufeff\"", "\"\xef\xbf\xbf\xef\xb7\x90\xef\xbb\xbf\""},
    {"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
     "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    {"\"\xef\xbf\xbf\xef\xbb\xbf\xe2\x80\xa8\"",
     "\"\xef\xbf\xbf\xef\xbb\xbf\xe2\x80\xa8\""},
    {"\"\\\\u0041\"", "\"\\u0041\""},
    {"\"[1,{]//\"", "\"[1,{]//\""},
    {"\"NaN\"", "\"NaN\""},
    /* keys are any strings, and differ by their bytes */
    {"[{\"\":0,\" \":0,\"a\":0,\"A\":0}]", "an object"},
    {"[{\"\xc3\xa9\":0,\"e\xcc\x81\":0}]", "an object"},
    {"[{\"a\":{\"a\":{\"a\":0}}},{\"a\":0}]", "an object"},
    {"[{\"__proto__\":0,\"constructor\":0}]", "an object"},
    {"[{\"\\u0001\":0,\"\\n\":0}]", "an object"},
    {"{\"a\":1,\"b\":[],\"c\":null}", "an object"},
};

START_TEST(accepts)
{
    const char *text = valid[_i].text;
    struct phi_json_doc *doc = NULL;
    struct phi_json root, last, item = {0};
    char shown[256];

    ck_ok(phi_json_parse(&doc, text, strlen(text), "t", &err));
    root = last = phi_json_root(doc);
    if (phi_json_type(&root) == PHI_JSON_ARRAY) {
        while (phi_json_next(&root, &item))
            last = item;
    }
    ck_assert_str_eq(phi_json_describe(&last, shown, sizeof(shown)),
                     valid[_i].value);
    phi_json_free(doc);
}
END_TEST

/* An integer is digits alone: a reader that asks for one takes nothing else. */
static const struct {
    const char *text;
    const char *message; /* or NULL */
} integers[] = {
    {"7", NULL},
    {"-7", NULL},
    {"0", NULL},
    {"-0", "is -0, expected an integer"},
    {"7.0", "is 7, expected an integer"},
    {"7e0", "is 7, expected an integer"},
    {"70e-1", "is 7, expected an integer"},
    {"8", "is 8, expected an integer -7 to 7"},
    {"-8", "is -8, expected an integer -7 to 7"},
    {"18446744073709551623", "is 1.8446744073709552e+19, expected"},
    {"1e-400", "is 0, expected an integer"},
    {"\"7\"", "is a string, expected an integer"},
    {"true", "is a boolean, expected an integer"},
    {"null", "is null, expected an integer"},
    {"[7]", "is an array, expected an integer"},
};

START_TEST(integers_are_digits)
{
    const char *text = integers[_i].text;
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    int64_t n = 99;

    ck_ok(phi_json_parse(&doc, text, strlen(text), "t", &err));
    root = phi_json_root(doc);
    if (integers[_i].message == NULL) {
        ck_ok(phi_json_int(&root, -7, 7, &n, &err));
        ck_assert_int_eq(n, strtol(text, NULL, 10));
    } else {
        ck_refused(phi_json_int(&root, -7, 7, &n, &err), PHI_E_FORMAT,
                   integers[_i].message);
        ck_assert_int_eq(n, 99);
    }
    phi_json_free(doc);
}
END_TEST

/* ---- refused ------------------------------------------------------------ */

#define VALUE     "expected a value"
#define KEY       "expected a key in quotes"
#define COLON     "expected ':' after a key"
#define END       "expected the end of the text"
#define IN_ARRAY  "expected ',' or ']'"
#define IN_OBJECT "expected ',' or '}'"
#define DIGIT     "expected a digit"
#define ZEROS     "expected a number without leading zeros"
#define STRING    "expected the rest of a string"
#define ESCAPE    "expected an escape"
#define HEX       "expected four hexadecimal digits"
#define HIGH      "expected a high surrogate before a low one"
#define LOW       "expected a low surrogate after a high one"
#define UTF8      "expected valid UTF-8"
#define BEYOND    "a number is beyond the range of a double"

static const struct {
    const char *text;
    const char *message;
    size_t at; /* the byte that it names */
} invalid[] = {
    /* brackets, commas and colons */
    {"]", VALUE, 0},
    {"}", VALUE, 0},
    {",", VALUE, 0},
    {":", VALUE, 0},
    {"[", VALUE, 1},
    {"{", KEY, 1},
    {"[[]", IN_ARRAY, 3},
    {"{\"a\":{}", IN_OBJECT, 7},
    {"[]]", END, 2},
    {"{}}", END, 2},
    {"[],", END, 2},
    {"[] []", END, 3},
    {"1 2", END, 2},
    {"\"a\" \"b\"", END, 4},
    {"null,null", END, 4},
    {"[1,,2]", VALUE, 3},
    {"[,]", VALUE, 1},
    {"[1,]", VALUE, 3},
    {"[1,\n]", VALUE, 4},
    {"[1:2]", IN_ARRAY, 2},
    {"[\"a\" \"b\"]", IN_ARRAY, 5},
    {"[[] []]", IN_ARRAY, 4},
    {"[{} 1]", IN_ARRAY, 4},
    {"[1}", IN_ARRAY, 2},
    {"[{]}", KEY, 2},
    {"{[}]", KEY, 1},
    {"{\"a\":[}", VALUE, 6},
    {"{,}", KEY, 1},
    {"{\"a\":1,}", KEY, 7},
    {"{\"a\":1,,\"b\":2}", KEY, 7},
    {"{,\"a\":1}", KEY, 1},
    {"{\"a\":1 \"b\":2}", IN_OBJECT, 7},
    {"{\"a\":1;\"b\":2}", IN_OBJECT, 6},
    {"{\"a\":1]", IN_OBJECT, 6},
    {"{\"a\"}", COLON, 4},
    {"{\"a\",1}", COLON, 4},
    {"{\"a\"=1}", COLON, 4},
    {"{\"a\"::1}", VALUE, 5},
    {"{\"a\":}", VALUE, 5},
    {"{\"a\":,\"b\":1}", VALUE, 5},
    {"{:1}", KEY, 1},
    {"{1:1}", KEY, 1},
    {"{null:1}", KEY, 1},
    {"{a:1}", KEY, 1},
    {"{'a':1}", KEY, 1},
    {"{[]:1}", KEY, 1},
    {"{{}:1}", KEY, 1},
    {"[1)", IN_ARRAY, 2},
    /* comments are not white space, nor is anything else */
    {"// a\n1", VALUE, 0},
    {"# a\n1", VALUE, 0},
    {"/**/1", VALUE, 0},
    {"1/**/", END, 1},
    {"1//", END, 1},
    {"1#", END, 1},
    {"[1/**/]", IN_ARRAY, 2},
    {"{/**/}", KEY, 1},
    {"{\"a\"/**/:1}", COLON, 4},
    {"\v1", VALUE, 0},
    {"1\f", END, 1},
    {"[\b1]", VALUE, 1},
    {"[\x7f]", VALUE, 1},
    {"\xc2\xa0"
     "1",
     VALUE, 0}, /* no-break space */
    {"\xc2\x85"
     "1",
     VALUE, 0},                /* next line */
    {"1\xe2\x80\xa8", END, 1}, /* line separator */
    {"[\xe3\x80\x80"
     "1]",
     VALUE, 1}, /* ideographic space */
    {"[\xe2\x81\xa0"
     "1]",
     VALUE, 1}, /* word joiner */
    /* byte order marks, at the start and later, and other encodings */
    {"\xef\xbb\xbf", "byte order mark", 0},
    {"\xef\xbb\xbf\xef\xbb\xbf"
     "1",
     "byte order mark", 0},
    {" \xef\xbb\xbf"
     "1",
     VALUE, 1},
    {"1\xef\xbb\xbf", END, 1},
    {"\xff\xfe"
     "1",
     UTF8, 0},
    {"\xfe\xff"
     "1",
     UTF8, 0},
    {"\xef\xbb"
     "1",
     UTF8, 0},
    /* words */
    {"nul", VALUE, 0},
    {"nulL", VALUE, 0},
    {"NULL", VALUE, 0},
    {"Null", VALUE, 0},
    {"None", VALUE, 0},
    {"nullx", END, 4},
    {"null0", END, 4},
    {"tru", VALUE, 0},
    {"TRUE", VALUE, 0},
    {"truee", END, 4},
    {"true\"\"", END, 4},
    {"fals", VALUE, 0},
    {"False", VALUE, 0},
    {"falsetrue", END, 5},
    {"[nottrue]", VALUE, 1},
    {"[truefalse]", IN_ARRAY, 5},
    {"undefined", VALUE, 0},
    {"a", VALUE, 0},
    /* numbers that are none in any notation but others' */
    {"NaN", VALUE, 0},
    {"nan", VALUE, 0},
    {"-NaN", DIGIT, 1},
    {"+NaN", VALUE, 0},
    {"Inf", VALUE, 0},
    {"-inf", DIGIT, 1},
    {"Infinity", VALUE, 0},
    {"-Infinity", DIGIT, 1},
    {"+Infinity", VALUE, 0},
    {"1.#INF", DIGIT, 2},
    {"nan(0x1)", VALUE, 0},
    {"0x1", END, 1},
    {"0X1", END, 1},
    {"-0x1", END, 2},
    {"0b1", END, 1},
    {"0o7", END, 1},
    {"1_000", END, 1},
    {"1,000", END, 1},
    {"1 000", END, 2},
    {"1'000", END, 1},
    {"1f", END, 1},
    {"1L", END, 1},
    {"1/2", END, 1},
    {"1+1", END, 1},
    {"\xef\xbc\x91", VALUE, 0}, /* a full-width 1 */
    {"1\xef\xbc\x91", END, 1},
    {"\xd9\xa1", VALUE, 0}, /* an Arabic 1 */
    {"\xe2\x88\x92"
     "1",
     VALUE, 0}, /* a minus sign */
    /* signs and zeros */
    {"+1", VALUE, 0},
    {"+0", VALUE, 0},
    {"--1", DIGIT, 1},
    {"-+1", DIGIT, 1},
    {"- 1", DIGIT, 1},
    {"-", DIGIT, 1},
    {"[-]", DIGIT, 2},
    {"00", ZEROS, 0},
    {"01", ZEROS, 0},
    {"0123", ZEROS, 0},
    {"00.5", ZEROS, 0},
    {"-00", ZEROS, 1},
    {"-01", ZEROS, 1},
    {"[1,08]", ZEROS, 3},
    /* fractions and exponents */
    {".", VALUE, 0},
    {".5", VALUE, 0},
    {"-.5", DIGIT, 1},
    {"1.", DIGIT, 2},
    {"0.", DIGIT, 2},
    {"-0.", DIGIT, 3},
    {"[1.]", DIGIT, 3},
    {"1.e1", DIGIT, 2},
    {".e1", VALUE, 0},
    {"1.2.3", END, 3},
    {"1..2", DIGIT, 2},
    {"1.-2", DIGIT, 2},
    {"1e", DIGIT, 2},
    {"1E", DIGIT, 2},
    {"1e+", DIGIT, 3},
    {"1E-", DIGIT, 3},
    {"1e+-1", DIGIT, 3},
    {"1e 1", DIGIT, 2},
    {"1e.5", DIGIT, 2},
    {"1e1.5", END, 3},
    {"1e1e1", END, 3},
    {"1ea", DIGIT, 2},
    {"0e", DIGIT, 2},
    {"0e+", DIGIT, 3},
    {"e1", VALUE, 0},
    {"1p1", END, 1},
    /* beyond a double */
    {"1e999", BEYOND, 0},
    {"-1e999", BEYOND, 0},
    {"1e309", BEYOND, 0},
    {"1.7976931348623159e308", BEYOND, 0},
    {"[0,1e99999999999999999999]", BEYOND, 3},
    {"{\"a\":-1E+400}", BEYOND, 5},
    /* strings that do not end, or are of other quotes */
    {"\"", STRING, 1},
    {"\"a", STRING, 2},
    {"[\"a]", STRING, 4},
    {"{\"a:1}", STRING, 6},
    {"\"a\"\"", END, 3},
    {"\"a\\\"", STRING, 4},
    {"'a'", VALUE, 0},
    {"`a`", VALUE, 0},
    {"\xe2\x80\x9c"
     "a\xe2\x80\x9d",
     VALUE, 0},
    {"\"\"\"a\"\"\"", END, 2},
    /* escapes */
    {"\"\\", ESCAPE, 2},
    {"\"\\a\"", ESCAPE, 2},
    {"\"\\v\"", ESCAPE, 2},
    {"\"\\e\"", ESCAPE, 2},
    {"\"\\0\"", ESCAPE, 2},
    {"\"\\'\"", ESCAPE, 2},
    {"\"\\ \"", ESCAPE, 2},
    {"\"\\\n\"", ESCAPE, 2},
    {"\"\\x41\"", ESCAPE, 2},
    {"\"\\101\"", ESCAPE, 2},
    {"\"\\N\"", ESCAPE, 2},
    {"\"\\U0041\"", ESCAPE, 2},
    {"\"\\\xc3\xa9\"", ESCAPE, 2},
    {"\\u0022a\\u0022", VALUE, 0},
    {"[\\n]", VALUE, 1},
    {"\"\\u", HEX, 3},
    {"\"\\u\"", HEX, 3},
    {"\"\\u0\"", HEX, 4},
    {"\"\\u00\"", HEX, 5},
    {"\"\\u004\"", HEX, 6},
    {"\"\\u004g\"", HEX, 6},
    {"\"\\u 041\"", HEX, 3},
    {"\"\\u+041\"", HEX, 3},
    {"\"\\u-041\"", HEX, 3},
    {"\"\\u0x41\"", HEX, 4},
    {"\"\\u{41}\"", HEX, 3},
    {"\"\\u\xef\xbc\x90"
     "041\"",
     HEX, 3},
    /* halves of pairs, as values, as keys, in any order */
    {"\"\\ud800\"", LOW, 7},
    {"\"\\udbff\"", LOW, 7},
    {"\"\\udc00\"", HIGH, 1},
    {"\"\\udfff\"", HIGH, 1},
    {"\"\\uDFFF\"", HIGH, 1},
    {"\"\\ud800\\ud800\"", LOW, 7},
    {"\"\\udc00\\ud800\"", HIGH, 1},
    {"\"\\udc00\\udc00\"", HIGH, 1},
    {"\"\\ud83d\\ude00\\ude00\"", HIGH, 13},
    {"\"\\ud83d\\ud83d\\ude00\"", LOW, 7},
    {"\"\\ud83dx\\ude00\"", LOW, 7},
    {"\"\\ud83d \\ude00\"", LOW, 7},
    {"\"\\ud83d\\n\"", LOW, 7},
    {"\"\\ud83d\\\\ude00\"", LOW, 7},
    {"\"\\ud83d\\ude0\"", HEX, 12},
    {"\"\\ud83d\\u\"", HEX, 9},
    {"\"\\ud83d\\udbff\"", LOW, 7},
    {"\"\\ud83d\\ue000\"", LOW, 7},
    {"\"\\ud83d", LOW, 7},
    {"{\"\\ud800\":1}", LOW, 8},
    {"{\"\\udc00\":1}", HIGH, 2},
    /* bytes that are not UTF-8, in strings, in keys and outside */
    {"\"\x80\"", UTF8, 1},
    {"\"\xbf\"", UTF8, 1},
    {"\"\xc0\x80\"", UTF8, 1}, /* NUL in two bytes */
    {"\"\xc0\xaf\"", UTF8, 1},
    {"\"\xc1\xbf\"", UTF8, 1},
    {"\"\xe0\x80\xaf\"", UTF8, 1}, /* in three that need one */
    {"\"\xe0\x9f\xbf\"", UTF8, 1},
    {"\"\xf0\x80\x80\xaf\"", UTF8, 1},
    {"\"\xf0\x8f\xbf\xbf\"", UTF8, 1},
    {"\"\xed\xa0\x80\"", UTF8, 1}, /* surrogates */
    {"\"\xed\xbf\xbf\"", UTF8, 1},
    {"\"\xed\xa0\xbd\xed\xb8\x80\"", UTF8, 1},
    {"\"\xf4\x90\x80\x80\"", UTF8, 1}, /* beyond U+10FFFF */
    {"\"\xf5\x80\x80\x80\"", UTF8, 1},
    {"\"\xf8\x88\x80\x80\x80\"", UTF8, 1}, /* five bytes */
    {"\"\xfc\x84\x80\x80\x80\x80\"", UTF8, 1},
    {"\"\xfe\"", UTF8, 1},
    {"\"\xff\"", UTF8, 1},
    {"\"\xe9\"", UTF8, 1}, /* Latin-1 */
    {"\"\xc3\"", UTF8, 1}, /* cut short */
    {"\"\xe2\x82\"", UTF8, 1},
    {"\"\xf0\x9f\x98\"", UTF8, 1},
    {"\"\xe2\x82", UTF8, 1},
    {"\"a\xc3\x28\"", UTF8, 2},
    {"\"\xc3\xa9\xa9\"", UTF8, 3},
    {"{\"\xff\":1}", UTF8, 2},
    {"[\xff]", UTF8, 1},
    {"1\xff", UTF8, 1},
    {"\"\\\xff\"", UTF8, 2},
    {"\"\\u00\xff"
     "1\"",
     UTF8, 5},
};

START_TEST(refuses)
{
    const char *text = invalid[_i].text;
    struct phi_json_doc *doc = NULL;
    char place[48];

    ck_refused(phi_json_parse(&doc, text, strlen(text), "t", &err),
               PHI_E_FORMAT, invalid[_i].message);
    snprintf(place, sizeof(place), "t: at byte %zu", invalid[_i].at);
    ck_refused(phi_json_parse(&doc, text, strlen(text), "t", &err),
               PHI_E_FORMAT, place);
    ck_assert_ptr_null(doc);
}
END_TEST

/* Keys that are one when they have been read, however each is written. */
static const char *const twice[] = {
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"b\":2,\"a\":{}}",
    "{\"\":1,\"\":1}",
    "{\"a\":1,\"\\u0061\":1}",
    "{\"/\":1,\"\\/\":1}",
    "{\"\\n\":1,\"\\u000a\":1}",
    "{\"\\u000A\":1,\"\\u000a\":1}",
    "{\"\xc3\xa9\":1,\"\\u00e9\":1}",
    "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}",
    "[[{\"x\":{\"a\":1,\"a\":1}}]]",
};

START_TEST(refuses_keys_that_are_there_twice)
{
    struct phi_json_doc *doc = NULL;

    ck_refused(phi_json_parse(&doc, twice[_i], strlen(twice[_i]), "t", &err),
               PHI_E_FORMAT, "is there twice, expected once");
    ck_assert_ptr_null(doc);
}
END_TEST

/* In strings and in keys, between tokens, and behind a backslash. */
START_TEST(refuses_control_characters)
{
    static const char *const places[] = {"\"a?b\"", "{\"?\":1}", "[1?]",
                                         "\"\\?\""};

    for (int c = 0; c < 0x20; c++) {
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            const size_t n = strlen(places[i]);
            struct phi_json_doc *doc = NULL;
            char text[16], found[64];

            memcpy(text, places[i], n);
            *(char *)memchr(text, '?', n) = (char)c;
            if (i == 2 && c != 0 && strchr("\t\n\r", c) != NULL)
                continue;
            snprintf(found, sizeof(found), "found byte 0x%02x, expected",
                     (unsigned)c);
            ck_refused(phi_json_parse(&doc, text, n, "t", &err), PHI_E_FORMAT,
                       found);
        }
    }
}
END_TEST

/* Whose bytes of zero end no text. */
START_TEST(refuses_wide_characters)
{
    static const struct {
        const char *text;
        size_t n;
        const char *message;
    } rows[] = {
        {"{\0}\0", 4, "at byte 1 (line 1): is not valid JSON: found byte 0x00"},
        {"\0{\0}", 4, "at byte 0 (line 1): is not valid JSON: found byte 0x00"},
        {"1\0\0\0", 4,
         "at byte 1 (line 1): is not valid JSON: found byte 0x00"},
        {"\xff\xfe{\0}\0", 6, "at byte 0: found byte 0xff"},
        {"\xfe\xff\0{\0}", 6, "at byte 0: found byte 0xfe"},
        {"[]\0", 3, "at byte 2 (line 1): is not valid JSON: found byte 0x00"},
    };
    struct phi_json_doc *doc = NULL;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_refused(phi_json_parse(&doc, rows[i].text, rows[i].n, "t", &err),
                   PHI_E_FORMAT, rows[i].message);
}
END_TEST

/* Depth is that of what is open, not of all that ever was. */
START_TEST(depth_is_what_is_open)
{
    static const char *const open[] = {"[", "{\"a\":", "[{\"a\":[1,"};
    static const char *const close[] = {"]", "}", "]}]"};
    static const size_t levels[] = {1, 1, 3};
    struct phi_json_doc *doc = NULL;
    struct phi_buf b = {0};

    for (size_t i = 0; i < 3; i++) {
        const size_t n = PHI_JSON_MAX_DEPTH / levels[i];

        phi_buf_text(&b, "[");
        for (int times = 0; times < 3; times++) {
            phi_buf_text(&b, times > 0 ? "," : "");
            for (size_t k = 1; k < n; k++)
                phi_buf_text(&b, open[i]);
            phi_buf_text(&b, "1");
            for (size_t k = 1; k < n; k++)
                phi_buf_text(&b, close[i]);
        }
        phi_buf_text(&b, "]");
        ck_ok(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err));
        phi_json_free(doc);
        doc = NULL;
        phi_buf_release(&b);
        for (size_t k = 0; k < 100000; k++)
            phi_buf_text(&b, open[i]);
        ck_refused(phi_json_parse(&doc, (char *)b.p, b.n, "t", &err),
                   PHI_E_FORMAT, "is nested more than 512 deep");
        phi_buf_release(&b);
    }
}
END_TEST

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
    Suite *s = suite_create("json_syntax");
    TCase *t = tcase_create("json_syntax");

    tcase_add_loop_test(t, accepts, 0, COUNT(valid));
    tcase_add_loop_test(t, integers_are_digits, 0, COUNT(integers));
    tcase_add_loop_test(t, refuses, 0, COUNT(invalid));
    tcase_add_loop_test(t, refuses_keys_that_are_there_twice, 0, COUNT(twice));
    tcase_add_test(t, refuses_control_characters);
    tcase_add_test(t, refuses_wide_characters);
    tcase_add_test(t, depth_is_what_is_open);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/* JSON written: strings, and single members of a text that stays. */
#include <string.h>

#include "formats/json.h"
#include "formats/json_write.h"
#include "tests/unit/unit.h"

START_TEST(strings_are_escaped)
{
    struct phi_buf b = {0};

    phi_json_put_string(&b, "a\"b\\c\n\t\x01/\x7f\xc3\xa9");
    phi_buf_put(&b, "", 1);
    ck_assert_str_eq((char *)b.p, "\"a\\\"b\\\\c\\n\\t\\u0001/\x7f\xc3\xa9\"");
    phi_buf_release(&b);
}
END_TEST

static const struct {
    const char *text;
    const char *key;
    const char *value;
    const char *expected;
} rows[] = {
    /* what is there changes alone */
    {"{\"a\":1}", "a", "2", "{\"a\":2}"},
    {"{\"a\": 1 , \"b\":2}", "a", "null", "{\"a\": null , \"b\":2}"},
    {" {\n  \"a\": \"x\",\n  \"b\": true\n}\n", "b", "false",
     " {\n  \"a\": \"x\",\n  \"b\": false\n}\n"},
    {"{\"a\":\"x\\\"},\",\"b\":\"\"}", "b", "1", "{\"a\":\"x\\\"},\",\"b\":1}"},
    {"{\"a\":{\"b\":1},\"b\":[1,{\"b\":2}],\"c\":3}", "b", "\"n\"",
     "{\"a\":{\"b\":1},\"b\":\"n\",\"c\":3}"},
    {"{\"a\":[],\"b\":{},\"c\":-1.5e3}", "c", "0",
     "{\"a\":[],\"b\":{},\"c\":0}"},
    {"{\"a\":[],\"b\":{}}", "b", "1", "{\"a\":[],\"b\":1}"},
    {"{\"ab\":1,\"b\":2}", "b", "3", "{\"ab\":1,\"b\":3}"},
    {"{\"\\\\\":1,\"b\":2}", "b", "3", "{\"\\\\\":1,\"b\":3}"},
    {"{\"x\":\"b\",\"b\"\t:\r\n2}", "b", "3", "{\"x\":\"b\",\"b\"\t:\r\n3}"},
    /* by whatever spelling */
    {"{\"torch\\u005fdtype\":1}", "torch_dtype", "2",
     "{\"torch\\u005fdtype\":2}"},
    {"{\"\\u0061\\/\\u004Ab\":1}", "a/Jb", "2", "{\"\\u0061\\/\\u004Ab\":2}"},
    {"{\"\\u00e9\":1,\"\\\"\":1,\"b\":2}", "b", "3",
     "{\"\\u00e9\":1,\"\\\"\":1,\"b\":3}"},
    /* what is not there comes last */
    {"{}", "a", "1", "{\"a\": 1}"},
    {"{ }\n", "a", "1", "{\"a\": 1 }\n"},
    {"{\"b\":1}", "a", "2", "{\"b\":1,\"a\": 2}"},
    {"{\n  \"b\": {\"a\": 1}\n}\n", "a", "2",
     "{\n  \"b\": {\"a\": 1},\n  \"a\": 2\n}\n"},
    {"{\n  \"b\": [\n    1\n  ]\n}", "a", "\"t\"",
     "{\n  \"b\": [\n    1\n  ],\n  \"a\": \"t\"\n}"},
};

START_TEST(members_are_set)
{
    struct phi_buf b = {0};
    struct phi_json_doc *doc = NULL;
    struct phi_json root, v;

    phi_buf_text(&b, rows[_i].text);
    ck_ok(phi_json_set(&b, rows[_i].key, rows[_i].value, &err));
    ck_ok(phi_json_parse(&doc, (char *)b.p, b.n, "text", &err));
    root = phi_json_root(doc);
    ck_assert(phi_json_find(&root, rows[_i].key, &v));
    phi_json_free(doc);
    phi_buf_put(&b, "", 1);
    ck_assert_str_eq((char *)b.p, rows[_i].expected);
    phi_buf_release(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json_write");
    TCase *t = tcase_create("json_write");

    tcase_add_test(t, strings_are_escaped);
    tcase_add_loop_test(t, members_are_set, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    suite_add_tcase(s, t);
    return unit_main(s);
}

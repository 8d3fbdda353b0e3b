/* SPDX-License-Identifier: MIT */
/* Patterns as llama-quantize reads them: std::regex_search, lower case. */
#include "libconv/quant/name_pattern.h"
#include "tests/unit/unit.h"

/* Expected values: C++'s std::regex (libstdc++ 12) on the lowered pattern. */
static const struct {
    const char *pattern;
    const char *name;
    bool found;
} cases[] = {
    {"attn_v", "blk.0.attn_v.weight", true},
    {"ATTN_V", "blk.0.attn_v.weight", true},
    {"attn_v", "blk.0.ATTN_V.weight", false},
    {"^attn_v", "blk.0.attn_v.weight", false},
    {"weight$", "blk.0.attn_v.weight", true},
    {"weigh$", "blk.0.attn_v.weight", false},
    {"blk\\.(0|1)\\.", "blk.1.attn_v.weight", true},
    {"blk\\.(0|1)\\.", "blk.11.attn_v.weight", false},
    {"blk\\.1\\d\\.ffn", "blk.12.ffn_up.weight", true},
    {"blk\\.[0-3]\\.", "blk.4.ffn_up.weight", false},
    {"blk\\.(?!4)", "blk.4.ffn_up.weight", false},
    {"blk\\.(?!4)", "blk.5.ffn_up.weight", true},
    {"ffn_(?=down)", "blk.5.ffn_up.weight", false},
    {"[[:digit:]]{2}", "blk.15.ffn_up.weight", true},
    {"[[:digit:]]{2}", "blk.5.ffn_up.weight", false},
    {"[^a-z._0-9]", "blk.5.ffn_up.weight", false},
    {"t{2}n", "blk.5.attn_q.weight", true},
    {"t{1,}?n", "blk.5.attn_q.weight", true},
    {"t{3,4}n", "blk.5.attn_q.weight", false},
    {"at+?n|x", "blk.5.attn_q.weight", true},
    {"a]", "blk.5.a].weight", true},
    {"a}", "blk.5.a}.weight", true},
    {"\\bweight", "blk.5.attn_q.weight", true},
    {"\\battn", "blk.5_attn_q.weight", false},
    {"\\/", "a/b", true},
    {"\\-\\_", "a-_b", true},
    {"\\t", "a\tb", true},
    {"", "", true},
    {"^$", "a", false},
    {"(^|\\.)ffn", "blk.5.ffn_up.weight", true},
};

START_TEST(names_are_searched)
{
    struct phi_name_pattern *p = NULL;
    bool found = false;

    ck_ok(phi_name_pattern_new(&p, cases[_i].pattern, &err));
    ck_ok(phi_name_pattern_find(p, cases[_i].name, &found, &err));
    ck_assert_msg(found == cases[_i].found, "%s in %s", cases[_i].pattern,
                  cases[_i].name);
    phi_name_pattern_free(p);
}
END_TEST

static const struct {
    const char *pattern;
    const char *text;
} refused[] = {
    {"(", "at byte 1: missing closing parenthesis"},
    {")", "at byte 0: unmatched closing parenthesis"},
    {"[a", "at byte 2: missing terminating ]"},
    {"*", "at byte 0: quantifier does not follow a repeatable item"},
    {"a|*", "at byte 2: quantifier"},
    {"a**", "at byte 2: a repeat of a repeat"},
    {"a*+", "at byte 2: a repeat of a repeat"},
    {"a{2}{3}", "at byte 4: a repeat of a repeat"},
    {"(?=a)*b", "at byte 5: a repeat of a look-ahead"},
    {"((?!a)b|(?=c))?(?=a(?!b)+)", "at byte 24: a repeat of a look-ahead"},
    {"a??*", "at byte 3: quantifier"},
    {"a{", "at byte 1: a { that begins no"},
    {"a{,2}", "at byte 1: a { that begins no"},
    {"a{2", "at byte 1: a { that begins no"},
    {"a{2,1}", "numbers out of order"},
    {"a\\", "at byte 1: a \\ at the end"},
    {"\\D", "at byte 0: patterns are in lower case"},
    {"[\\W]", "at byte 1: patterns are in lower case"},
    {"\\B", "at byte 0: patterns are in lower case"},
    {"\\A", "at byte 0: an escape that ECMAScript lacks"},
    {"\\Qa", "at byte 0: an escape that ECMAScript lacks"},
    {"\\x41", "at byte 0: an escape that ECMAScript lacks"},
    {"[\\b]", "at byte 1: an escape that ECMAScript lacks"},
    {"(a)\\1", "at byte 3: an escape by number"},
    {"\\0", "at byte 0: an escape by number"},
    {"(?<a>b)", "at byte 0: a group that ECMAScript lacks"},
    {"(?i)a", "at byte 0: a group that ECMAScript lacks"},
    {"(?>a)", "at byte 0: a group that ECMAScript lacks"},
    {"(?", "at byte 0: a group that ECMAScript lacks"},
    {"(*UTF)a", "at byte 0: a * that repeats nothing"},
    {"[]a]", "a class of no characters"},
    {"[^]", "a class of no characters"},
    {"[[.a.]]", "a class of characters that ECMAScript lacks"},
    {"[[:^digit:]]", "a class of characters that ECMAScript lacks"},
    {"[[:digit]", "a class of characters that ECMAScript lacks"},
    {"[[:nothing:]]", "unknown POSIX class name"},
    {"a(?=^b)", "at byte 4: a ^ in a look-ahead"},
    {"a(?!(b|\\b))", "at byte 7: a \\b in a look-ahead"},
};

START_TEST(what_means_something_else_is_refused)
{
    struct phi_name_pattern *p = NULL;

    ck_refused(phi_name_pattern_new(&p, refused[_i].pattern, &err), PHI_E_ARG,
               refused[_i].text);
    ck_assert_ptr_null(p);
}
END_TEST

START_TEST(a_search_without_end_is_stopped)
{
    char name[64];
    struct phi_name_pattern *p = NULL;
    bool found;

    memset(name, 'a', sizeof(name) - 2);
    memcpy(name + sizeof(name) - 2, "b", 2);
    ck_ok(phi_name_pattern_new(&p, "^(a+)+$", &err));
    ck_refused(phi_name_pattern_find(p, name, &found, &err), PHI_E_ARG,
               "more than 1000000 steps");
    phi_name_pattern_free(p);
    phi_name_pattern_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name_pattern");
    TCase *t = tcase_create("name_pattern");

    tcase_add_loop_test(t, names_are_searched, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(t, what_means_something_else_is_refused, 0,
                        sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(t, a_search_without_end_is_stopped);
    suite_add_tcase(s, t);
    return unit_main(s);
}

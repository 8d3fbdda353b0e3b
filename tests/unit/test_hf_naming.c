/* SPDX-License-Identifier: MIT */
/*
 * What is read out of model names. Expected values are what gguf-py's
 * Metadata.get_model_id_components() and id_to_title() return.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_naming.h"

#include <math.h>

#include "tests/unit/comma.h"

static const struct {
    const char *id;
    uint64_t nparams;
    struct phi_model_id is;
} ids[] = {
    {"microsoft/phi-2",
     2779683840,
     {.name = "phi-2", .org = "microsoft", .basename = "phi", .version = "2"}},
    {"microsoft/phi-1_5",
     1418270720,
     {.name = "phi-1_5",
      .org = "microsoft",
      .basename = "phi",
      .finetune = "1_5"}},
    {"microsoft/Phi-3-mini-4k-instruct",
     3821079552,
     {.name = "Phi-3-mini-4k-instruct",
      .org = "microsoft",
      .basename = "Phi-3",
      .size_label = "mini",
      .finetune = "4k-instruct"}},
    /* Alone, a name could be anything. */
    {"phi-openstax", 4203264, {.name = "phi-openstax"}},
    /* A sentence. */
    {"My Phi 2.7B", 2779683840, {.name = "My Phi 2.7B"}},
    /* Sizes: near enough, of another model, unknown number of parameters. */
    {"phi-2.7B",
     2779683840,
     {.name = "phi-2.7B", .basename = "phi", .size_label = "2.7B"}},
    {"phi-2_7b",
     2779683840,
     {.name = "phi-2_7b", .basename = "phi", .size_label = "2.7B"}},
    {"bloom-7b1",
     7069016064,
     {.name = "bloom-7b1", .basename = "bloom", .size_label = "7.1B"}},
    {"phi-70B",
     2779683840,
     {.name = "phi-70B", .basename = "phi", .finetune = "70b"}},
    {"phi-70B", 0, {.name = "phi-70B", .basename = "phi", .size_label = "70B"}},
    {"phi-8x7B-mini",
     46702792704,
     {.name = "phi-8x7B-mini",
      .basename = "phi",
      .finetune = "mini",
      .size_label = "8x7B"}},
    {"phi-3B-x-3B",
     3000000000,
     {.name = "phi-3B-x-3B",
      .basename = "phi",
      .finetune = "x",
      .size_label = "3B"}},
    /* Versions: inside the basename, behind it, several. */
    {"Phi-3.5-chat-v1.0",
     0,
     {.name = "Phi-3.5-chat-v1.0",
      .basename = "Phi-3.5",
      .finetune = "chat",
      .version = "v1.0"}},
    {"phi-2-iter3",
     0,
     {.name = "phi-2-iter3", .basename = "phi", .version = "2-iter3"}},
    /* File types say nothing about the model. */
    {"phi-2-chat-q4_k_m-f16",
     0,
     {.name = "phi-2-chat-q4_k_m-f16",
      .basename = "phi-2",
      .finetune = "chat"}},
    /* Empty parts, a leading part that is no word. */
    {"--phi--2-", 0, {.name = "--phi--2-", .basename = "phi", .version = "2"}},
    {"_x-phi", 0, {.name = "_x-phi", .finetune = "_x-phi"}},
    /* Places on a computer. */
    {"./phi-2", 0, {.name = "phi-2", .basename = "phi", .version = "2"}},
    {"~/phi-2", 0, {.name = "phi-2", .basename = "phi", .version = "2"}},
    {"/phi-2", 0, {.name = "phi-2", .basename = "phi", .version = "2"}},
    {"..", 0, {0}},
    {".", 0, {0}},
    {"./", 0, {0}},
    {"", 0, {0}},
    {"C:\\models\\phi-2", 0, {0}},
};

static void same_text(const char *id, const char *what, const char *is,
                      const char *expected)
{
    ck_assert_msg((is == NULL) == (expected == NULL) &&
                      (is == NULL || strcmp(is, expected) == 0),
                  "%s: %s is %s, expected %s", id, what,
                  is != NULL ? is : "(none)",
                  expected != NULL ? expected : "(none)");
}

START_TEST(parts_of_names)
{
    struct phi_model_id id;

    ck_ok(phi_model_id_parse(&id, ids[_i].id, ids[_i].nparams, &err));
    same_text(ids[_i].id, "name", id.name, ids[_i].is.name);
    same_text(ids[_i].id, "org", id.org, ids[_i].is.org);
    same_text(ids[_i].id, "basename", id.basename, ids[_i].is.basename);
    same_text(ids[_i].id, "finetune", id.finetune, ids[_i].is.finetune);
    same_text(ids[_i].id, "version", id.version, ids[_i].is.version);
    same_text(ids[_i].id, "size", id.size_label, ids[_i].is.size_label);
    phi_model_id_release(&id);
}
END_TEST

static const char *const titles[][2] = {
    {"phi-2", "Phi 2"},
    {"phi-1_5", "Phi 1_5"},
    {"Phi-3-mini-4k-instruct", "Phi 3 Mini 4k Instruct"},
    {"phi-openstax", "Phi Openstax"},
    {"v1.0-v1.x-v", "v1.0 V1.X V"},
    {"GPT-neoX-o'neil_x", "GPT neoX O'Neil_X"},
    {"  a\tb  c ", "A B C"},
    {"gpt2x", "Gpt2X"},
    {"--", ""},
    {"", ""},
};

START_TEST(titles_of_names)
{
    struct phi_err err = {0};
    char *title = phi_model_id_title(titles[_i][0], &err);

    ck_assert_str_eq(title, titles[_i][1]);
    free(title);
}
END_TEST

static const struct {
    uint64_t n;
    const char *label;
} labels[] = {
    {2779683840, "2.8B"}, {1418270720, "1.4B"}, {14659507200, "15B"},
    {14000000000, "14B"}, {4203264, "4.2M"},    {1000001, "1.0M"},
    {1000000, "1000K"},   {999, "1.0K"},        {400, "0.40K"},
    {9500000, "10M"},     {9499999999, "9.5B"}, {1000000000001, "1.0T"},
    {10500000000, "10B"}, {11500000000, "12B"}, {UINT64_MAX, "18446744T"},
};

START_TEST(sizes_as_labels)
{
    char out[PHI_SIZE_LABEL_MAX];

    ck_assert_str_eq(phi_size_label_format(out, labels[_i].n),
                     labels[_i].label);
}
END_TEST

/* gguf-py's digits are those of C's printf(), ties and all. */
START_TEST(sizes_as_printf_rounds_them)
{
    uint64_t state = 1;

    for (int i = 0; i < 200000; i++) {
        const uint64_t part = i % 2 == 0 ? 1000000000 : 1000;
        char out[PHI_SIZE_LABEL_MAX];
        char want[PHI_SIZE_LABEL_MAX];
        uint64_t n;
        double v;

        state = state * 6364136223846793005u + 1442695040888963407u;
        n = state >> 33;
        /* Every other one ends in a 5 where it is cut. */
        n = i % 2 == 0 ? n % part * 500 : n % 200 * 50 + i % 4 / 2;
        v = (double)n * (n > 1000000000 ? 1e-9 : (n > 1000000 ? 1e-6 : 1e-3));
        snprintf(want, sizeof(want), "%.*f%c",
                 rint(v) >= 10 ? 0 : (rint(v) >= 1 ? 1 : 2), v,
                 n > 1000000000 ? 'B' : (n > 1000000 ? 'M' : 'K'));
        if (n <= 1000000000000u)
            ck_assert_str_eq(phi_size_label_format(out, n), want);
    }
}
END_TEST

/* "2,8B" was written to files. */
START_TEST(sizes_do_not_depend_on_the_locale)
{
    char out[PHI_SIZE_LABEL_MAX];

    if (comma_begin())
        ck_assert_str_eq(phi_size_label_format(out, 2779683840), "2.8B");
    comma_end();
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
    Suite *s = suite_create("hf_naming");
    TCase *t = tcase_create("hf_naming");

    tcase_add_loop_test(t, parts_of_names, 0, COUNT(ids));
    tcase_add_loop_test(t, titles_of_names, 0, COUNT(titles));
    tcase_add_loop_test(t, sizes_as_labels, 0, COUNT(labels));
    tcase_add_test(t, sizes_as_printf_rounds_them);
    tcase_add_test(t, sizes_do_not_depend_on_the_locale);
    suite_add_tcase(s, t);
    return unit_main(s);
}

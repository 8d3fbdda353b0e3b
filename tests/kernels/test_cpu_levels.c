/* SPDX-License-Identifier: MIT */
/*
 * What phi_cpu_detect() finds is all that the processor has. If it found less,
 * every test that compares levels would compare the scalar kernels with
 * themselves, and pass. The kernel of the system has asked the processor, too:
 * /proc/cpuinfo. In an emulator that is the host's, and PHI_TEST_LEVELS names
 * the levels, as `.ci/run` does for the processors that it has emulated.
 */
#include "tests/kernels/here.h"
#include "tests/unit/unit.h"

#define MAX_LIST 256

/* A level, and what its kernels need, as the system calls it. SHA is none, but
 * found in the same way. */
static const struct {
    const char *name;
    const char *needs;
} known[] = {
    {"scalar", ""},
#if defined(__x86_64__)
#define NEEDS_AVX2   "avx2 f16c fma pclmulqdq"
#define NEEDS_AVX512 NEEDS_AVX2 " avx512f avx512bw avx512dq avx512vl"
    {"avx2", NEEDS_AVX2},     {"avxvnni", NEEDS_AVX2 " avx_vnni"},
    {"avx512", NEEDS_AVX512}, {"avx512vnni", NEEDS_AVX512 " avx512_vnni"},
    {"sha", "sse4_1 sha_ni"},
#elif defined(__aarch64__)
    {"neon", "asimd"},
    {"dotprod", "asimd asimddp"},
    {"i8mm", "asimd asimddp i8mm"},
#endif
};

static void append(char *list, const char *name)
{
    const size_t at = strlen(list);

    snprintf(list + at, MAX_LIST - at, "%s%s", at > 0 ? " " : "", name);
}

/* Whether the first n characters of `word` are one of the words of `line`. */
static bool has_word(const char *line, const char *word, size_t n)
{
    for (const char *at = line; *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == n && strncmp(at, word, n) == 0)
            return true;
    }
    return false;
}

static bool has_all(const char *line, const char *words)
{
    while (*words != '\0') {
        const size_t n = strcspn(words, " ");

        if (!has_word(line, words, n))
            return false;
        words += n + strspn(words + n, " ");
    }
    return true;
}

/* The words after "flags :" or "Features :" of the first processor; "" if the
 * text has neither. */
static const char *flags_of(char *text)
{
    char *at = strstr(text, "\nflags");

    if (at == NULL)
        at = strstr(text, "\nFeatures");
    if (at == NULL || (at = strchr(at, ':')) == NULL)
        return "";
    at[strcspn(at, "\n")] = '\0';
    return at + 1;
}

/* The levels that the system's word makes possible; false without any. */
static bool expected_levels(char *list)
{
    static char text[32768];
    const char *given = getenv("PHI_TEST_LEVELS");
    const char *flags;
    FILE *f;

    if (given != NULL && given[0] != '\0') {
        append(list, given);
        return true;
    }
    f = fopen("/proc/cpuinfo", "r");
    if (f == NULL)
        return false;
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    flags = flags_of(text);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (has_all(flags, known[i].needs))
            append(list, known[i].name);
    }
    return true;
}

START_TEST(words_are_whole)
{
    char text[] =
        "processor: 0\nflags\t\t: sse2 avx2 f16c fma\nbugs: avx512f\n";
    const char *flags = flags_of(text);

    ck_assert(has_all(flags, ""));
    ck_assert(has_all(flags, "fma"));
    ck_assert(has_all(flags, "sse2 avx2"));
    ck_assert(!has_all(flags, "avx"));
    ck_assert(!has_all(flags, "avx2x"));
    ck_assert(!has_all(flags, "avx2 avx512f"));
}
END_TEST

START_TEST(all_that_the_processor_has_is_found)
{
    char want[MAX_LIST] = "", found[MAX_LIST] = "";
    uint32_t features;
    const char *name;

    if (!expected_levels(want)) {
        unit_skip("levels", "there is no /proc/cpuinfo");
        return;
    }
    for (size_t i = 0; level_next(&i, &name, &features); i++)
        append(found, name);
    if ((cpu_here() & PHI_CPU_SHA) != 0)
        append(found, "sha");
    /* A kernel may be older than the name that it would have for a flag. */
    ck_assert_msg(getenv("PHI_TEST_LEVELS") != NULL ? strcmp(found, want) == 0
                                                    : has_all(found, want),
                  "found \"%s\", expected \"%s\" (in an emulator, "
                  "PHI_TEST_LEVELS is to name them)",
                  found, want);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cpu_levels");
    TCase *t = tcase_create("cpu_levels");

    tcase_add_test(t, words_are_whole);
    tcase_add_test(t, all_that_the_processor_has_is_found);
    suite_add_tcase(s, t);
    return unit_main(s);
}

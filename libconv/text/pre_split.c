/* SPDX-License-Identifier: MIT */
/*
 * GPT-2's pattern, which CodeGen and Phi share, is
 *
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * The tokenizers library runs it with Oniguruma. PCRE2 agrees but for two
 * things, which are made good here, so that all code points fall into the
 * same classes:
 *
 * - \s is White_Space for Oniguruma; PCRE2 adds U+180E, which left that
 *   property in Unicode 6.3. The class is written out.
 * - Oniguruma (tokenizers 0.23.3) knows Unicode 16, PCRE2 10.42 Unicode 14.
 *   The letters and numbers assigned in between are added to the classes; to
 *   a newer PCRE2 they say nothing new.
 */
#include "libconv/text/pre_split.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "libconv/base/ascii.h"
#include "libconv/base/mem.h"

/* Letters of Unicode 15.0, 15.1 and 16.0. */
#define LATE_LETTERS                                                           \
    "\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}"                \
    "\\x{105C0}-\\x{105F3}\\x{10D4A}-\\x{10D65}\\x{10D6F}-\\x{10D85}"          \
    "\\x{10EC2}-\\x{10EC4}\\x{1123F}-\\x{11240}\\x{11380}-\\x{11389}"          \
    "\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}\\x{113D1}"            \
    "\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F02}\\x{11F04}-\\x{11F10}"           \
    "\\x{11F12}-\\x{11F33}\\x{1342F}\\x{13441}-\\x{13446}"                     \
    "\\x{13460}-\\x{143FA}\\x{16100}-\\x{1611D}\\x{16D40}-\\x{16D6C}"          \
    "\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1DF25}-\\x{1DF2A}"                      \
    "\\x{1E030}-\\x{1E06D}\\x{1E4D0}-\\x{1E4EB}\\x{1E5D0}-\\x{1E5ED}"          \
    "\\x{1E5F0}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}"

/* Numbers of Unicode 15.0, 15.1 and 16.0. */
#define LATE_NUMBERS                                                           \
    "\\x{10D40}-\\x{10D49}\\x{116D0}-\\x{116E3}\\x{11BF0}-\\x{11BF9}"          \
    "\\x{11F50}-\\x{11F59}\\x{16130}-\\x{16139}\\x{16D70}-\\x{16D79}"          \
    "\\x{1CCF0}-\\x{1CCF9}\\x{1D2C0}-\\x{1D2D3}\\x{1E4F0}-\\x{1E4F9}"          \
    "\\x{1E5F1}-\\x{1E5FA}"

/* What stands between the brackets of a class. */
#define LETTER "\\p{L}" LATE_LETTERS
#define NUMBER "\\p{N}" LATE_NUMBERS
#define SPACE                                                                  \
    "\\x{9}-\\x{D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}"  \
    "\\x{2029}\\x{202F}\\x{205F}\\x{3000}"

static const char gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d"
                                   "| ?[" LETTER "]+"
                                   "| ?[" NUMBER "]+"
                                   "| ?[^" SPACE LETTER NUMBER "]+"
                                   "|[" SPACE "]+(?![^" SPACE "])"
                                   "|[" SPACE "]+";

static const struct {
    const char *name; /* tokenizer.ggml.pre */
    const char *pattern;
} rows[] = {
    {"gpt-2", gpt2_pattern},
    {"phi-2", gpt2_pattern},
};

struct phi_pre_split {
    pcre2_code *code;
};

static enum phi_status compile(struct phi_pre_split *s, const char *pattern,
                               struct phi_err *err)
{
    char text[128] = "";
    PCRE2_SIZE at;
    int code;

    /* Each match begins where the last one ended, or it is no match. */
    s->code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, NULL);
    if (s->code == NULL && code == PCRE2_ERROR_HEAP_FAILED)
        return phi_fail(err, PHI_E_NOMEM, "out of memory: a pattern");
    if (s->code == NULL) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "PCRE2 refuses the pattern of the tokenizer: %s", text);
    }
    /* Where there is no JIT, matching is slower and otherwise the same. */
    (void)pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE);
    return PHI_OK;
}

enum phi_status phi_pre_split_new(struct phi_pre_split **out, const char *name,
                                  struct phi_err *err)
{
    const size_t nrows = sizeof(rows) / sizeof(rows[0]);
    struct phi_pre_split *s;
    enum phi_status st;
    size_t i = 0;

    while (i < nrows && strcmp(rows[i].name, name) != 0)
        i++;
    if (i == nrows)
        return phi_fail(
            err, PHI_E_UNSUPPORTED,
            "key \"tokenizer.ggml.pre\": is \"%.*s\", expected \"gpt-2\" or "
            "\"phi-2\"",
            PHI_ERR_NAME, name);
    s = phi_alloc(1, sizeof(*s), err);
    if (s == NULL)
        return PHI_E_NOMEM;
    st = compile(s, rows[i].pattern, err);
    if (st != PHI_OK) {
        phi_pre_split_free(s);
        return st;
    }
    *out = s;
    return PHI_OK;
}

void phi_pre_split_free(struct phi_pre_split *s)
{
    if (s == NULL)
        return;
    pcre2_code_free(s->code);
    free(s);
}

/*
 * Between a letter and a blank. No word holds a letter and then a blank, no
 * word looks back, and the only one that looks ahead, a run of blanks, does
 * not end in a letter.
 */
size_t phi_pre_split_cut(const uint8_t *text, size_t n, size_t from)
{
    for (size_t i = from > 0 ? from : 1; i < n; i++) {
        if ((text[i] == ' ' || text[i] == '\n') &&
            phi_is_letter((char)text[i - 1]))
            return i;
    }
    return n;
}

enum phi_status phi_words_init(struct phi_words *w,
                               const struct phi_pre_split *s,
                               struct phi_err *err)
{
    w->split = s;
    w->match = pcre2_match_data_create(1, NULL);
    if (w->match == NULL)
        return phi_fail(err, PHI_E_NOMEM, "out of memory");
    return PHI_OK;
}

void phi_words_release(struct phi_words *w)
{
    pcre2_match_data_free(w->match);
    *w = (struct phi_words){0};
}

enum phi_status phi_words_next(const struct phi_words *w, const uint8_t *text,
                               size_t n, size_t at, size_t *end,
                               struct phi_err *err)
{
    int r = pcre2_match(w->split->code, text, n, at, PCRE2_NO_UTF_CHECK,
                        w->match, NULL);

    if (r == PCRE2_ERROR_JIT_STACKLIMIT)
        r = pcre2_match(w->split->code, text, n, at,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, w->match, NULL);
    if (r == PCRE2_ERROR_NOMEMORY || r == PCRE2_ERROR_HEAPLIMIT)
        return phi_fail(err, PHI_E_NOMEM, "out of memory splitting words");
    if (r >= 0)
        *end = pcre2_get_ovector_pointer(w->match)[1];
    if (r < 0 || *end <= at || *end > n)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "PCRE2 finds no word at byte %zu (its code %d)", at, r);
    return PHI_OK;
}

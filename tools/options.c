/* SPDX-License-Identifier: MIT */
/* The parser; option_help.c prints the pages. See options.h. */
#include "tools/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "tools/colour.h"
#include "tools/option_table.h"

#define MAX_THREADS 1024

static const struct option common_options[] = {
    OPT_FLAG('h', "help", struct common, help, "print this page"),
    OPT_FLAG(0, "json", struct common, json,
             "print one JSON object instead of text"),
    OPT_FLAG('q', "quiet", struct common, quiet,
             "print errors only; inspect, tokenize and lists still print"),
    OPT_FLAG('v', "verbose", struct common, verbose, "say more, and why"),
    OPT_WORD(0, "progress", "MODE", struct common, progress_name,
             "auto plain json none",
             "auto (a bar on a terminal), plain, json or none"),
    OPT_END,
};

static const struct option compute_options[] = {
    OPT_UINT('j', "threads", "N", struct common, threads, 1, MAX_THREADS,
             "use N threads, one a processor if not given; the result does "
             "not depend on it"),
    OPT_TEXT(0, "cpu", "LEVEL", struct common, cpu,
             "use the kernels of LEVEL (or PHICONV_CPU) and no better ones: "
             "scalar, avx2, avxvnni, avx512 or avx512vnni; on Arm scalar, "
             "neon, dotprod or i8mm"),
    OPT_END,
};

const struct option *option_table(const struct command *cmd, size_t i)
{
    static const struct option none[] = {OPT_END};

    if (i == 0)
        return cmd->options;
    if (i == 1)
        return cmd->computes ? compute_options : none;
    return i == 2 ? common_options : NULL;
}

int usage_error(const struct command *cmd, const char *fmt, ...)
{
    char raw[PHI_ERR_MAX];
    char text[PHI_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    fprintf(stderr, "%sphiconv:%s %s\n", colour(stderr, COLOUR_RED),
            colour(stderr, COLOUR_OFF), phi_printable(text, sizeof(text), raw));
    fprintf(stderr, "%shint:%s phiconv%s%s --help lists what there is\n",
            colour(stderr, COLOUR_CYAN), colour(stderr, COLOUR_OFF),
            cmd != NULL ? " " : "", cmd != NULL ? cmd->name : "");
    return EXIT_CODE_USAGE;
}

/*
 * Edits between two words, for words of at most 31 bytes; else large. Two
 * letters in the wrong order are one edit.
 */
static size_t distance(const char *a, const char *b)
{
    const size_t na = strlen(a);
    const size_t nb = strlen(b);
    size_t rows[3][32]; /* of a's last letters: i % 3 */

    if (na > 31 || nb > 31)
        return 99;
    for (size_t i = 0; i <= na; i++) {
        const size_t *up = rows[(i + 2) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = row[j - 1] + 1;

            if (i > 0 && up[j] + 1 < best)
                best = up[j] + 1;
            if (i > 0 && up[j - 1] + (a[i - 1] != b[j - 1]) < best)
                best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && rows[(i + 1) % 3][j - 2] + 1 < best)
                best = rows[(i + 1) % 3][j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *nearest_word(const char *word, const char *const *list, size_t n)
{
    const char *best = NULL;
    size_t least = 3; /* two edits at most */

    for (size_t i = 0; i < n; i++) {
        const size_t d = distance(word, list[i]);

        if (d < least && d < strlen(list[i])) {
            least = d;
            best = list[i];
        }
    }
    return best;
}

static int unknown_option(const struct command *cmd, const char *name,
                          size_t len)
{
    char word[64];
    const char *names[64];
    const char *near;
    const struct option *o;
    size_t n = 0;

    snprintf(word, sizeof(word), "%.*s", (int)len, name);
    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        for (; o->kind != OPTION_END && n < 64; o++)
            names[n++] = o->name;
    }
    near = nearest_word(word, names, n);
    if (near != NULL)
        return usage_error(cmd, "unknown option --%s, did you mean --%s?", word,
                           near);
    return usage_error(cmd, "unknown option --%s", word);
}

static const struct option *find_long(const struct command *cmd,
                                      const char *name, size_t len)
{
    const struct option *o;

    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        for (; o->kind != OPTION_END; o++) {
            if (strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
                return o;
        }
    }
    return NULL;
}

static const struct option *find_short(const struct command *cmd, char letter)
{
    const struct option *o;

    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        for (; o->kind != OPTION_END; o++) {
            if (o->letter == letter)
                return o;
        }
    }
    return NULL;
}

static int add_text(const struct command *cmd, struct text_list *list,
                    const char *text)
{
    void *p = list->v;

    if (phi_grow(&p, &list->cap, list->n + 1, sizeof(*list->v), NULL) !=
        PHI_OK) {
        usage_error(cmd, "out of memory");
        return EXIT_CODE_MEMORY;
    }
    list->v = p;
    list->v[list->n++] = text;
    return -1;
}

static int set_uint(const struct command *cmd, const struct option *o,
                    const char *text, uint64_t *out)
{
    char *end;
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 10);
    /* strtoull takes a sign and blanks; an option does not. */
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        v < o->min || v > o->max)
        return usage_error(cmd, "--%s %s: expected a number from %llu to %llu",
                           o->name, text, (unsigned long long)o->min,
                           (unsigned long long)o->max);
    *out = v;
    return -1;
}

/* Powers of the unit that the rest of a size stands for, or -1. */
static int power_of(const char *suffix)
{
    static const char letters[] = "KMG";
    const char *at = strchr(letters, suffix[0]);

    if (suffix[0] == '\0')
        return 0;
    return at != NULL && suffix[1] == '\0' ? (int)(at - letters) + 1 : -1;
}

static int set_size(const struct command *cmd, const struct option *o,
                    const char *text, uint64_t *out)
{
    char *end;
    uint64_t v;
    bool fits;
    int power;

    errno = 0;
    v = strtoull(text, &end, 10);
    power = power_of(end);
    fits = text[0] >= '0' && text[0] <= '9' && errno == 0 && power >= 0;
    for (; power > 0; power--) {
        fits = fits && v <= o->max / o->min;
        v *= o->min;
    }
    if (!fits || v == 0 || v > o->max)
        return usage_error(cmd,
                           "--%s %s: expected a number of bytes, or one with "
                           "K, M or G for powers of %llu",
                           o->name, text, (unsigned long long)o->min);
    *out = v;
    return -1;
}

static int set_float(const struct command *cmd, const struct option *o,
                     const char *text, struct opt_float *out)
{
    char *end;
    const double v = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(v))
        return usage_error(cmd, "--%s %s: expected a number", o->name, text);
    out->given = true;
    out->value = v;
    return -1;
}

/* "a, b or c" of "a b c". */
static void list_words(char *out, size_t n, const char *words)
{
    size_t at = 0;

    while (*words != '\0' && at + 8 < n) {
        const size_t len = strcspn(words, " ");
        const char *rest = words + len + (words[len] == ' ');
        const bool last = *rest == '\0';
        const bool one_left = !last && strchr(rest, ' ') == NULL;

        at += (size_t)snprintf(out + at, n - at, "%.*s%s", (int)len, words,
                               last       ? ""
                               : one_left ? " or "
                                          : ", ");
        words = rest;
    }
}

int word_in(const char *words, const char *word)
{
    const size_t n = strlen(word);
    int i = 0;

    for (; *words != '\0'; i++) {
        const size_t len = strcspn(words, " ");

        if (len == n && strncmp(words, word, n) == 0)
            return i;
        words += len + (words[len] == ' ');
    }
    return -1;
}

/* The nearest of the words into out; false if none is near. */
static bool near_word(const char *words, const char *word, char out[64])
{
    char copies[16][32];
    const char *list[16];
    const char *near;
    size_t n = 0;

    for (; *words != '\0' && n < 16; n++) {
        const size_t len = strcspn(words, " ");

        snprintf(copies[n], sizeof(copies[n]), "%.*s", (int)len, words);
        list[n] = copies[n];
        words += len + (words[len] == ' ');
    }
    near = nearest_word(word, list, n);
    snprintf(out, 64, "%s", near != NULL ? near : "");
    return near != NULL;
}

static int set_word(const struct command *cmd, const struct option *o,
                    const char *text, const char **out)
{
    char list[256] = "";
    char near[64];

    *out = text;
    if (word_in(o->words, text) >= 0)
        return -1;
    list_words(list, sizeof(list), o->words);
    if (near_word(o->words, text, near))
        return usage_error(cmd, "--%s %s: expected %s; did you mean %s?",
                           o->name, text, list, near);
    return usage_error(cmd, "--%s %s: expected %s", o->name, text, list);
}

static int set_value(const struct command *cmd, const struct option *o,
                     const char *text, char *args)
{
    void *to = args + o->offset;

    switch (o->kind) {
    case OPTION_TEXT:
        *(const char **)to = text;
        return -1;
    case OPTION_WORD:
        return set_word(cmd, o, text, to);
    case OPTION_LIST:
        return add_text(cmd, to, text);
    case OPTION_UINT:
        return set_uint(cmd, o, text, to);
    case OPTION_SIZE:
        return set_size(cmd, o, text, to);
    case OPTION_FLOAT:
        return set_float(cmd, o, text, to);
    default:
        *(bool *)to = true;
        return -1;
    }
}

/* "--name", "--name=value" or "--name value"; *i is moved past the value. */
static int parse_long(const struct command *cmd, int argc, char **argv, int *i,
                      char *args)
{
    const char *name = argv[*i] + 2;
    const size_t len = strcspn(name, "=");
    const struct option *o = find_long(cmd, name, len);

    if (o == NULL)
        return unknown_option(cmd, name, len);
    if (o->kind == OPTION_FLAG) {
        if (name[len] == '=')
            return usage_error(cmd, "--%s takes no value", o->name);
        return set_value(cmd, o, NULL, args);
    }
    if (name[len] == '=')
        return set_value(cmd, o, name + len + 1, args);
    if (*i + 1 >= argc)
        return usage_error(cmd, "--%s needs a value: %s", o->name, o->arg);
    *i += 1;
    return set_value(cmd, o, argv[*i], args);
}

/* "-qv", "-j4" or "-j 4". */
static int parse_short(const struct command *cmd, int argc, char **argv, int *i,
                       char *args)
{
    for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
        const struct option *o = find_short(cmd, *p);
        int code;

        if (o == NULL)
            return usage_error(cmd, "unknown option -%c", *p);
        if (o->kind == OPTION_FLAG) {
            if ((code = set_value(cmd, o, NULL, args)) != -1)
                return code;
            continue;
        }
        if (p[1] != '\0')
            return set_value(cmd, o, p + 1, args);
        if (*i + 1 >= argc)
            return usage_error(cmd, "-%c needs a value: %s", *p, o->arg);
        *i += 1;
        return set_value(cmd, o, argv[*i], args);
    }
    return -1;
}

static void read_progress(struct common *c)
{
    static const enum progress_mode modes[] = {PROGRESS_AUTO, PROGRESS_PLAIN,
                                               PROGRESS_JSON, PROGRESS_NONE};

    const int i = c->progress_name != NULL
                      ? word_in("auto plain json none", c->progress_name)
                      : -1;

    if (i >= 0)
        c->progress = modes[i];
    else if (c->quiet)
        c->progress = PROGRESS_NONE;
}

static int check_common(const struct command *cmd, struct common *c)
{
    const size_t n = c->operands.n;

    if (c->quiet && c->verbose)
        return usage_error(cmd, "-q and -v exclude each other");
    if (n < cmd->min_operands)
        return usage_error(cmd, "%s: %s: usage is phiconv %s %s", cmd->name,
                           n == 0 ? "nothing to work on"
                                  : "an argument is missing",
                           cmd->name, cmd->synopsis);
    if (n > cmd->max_operands)
        return usage_error(cmd, "%s: unexpected argument \"%s\"", cmd->name,
                           c->operands.v[cmd->max_operands]);
    if (c->threads == 0)
        c->threads = phi_par_default();
    if (c->threads > MAX_THREADS)
        c->threads = MAX_THREADS;
    c->cpu_origin = "--cpu ";
    if (c->cpu == NULL && cmd->computes) {
        c->cpu = getenv("PHICONV_CPU");
        c->cpu_origin = "PHICONV_CPU=";
        if (c->cpu != NULL && c->cpu[0] == '\0')
            c->cpu = NULL;
    }
    read_progress(c);
    return -1;
}

int options_parse(const struct command *cmd, int argc, char **argv, void *args)
{
    struct common *c = args;
    bool only_operands = false;

    for (int i = 1; i < argc; i++) {
        int code;

        if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
            code = add_text(cmd, &c->operands, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            only_operands = true;
            continue;
        } else if (argv[i][1] == '-') {
            code = parse_long(cmd, argc, argv, &i, args);
        } else {
            code = parse_short(cmd, argc, argv, &i, args);
        }
        if (code != -1)
            return code;
        if (c->help) {
            options_help(cmd);
            return EXIT_CODE_DONE;
        }
    }
    return check_common(cmd, c);
}

void options_release(const struct command *cmd, void *args)
{
    struct common *c = args;
    const struct option *o = cmd->options;

    free(c->operands.v);
    c->operands = (struct text_list){0};
    for (; o->kind != OPTION_END; o++) {
        if (o->kind == OPTION_LIST) {
            struct text_list *list = (void *)((char *)args + o->offset);

            free(list->v);
            *list = (struct text_list){0};
        }
    }
}

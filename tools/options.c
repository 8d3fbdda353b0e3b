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
#include "tools/option_table.h"

#define MAX_THREADS 1024

static const struct option common_options[] = {
    OPT_FLAG('h', "help", struct common, help, "print this page"),
    OPT_FLAG(0, "json", struct common, json,
             "print one JSON object instead of text"),
    OPT_FLAG('q', "quiet", struct common, quiet, "print errors only"),
    OPT_FLAG('v', "verbose", struct common, verbose, "say more, and why"),
    OPT_TEXT(0, "progress", "MODE", struct common, progress_name,
             "auto (a bar on a terminal), plain, json or none"),
    OPT_END,
};

static const struct option compute_options[] = {
    OPT_UINT('j', "threads", "N", struct common, threads, 1, MAX_THREADS,
             "use N threads; the result does not depend on it"),
    OPT_TEXT(0, "cpu", "LEVEL", struct common, cpu,
             "use the kernels of LEVEL (or PHICONV_CPU) and no better ones"),
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
    fprintf(stderr, "phiconv: %s\n", phi_printable(text, sizeof(text), raw));
    fprintf(stderr, "hint: phiconv%s%s --help lists what there is\n",
            cmd != NULL ? " " : "", cmd != NULL ? cmd->name : "");
    return EXIT_CODE_USAGE;
}

/* Edits between two words, for words of at most 31 bytes; else large. */
static size_t distance(const char *a, const char *b)
{
    const size_t na = strlen(a);
    const size_t nb = strlen(b);
    size_t row[32];

    if (na > 31 || nb > 31)
        return 99;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diag = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            const size_t swap = diag + (a[i - 1] != b[j - 1]);
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

            diag = row[j];
            if (swap < best)
                best = swap;
            row[j] = best;
        }
    }
    return row[nb];
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

static int set_value(const struct command *cmd, const struct option *o,
                     const char *text, char *args)
{
    void *to = args + o->offset;

    switch (o->kind) {
    case OPTION_TEXT:
        *(const char **)to = text;
        return -1;
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

static int check_progress(const struct command *cmd, struct common *c)
{
    static const char *const names[] = {"auto", "none", "plain", "json"};

    for (size_t k = 0; c->progress_name != NULL && k < 4; k++) {
        if (strcmp(c->progress_name, names[k]) == 0) {
            c->progress = (enum progress_mode)k;
            return -1;
        }
    }
    if (c->progress_name != NULL)
        return usage_error(cmd,
                           "--progress %s: expected auto, plain, json or "
                           "none",
                           c->progress_name);
    if (c->quiet)
        c->progress = PROGRESS_NONE;
    return -1;
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
    return check_progress(cmd, c);
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

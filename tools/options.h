/* SPDX-License-Identifier: MIT */
/*
 * Subcommands as data. A command is a row: its words, its option table and a
 * function. One parser reads every command line from the tables and one
 * printer makes every --help page from them, so that the two cannot differ.
 *
 *   static const struct option options[] = {
 *       OPT_TEXT('o', "output", "FILE", struct args, output,
 *                "write to FILE"),
 *       OPT_END,
 *   };
 *   const struct command cmd_example = {
 *       .name = "example", .options = options, .run = run, ...
 *   };
 *
 * Values land in the command's own structure, whose first member must be
 * struct common; it is zeroed by the command before options_parse().
 */
#ifndef PHICONV_TOOLS_OPTIONS_H
#define PHICONV_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* What a script may rely on; see phi_status_exit() for errors. */
enum exit_code {
    EXIT_CODE_DONE = 0,   /* done, complete, synced, renamed */
    EXIT_CODE_GATE = 1,   /* a gate failed, models differ, a fault was found */
    EXIT_CODE_USAGE = 2,  /* an option or argument is wrong */
    EXIT_CODE_INPUT = 3,  /* the input is malformed or not supported */
    EXIT_CODE_SYSTEM = 4, /* the system refused */
    EXIT_CODE_MEMORY = 5, /* out of memory */
};

enum option_kind {
    OPTION_END,
    OPTION_FLAG,  /* bool, set to true */
    OPTION_TEXT,  /* const char *, borrowed from argv */
    OPTION_WORD,  /* the same, one of `words` */
    OPTION_LIST,  /* struct text_list, repeatable */
    OPTION_UINT,  /* uint64_t in [min, max] */
    OPTION_SIZE,  /* uint64_t >= 1 with K, M or G, powers of `min` */
    OPTION_FLOAT, /* struct opt_float, finite */
};

/* A repeatable option or the operands; texts are borrowed from argv. */
struct text_list {
    const char **v; /* (n) */
    size_t n;
    size_t cap;
};

struct opt_float {
    bool given;
    double value;
};

struct option {
    enum option_kind kind;
    char letter;      /* 0: no short form */
    const char *name; /* without dashes */
    const char *arg;  /* placeholder of its value; NULL for flags */
    const char *help;
    size_t offset; /* of the value in the command's structure */
    uint64_t min;  /* OPTION_UINT, OPTION_SIZE */
    uint64_t max;
    const char *words; /* OPTION_WORD: with blanks between; else NULL */
};

#define OPT_FLAG(l, n, type, member, h)                                        \
    {                                                                          \
        OPTION_FLAG, l, n, NULL, h, offsetof(type, member), 0, 0, NULL         \
    }
#define OPT_TEXT(l, n, a, type, member, h)                                     \
    {                                                                          \
        OPTION_TEXT, l, n, a, h, offsetof(type, member), 0, 0, NULL            \
    }
#define OPT_WORD(l, n, a, type, member, w, h)                                  \
    {                                                                          \
        OPTION_WORD, l, n, a, h, offsetof(type, member), 0, 0, w               \
    }
#define OPT_LIST(l, n, a, type, member, h)                                     \
    {                                                                          \
        OPTION_LIST, l, n, a, h, offsetof(type, member), 0, 0, NULL            \
    }
#define OPT_UINT(l, n, a, type, member, lo, hi, h)                             \
    {                                                                          \
        OPTION_UINT, l, n, a, h, offsetof(type, member), lo, hi, NULL          \
    }
#define OPT_SIZE(l, n, a, type, member, unit, h)                               \
    {                                                                          \
        OPTION_SIZE, l, n, a, h, offsetof(type, member), unit, INT64_MAX, NULL \
    }
#define OPT_FLOAT(l, n, a, type, member, h)                                    \
    {                                                                          \
        OPTION_FLOAT, l, n, a, h, offsetof(type, member), 0, 0, NULL           \
    }
#define OPT_END                                                                \
    {                                                                          \
        OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, NULL                         \
    }

enum progress_mode {
    PROGRESS_AUTO, /* a bar if standard error is a terminal */
    PROGRESS_NONE,
    PROGRESS_PLAIN, /* a line now and then */
    PROGRESS_JSON,  /* one object a line */
};

/* Options of every command, and its operands. */
struct common {
    bool help;
    bool json;
    bool quiet;
    bool verbose;
    const char *progress_name;
    enum progress_mode progress; /* from progress_name; NONE with -q */
    uint64_t threads;            /* -j; the machine's number if not given */
    const char *cpu;             /* --cpu, else PHICONV_CPU, else NULL */
    const char *cpu_origin;      /* "--cpu " or "PHICONV_CPU=" */
    struct text_list operands;
    char **outputs; /* (noutputs) begun so far; see run_leftovers.h */
    size_t noutputs;
    size_t outputs_cap;
};

struct command {
    const char *name;
    const char *summary;     /* one line, for the list of commands */
    const char *synopsis;    /* what follows the name */
    const char *description; /* paragraphs */
    const struct option *options;
    const char *examples;
    size_t min_operands;
    size_t max_operands; /* 0: none allowed */
    bool computes;       /* has -j and --cpu */
    bool dated;          /* reads SOURCE_DATE_EPOCH */
    int (*run)(const struct command *self, int argc, char **argv);
};

/*
 * Fills *args (its first member is struct common) from argv[1..]. Returns -1
 * to go on; otherwise the command ends with the returned exit code: --help
 * was printed, or a usage error with a hint was.
 */
int options_parse(const struct command *cmd, int argc, char **argv, void *args);

/* Frees the lists that options_parse() grew. */
void options_release(const struct command *cmd, void *args);

/* Prints the page made from the tables to stdout. */
void options_help(const struct command *cmd);

/* Prints "phiconv: ..." and a hint to --help; returns EXIT_CODE_USAGE. */
int usage_error(const struct command *cmd, const char *fmt, ...)
    PHI_PRINTF(2, 3);

/* Which of the words, with blanks between, it is; -1: none. */
int word_in(const char *words, const char *word);

/* The word of the list nearest to a misspelt one, or NULL if none is near. */
const char *nearest_word(const char *word, const char *const *list, size_t n);

#endif

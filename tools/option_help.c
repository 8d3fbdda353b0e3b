/* SPDX-License-Identifier: MIT */
/* The --help page of a command, in the order of a manual page. */
#include <stdio.h>
#include <string.h>

#include "tools/option_table.h"

#define WIDTH 78

/* Prints text wrapped at WIDTH, every line indented; newlines are kept. */
static void wrapped(const char *text, int indent)
{
    while (*text != '\0') {
        const size_t line = strcspn(text, "\n");
        const size_t room = (size_t)(WIDTH - indent);
        size_t n = line;

        if (n > room) {
            n = room;
            while (n > 0 && text[n] != ' ')
                n--;
            if (n == 0)
                n = room;
        }
        if (n > 0)
            printf("%*s%.*s", indent, "", (int)n, text);
        printf("\n");
        text += n;
        while (n < line && *text == ' ')
            text++;
        if (*text == '\n')
            text++;
    }
}

static void print_option(const struct option *o)
{
    char left[80];
    int n = 0;

    if (o->letter != 0)
        n = snprintf(left, sizeof(left), "-%c, ", o->letter);
    snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s", o->name,
             o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
    printf("  %s\n", left);
    wrapped(o->help, 6);
}

const char *const option_exit_codes[][2] = {
    {"0", "done; outputs are complete, synced and in place"},
    {"1", "the verdict is no: a gate failed, models differ, a fault was found"},
    {"2", "an option or argument is wrong, or an output exists already"},
    {"3", "the input is malformed, damaged or not supported"},
    {"4", "the system refused: no such file, disk, permission, an input "
          "changed"},
    {"5", "out of memory"},
    {"128+n", "ended by signal n; nothing is left behind"},
    {NULL, NULL},
};

/* Commands to be copied: a long one goes on after a backslash. */
static void print_examples(const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        const size_t n = strcspn(text, " \n");
        const char *after = text + n;

        if (column > 0 && column + 1 + n + 2 > WIDTH) {
            printf(" \\\n     ");
            column = 5;
        }
        printf("%s%.*s", column > 0 ? " " : "  ", (int)n, text);
        column += n + (column > 0 ? 1 : 2);
        if (*after != ' ') {
            printf("\n");
            column = 0;
        }
        text = after + (*after != '\0');
    }
}

void options_help(const struct command *cmd)
{
    static const char *const titles[] = {"Options", "Computing", "General"};
    const struct option *o;

    printf("phiconv %s - %s\n\nUsage\n  phiconv %s %s\n\n", cmd->name,
           cmd->summary, cmd->name, cmd->synopsis);
    wrapped(cmd->description, 2);
    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        if (o->kind != OPTION_END)
            printf("\n%s\n", titles[t]);
        for (; o->kind != OPTION_END; o++)
            print_option(o);
    }
    printf("\nExamples\n");
    print_examples(cmd->examples);
    printf("\nExit codes\n");
    for (size_t i = 0; option_exit_codes[i][0] != NULL; i++)
        printf("  %s  %s\n", option_exit_codes[i][0], option_exit_codes[i][1]);
}

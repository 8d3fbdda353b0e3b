/* SPDX-License-Identifier: MIT */
/* Manual pages, in the macros of man(7) that groff and mandoc share. */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/help_pages.h"
#include "tools/option_table.h"
#include "tools/version.h"

/* Columns of the source, with some for what is escaped. */
#define WIDTH 64

/* n bytes; a line must not begin with a control character. */
static void put_n(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];

        if (c == '\\')
            fputs("\\e", stdout);
        else if (c == '-')
            fputs("\\-", stdout);
        else if ((c == '.' || c == '\'') && i == 0)
            printf("\\&%c", c);
        else if (c == '\'')
            fputs("\\(aq", stdout);
        else if (c == '"')
            fputs("\\(dq", stdout);
        else
            putchar(c);
    }
}

static void put(const char *text)
{
    put_n(text, strlen(text));
}

/* A line of filled text, cut where a reader of the source would cut it. */
static void put_line(const char *text, size_t n)
{
    size_t column = 0;

    while (n > 0) {
        size_t len = 0;

        while (len < n && text[len] != ' ')
            len++;
        if (column > 0 && column + 1 + len > WIDTH) {
            putchar('\n');
            column = 0;
        }
        if (column > 0)
            putchar(' ');
        put_n(text, len);
        column += len + 1;
        text += len;
        n -= len;
        while (n > 0 && *text == ' ') {
            text++;
            n--;
        }
    }
    putchar('\n');
}

/* Paragraphs; a single newline begins a new line, as on the help page. */
static void put_text(const char *text)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        put_line(text, n);
        text += n;
        if (strncmp(text, "\n\n", 2) == 0) {
            printf(".PP\n");
            text += 2;
        } else if (*text == '\n') {
            printf(".br\n");
            text++;
        }
    }
}

/* Lines as they are. */
static void put_lines(const char *text)
{
    printf(".EX\n");
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        put_n(text, n);
        putchar('\n');
        text += n + (text[n] == '\n');
    }
    printf(".EE\n");
}

static void put_option(const struct option *o)
{
    printf(".TP\n");
    if (o->letter != 0)
        printf("\\fB\\-%c\\fR, ", o->letter);
    printf("\\fB\\-\\-");
    put(o->name);
    printf("\\fR");
    if (o->arg != NULL) {
        printf(" \\fI");
        put(o->arg);
        printf("\\fR");
    }
    printf("\n");
    put_text(o->help);
}

/* PHICONV-QUANTIZE */
static void put_title(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '-')
            fputs("\\-", stdout);
        else
            putchar(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
    }
}

static void put_head(const struct command *cmd)
{
    printf(".\\\" Made by \"phiconv help \\-\\-man\".\n.TH PHICONV");
    if (cmd != NULL) {
        printf("\\-");
        put_title(cmd->name);
    }
    printf(" 1 " PHICONV_DATE " \"phiconv " PHICONV_VERSION
           "\" \"phiconv manual\"\n.nh\n");
}

static void put_exit_codes(void)
{
    printf(".SH EXIT STATUS\n");
    for (size_t i = 0; option_exit_codes[i][0] != NULL; i++) {
        printf(".TP\n\\fB");
        put(option_exit_codes[i][0]);
        printf("\\fR\n");
        put_text(option_exit_codes[i][1]);
    }
}

/* What cmd reads, or any command if it is NULL. */
static void put_environment(const struct command *cmd)
{
    printf(".SH ENVIRONMENT\n");
    if (cmd == NULL || cmd->computes)
        printf(".TP\n\\fBPHICONV_CPU\\fR\n"
               "the level of kernels where \\fB\\-\\-cpu\\fR is not "
               "given\n");
    if (cmd == NULL || cmd->dated)
        printf(".TP\n\\fBSOURCE_DATE_EPOCH\\fR\n"
               "the date of a release, in seconds since 1970; it has none "
               "without\n");
    printf(".TP\n\\fBNO_COLOR\\fR\n"
           "if it is not empty, nothing is coloured\n"
           ".TP\n\\fBTERM\\fR\n"
           "if it is \\fBdumb\\fR, there are no colours and no progress "
           "bar\n");
}

static void put_also(const struct command *cmd)
{
    const char *comma = "";

    printf(".SH SEE ALSO\n");
    if (cmd != NULL) {
        printf(".BR phiconv (1)");
        comma = " ,\n";
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i] == cmd)
            continue;
        printf("%s.BR phiconv\\-", comma);
        put(commands[i]->name);
        printf(" (1)");
        comma = " ,\n";
    }
    printf("\n");
}

static void man_of_all(void)
{
    put_head(NULL);
    printf(".SH NAME\nphiconv \\- Phi checkpoints to quantized files, "
           "measured\n"
           ".SH SYNOPSIS\n.B phiconv\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n"
           ".B phiconv help\n.RI [ COMMAND ]\n"
           ".SH DESCRIPTION\n"
           "Turns a Phi checkpoint, a Hugging Face folder with sharded "
           "safetensors and LoRA\nadapters, into quantized files, and measures "
           "what that cost with an engine of\nits own. Results are on standard "
           "output, all else on standard error; an error is\none line, and "
           "the exit status says of which kind.\n"
           ".SH COMMANDS\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf(".TP\n.BR phiconv\\-");
        put(commands[i]->name);
        printf(" (1)\n");
        put_text(commands[i]->summary);
    }
    put_exit_codes();
    put_environment(NULL);
    put_also(NULL);
}

/* "MODEL -o DIR" and, on the lines after it, "phiconv inspect A ...". */
static void put_synopsis(const struct command *cmd)
{
    const char *text = cmd->synopsis;

    printf(".SH SYNOPSIS\n.B phiconv ");
    put(cmd->name);
    printf("\n");
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        put_n(text, n);
        printf("\n");
        text += n;
        if (*text == '\n') {
            printf(".br\n");
            text += 1 + strspn(text + 1, " ");
        }
    }
}

void help_man(const struct command *cmd)
{
    static const char *const titles[] = {NULL, "Computing", "General"};
    const struct option *o;

    if (cmd == NULL) {
        man_of_all();
        return;
    }
    put_head(cmd);
    printf(".SH NAME\nphiconv\\-");
    put(cmd->name);
    printf(" \\- ");
    put(cmd->summary);
    printf("\n");
    put_synopsis(cmd);
    printf(".SH DESCRIPTION\n");
    put_text(cmd->description);
    printf(".SH OPTIONS\n");
    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        if (o->kind != OPTION_END && t < 3 && titles[t] != NULL)
            printf(".SS %s\n", titles[t]);
        for (; o->kind != OPTION_END; o++)
            put_option(o);
    }
    printf(".SH EXAMPLES\n");
    put_lines(cmd->examples);
    put_exit_codes();
    put_environment(cmd);
    put_also(cmd);
}

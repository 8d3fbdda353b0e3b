/* SPDX-License-Identifier: MIT */
/* Completion for bash, zsh and fish. */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/help_pages.h"
#include "tools/option_table.h"

/* Bytes of a help text in a list of options. */
#define SHORT 60

#define MAX_WORDS 1024

typedef void (*option_fn)(const struct command *cmd, const struct option *o);

static void each_option(const struct command *cmd, option_fn put)
{
    const struct option *o;

    for (size_t t = 0; (o = option_table(cmd, t)) != NULL; t++) {
        for (; o->kind != OPTION_END; o++)
            put(cmd, o);
    }
}

static void put_commands(void)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        printf("%s%s", i > 0 ? " " : "", commands[i]->name);
}

/* The beginning of a help text, whole words of it, with a backslash before
 * each of `special`. */
static void put_short(const char *text, const char *special)
{
    size_t n = strcspn(text, ";:\n");

    if (n > SHORT) {
        n = SHORT;
        while (n > 0 && text[n] != ' ')
            n--;
    }
    while (n > 0 && strchr(" ,", text[n - 1]) != NULL)
        n--;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\'')
            fputs("’", stdout);
        else
            printf("%s%c", strchr(special, text[i]) != NULL ? "\\" : "",
                   text[i]);
    }
}

/* ---- bash ---------------------------------------------------------------- */

static void bash_name(const struct command *cmd, const struct option *o)
{
    (void)cmd;
    printf(" --%s", o->name);
    if (o->letter != 0)
        printf(" -%c", o->letter);
}

/* A case of "what comes after this option". */
static void bash_value(const struct command *cmd, const struct option *o)
{
    static const char *const kinds[] = {"none", "words", "files", "folders"};
    char words[MAX_WORDS];
    enum help_value kind;

    (void)cmd;
    if (o->kind == OPTION_FLAG)
        return;
    kind = help_value(o, words, sizeof(words));
    printf("        --%s", o->name);
    if (o->letter != 0)
        printf(" | -%c", o->letter);
    printf(") kind=%s words='%s' ;;\n", kinds[kind], words);
}

void help_bash(void)
{
    printf("# Completion of phiconv for bash, made by "
           "\"phiconv help --completion bash\".\n"
           "_phiconv() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=''\n"
           "    local command='' options='' words='' kind=files i\n"
           "    ((COMP_CWORD > 1)) && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    # bash cuts \"--option=value\" into three words.\n"
           "    if [[ $cur == '=' ]]; then\n"
           "        cur=''\n"
           "    elif [[ $prev == '=' ]]; then\n"
           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    fi\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        if [[ ${COMP_WORDS[i]} != -* ]]; then\n"
           "            command=${COMP_WORDS[i]}\n"
           "            break\n"
           "        fi\n"
           "    done\n"
           "    case $command in\n"
           "    '')\n"
           "        kind=words words='");
    put_commands();
    printf("'\n        options='--help --version'\n        ;;\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("    %s)\n        options='", commands[i]->name);
        each_option(commands[i], bash_name);
        printf("'\n");
        if (strcmp(commands[i]->name, "help") == 0) {
            printf("        kind=words words='");
            put_commands();
            printf("'\n");
        }
        printf("        case $prev in\n");
        each_option(commands[i], bash_value);
        printf("        esac\n        ;;\n");
    }
    printf("    esac\n"
           "    if [[ $cur == -* ]]; then\n"
           "        kind=words words=$options\n"
           "    fi\n"
           "    COMPREPLY=()\n"
           "    case $kind in\n"
           "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
           "\"$cur\") ;;\n"
           "    files)\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
           "        ;;\n"
           "    folders)\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
           "        ;;\n"
           "    esac\n"
           "}\n"
           "complete -F _phiconv phiconv\n");
}

/* ---- zsh ----------------------------------------------------------------- */

static void zsh_option(const struct command *cmd, const struct option *o)
{
    static const char *const actions[] = {" ", "", "_files", "_files -/"};
    const char *many = o->kind == OPTION_LIST ? "*" : "";
    char words[MAX_WORDS];
    enum help_value kind = help_value(o, words, sizeof(words));

    (void)cmd;
    printf(" \\\n            ");
    if (o->letter != 0 && many[0] != '\0')
        printf("'*'{-%c,--%s}'[", o->letter, o->name);
    else if (o->letter != 0)
        printf("'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter,
               o->name);
    else
        printf("'%s--%s[", many, o->name);
    put_short(o->help, "[]:\\");
    printf("]");
    if (o->kind != OPTION_FLAG) {
        printf(":");
        for (const char *p = o->arg; *p != '\0'; p++)
            printf("%s%c", strchr("[]:\\", *p) != NULL ? "\\" : "", *p);
        printf(":");
        if (kind == HELP_WORDS)
            printf("(%s)", words);
        else
            printf("%s", actions[kind]);
    }
    printf("'");
}

void help_zsh(void)
{
    printf("#compdef phiconv\n"
           "# Completion of phiconv for zsh, made by "
           "\"phiconv help --completion zsh\".\n"
           "_phiconv() {\n"
           "    local -a commands\n"
           "    commands=(\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("        '%s:", commands[i]->name);
        put_short(commands[i]->summary, ":\\");
        printf("'\n");
    }
    printf("    )\n"
           "    if ((CURRENT == 2)); then\n"
           "        _describe command commands\n"
           "        return\n"
           "    fi\n"
           "    local command=$words[2]\n"
           "    shift words\n"
           "    ((CURRENT--))\n"
           "    case $command in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        const bool help = strcmp(commands[i]->name, "help") == 0;

        printf("    %s)\n        _arguments -s -S", commands[i]->name);
        each_option(commands[i], zsh_option);
        printf(" \\\n            '*: :%s", help ? "(" : "_files'");
        if (help) {
            put_commands();
            printf(")'");
        }
        printf("\n        ;;\n");
    }
    printf("    esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _phiconv ]; then\n"
           "    _phiconv \"$@\"\n"
           "else\n"
           "    compdef _phiconv phiconv\n"
           "fi\n");
}

/* ---- fish ---------------------------------------------------------------- */

static void fish_option(const struct command *cmd, const struct option *o)
{
    char words[MAX_WORDS];

    printf("complete -c phiconv -n '__fish_seen_subcommand_from %s' -l %s",
           cmd->name, o->name);
    if (o->letter != 0)
        printf(" -s %c", o->letter);
    if (o->kind != OPTION_FLAG) {
        switch (help_value(o, words, sizeof(words))) {
        case HELP_WORDS:
            printf(" -x -a '%s'", words);
            break;
        case HELP_FILES:
            printf(" -r -F");
            break;
        case HELP_FOLDERS:
            printf(" -x -a '(__fish_complete_directories)'");
            break;
        default:
            printf(" -x");
            break;
        }
    }
    printf(" -d '");
    put_short(o->help, "\\");
    printf("'\n");
}

void help_fish(void)
{
    printf("# Completion of phiconv for fish, made by "
           "\"phiconv help --completion fish\".\n"
           "complete -c phiconv -n __fish_use_subcommand -f -l help "
           "-d 'list the commands'\n"
           "complete -c phiconv -n __fish_use_subcommand -f -l version "
           "-d 'print the version'\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("complete -c phiconv -n __fish_use_subcommand -f -a %s -d '",
               commands[i]->name);
        put_short(commands[i]->summary, "\\");
        printf("'\n");
    }
    printf("complete -c phiconv -n '__fish_seen_subcommand_from help' -f -a '");
    put_commands();
    printf("'\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        each_option(commands[i], fish_option);
}

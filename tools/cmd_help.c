/* SPDX-License-Identifier: MIT */
/* phiconv help: the pages of the commands, for people, man and shells. */
#include <string.h>

#include "tools/commands.h"
#include "tools/help_pages.h"

struct args {
    struct common common;
    bool man;
    const char *completion;
};

static const struct option options[] = {
    OPT_FLAG(0, "man", struct args, man,
             "print the manual page as roff; phiconv(1) without COMMAND"),
    OPT_WORD(0, "completion", "SHELL", struct args, completion, "bash zsh fish",
             "print what lets SHELL complete commands, options and their "
             "values: bash, zsh or fish"),
    OPT_END,
};

static int show(const struct command *self, const struct args *a)
{
    static void (*const completions[])(void) = {help_bash, help_zsh, help_fish};
    const struct command *cmd = NULL;

    if (a->common.json)
        return usage_error(self, "--json: pages are text");
    if (a->completion != NULL) {
        completions[word_in("bash zsh fish", a->completion)]();
        return EXIT_CODE_DONE;
    }
    if (a->common.operands.n > 0) {
        const char *name = a->common.operands.v[0];
        const char *near;

        cmd = command_find(name, &near);
        if (cmd == NULL && near != NULL)
            return usage_error(self, "unknown command \"%s\", did you mean %s?",
                               name, near);
        if (cmd == NULL)
            return usage_error(NULL, "unknown command \"%s\"", name);
    }
    if (a->man)
        help_man(cmd);
    else if (cmd != NULL)
        options_help(cmd);
    else
        help_list();
    return EXIT_CODE_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct args a = {0};
    int code = options_parse(self, argc, argv, &a);

    if (code == -1)
        code = show(self, &a);
    options_release(self, &a);
    return code;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "explain a command; manual pages, completion",
    .synopsis = "[COMMAND] [options]",
    .description =
        "Prints the page of COMMAND, as COMMAND --help does, or the list of "
        "commands. Pages, manual pages and completion come from the same "
        "tables that command lines are read with.",
    .options = options,
    .examples = "phiconv help quantize\n"
                "phiconv help --man quantize | man -l -\n"
                "eval \"$(phiconv help --completion bash)\"\n"
                "phiconv help --completion fish "
                ">~/.config/fish/completions/phiconv.fish",
    .max_operands = 1,
    .run = run,
};

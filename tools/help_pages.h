/* SPDX-License-Identifier: MIT */
/*
 * What "phiconv help" makes from the tables of commands and options, to
 * standard output: the list of commands, manual pages in man(7)'s roff, and
 * completion for shells.
 */
#ifndef PHICONV_TOOLS_HELP_PAGES_H
#define PHICONV_TOOLS_HELP_PAGES_H

#include "tools/options.h"

/* What "phiconv --help" prints. */
void help_list(void);

/* phiconv-CMD.1, or phiconv.1 for NULL. */
void help_man(const struct command *cmd);

void help_bash(void);
void help_zsh(void);
void help_fish(void);

/* What the value of an option is, for completion. */
enum help_value {
    HELP_NOTHING, /* a number, a pattern: nothing to offer */
    HELP_WORDS,
    HELP_FILES,
    HELP_FOLDERS
};

/* words (n bytes) gets those that there are, with blanks between. */
enum help_value help_value(const struct option *o, char *words, size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Metadata on the command line: KEY=VALUE, KEY:TYPE=VALUE. The type is the
 * one that the key has in the file, or that the format gives it; a key that
 * nobody knows needs one unless its value can be nothing but a text.
 */
#ifndef PHICONV_TOOLS_METADATA_WORDS_H
#define PHICONV_TOOLS_METADATA_WORDS_H

#include "libconv/tensor/meta.h"
#include "tools/options.h"

struct metadata_words {
    const struct command *cmd;
    struct phi_meta *meta; /* to be changed */
    bool force;            /* also what changes what the model computes */
};

/*
 * Each returns -1 to go on, or an exit code after a message: a key that may
 * not change, a value that is none of its type.
 */
int metadata_set(const struct metadata_words *w, const char *word);

/* "KEY=FILE" or "KEY:TYPE=FILE": the value is what the file holds. */
int metadata_set_file(const struct metadata_words *w, const char *word);

int metadata_delete(const struct metadata_words *w, const char *key);

#endif

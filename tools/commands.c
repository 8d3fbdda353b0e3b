/* SPDX-License-Identifier: MIT */
#include "tools/commands.h"

#include <stddef.h>
#include <string.h>

/* A new command is one declaration and one row here. */
extern const struct command cmd_bench;
extern const struct command cmd_doctor;
extern const struct command cmd_eval_ppl;
extern const struct command cmd_export;
extern const struct command cmd_extract;
extern const struct command cmd_help;
extern const struct command cmd_inspect;
extern const struct command cmd_merge_lora;
extern const struct command cmd_quantize;
extern const struct command cmd_release;
extern const struct command cmd_set_metadata;
extern const struct command cmd_tokenize;
extern const struct command cmd_verify;
extern const struct command cmd_verify_release;

const struct command *const commands[] = {
    &cmd_quantize, &cmd_merge_lora,     &cmd_eval_ppl,
    &cmd_release,  &cmd_verify_release, &cmd_export,
    &cmd_inspect,  &cmd_verify,         &cmd_extract,
    &cmd_doctor,   &cmd_set_metadata,   &cmd_tokenize,
    &cmd_bench,    &cmd_help,           NULL,
};

const struct command *command_find(const char *name, const char **near)
{
    const char *names[sizeof(commands) / sizeof(commands[0])];
    size_t n = 0;

    *near = NULL;
    for (; commands[n] != NULL; n++) {
        names[n] = commands[n]->name;
        if (strcmp(name, names[n]) == 0)
            return commands[n];
    }
    *near = nearest_word(name, names, n);
    return NULL;
}

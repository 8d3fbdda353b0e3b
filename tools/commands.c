/* SPDX-License-Identifier: MIT */
#include "tools/commands.h"

#include <stddef.h>

/* A new command is one declaration and one row here. */
extern const struct command cmd_doctor;
extern const struct command cmd_eval_ppl;
extern const struct command cmd_export;
extern const struct command cmd_inspect;
extern const struct command cmd_merge_lora;
extern const struct command cmd_quantize;
extern const struct command cmd_release;
extern const struct command cmd_tokenize;
extern const struct command cmd_verify_release;

const struct command *const commands[] = {
    &cmd_quantize, &cmd_merge_lora,     &cmd_eval_ppl,
    &cmd_release,  &cmd_verify_release, &cmd_export,
    &cmd_inspect,  &cmd_doctor,         &cmd_tokenize,
    NULL,
};

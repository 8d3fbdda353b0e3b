/* SPDX-License-Identifier: MIT */
/*
 * Logits files of llama.cpp (formats/logits_file.h) in eval-ppl: as the
 * reference, with its windows and tokens, and written by --save-logits.
 */
#ifndef PHICONV_TOOLS_EVAL_LOGITS_H
#define PHICONV_TOOLS_EVAL_LOGITS_H

#include "formats/logits_file.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokens.h"

/* Zero-initialise; end with eval_logits_release(). */
struct eval_logits {
    const struct phi_source *reference; /* a logits file, or NULL */
    struct phi_eval_stored stored;
    const char *path; /* what is written */
    const struct phi_tokens *tokens;
    size_t n_ctx;
    bool replace;
    struct phi_logits_writer *writer;
    struct phi_eval_save save;
};

/*
 * What was asked for beside a logits file must be what it has: n_ctx unless it
 * is 0, and no stride. Sets *n_ctx to the file's.
 */
enum phi_status eval_logits_check_options(const struct phi_source *s,
                                          uint64_t *n_ctx, uint64_t stride,
                                          struct phi_err *err);

/*
 * Puts the file's tokens into *tokens, in place of a text's, whose first ones
 * they must be; text is its name, or NULL if there is none.
 */
enum phi_status eval_logits_tokens(const struct phi_source *s,
                                   struct phi_tokens *tokens, const char *text,
                                   struct phi_err *err);

/* s, checked for the windows that will be used, is the reference. */
enum phi_status eval_logits_use_reference(struct eval_logits *l,
                                          const struct phi_source *s,
                                          struct phi_eval_options *options,
                                          struct phi_err *err);

/* The run will write path; everything is borrowed. */
void eval_logits_save_to(struct eval_logits *l, const char *path, bool replace,
                         const struct phi_tokens *tokens,
                         struct phi_eval_options *options);

/* After the run; does nothing without eval_logits_save_to(). */
enum phi_status eval_logits_commit(struct eval_logits *l, struct phi_err *err);

void eval_logits_release(struct eval_logits *l);

#endif

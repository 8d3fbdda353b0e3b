/* SPDX-License-Identifier: MIT */
/*
 * The file of eval-ppl --journal: what the windows gave that are done, so that
 * a run that was stopped, by whatever, goes on from there to the same digits.
 *
 *     "phiconv journal 1\n" | 64 hex digits of what is evaluated | "\n"
 *     a record for each window, in order:
 *         u64 window | u64 n | n f64 | u32 CRC-32 of these
 *
 * Little-endian. The digits are the SHA-256 of everything that decides the
 * numbers: contents of the models, which of them is the reference, tokens,
 * options, version. Records are synced as they come; one that was cut off is
 * not there.
 */
#ifndef PHICONV_TOOLS_EVAL_JOURNAL_H
#define PHICONV_TOOLS_EVAL_JOURNAL_H

#include "libconv/base/err.h"
#include "libconv/engine/perplexity.h"
#include "libconv/text/tokens.h"

struct eval_journal;

/* What is evaluated. */
struct eval_journal_key {
    const struct phi_source *const *models; /* (n) */
    size_t n;
    bool compared; /* the last of them is the reference of the others */
    const struct phi_tokens *tokens;
    const struct phi_eval_options *options;
    const char *act;
    size_t nthreads;
};

/*
 * Opens or begins the journal. PHI_E_ARG for the journal of another run, a
 * file that is none, or one that another process has open. Reads the models
 * once, for their hashes. On success the caller owns *out.
 */
enum phi_status eval_journal_open(struct eval_journal **out, const char *path,
                                  const struct eval_journal_key *key,
                                  struct phi_err *err);

/* For phi_eval_options; borrowed. */
const struct phi_eval_journal *eval_journal_of(struct eval_journal *j);

void eval_journal_close(struct eval_journal *j); /* accepts NULL */

#endif

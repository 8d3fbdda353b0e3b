/* SPDX-License-Identifier: MIT */
/*
 * The logits file of llama-perplexity (--kl-divergence-base,
 * --save-all-logits): what one model said of a text, for others to be compared
 * with. Little-endian, nothing is aligned:
 *
 *   "_logits_" | i32 n_ctx | i32 n_vocab | i32 n_chunk
 *   i32 tokens (n_chunk, n_ctx)      as the text has them, without BOS
 *   rows (n_chunk, n_ctx - 1 - n_ctx/2), one a scored position:
 *       f32 scale | f32 least | u16 q (n_vocab, and one if that is odd)
 *
 * ln p = scale q + least. Logits are kept from the best of their row to 16
 * below it, in 65535 steps, lower ones as 16 below: ln p is off by at most
 * PHI_LOGITS_ERROR, and tokens of less than e^-16 are not told apart.
 *
 * After tools/perplexity/perplexity.cpp of llama.cpp.
 */
#ifndef PHI_FORMATS_LOGITS_FILE_H
#define PHI_FORMATS_LOGITS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

#define PHI_LOGITS_FORMAT "logits" /* of its phi_source */

/* Half a step of 16 / 65535. */
#define PHI_LOGITS_ERROR 0.000123

/* What a file may have; ids of its tokens are held in memory. */
#define PHI_LOGITS_MIN_CTX    4
#define PHI_LOGITS_MAX_CTX    (1u << 20)
#define PHI_LOGITS_MAX_VOCAB  (1u << 24)
#define PHI_LOGITS_MAX_TOKENS (1u << 26)

struct phi_logits_head {
    uint32_t n_ctx;
    uint32_t n_vocab;
    uint32_t nwindows;
};

/* Scored positions of a window: n_ctx/2 is the first. */
static inline uint32_t phi_logits_per_window(const struct phi_logits_head *h)
{
    return h->n_ctx - 1 - h->n_ctx / 2;
}

/* Whether path is a file that begins as one does. */
enum phi_status phi_logits_probe(const char *path, bool *is,
                                 struct phi_err *err);

/*
 * Opens a file as a source without tensors or metadata. Its size must be what
 * its head says, to the byte, and its tokens in the vocabulary; rows are
 * checked by the functions below. On success the caller owns *out.
 */
enum phi_status phi_logits_open(struct phi_source **out, const char *path,
                                struct phi_err *err);

/* Borrowed from what phi_logits_open() made; tokens (nwindows, n_ctx). */
const struct phi_logits_head *phi_logits_head(const struct phi_source *s);
const uint32_t *phi_logits_tokens(const struct phi_source *s);

/*
 * PHI_E_FORMAT unless scale and least of all rows of the first windows are
 * finite and make no probability above 1.
 */
enum phi_status phi_logits_check(const struct phi_source *s, size_t nwindows,
                                 struct phi_err *err);

/*
 * ln p of tokens [first, first + n) at position i of a window's scored ones.
 * Reads the file; thread-safe.
 */
enum phi_status phi_logits_read(const struct phi_source *s, size_t window,
                                size_t i, size_t first, size_t n, float *to,
                                struct phi_err *err);

struct phi_logits_writer;

/*
 * Begins a file of the exact size that the head gives (output.h: nothing is
 * written if the disk has no room) with its tokens (nwindows, n_ctx). On
 * success the caller owns *out.
 */
enum phi_status phi_logits_create(struct phi_logits_writer **out,
                                  const char *path,
                                  const struct phi_logits_head *head,
                                  const uint32_t *tokens, bool replace,
                                  struct phi_err *err);

/*
 * Appends the next row: logits (n_vocab) without NaN, and
 * lse = ln(sum of e^(logit - the largest)).
 */
enum phi_status phi_logits_add(struct phi_logits_writer *w, const float *logits,
                               float lse, struct phi_err *err);

/* As phi_output_commit(); PHI_E_ARG if rows are missing. */
enum phi_status phi_logits_commit(struct phi_logits_writer *w,
                                  struct phi_err *err);
void phi_logits_writer_close(struct phi_logits_writer *w); /* accepts NULL */

#endif

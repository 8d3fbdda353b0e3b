/* SPDX-License-Identifier: MIT */
/*
 * Text to token ids and back, by the tokenizer that a model's metadata
 * describes (tokenizer.ggml.*). Byte-level BPE as GPT-2, CodeGen and Phi have
 * it; the ids are those of the Hugging Face tokenizers library 0.23.3.
 *
 *   text --> added tokens are cut out --> words --> merges --> ids
 *            (added_tokens.h)             (pre_split.h)  (bpe.h)
 */
#ifndef PHI_TEXT_TOKENIZER_H
#define PHI_TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/tensor/meta.h"
#include "libconv/text/tokens.h"

/* Immutable once made; any number of threads may use one at once. */
struct phi_tokenizer;

/*
 * Copies what it needs from meta. PHI_E_UNSUPPORTED for another model or
 * splitting pattern than those above; PHI_E_FORMAT where keys are missing, of
 * a wrong type or do not fit each other. A vocabulary that lacks some byte is
 * accepted; text that holds the byte is then refused.
 */
enum phi_status phi_tokenizer_new(struct phi_tokenizer **out,
                                  const struct phi_meta *meta,
                                  struct phi_err *err);
void phi_tokenizer_free(struct phi_tokenizer *t); /* accepts NULL */

/* Zeros are the defaults. */
struct phi_encode_options {
    /*
     * Control tokens, such as <|endoftext|>, are recognised in the text.
     * Otherwise their spelling is text like any other. (User-defined tokens
     * always are.)
     */
    bool special;
    size_t nthreads; /* at most so many; 0 is 1. The result is the same. */
    /* In bytes of the text. Asked often, in the middle of long words too. */
    const struct phi_monitor *monitor; /* or NULL */
};

/*
 * Appends the ids of n bytes of text to *out; nothing is added that the text
 * does not hold. PHI_E_FORMAT, naming the byte, for text that is not UTF-8 or
 * that the vocabulary cannot express; PHI_E_CANCELLED where the monitor says
 * stop. options may be NULL. *out has no more tokens than before on failure.
 */
enum phi_status phi_tokenizer_encode(const struct phi_tokenizer *t,
                                     const char *text, size_t n,
                                     const struct phi_encode_options *options,
                                     struct phi_tokens *out,
                                     struct phi_err *err);

/* A control token whose spelling is in a text, and how often it is. */
struct phi_control_text {
    char *text; /* owned */
    uint64_t n;
};

/* Zero-initialise; end with phi_control_texts_release(). */
struct phi_control_texts {
    struct phi_control_text *v; /* (n), by the bytes of the spelling */
    size_t n;
};

/*
 * Counts what encode() reads as text and, with `special`, as control tokens.
 * monitor may be NULL; PHI_E_CANCELLED where it says stop. To be released
 * after an error, too.
 */
enum phi_status phi_tokenizer_controls(const struct phi_tokenizer *t,
                                       const char *text, size_t n,
                                       const struct phi_monitor *monitor,
                                       struct phi_control_texts *out,
                                       struct phi_err *err);
void phi_control_texts_release(struct phi_control_texts *c);

/*
 * Appends the bytes of n tokens to *out (to be checked by phi_buf_status());
 * PHI_E_ARG for an id past the vocabulary. What encode() made of a text comes
 * back byte for byte; other ids need not make valid UTF-8.
 */
enum phi_status phi_tokenizer_decode(const struct phi_tokenizer *t,
                                     const uint32_t *id, size_t n,
                                     struct phi_buf *out, struct phi_err *err);

/* Ids are less than this. */
size_t phi_tokenizer_size(const struct phi_tokenizer *t);

/*
 * True if the model expects a beginning-of-text token in front, and which;
 * encode() never puts it there.
 */
bool phi_tokenizer_add_bos(const struct phi_tokenizer *t, uint32_t *bos);

#endif

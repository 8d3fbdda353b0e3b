/* SPDX-License-Identifier: MIT */
/*
 * The tokenizer of a Hugging Face folder as GGUF's tokenizer.* metadata.
 * Handled is GPT-2's kind, which phi-1, phi-1.5 and phi-2 have: byte-level
 * BPE behind GPT-2's pre-split, with added tokens cut out first, and nothing
 * that a reader of GGUF would not do: everything else is refused by name.
 */
#ifndef PHI_FORMATS_HF_TOKENIZER_H
#define PHI_FORMATS_HF_TOKENIZER_H

#include <stdint.h>

#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/*
 * Reads tokenizer.json, or vocab.json and merges.txt, with added_tokens.json,
 * tokenizer_config.json, special_tokens_map.json and chat templates as far as
 * they are there; files that repeat each other must agree. Sets, in this
 * order, tokenizer.ggml.model, pre, tokens, token_type, merges, the ids of
 * special tokens, add_bos/eos/sep_token where they are known (replaced in
 * place if meta has them), and tokenizer.chat_template.
 *
 * config is the root of config.json. vocab_size is the number of rows of the
 * embedding, which the caller has seen: ids without a token become "[PADi]".
 */
enum phi_status phi_hf_tokenizer(struct phi_meta *meta, const char *dir,
                                 const struct phi_json *config,
                                 uint64_t vocab_size, struct phi_err *err);

/* Whether two chat templates are rendered alike: but for how lines end, and for
 * the end of the last, which Jinja leaves out. */
bool phi_hf_same_template(const char *a, size_t na, const char *b, size_t nb);

/*
 * The same where nobody has seen any rows and vocab_size is what config.json
 * says: ids behind the last token are not there, and those before it without
 * a token are at most PHI_HF_MAX_UNUSED. Not for what a model is made of.
 */
enum phi_status phi_hf_tokenizer_alone(struct phi_meta *meta, const char *dir,
                                       const struct phi_json *config,
                                       uint64_t vocab_size,
                                       struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The way back from GGUF's metadata to the texts of a Hugging Face folder.
 * What they say is what the metadata say, exactly; where that cannot be
 * expressed, or would be a guess, the export is refused by name.
 *
 * Not in a GGUF file, and so set to what makes no difference: dropout (none),
 * the initializer's range (left out), normalization flags of added tokens
 * (there is no normalizer).
 */
#ifndef PHI_FORMATS_HF_EXPORT_H
#define PHI_FORMATS_HF_EXPORT_H

#include "formats/hf_config.h"
#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/base/folder.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/source.h"

/*
 * Appends config.json of a model with these hyperparameters; eps, theta and
 * factor are f32, as in GGUF. "torch_dtype" is null, for the sink to set.
 * The text is read back: PHI_E_UNSUPPORTED if it does not say the same.
 */
enum phi_status phi_hf_export_config(struct phi_buf *out,
                                     const struct phi_hf_config *c,
                                     const struct phi_meta *meta,
                                     struct phi_err *err);

/* Appends generation_config.json: the ids of special tokens, and how the
 * model's authors sample. */
enum phi_status phi_hf_export_generation(struct phi_buf *out,
                                         const struct phi_meta *meta,
                                         struct phi_err *err);

/*
 * Appends README.md, a card with nothing but its front matter, from which
 * hf_card.h makes the same general.* again; nothing if there is none. left gets
 * the keys that no file of a folder has a place for, but for those that
 * describe the GGUF file and not the model.
 */
enum phi_status phi_hf_export_card(struct phi_buf *out, struct phi_names *left,
                                   const struct phi_meta *meta,
                                   struct phi_err *err);

/* Every tensor that config.json demands is there once, with its shape; query,
 * key and value as three or as one. */
enum phi_status phi_hf_export_check(const struct phi_source *s,
                                    const struct phi_hf_config *c,
                                    struct phi_err *err);

/*
 * Appends tokenizer.json and tokenizer_config.json for tokenizers of GPT-2's
 * kind. context: the longest text the model takes.
 */
enum phi_status phi_hf_export_tokenizer(struct phi_buf *tokenizer,
                                        struct phi_buf *options,
                                        const struct phi_meta *meta,
                                        uint64_t context, struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
/* What the files of hf_tokenizer.c share. Private to them. */
#ifndef PHI_FORMATS_HF_TOKENIZER_PARTS_H
#define PHI_FORMATS_HF_TOKENIZER_PARTS_H

#include "formats/hf_vocab.h"
#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/* The files of the folder; node is NULL where there is none. */
struct phi_hf_files {
    const char *dir;
    struct phi_json tokenizer; /* tokenizer.json */
    struct phi_json vocab;     /* vocab.json */
    struct phi_json added;     /* added_tokens.json */
    struct phi_json options;   /* tokenizer_config.json */
    struct phi_json special;   /* special_tokens_map.json */
    struct phi_json config;    /* config.json */
};

/*
 * Refuses a tokenizer.json that does more, or otherwise, than byte-level BPE
 * behind GPT-2's pre-split.
 */
enum phi_status phi_hf_pipeline_check(const struct phi_json *tokenizer,
                                      struct phi_err *err);

/* The roles that tokens can have, in the order of gguf-py. */
enum {
    PHI_HF_BOS,
    PHI_HF_EOS,
    PHI_HF_UNK,
    PHI_HF_SEP,
    PHI_HF_PAD,
    PHI_HF_CLS,
    PHI_HF_MASK,
    PHI_HF_NROLES
};

/* Which tokens have them, and which are put around a text. */
struct phi_hf_roles {
    const char *text[PHI_HF_NROLES]; /* borrowed; NULL: none */
    bool add[PHI_HF_NROLES];
    int flag[PHI_HF_NROLES]; /* (nflags) whose `add` is known, in order */
    size_t nflags;
};

/*
 * Reads the roles from tokenizer_config.json and special_tokens_map.json and
 * makes their tokens special in v.
 */
enum phi_status phi_hf_roles_read(struct phi_hf_roles *r,
                                  const struct phi_hf_files *files,
                                  struct phi_hf_vocab *v, struct phi_err *err);

/* What the post-processor of tokenizer.json puts around a text. */
enum phi_status phi_hf_roles_template(struct phi_hf_roles *r,
                                      const struct phi_json *tokenizer,
                                      const struct phi_hf_vocab *v,
                                      bool has_options, struct phi_err *err);

/* Notes that role i's token is put around a text, or is not. */
void phi_hf_roles_flag(struct phi_hf_roles *r, int i, bool add);

/* Sets the ids, then the flags. */
enum phi_status phi_hf_roles_write(struct phi_meta *meta,
                                   const struct phi_hf_roles *r,
                                   const struct phi_hf_files *files,
                                   const struct phi_hf_vocab *v,
                                   struct phi_err *err);

/*
 * Sets tokenizer.chat_template and its relatives, bytes as they are; nothing
 * is rendered. From tokenizer_config.json, else chat_template.jinja with
 * additional_chat_templates, else chat_template.json; where the first two have
 * them, they must be the same.
 */
enum phi_status phi_hf_chat_template(struct phi_meta *meta,
                                     const struct phi_hf_files *files,
                                     struct phi_err *err);

#endif

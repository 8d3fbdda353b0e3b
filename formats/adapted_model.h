/* SPDX-License-Identifier: MIT */
/*
 * A model with adapters: the base, what the adapters do to it, and how it
 * looks afterwards.
 *
 *   base, adapters --> merge (what becomes of each tensor)
 *                        |--> shapes   to plan with, and metadata
 *                        +--> values   to read from, merged as it is read
 *
 * An adapter that was trained with a tokenizer of its own brings it along, in
 * its folder; the base's is then replaced by it, as a whole. What a GGUF file
 * says of tokens with a role, and its chat templates, stay where the new files
 * say nothing of them.
 */
#ifndef PHI_FORMATS_ADAPTED_MODEL_H
#define PHI_FORMATS_ADAPTED_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/base/monitor.h"
#include "libconv/base/sha256.h"
#include "libconv/lora/merge.h"
#include "libconv/tensor/source.h"

/* An adapter as it is asked for. */
struct phi_adapter_words {
    const char *path;
    double scale; /* 1: as it was trained */
};

/* An adapter, and what its provenance says. */
struct phi_adapted_input {
    struct phi_adapter *adapter;
    char weights[PHI_SHA256_HEX];  /* of that file */
    char settings[PHI_SHA256_HEX]; /* of adapter_config.json, or "" */
    /* It names a base (config.made_for), and not this one (adapter_base.h). */
    bool other_base;
};

/* Zero-initialise; end with phi_adapted_release(). */
struct phi_adapted {
    struct phi_source *base;
    struct phi_adapted_input *inputs; /* (n) */
    struct phi_merge_input *order;    /* (n) the same, for the merge */
    size_t n;
    struct phi_merge merge;
    struct phi_source *shapes; /* after the merge; not to be read */
    /* The folder whose tokenizer replaces the base's, or NULL; borrowed. */
    const char *tokenizer;
    struct phi_meta meta; /* of the shapes */
    char *name;           /* paths: "BASE + ADAPTER:SCALE + ..." */
    char *title;          /* general.name of meta (merged_identity.h) */
};

/*
 * Opens all and decides what becomes of every tensor (phi_merge_make()).
 * Without adapters, only base is set, and shapes is the base. PHI_E_FORMAT if
 * two adapters bring different tokenizers, if the vocabulary is resized and no
 * tokenizer says what its tokens are, or if a token that has a role only in a
 * GGUF base is another one in theirs. words are borrowed. monitor may be
 * NULL: adapters are hashed, which takes its time.
 */
enum phi_status phi_adapted_open(struct phi_adapted *out, const char *base,
                                 const struct phi_adapter_words *words,
                                 size_t n,
                                 const struct phi_merge_options *options,
                                 const struct phi_monitor *monitor,
                                 struct phi_err *err);

/* The merged model as a source that can be read; its path is a->name. The
 * caller owns *out, which ends before `a` does. */
enum phi_status phi_adapted_values(const struct phi_adapted *a,
                                   struct phi_source **out,
                                   struct phi_err *err);

/* What the merged model is called, if not "BASE + ADAPTER". There are adapters,
 * and no values yet. */
enum phi_status phi_adapted_rename(struct phi_adapted *a, const char *title,
                                   struct phi_err *err);

/* PHI_E_ARG if path names a file of the base or of an adapter. */
enum phi_status phi_adapted_not_input(const struct phi_adapted *a,
                                      const char *path, struct phi_err *err);

void phi_adapted_release(struct phi_adapted *a);

#endif

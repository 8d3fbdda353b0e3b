/* SPDX-License-Identifier: MIT */
/* The files that an exported model has beside its weights. */
#ifndef PHICONV_TOOLS_EXPORT_SIDE_H
#define PHICONV_TOOLS_EXPORT_SIDE_H

#include "formats/hf_side_files.h"
#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

enum { EXPORT_MOST = 8 };

/* Zero-initialise; end with export_side_release(). */
struct export_side {
    struct phi_hf_side_file files[EXPORT_MOST]; /* (n) made, not copied */
    struct phi_buf texts[EXPORT_MOST];          /* (n) */
    size_t n;
    /* Of a folder: files that are not copied; of others: keys of the metadata
     * that no file has a place for. */
    struct phi_names left;
    bool keys;
};

/*
 * A folder's own files are copied by the sink, so there is nothing to make.
 * For other sources, configuration and tokenizer are made from the metadata;
 * PHI_E_UNSUPPORTED names what they do not say exactly.
 */
enum phi_status export_side_make(struct export_side *side,
                                 const struct phi_source *s,
                                 struct phi_err *err);

/* Says what is left: of keys how many, and, if verbose, the names of all. */
void export_side_notes(const struct export_side *side, bool verbose);
void export_side_release(struct export_side *side);

#endif

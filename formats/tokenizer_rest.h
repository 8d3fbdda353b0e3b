/* SPDX-License-Identifier: MIT */
/* What a tokenizer without all of its files leaves as it was. */
#ifndef PHI_FORMATS_TOKENIZER_REST_H
#define PHI_FORMATS_TOKENIZER_REST_H

#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/*
 * meta has tokenizer.* of a new tokenizer, read from the folder `from`; base
 * has those of the file that it is for. Gives meta what only base says: ids of
 * tokens with a role, whether they are added, and chat templates where the new
 * tokenizer has none. PHI_E_FORMAT if such an id is another token now.
 */
enum phi_status phi_tokenizer_rest(struct phi_meta *meta,
                                   const struct phi_meta *base,
                                   const char *from, struct phi_err *err);

#endif

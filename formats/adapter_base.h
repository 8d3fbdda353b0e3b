/* SPDX-License-Identifier: MIT */
/*
 * Whether an adapter was made for a base, as far as names tell. Shapes fit
 * every fine-tune of one model, and an adapter of another one is merged without
 * a fault. Names prove nothing, neither way: a base may have been moved, or be
 * called by the path of the computer where the training was.
 */
#ifndef PHI_FORMATS_ADAPTER_BASE_H
#define PHI_FORMATS_ADAPTER_BASE_H

#include <stdbool.h>

#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/*
 * Sets *agrees if `name`, of a model or of its folder, may be that of the base:
 * its path, what its metadata call it and the models that it was made from, or
 * _name_or_path of its config.json. Of each the last part counts, that of
 * models--ORG--NAME in a Hub cache, and in it letters and digits alone:
 * "microsoft/phi-1_5" is "Phi 1.5". A name without any of them agrees with all.
 */
enum phi_status phi_adapter_base_agrees(bool *agrees,
                                        const struct phi_source *base,
                                        const char *name, struct phi_err *err);

#endif

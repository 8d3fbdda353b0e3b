/* SPDX-License-Identifier: MIT */
/*
 * The general.* metadata of a Hugging Face folder: what the model is called,
 * who made it, from what, under which license. Three sources, each of which
 * only fills what the ones before it left open:
 *
 *   README.md      front matter, as front_matter.h reads it
 *   config.json    _name_or_path, taken apart as hf_naming.h says
 *   the folder     its name, likewise
 *
 * Keys, order and rules are gguf-py's (metadata.py). A card that names no
 * license leaves it to the LICENSE file (hf_license.h); one that phiconv does
 * not recognise is "other", with the file as its link, as the Hub has it.
 */
#ifndef PHI_FORMATS_HF_CARD_H
#define PHI_FORMATS_HF_CARD_H

#include <stdint.h>

#include "formats/json.h"
#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

/*
 * Appends general.sampling.* (from generation_config.json, if it has any),
 * then general.name to general.languages. config is the root of config.json,
 * nparams the number of weights, 0 if unknown. Of dir's path nothing but the
 * last component is written; of a snapshot in a Hub cache the model's name.
 */
enum phi_status phi_hf_general(struct phi_meta *meta, const char *dir,
                               const struct phi_json *config, uint64_t nparams,
                               struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where a file comes from, written into it: the keys
 *
 *   phiconv.version         of the program
 *   phiconv.recipe          the type and the options that change bytes
 *   phiconv.imatrix.sha256  of the importance matrix, if there was one
 *   phiconv.source.files    names of the files read, without folders
 *   phiconv.source.sha256   their hashes
 *
 * and, where adapters were merged, lists with an entry for each, in order:
 *
 *   phiconv.adapter.sha256         of the file of its tensors
 *   phiconv.adapter.config.sha256  of adapter_config.json, "" if there is none
 *   phiconv.adapter.scale          the factor given, as text
 *
 * No paths, no dates, no names of people: the same input and options give the
 * same file everywhere. Hashes are known when all is read; until then their
 * places are held by zeros.
 */
#ifndef PHI_CONVERT_PROVENANCE_H
#define PHI_CONVERT_PROVENANCE_H

#include "libconv/base/err.h"
#include "libconv/base/sha256.h"
#include "libconv/quant/recipe.h"
#include "libconv/tensor/meta.h"
#include "libconv/tensor/source.h"

struct phi_provenance_adapter {
    const char *sha256;
    const char *config_sha256; /* or "" */
    double scale;
};

struct phi_provenance {
    const char *version;
    const struct phi_recipe *recipe;
    const char *imatrix_sha256;                    /* or NULL */
    const struct phi_provenance_adapter *adapters; /* (nadapters) */
    size_t nadapters;
};

/* Removes what the source said of how it was made. */
void phi_provenance_remove(struct phi_meta *meta);

/* Sets all keys, with zeros for the hashes of the source's files. */
enum phi_status phi_provenance_plan(struct phi_meta *meta,
                                    const struct phi_source *s,
                                    const struct phi_provenance *p,
                                    struct phi_err *err);

/* Sets the hashes, one for each file of the planned source. */
enum phi_status phi_provenance_fill(struct phi_meta *meta,
                                    const char (*sha256)[PHI_SHA256_HEX],
                                    size_t n, struct phi_err *err);

/*
 * The recipe in words, the same for all ways to say the same: "q4_k_m pure
 * tensor:ffn_down=q6_k". To be released with free().
 */
char *phi_recipe_text(const struct phi_recipe *r, struct phi_err *err);

#endif

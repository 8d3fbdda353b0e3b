/* SPDX-License-Identifier: MIT */
/* Which license the LICENSE file of a folder is, where its text says so. */
#ifndef PHI_FORMATS_HF_LICENSE_H
#define PHI_FORMATS_HF_LICENSE_H

#include "libconv/base/err.h"

/* Longest LICENSE file that is looked at. */
#define PHI_HF_MAX_LICENSE ((uint64_t)1 << 20)

struct phi_hf_license {
    const char *id;   /* as model cards write it, "other" if it is another */
    const char *file; /* its name in the folder; a constant */
};

/*
 * Both fields are NULL where the folder has no LICENSE, LICENSE.md or
 * LICENSE.txt. A license is recognised by its title or by a sentence that
 * only it has, never by resemblance.
 */
enum phi_status phi_hf_license(struct phi_hf_license *out, const char *dir,
                               struct phi_err *err);

#endif

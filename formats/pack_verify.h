/* SPDX-License-Identifier: MIT */
/* Looks at every checksum of a packed file, and at every byte that has none
 * and must be zero (PACK.md, 13). */
#ifndef PHI_FORMATS_PACK_VERIFY_H
#define PHI_FORMATS_PACK_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/crc32.h"
#include "libconv/base/err.h"
#include "libconv/base/monitor.h"
#include "libconv/base/sha256.h"
#include "libconv/tensor/source.h"

/* Damage that is told of, at most; all of it is counted. */
#define PHI_PACK_MAX_DAMAGE 100

struct phi_pack_verify_options {
    size_t nthreads; /* >= 1 */
    /* Only what has a byte in [from, to) of the file; to 0: everything. The
     * sum of all the data and the root are of everything only. */
    uint64_t from;
    uint64_t to;
    phi_crc32_fn crc32;                /* or NULL: phi_crc32() */
    phi_sha256_pair_fn sha256_pair;    /* or NULL: one by one */
    const struct phi_monitor *monitor; /* in bytes of the data, or NULL */
};

struct phi_pack_damage {
    uint64_t offset;    /* in the file, of the part that is damaged */
    struct phi_err err; /* which part, what was found, what was expected */
};

/* What was looked at, and what was found. */
struct phi_pack_verified {
    uint64_t sections;
    uint64_t chunks;
    uint64_t nbytes;
    struct phi_pack_damage *damage; /* (ndamage) by offset */
    size_t ndamage;
    uint64_t all; /* parts that are damaged, told of or not */
};

/*
 * Of a source of phi_pack_open(), which has checked all before the data but
 * the files. PHI_E_FORMAT, with the first damage, if there is any; other
 * errors are about reading. To be ended with phi_pack_verified_release(),
 * after a failure too.
 */
enum phi_status phi_pack_verify(struct phi_pack_verified *out,
                                const struct phi_source *s,
                                const struct phi_pack_verify_options *options,
                                struct phi_err *err);
void phi_pack_verified_release(struct phi_pack_verified *v);

#endif

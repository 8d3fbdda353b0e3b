/* SPDX-License-Identifier: MIT */
/*
 * Bytes put aside on a disk until their place is known: a file without a
 * name, which is gone with the process whatever ends it.
 */
#ifndef PHI_BASE_SPOOL_H
#define PHI_BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

struct phi_spool;

/* In the folder that `beside` lies in. On success the caller owns *out. */
enum phi_status phi_spool_open(struct phi_spool **out, const char *beside,
                               struct phi_err *err);
void phi_spool_close(struct phi_spool *s); /* accepts NULL */

/* Appends n bytes and tells where. Thread-safe. */
enum phi_status phi_spool_add(struct phi_spool *s, const void *bytes, size_t n,
                              uint64_t *at, struct phi_err *err);
enum phi_status phi_spool_read(const struct phi_spool *s, uint64_t at, void *to,
                               size_t n, struct phi_err *err);

#endif

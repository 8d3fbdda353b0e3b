/* SPDX-License-Identifier: MIT */
/* zlib streams (RFC 1950) in memory, whole, with sizes known beforehand. */
#ifndef PHI_BASE_DEFLATE_H
#define PHI_BASE_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/base/tally.h"

/* No stream of n bytes inflates to more than n times this and a few. */
#define PHI_INFLATE_MOST 1032

/*
 * Appends a stream of n bytes. Those of [from, to) are in it as they are, and
 * nothing else refers to them: with other values there the stream has the same
 * length and differs in those bytes and in its end only. PHI_E_CANCELLED where
 * tally, which may be NULL, has been told so by its monitor; it is asked often.
 */
enum phi_status phi_deflate(struct phi_buf *out, const uint8_t *bytes, size_t n,
                            size_t from, size_t to, struct phi_tally *tally,
                            struct phi_err *err);

/*
 * For floats, whose bytes are seldom repeated but far from even: a stream of
 * n bytes in at most `room`, fast. *made is its length; 0: it does not fit.
 */
enum phi_status phi_deflate_even(uint8_t *out, size_t room, size_t *made,
                                 const uint8_t *bytes, size_t n,
                                 struct phi_err *err);

/*
 * Inflates a stream that takes all of `nstream` bytes and gives exactly n.
 * PHI_E_FORMAT otherwise; never writes more than n.
 */
enum phi_status phi_inflate(uint8_t *to, size_t n, const uint8_t *stream,
                            size_t nstream, struct phi_err *err);

#endif

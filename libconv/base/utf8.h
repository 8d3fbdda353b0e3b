/* SPDX-License-Identifier: MIT */
/* UTF-8 by RFC 3629: no surrogates, no overlong forms, at most U+10FFFF. */
#ifndef PHI_BASE_UTF8_H
#define PHI_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at p (n bytes readable). Returns its length, 1 to 4,
 * and stores it in *c; returns 0 where the bytes are not valid UTF-8 or n is 0.
 */
size_t phi_utf8_decode(const uint8_t *p, size_t n, uint32_t *c);

/* Writes c (at most U+10FFFF) to out, 1 to 4 bytes. Returns the length. */
size_t phi_utf8_encode(uint32_t c, uint8_t out[4]);

/* Length of the longest valid prefix: n if and only if all of it is valid. */
size_t phi_utf8_valid(const uint8_t *p, size_t n);

#endif

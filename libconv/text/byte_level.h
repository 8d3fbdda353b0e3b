/* SPDX-License-Identifier: MIT */
/*
 * GPT-2's printable alphabet of bytes: vocabularies of byte-level BPE write
 * each byte as one character, so that a token is always printable text.
 *
 *   0x21-0x7E, 0xA1-0xAC, 0xAE-0xFF   the same code point
 *   the 68 others, in order           U+0100, U+0101, ... U+0143
 *
 * A space is thus U+0120, a line feed U+010A. (bytes_to_unicode() in the
 * encoder.py of GPT-2.)
 */
#ifndef PHI_TEXT_BYTE_LEVEL_H
#define PHI_TEXT_BYTE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that stands for byte b. */
uint32_t phi_byte_to_char(uint8_t b);

/* The byte that c stands for; false if it is not in the alphabet. */
bool phi_byte_from_char(uint32_t c, uint8_t *b);

/*
 * The bytes that a token's text (n bytes of valid UTF-8) stands for, into out
 * (n bytes of room). A text with any character outside the alphabet stands
 * for itself, as in the tokenizers library. Returns the number of bytes.
 */
size_t phi_byte_text(uint8_t *out, const uint8_t *text, size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The grammar of RFC 8259, checked without building anything and without
 * recursion. Private to json.c.
 */
#ifndef PHI_FORMATS_JSON_SCAN_H
#define PHI_FORMATS_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"

/* Set in a number's entry if it is written as an integer other than -0. */
#define PHI_JSON_INTEGER ((uint32_t)1 << 31)

/*
 * Checks n bytes (fewer than 2^31) of text. Appends for each number, in order
 * of appearance, a little-endian u32 to numbers: its offset, with
 * PHI_JSON_INTEGER. PHI_E_FORMAT names byte and line of the first violation.
 */
enum phi_status phi_json_scan(const uint8_t *text, size_t n,
                              struct phi_buf *numbers, struct phi_err *err);

#endif

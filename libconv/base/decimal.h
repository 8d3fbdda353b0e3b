/* SPDX-License-Identifier: MIT */
/*
 * Numbers as text for files: digits that read back as the same number, not more
 * than it needs, and a point in any locale, where printf() takes the locale's.
 */
#ifndef PHI_BASE_DECIMAL_H
#define PHI_BASE_DECIMAL_H

#define PHI_DECIMAL_MAX 32

/* Writes v as "%g" does: "0.1", "1e-05", "3", "inf". Returns out. */
char *phi_decimal(char out[PHI_DECIMAL_MAX], double v);

/* The same for a number that is read as a float. */
char *phi_decimal_f32(char out[PHI_DECIMAL_MAX], float v);

#endif

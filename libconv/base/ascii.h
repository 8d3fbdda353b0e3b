/* SPDX-License-Identifier: MIT */
/*
 * Letters, beginnings and ends of texts. <ctype.h> goes by the locale, and
 * has no answer for a char that is negative.
 */
#ifndef PHI_BASE_ASCII_H
#define PHI_BASE_ASCII_H

#include <stdbool.h>
#include <string.h>

/* Whether text begins with prefix, or is it. */
static inline bool phi_begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether text ends with suffix, or is it. */
static inline bool phi_ends(const char *text, const char *suffix)
{
    const size_t n = strlen(text);
    const size_t m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* A to Z in either case; no byte of a longer character is one. */
static inline bool phi_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A to Z in lower case; every other byte as it is. */
static inline char phi_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif

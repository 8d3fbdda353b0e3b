/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012) for tables whose keys come from
 * files: without the secret nobody can tell which keys fall on one slot, so no
 * file can hold many that do. Each table chooses its own, and nothing that is
 * written depends on it.
 */
#ifndef PHI_BASE_SIPHASH_H
#define PHI_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Random; without the system's help, made of two addresses that it chose. */
void phi_siphash_secret(uint64_t secret[2], const void *one, const void *other);

uint64_t phi_siphash(const uint64_t secret[2], const void *bytes, size_t n);

#endif

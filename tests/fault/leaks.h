/* SPDX-License-Identifier: MIT */
/*
 * What a program has forgotten when it ends: blocks of memory that its own
 * code asked for (not a library's), and descriptors.
 */
#ifndef PHI_TESTS_FAULT_LEAKS_H
#define PHI_TESTS_FAULT_LEAKS_H

#include <stdbool.h>
#include <stddef.h>

/* The program's code at `caller` got a block; nothing if that is elsewhere. */
void leaks_got(const void *block, const void *caller);

/* A block was given back; whether it was one of these. */
bool leaks_gave(const void *block);

/* In the end: "2 blocks, one of them by 0x1234", "descriptor 5", or "". */
void leaks_say(char *out, size_t n);

#endif

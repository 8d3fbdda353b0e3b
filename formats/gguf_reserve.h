/* SPDX-License-Identifier: MIT */
/*
 * Room in the head of a GGUF file for metadata to come, so that it can be
 * changed without moving the tensors behind it. GGUF has no gaps: the data
 * begin right after the list of tensors. The room is therefore a key of its
 * own, an array of bytes that says nothing:
 *
 *   "GGUF" version tensors keys
 *   phiconv.reserve       [n bytes]   always the first key
 *   small keys            names, numbers, the chat template, ...
 *   phiconv.reserve.end   [n bytes]   or not there
 *   large keys            the vocabulary
 *   list of tensors
 *
 * The small keys lie at one end of the room, or between the two halves of it.
 * What an edit writes is built up where nothing is yet, at the other end, and
 * one write of a few bytes at the beginning of the file, in one sector of the
 * disk, makes the number of keys and the length of the first array those of
 * the new head: see gguf_edit.h.
 */
#ifndef PHI_FORMATS_GGUF_RESERVE_H
#define PHI_FORMATS_GGUF_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/meta.h"

#define PHI_GGUF_RESERVE     "phiconv.reserve"
#define PHI_GGUF_RESERVE_END "phiconv.reserve.end"

/* Bytes by which the small keys may grow, twice as often as not. */
#define PHI_GGUF_RESERVE_GROWTH 4096u

/* Whether the entry is room, by its name and type. */
bool phi_gguf_reserve_is(const struct phi_kv *kv, const char *key);

/* Long arrays and texts, which go behind the room. */
bool phi_gguf_reserve_large(const struct phi_kv *kv);

/* PHI_E_UNSUPPORTED where a key has one of these names and is no room: it is
 * another program's, and would be lost. */
enum phi_status phi_gguf_reserve_check(const struct phi_meta *m,
                                       struct phi_err *err);

/*
 * Puts the room in front, and the small keys before the large ones, in the
 * order that they have otherwise; `more` is added to its bytes. What was room
 * before is gone. Fails as phi_gguf_reserve_check() does.
 */
enum phi_status phi_gguf_reserve_add(struct phi_meta *m, size_t more,
                                     struct phi_err *err);

/*
 * Takes the room out, and puts the large keys at the end behind
 * tokenizer.ggml.pre, where converters have them. Where a file had them
 * elsewhere before it got room is not known any more.
 */
void phi_gguf_reserve_remove(struct phi_meta *m);

#endif

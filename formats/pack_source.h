/* SPDX-License-Identifier: MIT */
/*
 * A packed file as a source. It looks like the GGUF file that it stands for:
 * the file of the source has that one's length and bytes, and so its hash.
 * Below that, tensors are arranged in panels, which phi_source_read_panels()
 * gives as they are.
 *
 * A chunk's checksum is looked at before the first of its bytes is used,
 * whoever asks for it.
 */
#ifndef PHI_FORMATS_PACK_SOURCE_H
#define PHI_FORMATS_PACK_SOURCE_H

#include <stdio.h>

#include "formats/hf_side_files.h"
#include "formats/pack_read.h"
#include "libconv/base/crc32.h"
#include "libconv/base/err.h"
#include "libconv/tensor/source.h"

/* On success the caller owns *out. Format "phipack". */
enum phi_status phi_pack_open(struct phi_source **out, const char *path,
                              struct phi_err *err);

/*
 * From a stream that is at the file's beginning, up to its data, which then
 * cannot be read. `name` is for messages.
 */
enum phi_status phi_pack_open_stream(struct phi_source **out, FILE *in,
                                     const char *name, struct phi_err *err);

/* What a source of phi_pack_open() is made of; NULL for all others. */
const struct phi_pack *phi_pack_of(const struct phi_source *s);
const struct phi_pack_input *phi_pack_input_of(const struct phi_source *s);

/* Checksums are computed by another function from now on; does nothing to
 * other sources. Before anything is read of it. */
void phi_pack_use_crc32(struct phi_source *s, phi_crc32_fn crc32);

/*
 * Adds the folder's other files. All of them together may be large: but for
 * config.json they are read, checked and inflated one by one when they are
 * written, and s has to be there till then.
 */
enum phi_status phi_pack_side_files(struct phi_hf_side_files *out,
                                    const struct phi_source *s,
                                    struct phi_err *err);

#endif

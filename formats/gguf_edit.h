/* SPDX-License-Identifier: MIT */
/*
 * Other metadata for a GGUF file, its tensors as they are. There are two
 * ways, and after a kill or a power cut at any moment of either the file is
 * the old one or the new one:
 *
 *   in place   Where all that differs lies in one sector, as for a number,
 *              one write changes it. Where the head has room
 *              (gguf_reserve.h), the small keys are written a second time, at
 *              the end of the room where they are not; sync; then one write
 *              at the beginning of the file lets the room end or begin
 *              elsewhere, so that it covers the old ones; sync; and zeros
 *              over them:
 *
 *                [n][ room                       ][small]|large keys
 *                [n][new small][ other half of the room ]|large keys
 *
 *   rewritten  The new file beside the old one, renamed: output.h. It gets
 *              room, of a size that leaves the data on the same boundary of
 *              4096 bytes, so that file systems that share blocks (btrfs,
 *              XFS) copy none.
 */
#ifndef PHI_FORMATS_GGUF_EDIT_H
#define PHI_FORMATS_GGUF_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/gguf_read.h"
#include "libconv/base/err.h"
#include "libconv/base/monitor.h"

/* A model has a few dozen; each is compared with all others. */
#define PHI_GGUF_EDIT_MAX_KEYS 4096u

enum phi_gguf_way {
    PHI_GGUF_AS_IT_IS, /* nothing differs */
    PHI_GGUF_IN_PLACE,
    PHI_GGUF_REWRITE
};

/* Zero-initialise; end with phi_gguf_edit_release(). */
struct phi_gguf_edit {
    struct phi_file *file;
    struct phi_gguf gguf; /* as it is */
    struct phi_meta meta; /* to be changed by the caller; without the room */
    enum phi_gguf_way way;
    uint64_t nbytes; /* that the way writes */
    struct phi_gguf_edit_parts *parts;
};

/* Opens one file, not the other parts of a split model, and locks it against
 * other edits until its release: PHI_E_IO if one is going on, whose changes
 * are not to be read by halves nor undone. PHI_E_UNSUPPORTED with more than
 * PHI_GGUF_EDIT_MAX_KEYS keys besides the room, or with a key that has its
 * name and is none. */
enum phi_status phi_gguf_edit_open(struct phi_gguf_edit *out, const char *path,
                                   struct phi_err *err);
void phi_gguf_edit_release(struct phi_gguf_edit *e);

/*
 * Decides the way, after e->meta was changed, and how much it writes. With
 * `rewrite`, in place is no way. PHI_E_ARG for what a file cannot hold, and
 * for more keys than phi_gguf_edit_open() takes.
 */
enum phi_status phi_gguf_edit_plan(struct phi_gguf_edit *e, bool rewrite,
                                   struct phi_err *err);

/* Writes the file in the way that was planned, and reads its head back to
 * compare. m: in bytes, or NULL. */
enum phi_status phi_gguf_edit_write(struct phi_gguf_edit *e,
                                    const struct phi_monitor *m,
                                    struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a run that was killed has left beside its output. output.h and
 * output_folder.h clean up after themselves, but not after kill -9 or a power
 * cut: then .NAME.RANDOM.tmp stays, a file or a folder of files, which nobody
 * reads and which may be as large as the output.
 *
 * Who makes such a file holds a lock on it (flock) for as long as it needs it,
 * and the system takes the lock away with the process. So a lock that can be
 * had is proof that nobody needs the file. Where files cannot be locked there
 * is no proof, and nothing is removed.
 */
#ifndef PHI_BASE_LEFTOVERS_H
#define PHI_BASE_LEFTOVERS_H

enum phi_leftover {
    PHI_LEFTOVER_REMOVED, /* nobody needed it: it is gone */
    PHI_LEFTOVER_STAYS,   /* it cannot be locked or removed */
    /* It holds what NAME held, of a folder that was about to be replaced
     * where folders cannot be exchanged: perhaps all that there is of it. */
    PHI_LEFTOVER_OLD,
};

/* Told of one leftover: its path, borrowed, beside the output's. */
typedef void (*phi_leftover_fn)(void *ctx, const char *path,
                                enum phi_leftover what);

/*
 * Looks for what runs have left of an output that was to be at path, a file
 * or a folder, and removes what can be. Calls tell for each but those that a
 * run is using now. Nothing can fail: what cannot be seen stays, and whatever
 * is the matter will be when the output is opened.
 */
void phi_leftovers_clear(const char *path, phi_leftover_fn tell, void *ctx);

#endif

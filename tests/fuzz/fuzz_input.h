/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets share. A target is one function, which libFuzzer calls
 * with bytes of its own and replay.c with those of a corpus. It may refuse
 * them as it likes; a broken promise ends by abort().
 */
#ifndef PHI_TESTS_FUZZ_INPUT_H
#define PHI_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The path of a file that holds the bytes; the last call's is no more. */
const char *fuzz_path(const uint8_t *data, size_t n);

/* The path of a folder that holds them, and nothing else, as `name`. */
const char *fuzz_folder(const char *name, const uint8_t *data, size_t n);

#define PROMISE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,         \
                    #condition);                                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

/*
 * A refusal has a status, and a message of one line that a terminal can be
 * given. Returns true if there was none.
 */
static inline bool fuzz_accepted(enum phi_status st, const struct phi_err *err)
{
    if (st == PHI_OK)
        return true;
    PROMISE(err->status == st && err->msg[0] != '\0');
    for (const char *p = err->msg; *p != '\0'; p++)
        PROMISE((unsigned char)*p >= 0x20 && *p != 0x7f);
    return false;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What of a packed file its root does not cover: the sections origin and
 * files, and those of kinds that are not known, compared with what a sink
 * would write.
 */
#ifndef PHI_FORMATS_PACK_COMPARE_H
#define PHI_FORMATS_PACK_COMPARE_H

#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/tensor/sink.h"
#include "libconv/tensor/source.h"

/* How a section is not what the sink would write. */
enum phi_pack_unlike {
    PHI_PACK_UNLIKE_MISSING, /* only the sink has it */
    PHI_PACK_UNLIKE_MORE,    /* only the file has it */
    PHI_PACK_UNLIKE_LENGTH,  /* `at` bytes, the sink would write others */
    PHI_PACK_UNLIKE_BYTES,   /* the first that differs is `at` */
};

/* Is told of one by its name; other than PHI_OK ends the comparison. */
typedef enum phi_status (*phi_pack_unlike_fn)(void *ctx, const char *name,
                                              enum phi_pack_unlike how,
                                              uint64_t at, struct phi_err *err);

/*
 * A sink of phi_pack_sink_plan(), a source of phi_pack_open(). Plain bytes
 * count, not how they are deflated. tell is called once for every section that
 * differs, in the order of the file.
 */
enum phi_status phi_pack_compare(const struct phi_sink *planned,
                                 const struct phi_source *file,
                                 phi_pack_unlike_fn tell, void *ctx,
                                 struct phi_err *err);

#endif

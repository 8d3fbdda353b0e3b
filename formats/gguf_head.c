/* SPDX-License-Identifier: MIT */
#include "formats/gguf_head.h"

#include <inttypes.h>
#include <stdlib.h>

#include "libconv/base/mem.h"

bool phi_gguf_has_head(const struct phi_source *s)
{
    return s->nfiles == 1 && phi_source_is_gguf(s);
}

/* Bytes [from, to) of the file are zero. */
static enum phi_status check_zeros(const struct phi_source *s, uint64_t from,
                                   uint64_t to, struct phi_err *err)
{
    uint8_t piece[4096];
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && from < to) {
        const size_t n =
            to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);

        st = phi_source_read_file(s, 0, from, piece, n, err);
        for (size_t i = 0; st == PHI_OK && i < n; i++) {
            if (piece[i] != 0)
                st = phi_fail(err, PHI_E_UNSUPPORTED,
                              "%s: byte %" PRIu64
                              " is padding and is %u, expected 0: it would "
                              "be lost",
                              s->path, from + i, piece[i]);
        }
        from += n;
    }
    return st;
}

/* GGUF's tensors lie in the order of their list. */
enum phi_status phi_gguf_head_load(const struct phi_source *s, uint8_t **out,
                                   size_t *n, uint64_t *nbytes,
                                   struct phi_err *err)
{
    const uint64_t size = s->files[0].nbytes;
    const uint64_t head = s->ntensors > 0 ? s->tensors[0].offset : size;
    uint8_t *bytes;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < s->ntensors; i++)
        st = check_zeros(s, s->tensors[i].offset + s->tensors[i].nbytes,
                         i + 1 < s->ntensors ? s->tensors[i + 1].offset : size,
                         err);
    if (st != PHI_OK)
        return st;
    /* The reader had it: at most PHI_GGUF_MAX_HEADER and some padding. */
    bytes = phi_alloc((size_t)head, 1, err);
    if (bytes == NULL)
        return PHI_E_NOMEM;
    st = phi_source_read_file(s, 0, 0, bytes, (size_t)head, err);
    if (st != PHI_OK) {
        free(bytes);
        return st;
    }
    *out = bytes;
    *n = (size_t)head;
    *nbytes = size;
    return PHI_OK;
}

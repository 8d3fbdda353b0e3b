/* SPDX-License-Identifier: MIT */
/*
 * Reads the head of a GGUF file in order through a window of fixed size, and
 * never believes a length: whatever the file claims is compared with the
 * bytes that are left before memory is taken for it. Messages name what was
 * being read and where; callers put key, tensor and file in front.
 */
#ifndef PHI_FORMATS_GGUF_STREAM_H
#define PHI_FORMATS_GGUF_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/tensor/meta.h"

struct phi_gguf_stream {
    const struct phi_file *f; /* borrowed; or NULL: */
    const uint8_t *bytes;     /* (end) the head in memory, borrowed */
    uint64_t size;            /* of the whole file */
    uint64_t at;              /* offset of the next byte */
    uint64_t end; /* of the file or of the largest header, what is first */
    uint8_t *window;
    uint64_t first; /* offset of window[0] */
    size_t n;       /* bytes in the window */
};

enum phi_status phi_gguf_stream_init(struct phi_gguf_stream *s,
                                     const struct phi_file *f,
                                     struct phi_err *err);
/* A head of n bytes in memory, of a file of `size` bytes. */
enum phi_status phi_gguf_stream_init_bytes(struct phi_gguf_stream *s,
                                           const uint8_t *bytes, size_t n,
                                           uint64_t size, struct phi_err *err);
void phi_gguf_stream_release(struct phi_gguf_stream *s);

static inline uint64_t phi_gguf_stream_left(const struct phi_gguf_stream *s)
{
    return s->end - s->at;
}

enum phi_status phi_gguf_stream_bytes(struct phi_gguf_stream *s, void *to,
                                      size_t n, const char *what,
                                      struct phi_err *err);
enum phi_status phi_gguf_stream_u32(struct phi_gguf_stream *s, uint32_t *out,
                                    const char *what, struct phi_err *err);
enum phi_status phi_gguf_stream_u64(struct phi_gguf_stream *s, uint64_t *out,
                                    const char *what, struct phi_err *err);

/* A string of at most max bytes; out->p is the caller's to free(). */
enum phi_status phi_gguf_stream_str(struct phi_gguf_stream *s, uint64_t max,
                                    struct phi_str *out, const char *what,
                                    struct phi_err *err);

/*
 * A number of items, each of at least `least` (>= 1) bytes, that must fit
 * into what is left.
 */
enum phi_status phi_gguf_stream_count(struct phi_gguf_stream *s, uint64_t least,
                                      uint64_t *out, const char *what,
                                      struct phi_err *err);

#endif

/* SPDX-License-Identifier: MIT */
#include "libconv/base/deflate.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

/* zlib counts in unsigned int. */
#define PIECE ((size_t)1 << 30)

/* Room for output that is given at a time. */
#define ROOM 65536

static enum phi_status no_memory(struct phi_err *err)
{
    return phi_fail(err, PHI_E_NOMEM, "out of memory: zlib");
}

/* Runs deflate over n bytes until it has taken them and done what `how` asks,
 * appending to out. */
static enum phi_status feed(z_stream *z, struct phi_buf *out,
                            const uint8_t *bytes, size_t n, int how,
                            struct phi_tally *tally, struct phi_err *err)
{
    uint8_t room[ROOM];
    enum phi_status st = PHI_OK;
    int code;

    do {
        const size_t now = n < PIECE ? n : PIECE;

        z->next_in = (Bytef *)(uintptr_t)bytes;
        z->avail_in = (uInt)now;
        do {
            z->next_out = room;
            z->avail_out = sizeof(room);
            code = deflate(z, n > now ? Z_NO_FLUSH : how);
            if (code == Z_STREAM_ERROR)
                return no_memory(err);
            phi_buf_put(out, room, sizeof(room) - z->avail_out);
            st = phi_tally_ask(tally, err);
        } while (st == PHI_OK && z->avail_out == 0);
        bytes += now;
        n -= now;
    } while (st == PHI_OK && n > 0);
    return st == PHI_OK ? phi_buf_status(out, err) : st;
}

/* The level of what follows; what came before is complete. */
static enum phi_status set_level(z_stream *z, int level, struct phi_err *err)
{
    uint8_t room[16];

    z->next_in = NULL;
    z->avail_in = 0;
    z->next_out = room;
    z->avail_out = sizeof(room);
    return deflateParams(z, level, Z_DEFAULT_STRATEGY) == Z_OK &&
                   z->avail_out == sizeof(room)
               ? PHI_OK
               : no_memory(err);
}

enum phi_status phi_deflate(struct phi_buf *out, const uint8_t *bytes, size_t n,
                            size_t from, size_t to, struct phi_tally *tally,
                            struct phi_err *err)
{
    z_stream z = {0};
    enum phi_status st = PHI_OK;

    if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
        return no_memory(err);
    if (from < to) {
        if ((st = feed(&z, out, bytes, from, Z_FULL_FLUSH, tally, err)) !=
                PHI_OK ||
            (st = set_level(&z, Z_NO_COMPRESSION, err)) != PHI_OK ||
            (st = feed(&z, out, bytes + from, to - from, Z_FULL_FLUSH, tally,
                       err)) != PHI_OK ||
            (st = set_level(&z, Z_DEFAULT_COMPRESSION, err)) != PHI_OK)
            goto out;
        bytes += to;
        n -= to;
    }
    st = feed(&z, out, bytes, n, Z_FINISH, tally, err);
out:
    deflateEnd(&z);
    return st;
}

enum phi_status phi_deflate_even(uint8_t *out, size_t room, size_t *made,
                                 const uint8_t *bytes, size_t n,
                                 struct phi_err *err)
{
    z_stream z = {0};
    int code;

    *made = 0;
    if (n > UINT_MAX || room > UINT_MAX)
        return phi_fail(err, PHI_E_ARG, "%zu bytes are too many at once", n);
    if (deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS, 9, Z_RLE) != Z_OK)
        return no_memory(err);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    code = deflate(&z, Z_FINISH);
    if (code == Z_STREAM_END)
        *made = room - z.avail_out;
    deflateEnd(&z);
    return PHI_OK;
}

enum phi_status phi_inflate(uint8_t *to, size_t n, const uint8_t *stream,
                            size_t nstream, struct phi_err *err)
{
    z_stream z = {0};
    uint8_t past; /* a byte of room more: whether there is more than n */
    size_t made = 0;
    size_t taken = 0;
    bool more = false;
    int code = Z_OK;

    if (inflateInit(&z) != Z_OK)
        return no_memory(err);
    while (code == Z_OK && !more) {
        const size_t in = nstream - taken < PIECE ? nstream - taken : PIECE;
        const size_t room = n - made < PIECE ? n - made : PIECE;

        z.next_in = (Bytef *)(uintptr_t)(stream + taken);
        z.avail_in = (uInt)in;
        z.next_out = room > 0 ? to + made : &past;
        z.avail_out = room > 0 ? (uInt)room : 1;
        code = inflate(&z, Z_NO_FLUSH);
        taken += in - z.avail_in;
        more = room == 0 && z.avail_out == 0;
        if (room > 0)
            made += room - z.avail_out;
    }
    inflateEnd(&z);
    if (code == Z_MEM_ERROR)
        return no_memory(err);
    if (more)
        return phi_fail(err, PHI_E_FORMAT,
                        "inflates to more than the %zu bytes it should have",
                        n);
    if (code == Z_STREAM_END && made == n && taken == nstream)
        return PHI_OK;
    if (code == Z_STREAM_END)
        return phi_fail(err, PHI_E_FORMAT,
                        "inflates to %zu bytes and ends after %zu of %zu, "
                        "expected %zu bytes of all",
                        made, taken, nstream, n);
    return phi_fail(err, PHI_E_FORMAT,
                    "is no whole zlib stream: inflating stops after %zu of "
                    "%zu bytes",
                    taken, nstream);
}

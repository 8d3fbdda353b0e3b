/* SPDX-License-Identifier: MIT */
/*
 * Writing into an output. Large pieces go past the page cache: filling it
 * with gigabytes that nobody reads soon costs more than the disk does, and
 * takes it from the model that is being read. O_DIRECT wants whole pages on
 * both sides, so a piece's ragged ends take the ordinary descriptor:
 *
 *   file    |....AAAA|AAAAAAAA|AAAAAAAA|AAA.....|     | = multiple of a page
 *                head|     direct      |tail
 */
#define _GNU_SOURCE       /* sync_file_range(), copy_file_range() */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/file_parts.h"
#include "libconv/base/mem.h"
#include "libconv/base/output_parts.h"

#define PAGE PHI_OUTPUT_PAGE

/* Bytes at a time where the system does not copy by itself. */
#define COPY_PIECE ((size_t)1 << 20)

/* Smaller pieces are not worth a wait for the disk each. */
#define DIRECT_PIECE (64u << 10)

/* Linux moves at most 2 GiB a call; less is asked for. */
#define CALL_MAX ((size_t)1 << 30)

/* Notes that the bytes were dealt with, before they are. */
static enum phi_status account(struct phi_output *o, uint64_t offset,
                               uint64_t n, struct phi_err *err)
{
    enum phi_status st;

    phi_lock_take(o->lock);
    st = phi_ranges_add(&o->done, offset, n, err);
    phi_lock_give(o->lock);
    if (st == PHI_OK && o->size != 0 && offset + n > o->size)
        st = phi_fail(
            err, PHI_E_ARG, "bytes up to %llu were written, %llu were promised",
            (unsigned long long)(offset + n), (unsigned long long)o->size);
    if (st != PHI_OK) {
        atomic_store(&o->failed, true);
        phi_err_prefix(err, "%s", o->path);
    }
    return st;
}

/* All n bytes through the page cache. */
static enum phi_status put_buffered(struct phi_output *o, uint64_t offset,
                                    const char *p, size_t n,
                                    struct phi_err *err)
{
    while (n > 0) {
        const ssize_t put =
            pwrite(o->fd, p, n < CALL_MAX ? n : CALL_MAX, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            atomic_store(&o->failed, true);
            return phi_fail_sys(err, errno, "%s: writing at byte %llu", o->path,
                                (unsigned long long)offset);
        }
        p += put;
        n -= (size_t)put;
        offset += (uint64_t)put;
    }
    return PHI_OK;
}

/*
 * Up to n bytes, whole pages all, past the page cache; *put is how many. The
 * rest, after a refusal (EINVAL: the file system does not know how after
 * all) or a call that ended within a page, is left to put_buffered().
 */
static enum phi_status put_direct(struct phi_output *o, uint64_t offset,
                                  const char *p, size_t n, size_t *put,
                                  struct phi_err *err)
{
    *put = 0;
    while (*put < n && *put % PAGE == 0) {
        const size_t left = n - *put;
        const ssize_t got =
            pwrite(o->direct, p + *put, left < CALL_MAX ? left : CALL_MAX,
                   (off_t)(offset + *put));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EINVAL) {
            atomic_store(&o->use_direct, false);
            return PHI_OK;
        }
        if (got < 0) {
            atomic_store(&o->failed, true);
            return phi_fail_sys(err, errno, "%s: writing at byte %llu", o->path,
                                (unsigned long long)(offset + *put));
        }
        *put += (size_t)got;
    }
    return PHI_OK;
}

/* The pages of a piece whose memory and offset agree. */
static enum phi_status put_pages(struct phi_output *o, uint64_t offset,
                                 const char *p, size_t n, struct phi_err *err)
{
    const size_t head = (size_t)(PAGE - offset % PAGE) % PAGE;
    const size_t body = (n - head) / PAGE * PAGE;
    size_t put = 0;
    enum phi_status st = put_buffered(o, offset, p, head, err);

    if (st == PHI_OK)
        st = put_direct(o, offset + head, p + head, body, &put, err);
    if (st == PHI_OK)
        st = put_buffered(o, offset + head + put, p + head + put,
                          n - head - put, err);
    return st;
}

enum phi_status phi_output_put(struct phi_output *o, uint64_t offset,
                               const void *bytes, size_t n, struct phi_err *err)
{
    const bool agree = (uintptr_t)bytes % PAGE == offset % PAGE;
    enum phi_status st = account(o, offset, n, err);

    if (st != PHI_OK)
        return st;
    if (agree && n >= DIRECT_PIECE + PAGE && atomic_load(&o->use_direct))
        return put_pages(o, offset, bytes, n, err);
    st = put_buffered(o, offset, bytes, n, err);
    /*
     * The disk begins at once, so that the sync at the end finds little left
     * to do. A hint only: failures show up in fsync().
     */
    if (st == PHI_OK && n >= DIRECT_PIECE)
        (void)sync_file_range(o->fd, (off_t)offset, (off_t)n,
                              SYNC_FILE_RANGE_WRITE);
    return st;
}

/* What the system does not copy by itself goes through memory. */
static enum phi_status copy_buffered(struct phi_output *o, uint64_t offset,
                                     const struct phi_file *f, uint64_t from,
                                     uint64_t n, struct phi_err *err)
{
    char *piece = phi_alloc(COPY_PIECE, 1, err);
    enum phi_status st = piece != NULL ? PHI_OK : PHI_E_NOMEM;

    while (st == PHI_OK && n > 0) {
        const size_t now = n < COPY_PIECE ? (size_t)n : COPY_PIECE;

        st = phi_file_read(f, from, piece, now, err);
        if (st == PHI_OK)
            st = put_buffered(o, offset, piece, now, err);
        from += now;
        offset += now;
        n -= now;
    }
    free(piece);
    return st;
}

enum phi_status phi_output_copy(struct phi_output *o, uint64_t offset,
                                const struct phi_file *f, uint64_t from,
                                uint64_t n, struct phi_err *err)
{
    enum phi_status st = account(o, offset, n, err);

    while (st == PHI_OK && n > 0) {
        off_t in = (off_t)from;
        off_t out = (off_t)offset;
        const ssize_t got =
            copy_file_range(phi_file_descriptor(f), &in, o->fd, &out,
                            n < CALL_MAX ? (size_t)n : CALL_MAX, 0);

        if (got < 0 && errno == EINTR)
            continue;
        /* Other file systems, old kernels, a full disk: reading and writing
         * knows better what is wrong. */
        if (got <= 0)
            return copy_buffered(o, offset, f, from, n, err);
        from += (uint64_t)got;
        offset += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return st;
}

enum phi_status phi_output_like(struct phi_output *o, const struct phi_file *f,
                                struct phi_err *err)
{
    if (fchmod(o->fd, (mode_t)phi_file_mode(f)) != 0)
        return phi_fail_sys(err, errno, "%s: its permissions", o->path);
    return PHI_OK;
}

enum phi_status phi_output_write(struct phi_output *o, const void *bytes,
                                 size_t n, struct phi_err *err)
{
    const enum phi_status st = phi_output_put(o, o->at, bytes, n, err);

    if (st == PHI_OK)
        o->at += n;
    return st;
}

enum phi_status phi_output_zeros(struct phi_output *o, uint64_t offset,
                                 uint64_t n, struct phi_err *err)
{
    if (o->size == 0 && n > 0)
        return phi_fail(err, PHI_E_ARG, "%s: no size was promised", o->path);
    return account(o, offset, n, err);
}

uint64_t phi_output_count(struct phi_output *o, uint64_t offset, uint64_t n)
{
    uint64_t count;

    phi_lock_take(o->lock);
    count = phi_ranges_count(&o->done, offset, offset + n);
    phi_lock_give(o->lock);
    return count;
}

uint64_t phi_output_size(struct phi_output *o)
{
    return phi_output_count(o, 0, INT64_MAX);
}

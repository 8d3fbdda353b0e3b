/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE   700
#define _DEFAULT_SOURCE /* flock() */
#include "tools/eval_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include "libconv/base/buf.h"
#include "libconv/base/folder.h"
#include "libconv/base/mem.h"
#include "libconv/engine/hparams.h"
#include "libconv/tensor/source_hash.h"
#include "tools/signals.h"
#include "tools/version.h"

#define MAGIC "phiconv journal 1\n"
#define HEAD  (sizeof(MAGIC) - 1 + PHI_SHA256_HEX) /* the NUL is a newline */

/* Bytes of a file that are hashed at a time. */
#define PIECE ((size_t)1 << 20)

struct eval_journal {
    struct phi_eval_journal calls;
    char *path;
    int fd;
    uint64_t at; /* where the next record is, or will be */
    uint8_t *record;
    size_t size; /* of its memory */
};

/* ---- what is evaluated --------------------------------------------------- */

/* A model by what decides its numbers: shape and contents. */
static enum phi_status describe(struct phi_buf *b, const struct phi_source *s,
                                size_t nthreads, struct phi_err *err)
{
    char(*hex)[PHI_SHA256_HEX] = phi_alloc(s->ntensors, sizeof(*hex), err);
    char digest[PHI_SHA256_HEX];
    struct phi_hparams h;
    enum phi_status st =
        hex != NULL ? phi_hparams_read(&h, s, err) : PHI_E_NOMEM;

    if (st == PHI_OK)
        st = phi_source_hash(s, nthreads, &signals_monitor, hex, err);
    if (st == PHI_OK)
        st = phi_source_digest(s, (const char(*)[PHI_SHA256_HEX])hex, digest,
                               err);
    if (st == PHI_OK)
        phi_buf_printf(b,
                       "model %s %zu %zu %zu %zu %zu %zu %zu %zu %zu %.17g "
                       "%.17g %.17g\n",
                       digest, h.n_vocab, h.n_ctx, h.n_embd, h.n_ff, h.n_layer,
                       h.n_head, h.n_head_kv, h.head_dim, h.n_rot, h.norm_eps,
                       h.rope_base, h.rope_factor);
    free(hex);
    return st;
}

/* A logits file, which has no tensors, by its bytes. */
static enum phi_status describe_file(struct phi_buf *b,
                                     const struct phi_source *s,
                                     struct phi_err *err)
{
    const uint64_t size = s->files[0].nbytes;
    struct phi_sha256 *h = NULL;
    char hex[PHI_SHA256_HEX];
    uint8_t *bytes = phi_alloc(PIECE, 1, err);
    enum phi_status st = bytes != NULL ? phi_sha256_new(&h, err) : PHI_E_NOMEM;

    for (uint64_t at = 0; st == PHI_OK && at < size; at += PIECE) {
        const size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

        st = phi_source_read_file(s, 0, at, bytes, n, err);
        if (st == PHI_OK)
            st = phi_sha256_add(h, bytes, n, err);
        if (st == PHI_OK)
            st = phi_monitor_tick(&signals_monitor, at + n, size, NULL, err);
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, hex, err);
    if (st == PHI_OK)
        phi_buf_printf(b, "file %s\n", hex);
    phi_sha256_free(h);
    free(bytes);
    return st;
}

static enum phi_status make_key(char out[PHI_SHA256_HEX],
                                const struct eval_journal_key *key,
                                struct phi_err *err)
{
    const struct phi_eval_options *o = key->options;
    struct phi_sha256 *h = NULL;
    struct phi_buf b = {0};
    enum phi_status st = phi_sha256_new(&h, err);

    phi_buf_printf(&b, "%s %s %zu %zu %d %" PRIu32 " %zu %d\n", PHICONV_VERSION,
                   key->act, o->engine.n_ctx, o->stride, o->add_bos,
                   o->add_bos ? o->bos : 0, key->n, key->compared);
    for (size_t i = 0; st == PHI_OK && i < key->n; i++)
        st = key->models[i]->ntensors > 0
                 ? describe(&b, key->models[i], key->nthreads, err)
                 : describe_file(&b, key->models[i], err);
    if (st == PHI_OK)
        st = phi_buf_status(&b, err);
    if (st == PHI_OK)
        st = phi_sha256_add(h, b.p, b.n, err);
    if (st == PHI_OK)
        st = phi_sha256_add(h, key->tokens->id,
                            key->tokens->n * sizeof(*key->tokens->id), err);
    if (st == PHI_OK)
        st = phi_sha256_hex(h, out, err);
    phi_sha256_free(h);
    phi_buf_release(&b);
    return st;
}

/* ---- the file ------------------------------------------------------------ */

/* As many of n bytes as there are. */
static enum phi_status read_at(const struct eval_journal *j, uint64_t offset,
                               uint8_t *to, size_t n, size_t *got,
                               struct phi_err *err)
{
    *got = 0;
    while (*got < n) {
        const ssize_t r =
            pread(j->fd, to + *got, n - *got, (off_t)(offset + *got));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return phi_fail_sys(err, errno, "%s: reading at byte %" PRIu64,
                                j->path, offset + *got);
        if (r == 0)
            break;
        *got += (size_t)r;
    }
    return PHI_OK;
}

static enum phi_status append(struct eval_journal *j, const uint8_t *bytes,
                              size_t n, struct phi_err *err)
{
    size_t done = 0;

    while (done < n) {
        const ssize_t r =
            pwrite(j->fd, bytes + done, n - done, (off_t)(j->at + done));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return phi_fail_sys(err, errno, "%s: writing at byte %" PRIu64,
                                j->path, j->at + done);
        done += (size_t)r;
    }
    if (fsync(j->fd) != 0)
        return phi_fail_sys(err, errno, "%s: fsync", j->path);
    j->at += n;
    return PHI_OK;
}

/*
 * Whether n bytes are all there is of a journal that was stopped in its first
 * moment: part of its head, with zeros where a disk that lost power did not
 * come to write.
 */
static bool is_begun(const uint8_t *have, const uint8_t *want, size_t n)
{
    if (n > HEAD || (n == HEAD && memcmp(have, want, n) == 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (have[i] != want[i] && have[i] != 0)
            return false;
    }
    return true;
}

/* Writes the head of a new journal, or compares that of an old one. */
static enum phi_status check_head(struct eval_journal *j,
                                  const char hex[PHI_SHA256_HEX],
                                  struct phi_err *err)
{
    uint8_t want[HEAD];
    uint8_t have[HEAD + 1];
    size_t n;
    enum phi_status st = read_at(j, 0, have, sizeof(have), &n, err);

    memcpy(want, MAGIC, sizeof(MAGIC) - 1);
    memcpy(want + sizeof(MAGIC) - 1, hex, PHI_SHA256_HEX - 1);
    want[HEAD - 1] = '\n';
    if (st != PHI_OK)
        return st;
    if (is_begun(have, want, n))
        return append(j, want, HEAD, err);
    if (n < sizeof(MAGIC) - 1 || memcmp(have, want, sizeof(MAGIC) - 1) != 0)
        return phi_fail(err, PHI_E_ARG, "%s: is no journal of eval-ppl",
                        j->path);
    if (n < HEAD || memcmp(have, want, HEAD) != 0) {
        phi_fail(err, PHI_E_ARG, "%s: is the journal of another evaluation",
                 j->path);
        return phi_hint(err, "models, reference, text, window, mode and "
                             "version must be the same; name another file, or "
                             "remove this one");
    }
    j->at = HEAD;
    return PHI_OK;
}

/* ---- records ------------------------------------------------------------- */

static void put_u64(uint8_t *p, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Bytes of a record of n numbers, or 0 without memory for one. */
static size_t fit_record(struct eval_journal *j, size_t n, struct phi_err *err)
{
    const size_t size = 16 + n * sizeof(double) + 4;

    if (n > SIZE_MAX / 16) {
        phi_fail(err, PHI_E_NOMEM, "out of memory");
        return 0;
    }
    if (size > j->size) {
        free(j->record);
        j->size = 0;
        j->record = phi_alloc(size, 1, err);
        if (j->record == NULL)
            return 0;
        j->size = size;
    }
    return size;
}

/* Fills all of a record but its numbers. */
static void frame(uint8_t *record, size_t window, size_t n, size_t size)
{
    uLong crc;

    put_u64(record, window);
    put_u64(record + 8, n);
    crc = crc32_z(0, record, size - 4);
    for (size_t i = 0; i < 4; i++)
        record[size - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static enum phi_status load(void *ctx, size_t window, double *numbers, size_t n,
                            bool *found, struct phi_err *err)
{
    struct eval_journal *j = ctx;
    const size_t size = fit_record(j, n, err);
    uint8_t end[4];
    uint8_t head[16];
    size_t got;
    enum phi_status st;

    if (size == 0)
        return PHI_E_NOMEM;
    *found = false;
    st = read_at(j, j->at, j->record, size, &got, err);
    if (st != PHI_OK || got < size)
        return st;
    memcpy(head, j->record, sizeof(head));
    memcpy(end, j->record + size - 4, sizeof(end));
    frame(j->record, window, n, size);
    if (memcmp(head, j->record, sizeof(head)) != 0 ||
        memcmp(end, j->record + size - 4, sizeof(end)) != 0)
        return PHI_OK; /* it was cut off while it was written */
    memcpy(numbers, j->record + 16, n * sizeof(*numbers));
    j->at += size;
    *found = true;
    return PHI_OK;
}

static enum phi_status save(void *ctx, size_t window, const double *numbers,
                            size_t n, struct phi_err *err)
{
    struct eval_journal *j = ctx;
    const size_t size = fit_record(j, n, err);

    if (size == 0)
        return PHI_E_NOMEM;
    /* What follows was cut off. */
    if (ftruncate(j->fd, (off_t)j->at) != 0)
        return phi_fail_sys(err, errno, "%s: cannot be cut", j->path);
    memcpy(j->record + 16, numbers, n * sizeof(*numbers));
    frame(j->record, window, n, size);
    return append(j, j->record, size, err);
}

/* ---- the whole ----------------------------------------------------------- */

enum phi_status eval_journal_open(struct eval_journal **out, const char *path,
                                  const struct eval_journal_key *key,
                                  struct phi_err *err)
{
    struct eval_journal *j = phi_alloc(1, sizeof(*j), err);
    char hex[PHI_SHA256_HEX];
    enum phi_status st = PHI_E_NOMEM;

    if (j == NULL)
        return st;
    j->calls = (struct phi_eval_journal){j, load, save};
    j->fd = -1;
    j->path = phi_strdup(path, err);
    if (j->path == NULL || (st = make_key(hex, key, err)) != PHI_OK)
        goto out;
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd < 0) {
        st = phi_fail_sys(err, errno, "%s: cannot be opened", path);
        goto out;
    }
    if (flock(j->fd, LOCK_EX | LOCK_NB) != 0) {
        st = errno == EWOULDBLOCK
                 ? phi_fail(err, PHI_E_ARG, "%s: is used by another process",
                            path)
                 : phi_fail_sys(err, errno, "%s: cannot be locked", path);
        goto out;
    }
    st = check_head(j, hex, err);
    if (st == PHI_OK)
        st = phi_folder_sync_name(path, err);
out:
    if (st == PHI_OK)
        *out = j;
    else
        eval_journal_close(j);
    return st;
}

const struct phi_eval_journal *eval_journal_of(struct eval_journal *j)
{
    return &j->calls;
}

void eval_journal_close(struct eval_journal *j)
{
    if (j == NULL)
        return;
    if (j->fd >= 0)
        close(j->fd);
    free(j->record);
    free(j->path);
    free(j);
}

/* SPDX-License-Identifier: MIT */
/*
 * libcrypto's plain functions, not its EVP interface: that one makes tables of
 * providers first, and where memory for them is short it ends the process by a
 * signal (OpenSSL 3.0). These allocate nothing and use the same instructions.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "libconv/base/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"

#define BLOCK ((size_t)SHA256_CBLOCK)

/* Bytes of a file at a time. */
#define CHUNK ((size_t)1 << 18)

struct phi_sha256 {
    SHA256_CTX ctx;
};

static enum phi_status refused(struct phi_err *err)
{
    return phi_fail(err, PHI_E_NOMEM, "SHA-256: libcrypto refused");
}

enum phi_status phi_sha256_new(struct phi_sha256 **out, struct phi_err *err)
{
    struct phi_sha256 *h = phi_alloc(1, sizeof(*h), err);

    if (h == NULL)
        return PHI_E_NOMEM;
    if (SHA256_Init(&h->ctx) != 1) {
        phi_sha256_free(h);
        return refused(err);
    }
    *out = h;
    return PHI_OK;
}

enum phi_status phi_sha256_add(struct phi_sha256 *h, const void *bytes,
                               size_t n, struct phi_err *err)
{
    return SHA256_Update(&h->ctx, bytes, n) == 1 ? PHI_OK : refused(err);
}

/* n blocks went into the state, beside libcrypto. */
static void count_blocks(SHA256_CTX *c, size_t n)
{
    const uint64_t bits =
        ((uint64_t)c->Nh << 32 | c->Nl) + (uint64_t)n * BLOCK * 8;

    c->Nl = (SHA_LONG)bits;
    c->Nh = (SHA_LONG)(bits >> 32);
}

enum phi_status phi_sha256_add_pair(struct phi_sha256 *a, struct phi_sha256 *b,
                                    const void *to_a, const void *to_b,
                                    size_t n, phi_sha256_pair_fn pair,
                                    struct phi_err *err)
{
    const uint8_t *pa = to_a;
    const uint8_t *pb = to_b;
    const size_t begun = (BLOCK - a->ctx.num) % BLOCK;
    const size_t first = begun < n ? begun : n;
    const bool even = pair != NULL && a->ctx.num == b->ctx.num;
    const size_t nblk = even ? (n - first) / BLOCK : 0;
    const size_t at = first + nblk * BLOCK;
    enum phi_status st = phi_sha256_add(a, pa, first, err);

    if (st == PHI_OK)
        st = phi_sha256_add(b, pb, first, err);
    if (st == PHI_OK && nblk > 0) {
        pair(a->ctx.h, pa + first, b->ctx.h, pb + first, nblk);
        count_blocks(&a->ctx, nblk);
        count_blocks(&b->ctx, nblk);
    }
    if (st == PHI_OK)
        st = phi_sha256_add(a, pa + at, n - at, err);
    return st == PHI_OK ? phi_sha256_add(b, pb + at, n - at, err) : st;
}

enum phi_status phi_sha256_digest(struct phi_sha256 *h,
                                  uint8_t out[PHI_SHA256_NBYTES],
                                  struct phi_err *err)
{
    /* MemorySanitizer does not see what a library writes. */
    memset(out, 0, PHI_SHA256_NBYTES);
    return SHA256_Final(out, &h->ctx) == 1 && SHA256_Init(&h->ctx) == 1
               ? PHI_OK
               : refused(err);
}

void phi_sha256_text(char out[PHI_SHA256_HEX],
                     const uint8_t digest[PHI_SHA256_NBYTES])
{
    for (size_t i = 0; i < PHI_SHA256_NBYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

enum phi_status phi_sha256_hex(struct phi_sha256 *h, char out[PHI_SHA256_HEX],
                               struct phi_err *err)
{
    uint8_t digest[PHI_SHA256_NBYTES];
    const enum phi_status st = phi_sha256_digest(h, digest, err);

    if (st == PHI_OK)
        phi_sha256_text(out, digest);
    return st;
}

enum phi_status phi_sha256_file(const struct phi_file *f,
                                const struct phi_monitor *monitor,
                                char out[PHI_SHA256_HEX], struct phi_err *err)
{
    struct phi_sha256 *h = NULL;
    uint8_t *chunk = phi_alloc(CHUNK, 1, err);
    enum phi_status st = chunk != NULL ? phi_sha256_new(&h, err) : PHI_E_NOMEM;

    for (uint64_t at = 0; st == PHI_OK && at < phi_file_size(f); at += CHUNK) {
        const uint64_t left = phi_file_size(f) - at;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;

        st = phi_file_read(f, at, chunk, n, err);
        if (st == PHI_OK)
            st = phi_sha256_add(h, chunk, n, err);
        if (st == PHI_OK)
            st = phi_monitor_tick(monitor, at + n, phi_file_size(f), NULL, err);
    }
    if (st == PHI_OK)
        st = phi_sha256_hex(h, out, err);
    phi_sha256_free(h);
    free(chunk);
    return st;
}

void phi_sha256_free(struct phi_sha256 *h)
{
    free(h); /* accepts NULL */
}

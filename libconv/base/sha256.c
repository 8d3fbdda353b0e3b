/* SPDX-License-Identifier: MIT */
#include "libconv/base/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "libconv/base/mem.h"

struct phi_sha256 {
    EVP_MD_CTX *ctx;
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
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
        phi_sha256_free(h);
        return refused(err);
    }
    *out = h;
    return PHI_OK;
}

enum phi_status phi_sha256_add(struct phi_sha256 *h, const void *bytes,
                               size_t n, struct phi_err *err)
{
    return EVP_DigestUpdate(h->ctx, bytes, n) == 1 ? PHI_OK : refused(err);
}

enum phi_status phi_sha256_hex(struct phi_sha256 *h, char out[PHI_SHA256_HEX],
                               struct phi_err *err)
{
    unsigned char md[32];

    if (EVP_DigestFinal_ex(h->ctx, md, NULL) != 1 ||
        EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
        return refused(err);
    for (size_t i = 0; i < sizeof(md); i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
    return PHI_OK;
}

void phi_sha256_free(struct phi_sha256 *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

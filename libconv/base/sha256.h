/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), by libcrypto. */
#ifndef PHI_BASE_SHA256_H
#define PHI_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/file.h"
#include "libconv/base/monitor.h"

#define PHI_SHA256_HEX    65 /* 64 digits and a NUL */
#define PHI_SHA256_NBYTES 32

struct phi_sha256;

enum phi_status phi_sha256_new(struct phi_sha256 **out, struct phi_err *err);
enum phi_status phi_sha256_add(struct phi_sha256 *h, const void *bytes,
                               size_t n, struct phi_err *err);

/*
 * n blocks of 64 bytes of each of two runs into the states a and b, the eight
 * words of FIPS 180-4. kernels/sha256_kernels.h has one where there can be.
 */
typedef void (*phi_sha256_pair_fn)(uint32_t a[8], const uint8_t *pa,
                                   uint32_t b[8], const uint8_t *pb, size_t n);

/*
 * Adds n bytes to each of two hashes, which is faster than one after the
 * other if as many bytes were added to both before. pair may be NULL.
 */
enum phi_status phi_sha256_add_pair(struct phi_sha256 *a, struct phi_sha256 *b,
                                    const void *to_a, const void *to_b,
                                    size_t n, phi_sha256_pair_fn pair,
                                    struct phi_err *err);

/* The hash of everything added; h starts anew. */
enum phi_status phi_sha256_digest(struct phi_sha256 *h,
                                  uint8_t out[PHI_SHA256_NBYTES],
                                  struct phi_err *err);

/* The same in lower-case digits. */
enum phi_status phi_sha256_hex(struct phi_sha256 *h, char out[PHI_SHA256_HEX],
                               struct phi_err *err);
/* The digits of a hash. */
void phi_sha256_text(char out[PHI_SHA256_HEX],
                     const uint8_t digest[PHI_SHA256_NBYTES]);

void phi_sha256_free(struct phi_sha256 *h); /* accepts NULL */

/* Of a whole file. monitor, which may be NULL, counts its bytes. */
enum phi_status phi_sha256_file(const struct phi_file *f,
                                const struct phi_monitor *monitor,
                                char out[PHI_SHA256_HEX], struct phi_err *err);

#endif

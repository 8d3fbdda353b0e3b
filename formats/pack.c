/* SPDX-License-Identifier: MIT */
#include "formats/pack.h"

#include <string.h>

#include "libconv/base/utf8.h"

static const char *name_fault(const char *name, size_t n)
{
    if (n == 0)
        return "is empty";
    if (n > PHI_PACK_MAX_FILE)
        return "is longer than 255 bytes";
    if (name[0] == '.')
        return "begins with a dot";
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '/')
            return "has a slash in it";
        if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f)
            return "has a control character in it";
    }
    return phi_utf8_valid((const uint8_t *)name, n) == n ? NULL
                                                         : "is not UTF-8";
}

static bool ends_with(const char *name, size_t n, const char *ending)
{
    const size_t m = strlen(ending);

    return n >= m && memcmp(name + n - m, ending, m) == 0;
}

const char *phi_pack_side_fault(const char *name, size_t n)
{
    if (ends_with(name, n, PHI_PACK_SHARD))
        return "ends like a file of weights";
    if (ends_with(name, n, ".index.json"))
        return "ends like an index";
    return name_fault(name, n);
}

const char *phi_pack_shard_fault(const char *name, size_t n)
{
    if (!ends_with(name, n, PHI_PACK_SHARD))
        return "does not end in " PHI_PACK_SHARD;
    return memchr(name, '\\', n) != NULL ? "has a backslash in it"
                                         : name_fault(name, n);
}

void phi_pack_split(uint8_t *planes, const uint8_t *bytes, size_t n,
                    size_t size)
{
    const size_t m = n / size;

    for (size_t j = 0; j < size; j++) {
        for (size_t e = 0; e < m; e++)
            planes[j * m + e] = bytes[e * size + j];
    }
}

void phi_pack_join(uint8_t *bytes, const uint8_t *planes, size_t n, size_t size)
{
    const size_t m = n / size;

    for (size_t j = 0; j < size; j++) {
        for (size_t e = 0; e < m; e++)
            bytes[e * size + j] = planes[j * m + e];
    }
}

/* Of a byte that tells leaves from nodes, and of two runs of bytes. */
static enum phi_status hash(uint8_t out[PHI_SHA256_NBYTES], uint8_t tag,
                            const void *a, size_t na, const void *b, size_t nb,
                            struct phi_err *err)
{
    struct phi_sha256 *h = NULL;
    enum phi_status st;

    if ((st = phi_sha256_new(&h, err)) == PHI_OK &&
        (st = phi_sha256_add(h, &tag, 1, err)) == PHI_OK &&
        (st = phi_sha256_add(h, a, na, err)) == PHI_OK &&
        (nb == 0 || (st = phi_sha256_add(h, b, nb, err)) == PHI_OK))
        st = phi_sha256_digest(h, out, err);
    phi_sha256_free(h);
    return st;
}

enum phi_status phi_pack_leaf(uint8_t out[PHI_SHA256_NBYTES], const void *bytes,
                              size_t n, struct phi_err *err)
{
    return hash(out, 0, bytes, n, NULL, 0, err);
}

/* The finished trees on the left, the largest first: at most one a bit. */
struct stack {
    uint8_t roots[64][PHI_SHA256_NBYTES];
    size_t n;
    uint64_t leaves;
};

/* The last two become one. */
static enum phi_status join(struct stack *t, struct phi_err *err)
{
    uint8_t *a = t->roots[t->n - 2];

    t->n--;
    return hash(a, 1, a, PHI_SHA256_NBYTES, t->roots[t->n], PHI_SHA256_NBYTES,
                err);
}

static enum phi_status grow(struct stack *t, const uint8_t *leaf,
                            struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    memcpy(t->roots[t->n++], leaf, PHI_SHA256_NBYTES);
    t->leaves++;
    for (uint64_t k = t->leaves; st == PHI_OK && k % 2 == 0; k /= 2)
        st = join(t, err);
    return st;
}

enum phi_status phi_pack_root(uint8_t out[PHI_SHA256_NBYTES],
                              const struct phi_pack_tree *tree,
                              struct phi_err *err)
{
    struct stack t = {.n = 0};
    uint8_t leaf[PHI_SHA256_NBYTES];
    enum phi_status st;

    if ((st = phi_pack_leaf(leaf, tree->head, tree->head_nbytes, err)) !=
            PHI_OK ||
        (st = grow(&t, leaf, err)) != PHI_OK ||
        (st = phi_pack_leaf(leaf, tree->tensors, tree->tensors_nbytes, err)) !=
            PHI_OK)
        return st;
    st = grow(&t, leaf, err);
    for (uint64_t i = 0; st == PHI_OK && i < tree->nchunks; i++)
        st = grow(&t, tree->chunks + i * PHI_PACK_LEAF + 8, err);
    while (st == PHI_OK && t.n > 1)
        st = join(&t, err);
    memcpy(out, t.roots[0], PHI_SHA256_NBYTES);
    return st;
}

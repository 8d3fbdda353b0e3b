/* SPDX-License-Identifier: MIT */
#include "formats/pack_front.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/bytes.h"
#include "libconv/base/crc32.h"
#include "libconv/base/deflate.h"
#include "libconv/base/mem.h"
#include "libconv/base/size.h"

enum phi_status phi_pack_input_read(const struct phi_pack_input *in,
                                    uint64_t offset, void *to, size_t n,
                                    struct phi_err *err)
{
    if (in->file != NULL)
        return phi_file_read(in->file, offset, to, n, err);
    if (offset > in->n || n > in->n - offset)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: %zu bytes at %" PRIu64
                        " are wanted, but only the first %" PRIu64
                        " are read from a pipe",
                        in->path, n, offset, in->n);
    memcpy(to, in->bytes + offset, n);
    return PHI_OK;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    return n == 0;
}

/* ---- the header ---------------------------------------------------------- */

static enum phi_status check_version(const struct phi_pack_front *f,
                                     const uint8_t *p, const char *path,
                                     struct phi_err *err)
{
    if (f->major != PHI_PACK_MAJOR)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: header: is version %u.%u of the packed format, "
                        "expected %u.x",
                        path, f->major, f->minor, PHI_PACK_MAJOR);
    if ((f->flags & PHI_PACK_FLAGS_KNOW) != 0)
        return phi_fail(err, PHI_E_UNSUPPORTED,
                        "%s: header: has the flags 0x%08" PRIx32
                        ", expected none of the lower 16",
                        path, f->flags);
    if (!all_zero(p + 68, 56))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: header: bytes 68 to 123 are not all zero, "
                        "expected zeros",
                        path);
    return PHI_OK;
}

enum phi_status phi_pack_header_read(struct phi_pack_front *out,
                                     uint64_t *nbytes,
                                     const uint8_t header[PHI_PACK_HEADER],
                                     const char *path, struct phi_err *err)
{
    const uint8_t *p = header;
    const uint32_t crc = phi_crc32(0, p, PHI_PACK_HEADER - 4);
    uint32_t names;
    enum phi_status st;

    *out = (struct phi_pack_front){0};
    if (crc != phi_load_u32(p + 124))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: header: its CRC-32 is %08" PRIx32
                        ", expected %08" PRIx32,
                        path, crc, phi_load_u32(p + 124));
    out->major = phi_load_u16(p + 8);
    out->minor = phi_load_u16(p + 10);
    out->flags = phi_load_u32(p + 12);
    out->nbytes = phi_load_u64(p + 16);
    out->n = phi_load_u32(p + 24);
    names = phi_load_u32(p + 28);
    memcpy(out->root, p + 32, sizeof(out->root));
    out->crc = phi_load_u32(p + 64);
    st = check_version(out, p, path, err);
    if (st != PHI_OK)
        return st;
    if (out->n < PHI_PACK_MIN_SECTIONS || out->n > PHI_PACK_MAX_SECTIONS)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: header: %zu sections, expected %u to %u", path,
                        out->n, PHI_PACK_MIN_SECTIONS, PHI_PACK_MAX_SECTIONS);
    if (names > PHI_PACK_MAX_NAMES)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: header: names of %" PRIu32
                        " bytes, expected at most %u",
                        path, names, PHI_PACK_MAX_NAMES);
    *nbytes = PHI_PACK_HEADER + (uint64_t)out->n * PHI_PACK_ENTRY + names;
    if (*nbytes > out->nbytes)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: header: the section table ends at byte %" PRIu64
                        " of a file of %" PRIu64,
                        path, *nbytes, out->nbytes);
    return PHI_OK;
}

/* ---- the section table --------------------------------------------------- */

/* What must be true of a kind's sections. */
static const struct {
    const char *name; /* or NULL: files/ and a file's */
    uint32_t kind;
    bool deflated; /* may be */
} kinds[] = {
    {"head", PHI_PACK_KIND_HEAD, true},
    {"tensors", PHI_PACK_KIND_TENSORS, true},
    {"chunks", PHI_PACK_KIND_CHUNKS, false},
    {"origin", PHI_PACK_KIND_ORIGIN, true},
    {NULL, PHI_PACK_KIND_FILE, true},
    {"data", PHI_PACK_KIND_DATA, false},
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

struct table {
    const char *path;
    struct phi_pack_front *f;
    size_t i;      /* the section at hand */
    uint64_t at;   /* where the one before ends */
    uint64_t rank; /* of its kind in the order of kinds */
};

static enum phi_status wrong(const struct table *t, const char *what,
                             uint64_t got, uint64_t expected,
                             struct phi_err *err)
{
    return phi_fail(err, PHI_E_FORMAT,
                    "%s: section %zu of the table: %s is %" PRIu64
                    ", expected %" PRIu64,
                    t->path, t->i, what, got, expected);
}

/* Sections of this kind come after those of kinds before, in its place. */
static uint64_t rank_of(uint32_t kind)
{
    if (kind == PHI_PACK_KIND_DATA)
        return UINT64_MAX;
    return kind;
}

static enum phi_status check_name(const struct table *t,
                                  const struct phi_pack_section *s,
                                  struct phi_err *err)
{
    const size_t prefix = strlen(PHI_PACK_FILES);
    const char *fault = NULL;
    size_t k = 0;

    while (k < NKINDS && kinds[k].kind != s->kind)
        k++;
    if (k == NKINDS)
        return s->kind >= PHI_PACK_KIND_OPTIONAL
                   ? PHI_OK
                   : phi_fail(err, PHI_E_UNSUPPORTED,
                              "%s: section %zu of the table: kind %" PRIu32
                              " is not known, expected 1 to 6",
                              t->path, t->i, s->kind);
    if (s->codec > (kinds[k].deflated ? 1 : 0))
        return wrong(t, "the codec", s->codec, kinds[k].deflated ? 1 : 0, err);
    if (kinds[k].name != NULL)
        return strcmp(s->name, kinds[k].name) == 0
                   ? PHI_OK
                   : phi_fail(err, PHI_E_FORMAT,
                              "%s: section %zu of the table: is named "
                              "\"%.*s\", expected \"%s\"",
                              t->path, t->i, PHI_ERR_NAME, s->name,
                              kinds[k].name);
    fault =
        strncmp(s->name, PHI_PACK_FILES, prefix) != 0
            ? "does not begin with " PHI_PACK_FILES
            : phi_pack_side_fault(s->name + prefix, strlen(s->name + prefix));
    if (fault != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: its name \"%.*s\" %s",
                        t->path, t->i, PHI_ERR_NAME, s->name, fault);
    return PHI_OK;
}

/* Kinds in order, each but files once, files by name. */
static enum phi_status check_order(struct table *t,
                                   const struct phi_pack_section *s,
                                   struct phi_err *err)
{
    const bool again = t->i > 0 && t->rank == rank_of(s->kind);

    if (t->i > 0 && t->rank > rank_of(s->kind))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: kind %" PRIu32
                        " comes too late",
                        t->path, t->i, s->kind);
    if (again && s->kind < PHI_PACK_KIND_OPTIONAL &&
        (s->kind != PHI_PACK_KIND_FILE || strcmp(s[-1].name, s->name) >= 0))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: \"%.*s\" %s", t->path,
                        t->i, PHI_ERR_NAME, s->name,
                        s->kind == PHI_PACK_KIND_FILE ? "is out of order"
                                                      : "is there twice");
    t->rank = rank_of(s->kind);
    return PHI_OK;
}

static enum phi_status check_place(struct table *t,
                                   const struct phi_pack_section *s,
                                   struct phi_err *err)
{
    const bool data = s->kind == PHI_PACK_KIND_DATA;
    uint64_t at = 0;
    uint64_t most;

    if (!phi_align_u64(t->at, data ? PHI_PACK_LARGE_ALIGN : PHI_PACK_SECTION,
                       &at) ||
        s->offset != at)
        return wrong(t, "the offset", s->offset, at, err);
    if (!phi_add_u64(at, s->stored, &t->at) || t->at > t->f->nbytes)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: %" PRIu64
                        " bytes at %" PRIu64 " end beyond the file's %" PRIu64,
                        t->path, t->i, s->stored, at, t->f->nbytes);
    if (s->codec == PHI_PACK_PLAIN && s->plain != s->stored)
        return wrong(t, "the plain length", s->plain, s->stored, err);
    if (data || s->kind == PHI_PACK_KIND_CHUNKS)
        return PHI_OK;
    if (s->plain > PHI_PACK_MAX_PLAIN || s->stored > PHI_PACK_MAX_PLAIN)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: has %" PRIu64
                        " bytes, plain %" PRIu64 ", expected at most %u",
                        t->path, t->i, s->stored, s->plain, PHI_PACK_MAX_PLAIN);
    most = s->stored * PHI_INFLATE_MOST + 64;
    if (s->codec == PHI_PACK_ZLIB && s->plain > most)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: the plain length is "
                        "%" PRIu64 ", but %" PRIu64
                        " bytes inflate to at most %" PRIu64,
                        t->path, t->i, s->plain, s->stored, most);
    return PHI_OK;
}

static enum phi_status read_entry(struct table *t, const uint8_t *p,
                                  const char *names, size_t left, size_t *took,
                                  struct phi_err *err)
{
    struct phi_pack_section *s = &t->f->sections[t->i];
    const uint32_t n = phi_load_u32(p + 36);
    enum phi_status st;

    s->kind = phi_load_u32(p);
    s->codec = phi_load_u32(p + 4);
    s->offset = phi_load_u64(p + 8);
    s->stored = phi_load_u64(p + 16);
    s->plain = phi_load_u64(p + 24);
    s->crc = phi_load_u32(p + 32);
    if (!all_zero(p + 40, 8))
        return wrong(t, "the last field", phi_load_u64(p + 40), 0, err);
    if (n > PHI_PACK_MAX_FILE + strlen(PHI_PACK_FILES))
        return phi_fail(
            err, PHI_E_FORMAT,
            "%s: section %zu of the table: its name has %" PRIu32
            " bytes, expected at most the %zu of " PHI_PACK_FILES " and %u",
            t->path, t->i, n, strlen(PHI_PACK_FILES), PHI_PACK_MAX_FILE);
    if (n == 0 || n > left)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: its name has %" PRIu32
                        " bytes, of names %zu are left",
                        t->path, t->i, n, left);
    if (memchr(names, 0, n) != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section %zu of the table: its name has a NUL",
                        t->path, t->i);
    s->name = phi_strndup(names, n, err);
    if (s->name == NULL)
        return PHI_E_NOMEM;
    *took = n;
    if ((st = check_name(t, s, err)) != PHI_OK ||
        (st = check_order(t, s, err)) != PHI_OK)
        return st;
    return check_place(t, s, err);
}

/* The indices; sections that must be there are. */
static enum phi_status find_all(struct phi_pack_front *f, const char *path,
                                struct phi_err *err)
{
    size_t *const at[] = {&f->head,   &f->tensors, &f->chunks,
                          &f->origin, NULL,        &f->data};

    for (size_t k = 0; k < NKINDS; k++) {
        size_t i = 0;

        if (at[k] == NULL)
            continue;
        while (i < f->n && f->sections[i].kind != kinds[k].kind)
            i++;
        *at[k] = i < f->n ? i : PHI_PACK_NO_SECTION;
        if (i == f->n && kinds[k].kind != PHI_PACK_KIND_ORIGIN)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s: section \"%s\": is missing, expected one",
                            path, kinds[k].name);
    }
    return PHI_OK;
}

static enum phi_status read_table(struct phi_pack_front *f, const uint8_t *p,
                                  size_t n, const char *path,
                                  struct phi_err *err)
{
    struct table t = {.path = path, .f = f, .at = PHI_PACK_HEADER + n};
    const char *names = (const char *)p + f->n * PHI_PACK_ENTRY;
    size_t left = n - f->n * PHI_PACK_ENTRY;
    const uint32_t crc = phi_crc32(0, p, n);
    enum phi_status st = PHI_OK;

    if (crc != f->crc)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: section table: its CRC-32 is %08" PRIx32
                        ", expected %08" PRIx32,
                        path, crc, f->crc);
    f->sections = phi_alloc(f->n, sizeof(*f->sections), err);
    if (f->sections == NULL)
        return PHI_E_NOMEM;
    for (; st == PHI_OK && t.i < f->n; t.i++) {
        size_t took = 0;

        st = read_entry(&t, p + t.i * PHI_PACK_ENTRY, names, left, &took, err);
        names += took;
        left -= took;
    }
    if (st == PHI_OK && left > 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: section table: %zu bytes of names are left over",
                      path, left);
    if (st == PHI_OK)
        st = find_all(f, path, err);
    if (st == PHI_OK && t.at != f->nbytes)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: the last section ends at byte %" PRIu64
                      ", expected the file's length, %" PRIu64,
                      path, t.at, f->nbytes);
    return st;
}

enum phi_status phi_pack_front_read(struct phi_pack_front *out,
                                    const struct phi_pack_input *in,
                                    struct phi_err *err)
{
    uint8_t header[PHI_PACK_HEADER];
    uint64_t nbytes = 0;
    uint8_t *table = NULL;
    size_t n;
    enum phi_status st;

    *out = (struct phi_pack_front){0};
    if (in->n < PHI_PACK_HEADER)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has %" PRIu64
                        " bytes, expected the %u of a packed file's header",
                        in->path, in->n, PHI_PACK_HEADER);
    st = phi_pack_input_read(in, 0, header, sizeof(header), err);
    if (st == PHI_OK)
        st = phi_pack_header_read(out, &nbytes, header, in->path, err);
    if (st != PHI_OK)
        return st;
    if (in->file != NULL && in->n != out->nbytes)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has %" PRIu64 " bytes, expected %" PRIu64
                        " by its header",
                        in->path, in->n, out->nbytes);
    n = (size_t)nbytes - PHI_PACK_HEADER;
    table = phi_alloc(n, 1, err);
    if (table == NULL)
        return PHI_E_NOMEM;
    st = phi_pack_input_read(in, PHI_PACK_HEADER, table, n, err);
    if (st == PHI_OK)
        st = read_table(out, table, n, in->path, err);
    free(table);
    return st;
}

void phi_pack_front_release(struct phi_pack_front *f)
{
    for (size_t i = 0; f->sections != NULL && i < f->n; i++)
        free(f->sections[i].name);
    free(f->sections);
    *f = (struct phi_pack_front){0};
}

bool phi_pack_front_find(const struct phi_pack_front *f, const char *name,
                         size_t *i)
{
    for (*i = 0; *i < f->n; (*i)++) {
        if (strcmp(f->sections[*i].name, name) == 0)
            return true;
    }
    return false;
}

/* ---- sections ------------------------------------------------------------ */

static enum phi_status inflate_section(const struct phi_pack_section *s,
                                       const char *path, uint8_t **bytes,
                                       struct phi_err *err)
{
    uint8_t *plain;
    enum phi_status st;

    if (s->codec == PHI_PACK_PLAIN)
        return PHI_OK;
    plain = phi_alloc((size_t)s->plain + 1, 1, err);
    if (plain == NULL)
        return PHI_E_NOMEM;
    st = phi_inflate(plain, (size_t)s->plain, *bytes, (size_t)s->stored, err);
    if (st == PHI_E_FORMAT)
        phi_err_prefix(err, "%s: section \"%.*s\"", path, PHI_ERR_NAME,
                       s->name);
    free(*bytes);
    *bytes = plain;
    return st;
}

enum phi_status phi_pack_section_load(const struct phi_pack_front *f,
                                      const struct phi_pack_input *in, size_t i,
                                      uint8_t **out, struct phi_err *err)
{
    const struct phi_pack_section *s = &f->sections[i];
    uint8_t *bytes;
    uint32_t crc;
    enum phi_status st;

    if (s->stored >= SIZE_MAX)
        return phi_fail(err, PHI_E_NOMEM,
                        "out of memory: %" PRIu64 " bytes of section \"%.*s\"",
                        s->stored, PHI_ERR_NAME, s->name);
    bytes = phi_alloc((size_t)s->stored + 1, 1, err);
    if (bytes == NULL)
        return PHI_E_NOMEM;
    st = phi_pack_input_read(in, s->offset, bytes, (size_t)s->stored, err);
    crc = phi_crc32(0, bytes, (size_t)s->stored);
    if (st == PHI_OK && crc != s->crc)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: section \"%.*s\": its CRC-32 is %08" PRIx32
                      ", expected %08" PRIx32,
                      in->path, PHI_ERR_NAME, s->name, crc, s->crc);
    if (st == PHI_OK)
        st = inflate_section(s, in->path, &bytes, err);
    if (st == PHI_OK)
        *out = bytes;
    else
        free(bytes);
    return st;
}

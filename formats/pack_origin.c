/* SPDX-License-Identifier: MIT */
#include "formats/pack_origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack.h"
#include "libconv/base/cursor.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"

/* Smallest entries: numbers and empty names. */
#define LEAST_FILE   4
#define LEAST_TENSOR 16

void phi_pack_origin_release(struct phi_pack_origin *o)
{
    for (size_t i = 0; o->files != NULL && i < o->folder.nfiles; i++)
        free((char *)o->files[i].name);
    for (size_t i = 0; o->places != NULL && i < o->nplaces; i++)
        free((char *)o->places[i].name);
    free(o->files);
    free(o->places);
    *o = (struct phi_pack_origin){0};
}

static enum phi_status read_name(struct phi_cursor *c, size_t most, char **out,
                                 struct phi_err *err)
{
    uint32_t n = 0;
    const uint8_t *p = NULL;
    enum phi_status st = phi_cursor_u32(c, &n, "length of a name", err);

    if (st == PHI_OK && n > most)
        st = phi_fail(err, PHI_E_FORMAT,
                      "a name has %" PRIu32 " bytes, expected at most %zu", n,
                      most);
    if (st == PHI_OK)
        st = phi_cursor_take(c, n, &p, "name", err);
    if (st == PHI_OK && n > 0 && memchr(p, 0, n) != NULL)
        st = phi_fail(err, PHI_E_FORMAT, "a name has a NUL in it");
    if (st != PHI_OK)
        return st;
    *out = phi_strndup((const char *)p, n, err);
    return *out != NULL ? PHI_OK : PHI_E_NOMEM;
}

/* A number of entries that what is left can hold. */
static enum phi_status read_count(struct phi_cursor *c, size_t least,
                                  uint32_t *out, struct phi_err *err)
{
    const enum phi_status st = phi_cursor_u32(c, out, "count", err);

    if (st == PHI_OK && *out > phi_cursor_left(c) / least)
        return phi_fail(err, PHI_E_FORMAT,
                        "has a count of %" PRIu32
                        ", too many for the %zu bytes left",
                        *out, phi_cursor_left(c));
    return st;
}

static enum phi_status read_files(struct phi_pack_origin *o,
                                  struct phi_cursor *c, struct phi_err *err)
{
    struct phi_map seen = {0};
    uint32_t n = 0;
    enum phi_status st = read_count(c, LEAST_FILE, &n, err);

    if (st != PHI_OK)
        return st;
    o->files = phi_alloc(n, sizeof(*o->files), err);
    if (o->files == NULL)
        return PHI_E_NOMEM;
    o->folder.files = o->files;
    for (uint32_t i = 0; st == PHI_OK && i < n; i++) {
        char *name = NULL;
        const char *fault;
        bool added = false;

        st = read_name(c, PHI_PACK_MAX_FILE, &name, err);
        if (st != PHI_OK)
            break;
        o->files[o->folder.nfiles++].name = name;
        fault = phi_pack_shard_fault(name, strlen(name));
        if (fault == NULL)
            st = phi_map_add(&seen, name, strlen(name), 0, &added, err);
        if (st == PHI_OK && !added)
            st = phi_fail(err, PHI_E_FORMAT, "file name \"%.*s\" %s",
                          PHI_ERR_NAME, name,
                          fault != NULL ? fault : "is there twice");
    }
    phi_map_release(&seen);
    return st;
}

static enum phi_status read_places(struct phi_pack_origin *o,
                                   struct phi_cursor *c, size_t ntensors,
                                   struct phi_err *err)
{
    uint32_t n = 0;
    enum phi_status st = read_count(c, LEAST_TENSOR, &n, err);

    if (st != PHI_OK)
        return st;
    if (n != ntensors)
        return phi_fail(err, PHI_E_FORMAT,
                        "has %" PRIu32 " tensors, expected %zu", n, ntensors);
    o->places = phi_alloc(n, sizeof(*o->places), err);
    if (o->places == NULL)
        return PHI_E_NOMEM;
    o->folder.places = o->places;
    for (; st == PHI_OK && o->nplaces < n; o->nplaces++) {
        struct phi_folder_place *p = &o->places[o->nplaces];
        uint32_t file = 0;
        char *name = NULL;

        if ((st = phi_cursor_u32(c, &file, "file", err)) != PHI_OK ||
            (st = phi_cursor_u64(c, &p->place, "place", err)) != PHI_OK ||
            (st = read_name(c, PHI_PACK_MAX_ORIGIN, &name, err)) != PHI_OK)
            return st;
        p->name = name;
        p->file = file == PHI_PACK_NO_FILE ? PHI_NO_PLACE : file;
        if (file != PHI_PACK_NO_FILE && file >= o->folder.nfiles)
            st = phi_fail(err, PHI_E_FORMAT,
                          "tensor %zu is in file %" PRIu32
                          ", expected one of %zu",
                          o->nplaces, file, o->folder.nfiles);
        if (st == PHI_OK && file == PHI_PACK_NO_FILE && p->place != 0)
            st = phi_fail(err, PHI_E_FORMAT,
                          "tensor %zu is in no file at %" PRIu64 ", expected 0",
                          o->nplaces, p->place);
    }
    return st;
}

enum phi_status phi_pack_origin_read(struct phi_pack_origin *out,
                                     const uint8_t *bytes, size_t n,
                                     size_t ntensors, const char *path,
                                     struct phi_err *err)
{
    struct phi_cursor c = {.p = bytes, .n = n};
    enum phi_status st;

    *out = (struct phi_pack_origin){0};
    st = read_files(out, &c, err);
    if (st == PHI_OK)
        st = read_places(out, &c, ntensors, err);
    if (st == PHI_OK && phi_cursor_left(&c) > 0)
        st = phi_fail(err, PHI_E_FORMAT, "has %zu bytes too many",
                      phi_cursor_left(&c));
    if (st != PHI_OK && st != PHI_E_NOMEM)
        phi_err_prefix(err, "%s: section \"origin\"", path);
    return st;
}

/* Names that a reader would refuse. */
static enum phi_status check_files(const struct phi_folder *folder,
                                   struct phi_err *err)
{
    for (size_t i = 0; i < folder->nfiles; i++) {
        const char *name = folder->files[i].name;
        const char *fault = phi_pack_shard_fault(name, strlen(name));

        if (fault != NULL)
            return phi_fail(err, PHI_E_ARG,
                            "the file \"%.*s\" cannot be packed: its name %s",
                            PHI_ERR_NAME, name, fault);
    }
    return PHI_OK;
}

static void put_name(struct phi_buf *out, const char *name)
{
    phi_buf_u32(out, (uint32_t)strlen(name));
    phi_buf_text(out, name);
}

/*
 * Where the tensors stood. One that was tied in the folder and has been
 * rounded for itself since then is in no file: it is not to be taken for the
 * other. (ntensors), for free(); NULL and *err.
 */
static struct phi_folder_place *find_places(const struct phi_source *s,
                                            struct phi_err *err)
{
    static const struct phi_folder_place none = {PHI_NO_PLACE, 0, ""};
    const size_t n = s->ntensors;
    struct phi_folder_place *out = phi_alloc(n, sizeof(*out), err);
    size_t *list = phi_source_by_place(s, err);
    size_t end;

    if (out == NULL || list == NULL) {
        free(out);
        free(list);
        return NULL;
    }
    for (size_t first = 0; first < n; first = end) {
        const struct phi_folder_place *p = &s->folder->places[list[first]];
        bool one = true;

        for (end = first + 1; end < n; end++) {
            const struct phi_folder_place *q = &s->folder->places[list[end]];

            if (q->file != p->file || q->place != p->place)
                break;
            one = one && phi_source_is_alias(s, list[first], list[end]);
        }
        for (size_t i = first; i < end; i++) {
            const struct phi_tensor *t = &s->tensors[list[i]];

            out[list[i]] = one || t->nbytes == 0 ||
                                   strcmp(t->name, "token_embd.weight") == 0
                               ? s->folder->places[list[i]]
                               : none;
        }
    }
    free(list);
    return out;
}

enum phi_status phi_pack_origin_write(struct phi_buf *out,
                                      const struct phi_source *s,
                                      const struct phi_sink_tensor *tensors,
                                      size_t n, struct phi_err *err)
{
    struct phi_folder_place *places = NULL;
    struct phi_map by_name = {0};
    enum phi_status st = check_files(s->folder, err);

    if (st != PHI_OK)
        return st;
    places = find_places(s, err);
    st = places != NULL ? phi_source_index(s, &by_name, err) : PHI_E_NOMEM;
    if (st != PHI_OK)
        goto out;
    phi_buf_u32(out, (uint32_t)s->folder->nfiles);
    for (size_t i = 0; i < s->folder->nfiles; i++)
        put_name(out, s->folder->files[i].name);
    phi_buf_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        const char *name = tensors[i].name;
        const uint32_t *k = phi_map_find(&by_name, name, strlen(name));
        struct phi_folder_place p = {PHI_NO_PLACE, 0, ""};

        if (k != NULL)
            p = places[*k];
        phi_buf_u32(out, p.file == PHI_NO_PLACE ? PHI_PACK_NO_FILE
                                                : (uint32_t)p.file);
        phi_buf_u64(out, p.place);
        put_name(out, p.name);
    }
    st = phi_buf_status(out, err);
out:
    phi_map_release(&by_name);
    free(places);
    return st;
}

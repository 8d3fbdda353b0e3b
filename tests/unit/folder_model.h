/* SPDX-License-Identifier: MIT */
/*
 * A model copied into a folder, tensor by tensor, as a conversion would write
 * it, and the comparison of folders. Define _POSIX_C_SOURCE 200809L before
 * the first include.
 */
#ifndef PHI_TESTS_FOLDER_MODEL_H
#define PHI_TESTS_FOLDER_MODEL_H

#include "formats/hf_folder_sink.h"
#include "formats/hf_index.h"
#include "formats/hf_shards.h"
#include "formats/model.h"
#include "libconv/base/folder.h"
#include "libconv/base/par.h"
#include "tests/unit/fixture.h"

enum { FOLDER_MOST = 128 };

/* Removes all that is in the folder. */
static inline void folder_empty(const char *path)
{
    struct phi_names names = {0};

    ck_ok(phi_folder_list(&names, path, &err));
    for (size_t i = 0; i < names.n; i++) {
        char *sub = fixture_path(path, names.v[i]);

        if (unlink(sub) != 0) {
            folder_empty(sub);
            ck_assert_int_eq(rmdir(sub), 0);
        }
        free(sub);
    }
    phi_names_release(&names);
}

static inline size_t folder_count(const char *path)
{
    struct phi_names names = {0};
    size_t n;

    ck_ok(phi_folder_list(&names, path, &err));
    n = names.n;
    phi_names_release(&names);
    return n;
}

static inline struct phi_source *folder_source(const char *path)
{
    struct phi_source *s = NULL;

    ck_ok(phi_model_open(&s, path, &err));
    return s;
}

/* What is written where from. */
struct folder_copy {
    const struct phi_source *source;
    struct phi_sink_tensor tensors[FOLDER_MOST]; /* (n) */
    size_t from[FOLDER_MOST];                    /* (n) index in the source */
    size_t n;
    size_t threads;
    size_t chunk; /* bytes; 0: whole tensors */
    bool backwards;
    struct phi_sink *sink;
};

/* The source's own tensors; a tied one that is not stored is left out. */
static inline void folder_same(struct folder_copy *c)
{
    for (size_t i = 0; i < c->source->ntensors; i++) {
        const struct phi_tensor *t = &c->source->tensors[i];
        struct phi_sink_tensor *to = &c->tensors[c->n];

        if (i > 0 && t->offset == t[-1].offset && t->part == t[-1].part)
            continue;
        ck_assert_uint_lt(c->n, FOLDER_MOST);
        to->name = t->name;
        to->dtype = t->dtype;
        to->rank = t->rank;
        memcpy(to->dim, t->dim, sizeof(t->dim));
        to->nbytes = t->nbytes;
        c->from[c->n++] = i;
    }
}

/* Bytes [at, at + n) of output tensor i: the source's, its first bytes again
 * behind its end. */
static inline void folder_bytes(const struct folder_copy *c, size_t i,
                                uint64_t at, uint8_t *to, size_t n)
{
    const uint64_t had = c->source->tensors[c->from[i]].nbytes;

    while (n > 0) {
        const uint64_t from = at % had;
        const size_t now = n < had - from ? n : (size_t)(had - from);

        ck_ok(phi_source_read(c->source, c->from[i], from, to, now, &err));
        to += now;
        at += now;
        n -= now;
    }
}

static inline void folder_write_some(void *ctx, size_t first, size_t count,
                                     size_t worker)
{
    const struct folder_copy *c = ctx;

    (void)worker;
    for (size_t k = first; k < first + count; k++) {
        const size_t i = c->backwards ? c->n - 1 - k : k;
        const uint64_t total = c->tensors[i].nbytes;
        const size_t chunk = c->chunk > 0 ? c->chunk : (size_t)total;
        const size_t pieces = (size_t)((total + chunk - 1) / chunk);
        /* A page more, so that memory can agree with the file. */
        uint8_t *room = phi_alloc_pages(chunk + PHI_OUTPUT_PAGE, NULL);

        ck_assert_ptr_nonnull(room);
        for (size_t p = 0; p < pieces; p++) {
            const uint64_t at =
                (uint64_t)(c->backwards ? pieces - 1 - p : p) * chunk;
            const size_t n = total - at < chunk ? (size_t)(total - at) : chunk;
            uint8_t *bytes =
                room + phi_sink_position(c->sink, i, at) % PHI_OUTPUT_PAGE;

            folder_bytes(c, i, at, bytes, n);
            ck_ok(phi_sink_write(c->sink, i, at, bytes, n, &err));
        }
        free(room);
    }
}

/* Writes all tensors; the sink is to be committed. */
static inline void folder_fill(struct folder_copy *c)
{
    phi_par_for(c->threads, c->n, 1, folder_write_some, c);
}

/* The whole of it. */
static inline void folder_write(struct folder_copy *c, const char *path,
                                const struct phi_hf_folder_options *opt)
{
    ck_ok(phi_hf_folder_sink_open(&c->sink, path, c->source, c->tensors, c->n,
                                  opt, &err));
    folder_fill(c);
    ck_ok(phi_sinks_commit(&c->sink, 1, &err));
    phi_sink_close(c->sink);
    c->sink = NULL;
}

/* The same names and the same bytes. */
static inline void folder_same_bytes(const char *a, const char *b)
{
    struct phi_names na = {0}, nb = {0};

    ck_ok(phi_folder_list(&na, a, &err));
    ck_ok(phi_folder_list(&nb, b, &err));
    ck_assert_uint_eq(na.n, nb.n);
    for (size_t i = 0; i < na.n; i++) {
        size_t n = 0, m = 0;
        char *x, *y;

        ck_assert_str_eq(na.v[i], nb.v[i]);
        x = fixture_load(a, na.v[i], &n);
        y = fixture_load(b, nb.v[i], &m);
        ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s differs", na.v[i]);
        free(x);
        free(y);
    }
    phi_names_release(&na);
    phi_names_release(&nb);
}

/* The same tensors, whatever their files and their order. */
static inline void folder_same_values(const struct phi_source *a,
                                      const struct phi_source *b)
{
    ck_assert_uint_eq(a->ntensors, b->ntensors);
    for (size_t i = 0; i < a->ntensors; i++) {
        const struct phi_tensor *t = &a->tensors[i];
        uint8_t *x = phi_alloc(t->nbytes, 2, NULL);
        size_t k = 0;

        ck_assert_ptr_nonnull(x);
        ck_assert(phi_source_find(b, t->name, &k));
        ck_assert_str_eq(b->tensors[k].origin, t->origin);
        ck_assert_uint_eq(b->tensors[k].rank, t->rank);
        ck_assert_uint_eq(b->tensors[k].dim[0], t->dim[0]);
        ck_assert_uint_eq(b->tensors[k].nbytes, t->nbytes);
        ck_ok(phi_source_read(a, i, 0, x, t->nbytes, &err));
        ck_ok(phi_source_read(b, k, 0, x + t->nbytes, t->nbytes, &err));
        ck_assert_mem_eq(x, x + t->nbytes, t->nbytes);
        free(x);
    }
}

/* ---- for each test ------------------------------------------------------- */

/* The working directory of each test. */
static char *folder_dir;

static inline void folder_setup(void)
{
    folder_dir = fixture_folder();
    ck_assert_int_eq(chdir(folder_dir), 0);
}

static inline void folder_teardown(void)
{
    folder_empty(".");
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(rmdir(folder_dir), 0);
    free(folder_dir);
}

static inline void folder_has(const char *folder, const char *name,
                              const char *text)
{
    size_t n;
    char *got = fixture_load(folder, name, &n);

    ck_assert_msg(strstr(got, text) != NULL, "%s has no %s:\n%s", name, text,
                  got);
    free(got);
}

static inline size_t folder_size(const char *folder, const char *name)
{
    size_t n;

    free(fixture_load(folder, name, &n));
    return n;
}

/* Opens the base "in" and lists its tensors, in another type of their size. */
static inline void folder_begin(struct folder_copy *c, enum phi_dtype dtype)
{
    *c = (struct folder_copy){.source = folder_source("in"), .threads = 1};
    folder_same(c);
    for (size_t i = 0; i < c->n; i++)
        c->tensors[i].dtype = dtype;
}

static inline void folder_end(struct folder_copy *c)
{
    phi_source_close((struct phi_source *)c->source);
}

static inline size_t folder_index(const struct folder_copy *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->tensors[i].name, name) == 0)
            return i;
    }
    ck_abort_msg("no tensor %s", name);
    return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A source is a model that can be read, whatever its format: metadata with
 * GGUF's keys (meta.h) and tensors under GGUF's names ("blk.0.attn_q.weight").
 * Formats implement it (formats/); the converter and the engine only use it.
 *
 *        Hugging Face folder --+
 *        GGUF, one or split  --+--> struct phi_source --> convert, engine
 *        packed file         --+
 */
#ifndef PHI_TENSOR_SOURCE_H
#define PHI_TENSOR_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libconv/base/err.h"
#include "libconv/base/map.h"
#include "libconv/tensor/dtype.h"
#include "libconv/tensor/meta.h"

#define PHI_MAX_RANK 8

/* Longest tensor name that llama.cpp loads, without NUL (GGML_MAX_NAME). */
#define PHI_MAX_NAME 63

/* A file that holds tensors. */
struct phi_source_file {
    const char *name; /* without folders */
    uint64_t nbytes;
};

struct phi_tensor {
    const char *name;   /* canonical: as in GGUF */
    const char *origin; /* its name in the file, for messages */
    const char *file;   /* the path of the file that holds it, for messages */
    size_t part;        /* the same file: its index in the source */
    uint64_t offset;    /* of the tensor's first byte in the file */
    enum phi_dtype dtype;
    uint32_t rank;              /* 0 (a scalar) to PHI_MAX_RANK */
    uint64_t dim[PHI_MAX_RANK]; /* outermost first: (rows, columns) */
    uint64_t nbytes;            /* checked against shape, type and file */
    uint32_t panel_rows;        /* 0, or of phi_source_read_panels()'s panels */
};

/* The file of a tensor that has none. */
#define PHI_NO_PLACE SIZE_MAX

/* Where a tensor stood in a Hugging Face folder. */
struct phi_folder_place {
    size_t file;    /* of the folder's, or PHI_NO_PLACE */
    uint64_t place; /* tensors of a file follow each other by this */
    const char *name;
};

/* The folder that a model was, as far as it can be made again. */
struct phi_folder {
    const struct phi_source_file *files; /* (nfiles) with tensors */
    size_t nfiles;
    const struct phi_folder_place *places; /* (ntensors) */
};

/* Columns: the contiguous dimension. 1 for a scalar. */
static inline uint64_t phi_tensor_cols(const struct phi_tensor *t)
{
    return t->rank > 0 ? t->dim[t->rank - 1] : 1;
}

/* Rows: the product of all other dimensions (checked when it was opened). */
static inline uint64_t phi_tensor_rows(const struct phi_tensor *t)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i + 1 < t->rank; i++)
        n *= t->dim[i];
    return n;
}

/* Elements, in rows and columns. */
static inline uint64_t phi_tensor_count(const struct phi_tensor *t)
{
    return phi_tensor_rows(t) * phi_tensor_cols(t);
}

/* "[2, 3]" in out, for messages. Returns out. */
char *phi_shape_text(char *out, size_t n, const uint64_t *dim, uint32_t rank);

struct phi_source;

struct phi_source_ops {
    /* Reads bytes [offset, offset + n) of file i, as they are stored. */
    enum phi_status (*read)(const struct phi_source *s, size_t i,
                            uint64_t offset, void *to, size_t n,
                            struct phi_err *err);
    /* PHI_E_IO if any file of the model changed since it was opened. */
    enum phi_status (*unchanged)(const struct phi_source *s,
                                 struct phi_err *err);
    /* PHI_E_ARG if path names one of the model's files. */
    enum phi_status (*not_input)(const struct phi_source *s, const char *path,
                                 struct phi_err *err);
    void (*close)(struct phi_source *s);
};

/* First member of each format's own structure. read() is thread-safe. */
struct phi_source {
    const struct phi_source_ops *ops;
    const char *path;   /* as the user gave it */
    const char *format; /* "hf", "gguf", ...: as inspect --json says it */
    struct phi_meta meta;
    const struct phi_source_file *files; /* (nfiles) those of the tensors */
    size_t nfiles;
    const struct phi_tensor *tensors; /* (ntensors), in source order */
    size_t ntensors;
    const struct phi_folder *folder; /* or NULL: it comes from none */
    /* As phi_source_read_panels(), ranges checked; NULL: there are none. */
    enum phi_status (*read_panels)(const struct phi_source *s, size_t i,
                                   uint64_t offset, void *to, size_t n,
                                   struct phi_err *err);
};

/* Whether it is a Hugging Face folder, with config.json and others beside the
 * weights. A packed file is none, though it may come from one: s->folder. */
static inline bool phi_source_is_folder(const struct phi_source *s)
{
    return strcmp(s->format, "hf") == 0;
}

/* Whether it is a GGUF file, or a packed file, which stands for one: its head
 * is GGUF's. */
static inline bool phi_source_is_gguf(const struct phi_source *s)
{
    return strcmp(s->format, "gguf") == 0 || strcmp(s->format, "phipack") == 0;
}

/* The index of a tensor by canonical name; false if there is none. */
bool phi_source_find(const struct phi_source *s, const char *name, size_t *i);

/*
 * The same for many names: adds to *by_name, which is empty, the index of each
 * tensor by its canonical name. The caller ends it with phi_map_release(), and
 * before s is closed. PHI_E_NOMEM.
 */
enum phi_status phi_source_index(const struct phi_source *s,
                                 struct phi_map *by_name, struct phi_err *err);

/*
 * Whether two tensors of a model are one: stored once, or floats of one place
 * in the folder that a packed file is of.
 */
bool phi_source_is_alias(const struct phi_source *s, size_t i, size_t k);

/*
 * All tensors in the order of where they are stored, or stood in the folder:
 * those that are one follow each other. (ntensors) indices, for free(); NULL
 * and *err without memory.
 */
size_t *phi_source_by_place(const struct phi_source *s, struct phi_err *err);

/* Bytes [offset, offset + n) of tensor i, as they are stored. */
enum phi_status phi_source_read(const struct phi_source *s, size_t i,
                                uint64_t offset, void *to, size_t n,
                                struct phi_err *err);
/* Whether phi_source_read_panels() may be called for tensor i. */
static inline bool phi_source_has_panels(const struct phi_source *s, size_t i)
{
    return s->read_panels != NULL && s->tensors[i].panel_rows > 0;
}

/*
 * The same of the bytes in the order in which they are stored, where that is
 * another: t->panel_rows rows (the last panel may have fewer, n) side by side,
 * block b of row i at (b * n + i) times the bytes of a block.
 */
enum phi_status phi_source_read_panels(const struct phi_source *s, size_t i,
                                       uint64_t offset, void *to, size_t n,
                                       struct phi_err *err);
/* The same of file i, to the last byte that belongs to no tensor. */
enum phi_status phi_source_read_file(const struct phi_source *s, size_t i,
                                     uint64_t offset, void *to, size_t n,
                                     struct phi_err *err);
enum phi_status phi_source_unchanged(const struct phi_source *s,
                                     struct phi_err *err);
enum phi_status phi_source_not_input(const struct phi_source *s,
                                     const char *path, struct phi_err *err);
void phi_source_close(struct phi_source *s); /* accepts NULL */

#endif

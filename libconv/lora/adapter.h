/* SPDX-License-Identifier: MIT */
/*
 * An adapter as plain data, whatever file it came from. Formats open it
 * (formats/adapter_open.h); merging only uses it.
 *
 * What a merge needs again and again (A, B, magnitudes, biases, rows of
 * tokens) is held as f32 from the opening on; whole weights that take the
 * place of the base's stay in the file and are read row by row. Every value
 * is finite: a NaN or an infinity is refused where it is read.
 */
#ifndef PHI_LORA_ADAPTER_H
#define PHI_LORA_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/lora/adapter_key.h"
#include "libconv/lora/lora_config.h"
#include "libconv/tensor/dtype.h"

struct phi_file;

struct phi_adapter_tensor {
    const char *key;  /* its name in the file, for messages */
    const char *path; /* the module's, without "base_model.model." */
    enum phi_adapter_role role;
    enum phi_dtype dtype; /* as stored: floats of at most 4 bytes */
    uint32_t rank;        /* 1 or 2 */
    uint64_t dim[2];      /* outermost first; dim[1] is 1 of a vector */
    float *data;          /* (dim[0], dim[1]), or NULL: read it by rows */
};

struct phi_adapter;

struct phi_adapter_ops {
    /* Bytes [offset, offset + n) of tensor i, as they are stored. */
    enum phi_status (*read)(const struct phi_adapter *a, size_t i,
                            uint64_t offset, void *to, size_t n,
                            struct phi_err *err);
    /* PHI_E_IO if a file of the adapter changed since it was opened. */
    enum phi_status (*unchanged)(const struct phi_adapter *a,
                                 struct phi_err *err);
    /* PHI_E_ARG if path names one of the adapter's files. */
    enum phi_status (*not_input)(const struct phi_adapter *a, const char *path,
                                 struct phi_err *err);
    void (*close)(struct phi_adapter *a);
};

/* First member of each format's own structure. */
struct phi_adapter {
    const struct phi_adapter_ops *ops;
    const char *path;               /* as the user gave it */
    const char *file;               /* the path of the file with the tensors */
    const struct phi_file *weights; /* that file, open; NULL: in memory */
    const char *format;             /* "peft", "gguf" */
    const char *arch; /* of the base, as GGUF names it; NULL: not said */
    struct phi_lora_config config;
    struct phi_adapter_tensor *tensors; /* (ntensors), in file order */
    size_t ntensors;
};

/*
 * Rows [row, row + n) of tensor i as f32, in out (n, dim[1]); of a vector,
 * elements. Several threads may read at once and nothing is allocated.
 * PHI_E_FORMAT at a value that is not finite, with its place.
 */
enum phi_status phi_adapter_rows(const struct phi_adapter *a, size_t i,
                                 uint64_t row, uint64_t n, float *out,
                                 struct phi_err *err);

/*
 * Fills data of every tensor that merging holds: for formats, when `tensors`
 * is described and `read` works. What is already there is released by
 * phi_adapter_forget().
 */
enum phi_status phi_adapter_hold(struct phi_adapter *a, struct phi_err *err);

/* Frees the data and the configuration, not the descriptions. */
void phi_adapter_forget(struct phi_adapter *a);

enum phi_status phi_adapter_unchanged(const struct phi_adapter *a,
                                      struct phi_err *err);
enum phi_status phi_adapter_not_input(const struct phi_adapter *a,
                                      const char *path, struct phi_err *err);
void phi_adapter_close(struct phi_adapter *a); /* accepts NULL */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the sinks of all formats share: which bytes of which file a tensor's
 * bytes are, writing them there from several threads, and the check at the end
 * that all came. A tensor is one piece of a file, or several pieces:
 *
 *   tensor   |------ first ------|--- second ---|
 *   files    ...[head|  ..first..|pad|..]   [head|..second..|pad]...
 */
#ifndef PHI_FORMATS_SINK_FILES_H
#define PHI_FORMATS_SINK_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/buf.h"
#include "libconv/base/err.h"
#include "libconv/base/output.h"
#include "libconv/tensor/sink.h"

struct phi_sink_piece {
    uint64_t first; /* of its bytes, in the tensor */
    uint64_t nbytes;
    size_t file;
    uint64_t at; /* in the file */
};

/* A tensor of the sink. */
struct phi_sink_entry {
    char *name; /* owned */
    uint64_t nbytes;
    size_t piece; /* its first */
    size_t npieces;
};

struct phi_sink_files {
    char *path; /* for messages */
    /* (nfiles) to be filled by the format, which owns the outputs. */
    struct phi_output **outputs;
    size_t nfiles;
    struct phi_sink_entry *entries; /* (n) */
    size_t n;
    struct phi_sink_piece *pieces; /* (npieces), in the order of entries */
    size_t npieces;
    size_t cap;
};

/* Copies path and list. To be ended with phi_sink_files_release(), after a
 * failure too. */
enum phi_status phi_sink_files_init(struct phi_sink_files *out,
                                    const char *path,
                                    const struct phi_sink_tensor *tensors,
                                    size_t n, size_t nfiles,
                                    struct phi_err *err);
void phi_sink_files_release(struct phi_sink_files *f);

/*
 * The next nbytes bytes of tensor i are at byte `at` of a file. To be called
 * for tensors in ascending order, before anything is written.
 */
enum phi_status phi_sink_files_place(struct phi_sink_files *f, size_t i,
                                     uint64_t nbytes, size_t file, uint64_t at,
                                     struct phi_err *err);

/* As write() and position() of struct phi_sink_ops. */
enum phi_status phi_sink_files_write(const struct phi_sink_files *f, size_t i,
                                     uint64_t offset, const void *bytes,
                                     size_t n, struct phi_err *err);
uint64_t phi_sink_files_position(const struct phi_sink_files *f, size_t i,
                                 uint64_t offset);

/*
 * Writes the head of a file, in which every tensor is padded with zeros to a
 * multiple of `align`, and syncs nothing yet. PHI_E_ARG if a byte of one of
 * its tensors is missing.
 */
enum phi_status phi_sink_files_finish(const struct phi_sink_files *f,
                                      size_t file, const struct phi_buf *head,
                                      uint64_t align, struct phi_err *err);

#endif

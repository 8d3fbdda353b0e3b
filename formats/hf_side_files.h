/* SPDX-License-Identifier: MIT */
/*
 * The files beside the weights of a Hugging Face folder, as they go into
 * another one: copied as they are, never run, or replaced by others.
 *
 * Of a folder, only what lies in it directly is copied, and only what a model
 * has besides weights, by its name (any case):
 *
 *   texts      *.json *.jsonl *.yaml *.yml *.txt *.md *.rst *.py *.jinja
 *   tokenizer  *.model *.tiktoken *.bpe *.vocab
 *   pictures   *.png *.jpg *.jpeg *.gif *.svg *.webp *.pdf
 *   rights     LICENSE* LICENCE* COPYING* NOTICE* README* AUTHORS* USE_POLICY*,
 *              without an ending
 *
 * Not copied: weights of any format and their indices (*.index.json), an
 * adapter's configuration, names that begin with a point, folders. What is
 * neither can be asked for, too: it is for archives, not for publishing.
 *
 * A link is followed to a file beside it, or to ../../blobs/HASH, which is how
 * the Hub's cache is laid out. Any other link to be copied is refused: it
 * could make a private file public.
 */
#ifndef PHI_FORMATS_HF_SIDE_FILES_H
#define PHI_FORMATS_HF_SIDE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"
#include "libconv/base/folder.h"
#include "libconv/base/output_folder.h"

/*
 * Where contents come from that are made when they are wanted: `make` gives
 * those of number i, to be released with free(). `from` outlives the list.
 */
struct phi_hf_side_maker {
    enum phi_status (*make)(uint8_t **out, const void *from, size_t i,
                            struct phi_err *err);
    const void *from;
    size_t i;
};

/* A file to be added, or to replace the one of its name, or to leave out. */
struct phi_hf_side_file {
    const char *name;  /* one part of a path */
    const char *path;  /* copied from here, links followed; or NULL: */
    const void *bytes; /* (nbytes) its contents; or NULL: */
    size_t nbytes;
    struct phi_hf_side_maker maker; /* of nbytes; without: there is none */
};

struct phi_hf_side_item {
    char *name;
    char *path;     /* of the file to copy, or NULL: */
    uint8_t *bytes; /* (nbytes), or NULL: */
    uint64_t nbytes;
    struct phi_hf_side_maker maker;
};

/* Zero-initialise; end with phi_hf_side_files_release(). */
struct phi_hf_side_files {
    struct phi_hf_side_item *v; /* (n), in the order of their names */
    size_t n;
    size_t cap;
    struct phi_names left; /* what is in the folder and not copied */
};

/* Adds what is copied from a folder, without reading it. */
enum phi_status phi_hf_side_files_scan(struct phi_hf_side_files *out,
                                       const char *dir, struct phi_err *err);

/*
 * The same, and files of other names that can be read, in the order of their
 * names while they have at most `most` bytes together; no links out of the
 * folder.
 */
enum phi_status phi_hf_side_files_scan_all(struct phi_hf_side_files *out,
                                           const char *dir, uint64_t most,
                                           struct phi_err *err);

/* Leaves out names that are not wanted: they are added to `left`. */
enum phi_status phi_hf_side_files_keep(struct phi_hf_side_files *files,
                                       bool (*wanted)(const char *name),
                                       struct phi_err *err);

/* Whether phi_hf_side_files_scan_all() takes a file of this name. */
bool phi_hf_side_files_is_archived(const char *name);

/* Whether phi_hf_side_files_scan() does. */
bool phi_hf_side_files_is_published(const char *name);

/* Adds, replaces or removes one; contents are copied, paths only later. */
enum phi_status phi_hf_side_files_set(struct phi_hf_side_files *files,
                                      const struct phi_hf_side_file *file,
                                      struct phi_err *err);

/*
 * The tokenizer becomes that of another folder: the files of the one there was
 * go, all of them, and those of dir are added, by the rules above. PHI_E_FORMAT
 * if dir has none.
 */
enum phi_status phi_hf_side_files_tokenizer(struct phi_hf_side_files *files,
                                            const char *dir,
                                            struct phi_err *err);

/* The file of that name, or NULL. */
const struct phi_hf_side_item *phi_hf_side_files_find(
    const struct phi_hf_side_files *files, const char *name);

/*
 * What item->bytes are where it has none: a file's, no more than max, or what
 * its maker gives. To be released with free().
 */
enum phi_status phi_hf_side_item_load(const struct phi_hf_side_item *item,
                                      size_t max, uint8_t **out, size_t *n,
                                      struct phi_err *err);

/* Writes all of them into an output, durably, one after the other. */
enum phi_status phi_hf_side_files_write(const struct phi_hf_side_files *files,
                                        struct phi_output_folder *to,
                                        struct phi_err *err);

void phi_hf_side_files_release(struct phi_hf_side_files *files);

#endif

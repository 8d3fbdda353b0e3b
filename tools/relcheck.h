/* SPDX-License-Identifier: MIT */
/*
 * What "phiconv verify-release" looks at, and what it has found. A folder from
 * somewhere is not to be trusted: names are looked at before a file is opened,
 * sizes before one is read, and nothing outside the folder is.
 *
 *   files      the folder, SHA256SUMS and the files agree     (relcheck_files)
 *   signature  of SHA256SUMS, if a key is given           (relcheck_signature)
 *   manifest   lists the files; every gate has passed      (relcheck_manifest)
 *   models     files and tensors are those of the manifest   (relcheck_models)
 *   source     makes the same, all of it, once more          (relcheck_source)
 *
 * A step that finds a difference is the last.
 */
#ifndef PHICONV_TOOLS_RELCHECK_H
#define PHICONV_TOOLS_RELCHECK_H

#include "formats/json.h"
#include "libconv/base/folder.h"
#include "libconv/base/sha256.h"
#include "libconv/tensor/source.h"
#include "tools/lora_options.h"
#include "tools/options.h"
#include "tools/release_names.h"

/* A line of SHA256SUMS; more than any release has files. */
#define RELCHECK_MAX_SUMS  ((uint64_t)16 << 20)
#define RELCHECK_MAX_FILES 65536

struct relcheck_args {
    struct common common;
    const char *source;
    struct lora_args lora;
    const char *imatrix;
    const char *minisign_key;
    const char *gpg_key;
    uint64_t max_memory;
};

struct relcheck_file {
    char *name;
    char sha256[PHI_SHA256_HEX]; /* as SHA256SUMS has it */
    uint64_t nbytes;             /* of the file */
    bool in_manifest;
    bool opened; /* as one of a model's */
};

/* A quantized model of the release, as the manifest describes it. */
struct relcheck_output {
    const char *type; /* borrowed from the manifest, as are: */
    const char *recipe;
    const char *first; /* its first file */
    struct phi_json files;
    struct phi_json tensors;
    struct phi_source *model;
};

struct relcheck {
    const struct command *cmd;
    struct relcheck_args args;
    uint32_t features;
    const char *dir;
    struct phi_names there;      /* in the folder */
    struct relcheck_file *files; /* (nfiles) of SHA256SUMS, by name */
    size_t nfiles;
    struct phi_json_doc *manifest;
    struct relcheck_output outputs[RELEASE_MAX_OUTPUTS]; /* (n) */
    size_t n;
    size_t ngates;
    uint64_t ntensors;           /* of all outputs */
    uint64_t nderived;           /* that the source made once more */
    uint64_t nfound;             /* differences */
    struct phi_names found;      /* the first of them: "PLACE: what" */
    struct phi_names signatures; /* what became of them */
    struct phi_names notes;      /* what was not looked at */
};

/* Each appends to c->found; a status is for what could not be done. Without
 * --source the last does nothing. */
enum phi_status relcheck_files(struct relcheck *c, struct phi_err *err);
enum phi_status relcheck_signature(struct relcheck *c, struct phi_err *err);
enum phi_status relcheck_manifest(struct relcheck *c, struct phi_err *err);
enum phi_status relcheck_models(struct relcheck *c, struct phi_err *err);
enum phi_status relcheck_source(struct relcheck *c, struct phi_err *err);

/* What was found, as text or with --json. */
enum phi_status relcheck_print(const struct relcheck *c, struct phi_err *err);

/* A difference, or a remark; control characters are escaped. Of very many
 * differences all are counted, and the first are kept. */
enum phi_status relcheck_found(struct relcheck *c, struct phi_err *err,
                               const char *fmt, ...) PHI_PRINTF(3, 4);
enum phi_status relcheck_note(struct phi_names *list, struct phi_err *err,
                              const char *fmt, ...) PHI_PRINTF(3, 4);

/* The entry of SHA256SUMS, or NULL. */
struct relcheck_file *relcheck_find(const struct relcheck *c, const char *name);

/* Whether text is 64 lower-case hexadecimal digits, and nothing after them. */
bool relcheck_is_hash(const char *text);

/* DIR/NAME, to be released with free(). */
char *relcheck_path(const struct relcheck *c, const char *name,
                    struct phi_err *err);

void relcheck_release(struct relcheck *c);

#endif

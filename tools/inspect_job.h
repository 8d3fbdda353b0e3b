/* SPDX-License-Identifier: MIT */
/* What phiconv inspect looks at, and what it has found. */
#ifndef PHICONV_TOOLS_INSPECT_JOB_H
#define PHICONV_TOOLS_INSPECT_JOB_H

#include "libconv/base/sha256.h"
#include "libconv/tensor/source.h"
#include "tools/options.h"

struct inspect_args {
    struct common common;
    bool tensors;
    bool metadata;
    bool hash;
    bool diffable;
    bool stored;
    const char *compare;
};

/* Tensors of one type. */
struct inspect_type {
    uint64_t tensors;
    uint64_t weights;
    uint64_t nbytes;
};

struct inspect_job {
    const struct command *cmd;
    struct inspect_args args;
    uint32_t features;
    const char *path; /* as it was given */
    struct phi_source *source;
    struct phi_err why; /* status: why it has no GGUF names, or PHI_OK */
    size_t *order;      /* (ntensors) by name */
    bool *shared;       /* (ntensors) the same place as an earlier one */
    struct inspect_type types[PHI_NDTYPES];
    uint64_t weights;
    uint64_t tensor_nbytes;
    uint64_t file_nbytes;
    char (*hex)[PHI_SHA256_HEX]; /* (ntensors) with --hash, else NULL */
    char digest[PHI_SHA256_HEX]; /* with --hash */
};

/* Opens path and counts. End with inspect_release(), whatever it returns. */
enum phi_status inspect_open(struct inspect_job *job, const char *path,
                             struct phi_err *err);
enum phi_status inspect_hash(struct inspect_job *job, struct phi_err *err);
void inspect_release(struct inspect_job *job);

/* "Hugging Face folder", "GGUF", ...: what the source is. */
const char *inspect_kind(const struct inspect_job *job);

/* Where tensor i begins in its file. */
uint64_t inspect_offset(const struct inspect_job *job, size_t i);

/* The name that a packed file gives its model; false for all others. */
bool inspect_root(const struct inspect_job *job, char out[PHI_SHA256_HEX]);

/* Of all weights, in bits. */
double inspect_bits(const struct inspect_job *job);

/*
 * Known facts about models, wherever their formats keep them: calls put for
 * each that the model has, in one order.
 */
typedef void (*inspect_fact_fn)(void *ctx, const char *label, const char *json,
                                const struct phi_kv *kv);
void inspect_facts(const struct inspect_job *job, inspect_fact_fn put,
                   void *ctx);

/* Entries of the vocabulary; 0: not said. */
uint64_t inspect_vocabulary(const struct inspect_job *job);

bool inspect_has_template(const struct inspect_job *job);

#endif

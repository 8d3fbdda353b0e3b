/* SPDX-License-Identifier: MIT */
/*
 * What one run of "phiconv quantize" works on: its arguments, the source and
 * a target for every -t. The steps are called in the order of this file.
 */
#ifndef PHICONV_TOOLS_QUANTIZE_JOB_H
#define PHICONV_TOOLS_QUANTIZE_JOB_H

#include "formats/gguf_copy.h"
#include "formats/gguf_split.h"
#include "libconv/base/err.h"
#include "libconv/base/folder.h"
#include "libconv/convert/pipeline.h"
#include "libconv/convert/plan.h"
#include "tools/lora_options.h"
#include "tools/options.h"
#include "tools/quantize_recipe.h"

struct quantize_args {
    struct common common;
    struct text_list types;
    const char *output;
    const char *imatrix;
    struct text_list tensor_types;
    const char *embedding_type;
    const char *output_type;
    bool pure;
    bool leave_output;
    bool allow_requantize;
    bool strict;
    uint64_t max_memory;
    uint64_t split_max_size;
    uint64_t split_max_tensors;
    bool no_provenance;
    bool pack_planes;
    bool dry_run;
    bool force;
    struct lora_args lora;
};

/* One -t: its plan, and its file once it is written. */
struct quantize_target {
    char *path;  /* owned; NULL: none was named (--dry-run) */
    char *label; /* as it was asked for: "q4_0", "pack:q4_0"; owned */
    const struct phi_file_type *type;
    bool packed;                          /* and not GGUF */
    const struct quantize_recipe *recipe; /* borrowed */
    struct phi_plan plan;
    /* Only the container changes: the file has the source's metadata and
     * order, and the bytes before its tensors. */
    bool copied;
    struct phi_gguf_copy copy;
    struct phi_gguf_parts parts; /* the files */
    char *first;                 /* name of the first; owned, NULL as path */
    uint64_t nbytes;             /* of all of them */
    struct phi_sink *sink;
    struct phi_sink *inner;        /* the same, or what it hands on to */
    struct phi_rounding *rounding; /* (plan.n) */
};

struct quantize_job {
    const struct command *cmd;
    struct quantize_args args;
    struct quantize_recipe recipe; /* of the options */
    /* (args.types.n) of the targets, borrowed; NULL: all have the options' */
    const struct quantize_recipe *recipes;
    bool unnamed; /* targets get their paths after quantize_open() */
    /* Targets lie in a new folder, which is synced as a whole at the end. */
    bool within;
    bool published; /* packed files have what a model is published with */
    bool hashed;    /* the source's hashes are wanted, whatever is made of it */
    struct phi_imatrix imatrix; /* of --imatrix */
    struct phi_gguf_split split;
    uint32_t features; /* of the kernels that --cpu leaves */
    struct lora_words words;
    struct phi_adapted model;
    struct phi_provenance_adapter *adapters; /* (model.n) */
    struct phi_source *source; /* the model's base; borrowed, as are: */
    struct phi_source *shapes; /* as it will be: plans are of this */
    struct quantize_target *targets;
    size_t n;
    struct phi_names left; /* of a folder: what packed files do not have */
    char (*sha256)[PHI_SHA256_HEX]; /* (source->nfiles) once they are read */
    struct phi_pipeline_times times;
    double seconds; /* with what made the outputs permanent */
};

/*
 * Makes targets and recipe from the arguments. Returns -1 to go on, otherwise
 * the exit code; the mistake was printed.
 */
int quantize_read_words(struct quantize_job *job);

/* Opens model and matrix. */
enum phi_status quantize_open(struct quantize_job *job, struct phi_err *err);

/* Whether any target is a packed file. */
bool quantize_is_packed(const struct quantize_job *job);

/* Plans every target: nothing is written yet. */
enum phi_status quantize_make_plans(struct quantize_job *job,
                                    struct phi_err *err);

/* Frees all but what options_parse() made; files not complete disappear. */
void quantize_release(struct quantize_job *job);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One run of "phiconv release": a model becomes a folder that is ready to be
 * published, or nothing does.
 *
 *   words --> plans --> folder .NAME.RANDOM.tmp/
 *     quantize all outputs in one read      (quantize_job.h)
 *     measure them against the float source (eval_job.h), judge the gates
 *     report.html, LICENSE, README.md, manifest.json, SHA256SUMS
 *   --> sync --> the folder gets its name, if every gate has passed
 *
 * What is written depends on the inputs and options alone: two runs make the
 * same bytes.
 */
#ifndef PHICONV_TOOLS_RELEASE_JOB_H
#define PHICONV_TOOLS_RELEASE_JOB_H

#include "formats/hf_side_files.h"
#include "libconv/base/output_folder.h"
#include "tools/eval_job.h"
#include "tools/quantize_job.h"
#include "tools/recipe_file.h"

#define RELEASE_SCHEMA   "phiconv.release/1"
#define RELEASE_MANIFEST "manifest.json"
#define RELEASE_SUMS     "SHA256SUMS"
#define RELEASE_CARD     "README.md"
#define RELEASE_REPORT   "report.html"

/* The gate of a release for which none was given. */
#define RELEASE_MAX_RATIO 1.1

struct release_args {
    struct quantize_args q; /* first, for struct common */
    const char *recipe;
    struct eval_args eval;
    const char *name;
    struct text_list base_models;
    const char *quantized_by;
    bool keep_failed;
};

/* A quantized model of the release: a target of the job's `q`. */
struct release_output {
    const char *type;            /* as it was asked for; borrowed */
    char *label;                 /* in the name of its file */
    char *file;                  /* the name of its first file */
    char (*hex)[PHI_SHA256_HEX]; /* of the tensors of its source */
    char digest[PHI_SHA256_HEX]; /* of them all */
};

/* A file of the folder. */
struct release_file {
    char *name;
    uint64_t nbytes;
    char sha256[PHI_SHA256_HEX];
};

struct release_job {
    const struct command *cmd;
    struct release_args args;
    struct recipe_file recipe;
    struct quantize_job q;
    struct text_list types;         /* (n) for q, borrowed words */
    char *own;                      /* text of the words */
    struct release_output *outputs; /* (n) */
    size_t n;
    char *title; /* what the model is called */
    char *name;  /* how its files begin */

    struct phi_output_folder *folder;
    char *temp;                 /* its path while it is written */
    struct phi_source *values;  /* with adapters; or NULL: q.source is it */
    struct phi_source **models; /* (n + 1) the outputs, and the reference */
    const char **names;         /* (n + 1) */
    char source_digest[PHI_SHA256_HEX];
    struct eval_job eval;
    bool passed;
    struct phi_buf manifest;       /* once it was written */
    struct phi_hf_side_files side; /* the model's licences */
    struct release_file *files;    /* (nfiles) what is in the folder so far */
    size_t nfiles;
    size_t cap;
};

/* The words of the command line, as the parser left them. Returns -1 to go on,
 * otherwise the exit code; the mistake was printed. */
int release_read_words(struct release_job *job);

/* Opens the model, names and plans the outputs, reads the text: what can be
 * refused is refused here. */
enum phi_status release_prepare(struct release_job *job, struct phi_err *err);

/* Quantizes, measures and judges, in a folder that has no name yet. */
enum phi_status release_make(struct release_job *job, struct phi_err *err);

/* Writes what is beside the models, and puts the folder in place: under its
 * name, or with --keep-failed under NAME.failed, or not at all. */
enum phi_status release_finish(struct release_job *job, struct phi_err *err);

/* Where a release goes that its gates refuse, with --keep-failed; to be
 * released with free(). */
char *release_failed_path(const struct release_job *job, struct phi_err *err);

void release_job_release(struct release_job *job);

#endif

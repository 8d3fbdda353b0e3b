/* SPDX-License-Identifier: MIT */
/*
 * libphiconv: what the program phiconv does, for C and C++ programs.
 *
 *   struct phiconv_model *m = NULL;
 *   struct phiconv_error e;
 *   struct phiconv_quantize_options o = PHICONV_QUANTIZE_OPTIONS;
 *
 *   if (phiconv_open(&m, "my-phi", &e) != PHICONV_OK ||
 *       phiconv_quantize(m, "q4_k_m", "my-phi-q4_k_m.gguf", &o, &e) !=
 *           PHICONV_OK)
 *       fprintf(stderr, "%s\n", e.message);
 *   phiconv_close(m);
 *
 * Errors are values: each function that can fail returns a status and fills
 * the struct phiconv_error of its last argument, which may be NULL. The
 * library prints nothing, never ends the process, reads no environment
 * variable and keeps no state between calls. It changes no signal's action: a
 * file that would be larger than RLIMIT_FSIZE is refused (PHICONV_SYSTEM,
 * EFBIG) before SIGXFSZ could come, unless the limit sinks while it is written;
 * all files that the library writes are of sizes that are known before.
 *
 * A path that is not absolute is looked up again while its handle is open: the
 * process stays in its folder as long.
 *
 * Ownership: handles are opaque; what an open function gives, its close
 * function ends, and it accepts NULL. Texts and arrays that a handle hands
 * out are borrowed from it and valid until it is closed. Arguments are never
 * kept.
 *
 * Threads: a handle is used by one thread at a time; functions that only look
 * (those with a const handle) may be called by several at once. Results do
 * not depend on the number of threads. They are those of the default
 * floating-point environment (FE_DFL_ENV of <fenv.h>), which the caller must
 * be in: a program that is linked with -ffast-math may not be.
 *
 * Versions follow SemVer. What is not here is not part of it: names with
 * phi_, which a static library has too, change without notice. Structures of
 * options carry their size, so that later versions can add members; use their
 * initialisers. Until 1.0.0 a new minor version may break programs, and the
 * shared library's name says so (libphiconv.so.0.1).
 */
#ifndef PHICONV_H
#define PHICONV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PHICONV_API __attribute__((visibility("default")))
#else
#define PHICONV_API
#endif

enum phiconv_status {
    PHICONV_OK = 0,
    PHICONV_NO_MEMORY,
    PHICONV_SYSTEM,      /* the system refused: error->system is errno; or no
                            call failed, but a path names no regular file, or a
                            file changed while it was read: it is 0 */
    PHICONV_MALFORMED,   /* a file breaks its own format */
    PHICONV_UNSUPPORTED, /* well-formed, but not handled */
    PHICONV_MISUSE,      /* the caller asked for something impossible */
    PHICONV_CANCELLED    /* the progress function said stop */
};

struct phiconv_error {
    enum phiconv_status status;
    int system;        /* errno, with PHICONV_SYSTEM alone; or 0 */
    char message[512]; /* one line: file, place, found, expected */
    char hint[512];    /* what to do, in options of the program; or empty */
};

/* "0.1.0": of the library that runs, not of this header. */
PHICONV_API const char *phiconv_version(void);

/* ---- models -------------------------------------------------------------- */

struct phiconv_model;

/*
 * Opens a Hugging Face folder, a GGUF file (of a split one, the first) or a
 * packed file, and checks all of it but the weights. On success the caller owns
 * *out.
 */
PHICONV_API enum phiconv_status phiconv_open(struct phiconv_model **out,
                                             const char *path,
                                             struct phiconv_error *error);

/* A LoRA adapter: a folder as PEFT saves it, or GGUF. */
struct phiconv_adapter {
    const char *path;
    double scale; /* 1: as it was trained; PHICONV_MISUSE if 0 or not finite */
};

/*
 * Opens a model with n adapters merged into it, in order. Nothing is written;
 * tensors are merged in f32 as they are read, and rounded when they are
 * stored. On success the caller owns *out.
 */
PHICONV_API enum phiconv_status phiconv_open_adapted(
    struct phiconv_model **out, const char *path,
    const struct phiconv_adapter *adapters, size_t n,
    struct phiconv_error *error);

/*
 * Not 0 if adapter i, of those that the model was opened with, changes nothing:
 * all that it adds is zero, as in one that was never trained. 0 past the last.
 */
PHICONV_API int phiconv_adapter_idle(const struct phiconv_model *model,
                                     size_t i);

PHICONV_API void phiconv_close(struct phiconv_model *model);

/* "hf", "gguf" or "phipack". Static. */
PHICONV_API const char *phiconv_format(const struct phiconv_model *model);

/* ---- tensors ------------------------------------------------------------- */

#define PHICONV_MAX_RANK 8

struct phiconv_tensor {
    const char *name;               /* as in GGUF; borrowed from the model */
    const char *type;               /* "F16", "Q4_K", ...; static */
    uint32_t rank;                  /* 0 to PHICONV_MAX_RANK */
    uint64_t dim[PHICONV_MAX_RANK]; /* outermost first: (rows, columns) */
    uint64_t nbytes;
};

PHICONV_API size_t phiconv_tensor_count(const struct phiconv_model *model);

/* Fills *out for tensor i; PHICONV_MISUSE past the last. */
PHICONV_API enum phiconv_status phiconv_tensor_at(
    const struct phiconv_model *model, size_t i, struct phiconv_tensor *out,
    struct phiconv_error *error);

/* Copies n bytes at offset of tensor i, as they are stored, to `to`, which is
 * the caller's. */
PHICONV_API enum phiconv_status phiconv_tensor_read(
    const struct phiconv_model *model, size_t i, uint64_t offset, void *to,
    size_t n, struct phiconv_error *error);

/* ---- metadata ------------------------------------------------------------ */

enum phiconv_kind {
    PHICONV_UNSIGNED, /* value.u */
    PHICONV_SIGNED,   /* value.i */
    PHICONV_REAL,     /* value.f */
    PHICONV_BOOL,     /* value.u, 0 or 1 */
    PHICONV_TEXT,     /* value.text, with a NUL after n bytes */
    PHICONV_ARRAY     /* n elements */
};

struct phiconv_metadata {
    const char *key;  /* as in GGUF; borrowed from the model */
    const char *type; /* "uint32", "string", ..., of an array its elements' */
    enum phiconv_kind kind;
    union {
        uint64_t u;
        int64_t i;
        double f;
        const char *text; /* borrowed from the model */
    } value;
    size_t n; /* bytes of a text, elements of an array */
};

PHICONV_API size_t phiconv_metadata_count(const struct phiconv_model *model);

/* Fills *out for key i; PHICONV_MISUSE past the last. */
PHICONV_API enum phiconv_status phiconv_metadata_at(
    const struct phiconv_model *model, size_t i, struct phiconv_metadata *out,
    struct phiconv_error *error);

/* The text of that key, or NULL if it is missing or no text; borrowed. */
PHICONV_API const char *phiconv_metadata_text(const struct phiconv_model *model,
                                              const char *key);

/* Element k of the array of texts at key i, or NULL; borrowed. */
PHICONV_API const char *phiconv_metadata_element(
    const struct phiconv_model *model, size_t i, size_t k);

/* ---- long work ----------------------------------------------------------- */

/*
 * Called now and then by one thread at a time, with `done` of `total` units:
 * bytes for phiconv_quantize(), tokens for phiconv_evaluate(). While that one
 * makes tokens of the text, 0 of as many as the text has bytes. Returning
 * anything but 0 ends the work with PHICONV_CANCELLED, and leaves nothing
 * behind.
 */
typedef int (*phiconv_progress_fn)(void *context, uint64_t done,
                                   uint64_t total);

struct phiconv_quantize_options {
    size_t size;          /* of this structure */
    unsigned threads;     /* 0: as many as there are processors */
    int replace;          /* an existing file may be replaced */
    int pure;             /* one type for all tensors */
    int allow_requantize; /* what is quantized may be quantized again */
    int strict;           /* refuse fallback types and lossy float types */
    int no_provenance;    /* leave out the keys phiconv.* */
    const char *imatrix;  /* file of an importance matrix, or NULL */
    uint64_t max_memory;  /* bytes of buffers; 0: no limit */
    phiconv_progress_fn progress; /* or NULL */
    void *context;                /* for progress */
};

#define PHICONV_QUANTIZE_OPTIONS                                               \
    {                                                                          \
        sizeof(struct phiconv_quantize_options), 0, 0, 0, 0, 0, 0, NULL, 0,    \
            NULL, NULL                                                         \
    }

/* The name of file type i ("q4_k_m"), or NULL past the last. Static. */
PHICONV_API const char *phiconv_type_name(size_t i);

/*
 * Writes the model as one GGUF file of the named type, byte for byte as the
 * program does. It appears under its name when it is complete and synced,
 * and not before: until then it is .NAME.RANDOM.tmp beside it, locked. What a
 * process that was killed has left of an output of this name is removed
 * first. options may be NULL.
 */
PHICONV_API enum phiconv_status phiconv_quantize(
    struct phiconv_model *model, const char *type, const char *path,
    const struct phiconv_quantize_options *options,
    struct phiconv_error *error);

struct phiconv_evaluate_options {
    size_t size;                  /* of this structure */
    unsigned threads;             /* 0: as many as there are processors */
    size_t window;                /* tokens; 0: 512 */
    size_t max_windows;           /* 0: all that the text has */
    phiconv_progress_fn progress; /* or NULL */
    void *context;                /* for progress */
};

#define PHICONV_EVALUATE_OPTIONS                                               \
    {                                                                          \
        sizeof(struct phiconv_evaluate_options), 0, 0, 0, NULL, NULL           \
    }

/* Errors are standard errors; NaN, not known, of a single prediction. Without a
 * reference, all but the first three are 0. A perplexity may be infinite. */
struct phiconv_evaluation {
    double perplexity;
    double perplexity_error;
    size_t scored;   /* predictions */
    double mean_kld; /* of KL(reference || model), in nats */
    double mean_kld_error;
    double max_kld;
    double same_top; /* part of predictions whose likeliest token agrees */
    double same_top_error;
    double ln_ratio; /* ln(perplexity / the reference's), paired */
    double ln_ratio_error;
};

/*
 * The perplexity of the model on a text of n bytes of UTF-8, by
 * llama-perplexity's method, and what the model loses against the reference,
 * which may be NULL. Fills *out. options may be NULL.
 */
PHICONV_API enum phiconv_status phiconv_evaluate(
    struct phiconv_model *model, struct phiconv_model *reference,
    const char *text, size_t n, const struct phiconv_evaluate_options *options,
    struct phiconv_evaluation *out, struct phiconv_error *error);

#ifdef __cplusplus
}
#endif

#endif

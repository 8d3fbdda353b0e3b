/* SPDX-License-Identifier: MIT */
/*
 * The one door through which JSON comes in: cJSON, with everything that it is
 * lenient about refused before it sees the text. Accepted is exactly RFC 8259
 * in valid UTF-8, less what a C string or a double cannot carry:
 *
 *   refused                             why
 *   a key twice in one object           parsers disagree about which one wins
 *   \u0000 in a string                  C strings end there
 *   a number that overflows a double    it would silently be infinite
 *   more than PHI_JSON_MAX_...          a file must not choose our memory
 *
 * Messages name the file, and the byte or the key:
 *   config.json: key "hidden_size": is a string, expected an integer 1 to 9
 */
#ifndef PHI_FORMATS_JSON_H
#define PHI_FORMATS_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "libconv/base/err.h"

/* Bytes of a configuration, index or adapter file, and of a tokenizer. */
#define PHI_JSON_MAX_CONFIG    ((uint64_t)64 << 20)
#define PHI_JSON_MAX_TOKENIZER ((uint64_t)256 << 20)
#define PHI_JSON_MAX_DEPTH     512
/* Characters of a number: what cJSON's buffer holds. */
#define PHI_JSON_MAX_NUMBER 63
/*
 * Values in one document. A node of cJSON is 64 bytes and two bytes of text
 * make one, so the size of the text alone does not bound the memory.
 */
#define PHI_JSON_MAX_VALUES ((size_t)1 << 22)
/* Integers up to here are exact in a double, and so is the next one. */
#define PHI_JSON_MAX_INT (((uint64_t)1 << 53) - 1)

enum phi_json_type {
    PHI_JSON_NULL,
    PHI_JSON_BOOL,
    PHI_JSON_NUMBER,
    PHI_JSON_STRING,
    PHI_JSON_ARRAY,
    PHI_JSON_OBJECT
};

struct cJSON;
struct phi_json_doc;

/* A value, borrowed from its document; copy it freely. */
struct phi_json {
    const struct phi_json_doc *doc;
    const struct cJSON *node;
};

/*
 * Parses a file of at most `limit` bytes, or n bytes of text (at most
 * PHI_JSON_MAX_TOKENIZER) that messages call `name`. The caller owns *out.
 */
enum phi_status phi_json_load(struct phi_json_doc **out, const char *path,
                              uint64_t limit, struct phi_err *err);
enum phi_status phi_json_parse(struct phi_json_doc **out, const char *text,
                               size_t n, const char *name, struct phi_err *err);
void phi_json_free(struct phi_json_doc *doc); /* accepts NULL */

struct phi_json phi_json_root(const struct phi_json_doc *doc);
enum phi_json_type phi_json_type(const struct phi_json *v);

/* The path or name given when the document was parsed. */
const char *phi_json_name(const struct phi_json *v);

/*
 * Walks the members of an object or the elements of an array, in file order:
 *   struct phi_json item = {0};
 *   while (phi_json_next(&container, &item)) ...
 * Any other value has no items.
 */
bool phi_json_next(const struct phi_json *container, struct phi_json *item);

/* Number of items of an object or array, else 0. Linear. */
size_t phi_json_count(const struct phi_json *container);

/* The key of a member (UTF-8, borrowed), or NULL for an array's element. */
const char *phi_json_key(const struct phi_json *item);

/* The member of that exact name. Linear: iterate over large objects. */
bool phi_json_find(const struct phi_json *object, const char *key,
                   struct phi_json *out);

/*
 * The value as a C type, or PHI_E_FORMAT naming file, key, what was found
 * and what was expected. Integers are written as integers (2.0 is none);
 * max is at most PHI_JSON_MAX_INT. Strings are borrowed UTF-8.
 */
enum phi_status phi_json_uint(const struct phi_json *v, uint64_t min,
                              uint64_t max, uint64_t *out, struct phi_err *err);
enum phi_status phi_json_int(const struct phi_json *v, int64_t min, int64_t max,
                             int64_t *out, struct phi_err *err);
enum phi_status phi_json_number(const struct phi_json *v, double min,
                                double max, double *out, struct phi_err *err);
enum phi_status phi_json_bool(const struct phi_json *v, bool *out,
                              struct phi_err *err);
enum phi_status phi_json_str(const struct phi_json *v, const char **out,
                             struct phi_err *err);
/* Only checks; for arrays and objects. */
enum phi_status phi_json_expect(const struct phi_json *v,
                                enum phi_json_type type, struct phi_err *err);

/* As above for a member that must be there. */
enum phi_status phi_json_get_uint(const struct phi_json *object,
                                  const char *key, uint64_t min, uint64_t max,
                                  uint64_t *out, struct phi_err *err);
enum phi_status phi_json_get_str(const struct phi_json *object, const char *key,
                                 const char **out, struct phi_err *err);
enum phi_status phi_json_get(const struct phi_json *object, const char *key,
                             enum phi_json_type type, struct phi_json *out,
                             struct phi_err *err);

/*
 * As above for a member that may be missing or null: then *out keeps what it
 * held (phi_json_opt: out->node is NULL).
 */
enum phi_status phi_json_opt_uint(const struct phi_json *object,
                                  const char *key, uint64_t min, uint64_t max,
                                  uint64_t *out, struct phi_err *err);
enum phi_status phi_json_opt_number(const struct phi_json *object,
                                    const char *key, double min, double max,
                                    double *out, struct phi_err *err);
enum phi_status phi_json_opt_bool(const struct phi_json *object,
                                  const char *key, bool *out,
                                  struct phi_err *err);
enum phi_status phi_json_opt_str(const struct phi_json *object, const char *key,
                                 const char **out, struct phi_err *err);
enum phi_status phi_json_opt(const struct phi_json *object, const char *key,
                             enum phi_json_type type, struct phi_json *out,
                             struct phi_err *err);

/* Fails with `NAME: key "a.b[0]": ` in front of the formatted text. */
enum phi_status phi_json_refuse(const struct phi_json *v,
                                enum phi_status status, struct phi_err *err,
                                const char *fmt, ...) PHI_PRINTF(4, 5);

/* What the value is, for messages: `"silu"`, `3.5`, `an object`, ... */
char *phi_json_describe(const struct phi_json *v, char *out, size_t n);

#endif

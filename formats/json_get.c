/* SPDX-License-Identifier: MIT */
/* Typed getters of json.h, and the messages that name where a value is. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/json.h"
#include "libconv/base/decimal.h"

/* Room for a path such as "added_tokens[12].content". */
#define PATH_MAX_BYTES 300

/* Appends node's own step to the path of its parent. */
static void add_step(char *path, const cJSON *parent, const cJSON *node)
{
    const size_t at = strlen(path);
    const size_t room = PATH_MAX_BYTES - at;

    if (node->string != NULL) {
        snprintf(path + at, room, "%s%.*s", at > 0 ? "." : "", PHI_ERR_NAME,
                 node->string);
    } else {
        size_t i = 0;

        for (const cJSON *c = parent->child; c != node; c = c->next)
            i++;
        snprintf(path + at, room, "[%zu]", i);
    }
}

/*
 * The path from the root to v, found by search: only errors need it. False
 * for the root itself, which has none.
 */
static bool find_path(const struct phi_json *v, char path[PATH_MAX_BYTES])
{
    const cJSON *up[PHI_JSON_MAX_DEPTH + 1];
    const cJSON *node = phi_json_root(v->doc).node;
    size_t depth = 0;

    path[0] = '\0';
    while (node != NULL && node != v->node) {
        if (node->child != NULL) {
            up[depth++] = node;
            node = node->child;
            continue;
        }
        while (node->next == NULL && depth > 0)
            node = up[--depth];
        node = node->next;
    }
    for (size_t i = 1; i < depth; i++)
        add_step(path, up[i - 1], up[i]);
    if (node != NULL && depth > 0)
        add_step(path, up[depth - 1], node);
    return depth > 0;
}

enum phi_status phi_json_refuse(const struct phi_json *v,
                                enum phi_status status, struct phi_err *err,
                                const char *fmt, ...)
{
    char path[PATH_MAX_BYTES];
    char text[PHI_ERR_MAX];
    va_list args;

    if (err == NULL) /* a question, which is asked of each of many values */
        return status;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!find_path(v, path))
        return phi_fail(err, status, "%s: %s", phi_json_name(v), text);
    return phi_fail(err, status, "%s: key \"%s\": %s", phi_json_name(v), path,
                    text);
}

static const char *const kinds[] = {
    [PHI_JSON_NULL] = "null",       [PHI_JSON_BOOL] = "a boolean",
    [PHI_JSON_NUMBER] = "a number", [PHI_JSON_STRING] = "a string",
    [PHI_JSON_ARRAY] = "an array",  [PHI_JSON_OBJECT] = "an object"};

char *phi_json_describe(const struct phi_json *v, char *out, size_t n)
{
    const enum phi_json_type type = phi_json_type(v);
    char number[PHI_DECIMAL_MAX];

    if (type == PHI_JSON_STRING)
        snprintf(out, n, "\"%.*s\"", PHI_ERR_NAME, v->node->valuestring);
    else if (type == PHI_JSON_NUMBER)
        snprintf(out, n, "%s", phi_decimal(number, v->node->valuedouble));
    else if (type == PHI_JSON_BOOL)
        snprintf(out, n, "%s", cJSON_IsTrue(v->node) ? "true" : "false");
    else
        snprintf(out, n, "%s", kinds[type]);
    return out;
}

/* Fails because v is not what `expected` says. */
static enum phi_status mismatch(const struct phi_json *v, struct phi_err *err,
                                const char *expected)
{
    char found[PHI_ERR_NAME];

    if (err == NULL)
        return PHI_E_FORMAT;
    if (phi_json_type(v) == PHI_JSON_NUMBER)
        phi_json_describe(v, found, sizeof(found));
    else
        snprintf(found, sizeof(found), "%s", kinds[phi_json_type(v)]);
    return phi_json_refuse(v, PHI_E_FORMAT, err, "is %s, expected %s", found,
                           expected);
}

static bool is_integer(const struct phi_json *v)
{
    return cJSON_IsNumber(v->node) && v->node->valueint == 1;
}

enum phi_status phi_json_uint(const struct phi_json *v, uint64_t min,
                              uint64_t max, uint64_t *out, struct phi_err *err)
{
    const double d = v->node->valuedouble;
    char expected[80];

    if (is_integer(v) && d >= (double)min && d <= (double)max) {
        *out = (uint64_t)d;
        return PHI_OK;
    }
    snprintf(expected, sizeof(expected), "an integer %llu to %llu",
             (unsigned long long)min, (unsigned long long)max);
    return mismatch(v, err, expected);
}

enum phi_status phi_json_int(const struct phi_json *v, int64_t min, int64_t max,
                             int64_t *out, struct phi_err *err)
{
    const double d = v->node->valuedouble;
    char expected[80];

    if (is_integer(v) && d >= (double)min && d <= (double)max) {
        *out = (int64_t)d;
        return PHI_OK;
    }
    snprintf(expected, sizeof(expected), "an integer %lld to %lld",
             (long long)min, (long long)max);
    return mismatch(v, err, expected);
}

enum phi_status phi_json_number(const struct phi_json *v, double min,
                                double max, double *out, struct phi_err *err)
{
    char expected[80];

    if (cJSON_IsNumber(v->node) && v->node->valuedouble >= min &&
        v->node->valuedouble <= max) {
        *out = v->node->valuedouble;
        return PHI_OK;
    }
    snprintf(expected, sizeof(expected), "a number %.9g to %.9g", min, max);
    return mismatch(v, err, expected);
}

enum phi_status phi_json_bool(const struct phi_json *v, bool *out,
                              struct phi_err *err)
{
    if (!cJSON_IsBool(v->node))
        return mismatch(v, err, "true or false");
    *out = cJSON_IsTrue(v->node);
    return PHI_OK;
}

enum phi_status phi_json_str(const struct phi_json *v, const char **out,
                             struct phi_err *err)
{
    if (!cJSON_IsString(v->node))
        return mismatch(v, err, "a string");
    *out = v->node->valuestring;
    return PHI_OK;
}

enum phi_status phi_json_expect(const struct phi_json *v,
                                enum phi_json_type type, struct phi_err *err)
{
    return phi_json_type(v) == type ? PHI_OK : mismatch(v, err, kinds[type]);
}

/* The member, which must be there. */
static enum phi_status need(const struct phi_json *object, const char *key,
                            struct phi_json *out, struct phi_err *err)
{
    char path[PATH_MAX_BYTES];

    if (phi_json_find(object, key, out))
        return PHI_OK;
    find_path(object, path);
    return phi_fail(err, PHI_E_FORMAT, "%s: key \"%s%s%s\": is missing",
                    phi_json_name(object), path, path[0] != '\0' ? "." : "",
                    key);
}

/* Whether the member is there and not null. */
static bool present(const struct phi_json *object, const char *key,
                    struct phi_json *out)
{
    return phi_json_find(object, key, out) &&
           phi_json_type(out) != PHI_JSON_NULL;
}

enum phi_status phi_json_get_uint(const struct phi_json *object,
                                  const char *key, uint64_t min, uint64_t max,
                                  uint64_t *out, struct phi_err *err)
{
    struct phi_json v;
    const enum phi_status st = need(object, key, &v, err);

    return st != PHI_OK ? st : phi_json_uint(&v, min, max, out, err);
}

enum phi_status phi_json_get_str(const struct phi_json *object, const char *key,
                                 const char **out, struct phi_err *err)
{
    struct phi_json v;
    const enum phi_status st = need(object, key, &v, err);

    return st != PHI_OK ? st : phi_json_str(&v, out, err);
}

enum phi_status phi_json_get(const struct phi_json *object, const char *key,
                             enum phi_json_type type, struct phi_json *out,
                             struct phi_err *err)
{
    const enum phi_status st = need(object, key, out, err);

    return st != PHI_OK ? st : phi_json_expect(out, type, err);
}

enum phi_status phi_json_opt_uint(const struct phi_json *object,
                                  const char *key, uint64_t min, uint64_t max,
                                  uint64_t *out, struct phi_err *err)
{
    struct phi_json v;

    if (!present(object, key, &v))
        return PHI_OK;
    return phi_json_uint(&v, min, max, out, err);
}

enum phi_status phi_json_opt_number(const struct phi_json *object,
                                    const char *key, double min, double max,
                                    double *out, struct phi_err *err)
{
    struct phi_json v;

    if (!present(object, key, &v))
        return PHI_OK;
    return phi_json_number(&v, min, max, out, err);
}

enum phi_status phi_json_opt_bool(const struct phi_json *object,
                                  const char *key, bool *out,
                                  struct phi_err *err)
{
    struct phi_json v;

    return present(object, key, &v) ? phi_json_bool(&v, out, err) : PHI_OK;
}

enum phi_status phi_json_opt_str(const struct phi_json *object, const char *key,
                                 const char **out, struct phi_err *err)
{
    struct phi_json v;

    return present(object, key, &v) ? phi_json_str(&v, out, err) : PHI_OK;
}

enum phi_status phi_json_opt(const struct phi_json *object, const char *key,
                             enum phi_json_type type, struct phi_json *out,
                             struct phi_err *err)
{
    if (present(object, key, out))
        return phi_json_expect(out, type, err);
    *out = (struct phi_json){object->doc, NULL};
    return PHI_OK;
}

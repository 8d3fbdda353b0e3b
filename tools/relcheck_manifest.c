/* SPDX-License-Identifier: MIT */
/* The manifest: what it lists, and what its gates said. */
#include <stdlib.h>
#include <string.h>

#include "tools/relcheck.h"
#include "tools/release_job.h"

/* A hash among the members of an object. */
static enum phi_status get_hash(const struct phi_json *object, const char *key,
                                const char **out, struct phi_err *err)
{
    struct phi_json v;
    enum phi_status st = phi_json_get(object, key, PHI_JSON_STRING, &v, err);

    if (st == PHI_OK)
        st = phi_json_str(&v, out, err);
    if (st == PHI_OK && !relcheck_is_hash(*out))
        st = phi_json_refuse(&v, PHI_E_FORMAT, err,
                             "expected the 64 digits of a SHA-256");
    return st;
}

static enum phi_status open_manifest(struct relcheck *c, struct phi_err *err)
{
    char *path = relcheck_path(c, RELEASE_MANIFEST, err);
    const char *schema = NULL;
    struct phi_json root;
    enum phi_status st = PHI_E_NOMEM;

    if (path != NULL)
        st = phi_json_load(&c->manifest, path, PHI_JSON_MAX_CONFIG, err);
    free(path);
    if (st != PHI_OK)
        return st;
    root = phi_json_root(c->manifest);
    st = phi_json_expect(&root, PHI_JSON_OBJECT, err);
    if (st == PHI_OK)
        st = phi_json_get_str(&root, "schema", &schema, err);
    if (st == PHI_OK && strcmp(schema, RELEASE_SCHEMA) != 0)
        st = phi_fail(err, PHI_E_UNSUPPORTED,
                      "%s: schema is \"%.*s\", expected \"" RELEASE_SCHEMA "\"",
                      phi_json_name(&root), PHI_ERR_NAME, schema);
    return st;
}

/* ---- files --------------------------------------------------------------- */

static enum phi_status check_file(struct relcheck *c,
                                  const struct phi_json *item,
                                  struct phi_err *err)
{
    const char *name = NULL;
    const char *sha256 = NULL;
    uint64_t nbytes = 0;
    struct relcheck_file *f;
    enum phi_status st;

    if ((st = phi_json_get_str(item, "name", &name, err)) != PHI_OK ||
        (st = phi_json_get_uint(item, "bytes", 0, PHI_JSON_MAX_INT, &nbytes,
                                err)) != PHI_OK ||
        (st = get_hash(item, "sha256", &sha256, err)) != PHI_OK)
        return st;
    f = relcheck_find(c, name);
    if (f == NULL)
        return relcheck_found(
            c, err, "%.*s: is in " RELEASE_MANIFEST " and not in " RELEASE_SUMS,
            PHI_ERR_NAME, name);
    if (f->in_manifest)
        return relcheck_found(c, err, "%s: is in " RELEASE_MANIFEST " twice",
                              f->name);
    f->in_manifest = true;
    if (strcmp(f->sha256, sha256) != 0)
        return relcheck_found(c, err,
                              "%s: " RELEASE_MANIFEST " has another SHA-256 "
                              "than " RELEASE_SUMS,
                              f->name);
    if (f->nbytes != nbytes)
        return relcheck_found(c, err, "%s: has %llu bytes, expected %llu",
                              f->name, (unsigned long long)f->nbytes,
                              (unsigned long long)nbytes);
    return PHI_OK;
}

static enum phi_status check_files(struct relcheck *c,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    struct phi_json list;
    struct phi_json item = {0};
    enum phi_status st =
        phi_json_get(root, "files", PHI_JSON_ARRAY, &list, err);

    while (st == PHI_OK && phi_json_next(&list, &item))
        st = check_file(c, &item, err);
    for (size_t i = 0; st == PHI_OK && i < c->nfiles; i++) {
        const struct relcheck_file *f = &c->files[i];

        if (!f->in_manifest && strcmp(f->name, RELEASE_MANIFEST) != 0)
            st = relcheck_found(c, err, "%s: is not in " RELEASE_MANIFEST,
                                f->name);
    }
    return st;
}

/* ---- outputs and gates --------------------------------------------------- */

/* The names of an output's files: all of them are of the release. */
static enum phi_status read_names(struct relcheck *c, struct relcheck_output *o,
                                  const struct phi_json *output,
                                  struct phi_err *err)
{
    struct phi_json item = {0};
    enum phi_status st =
        phi_json_get(output, "files", PHI_JSON_ARRAY, &o->files, err);

    while (st == PHI_OK && phi_json_next(&o->files, &item)) {
        const char *name = NULL;

        st = phi_json_str(&item, &name, err);
        if (st != PHI_OK)
            break;
        if (o->first == NULL)
            o->first = name;
        if (relcheck_find(c, name) == NULL ||
            !relcheck_find(c, name)->in_manifest)
            st = phi_json_refuse(&item, PHI_E_FORMAT, err,
                                 "is no file of the release");
    }
    if (st == PHI_OK && o->first == NULL)
        st = phi_json_refuse(&o->files, PHI_E_FORMAT, err,
                             "is empty, expected names of files");
    return st;
}

static enum phi_status read_output(struct relcheck *c,
                                   const struct phi_json *item,
                                   struct phi_err *err)
{
    struct relcheck_output *o = &c->outputs[c->n];
    enum phi_status st;

    if (c->n == RELEASE_MAX_OUTPUTS)
        return phi_json_refuse(item, PHI_E_UNSUPPORTED, err,
                               "there are more than %d", RELEASE_MAX_OUTPUTS);
    if ((st = phi_json_get_str(item, "type", &o->type, err)) != PHI_OK ||
        (st = phi_json_get_str(item, "recipe", &o->recipe, err)) != PHI_OK ||
        (st = phi_json_get(item, "tensors", PHI_JSON_ARRAY, &o->tensors,
                           err)) != PHI_OK)
        return st;
    st = read_names(c, o, item, err);
    c->n++;
    return st;
}

static enum phi_status read_outputs(struct relcheck *c,
                                    const struct phi_json *root,
                                    struct phi_err *err)
{
    struct phi_json list;
    struct phi_json item = {0};
    enum phi_status st =
        phi_json_get(root, "outputs", PHI_JSON_ARRAY, &list, err);

    while (st == PHI_OK && phi_json_next(&list, &item))
        st = read_output(c, &item, err);
    if (st == PHI_OK && c->n == 0)
        st = phi_json_refuse(&list, PHI_E_FORMAT, err,
                             "is empty, expected what was quantized");
    return st;
}

static enum phi_status check_gate(struct relcheck *c,
                                  const struct phi_json *gate,
                                  struct phi_err *err)
{
    const char *name = NULL;
    const char *path = NULL;
    struct phi_json v;
    bool passed = false;
    enum phi_status st;

    if ((st = phi_json_get_str(gate, "name", &name, err)) != PHI_OK ||
        (st = phi_json_get_str(gate, "path", &path, err)) != PHI_OK ||
        (st = phi_json_get(gate, "passed", PHI_JSON_BOOL, &v, err)) != PHI_OK ||
        (st = phi_json_bool(&v, &passed, err)) != PHI_OK)
        return st;
    c->ngates++;
    if (passed)
        return PHI_OK;
    return relcheck_found(c, err, "%.*s: gate %.*s failed", PHI_ERR_NAME, path,
                          PHI_ERR_NAME, name);
}

static enum phi_status check_gates(struct relcheck *c,
                                   const struct phi_json *root,
                                   struct phi_err *err)
{
    const uint64_t before = c->nfound;
    struct phi_json list;
    struct phi_json item = {0};
    struct phi_json v;
    bool passed = false;
    enum phi_status st =
        phi_json_get(root, "gates", PHI_JSON_ARRAY, &list, err);

    while (st == PHI_OK && phi_json_next(&list, &item))
        st = check_gate(c, &item, err);
    if (st == PHI_OK)
        st = phi_json_get(root, "passed", PHI_JSON_BOOL, &v, err);
    if (st == PHI_OK)
        st = phi_json_bool(&v, &passed, err);
    if (st == PHI_OK && c->nfound == before && (!passed || c->ngates == 0))
        st = relcheck_found(c, err,
                            RELEASE_MANIFEST ": does not say that a gate was "
                                             "passed");
    return st;
}

enum phi_status relcheck_manifest(struct relcheck *c, struct phi_err *err)
{
    struct phi_json root;
    enum phi_status st = open_manifest(c, err);

    if (st != PHI_OK)
        return st;
    root = phi_json_root(c->manifest);
    st = check_files(c, &root, err);
    if (st != PHI_OK || c->nfound > 0)
        return st;
    st = read_outputs(c, &root, err);
    return st == PHI_OK ? check_gates(c, &root, err) : st;
}

/* SPDX-License-Identifier: MIT */
/* The folder, SHA256SUMS and the files. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tools/progress.h"
#include "tools/relcheck.h"
#include "tools/release_job.h"
#include "tools/release_names.h"

/* Differences that are listed: a folder must not choose our memory. */
#define MAX_FOUND 256

/* ---- shared by all steps ------------------------------------------------- */

static enum phi_status add(struct phi_names *list, const char *fmt,
                           va_list args, struct phi_err *err)
{
    char raw[PHI_ERR_MAX];
    char text[PHI_ERR_MAX];

    vsnprintf(raw, sizeof(raw), fmt, args);
    return phi_names_add(list, phi_printable(text, sizeof(text), raw), err);
}

enum phi_status relcheck_found(struct relcheck *c, struct phi_err *err,
                               const char *fmt, ...)
{
    enum phi_status st;
    va_list args;

    if (c->nfound++ >= MAX_FOUND)
        return PHI_OK;
    va_start(args, fmt);
    st = add(&c->found, fmt, args, err);
    va_end(args);
    return st;
}

enum phi_status relcheck_note(struct phi_names *list, struct phi_err *err,
                              const char *fmt, ...)
{
    enum phi_status st;
    va_list args;

    va_start(args, fmt);
    st = add(list, fmt, args, err);
    va_end(args);
    return st;
}

bool relcheck_is_hash(const char *text)
{
    return strspn(text, "0123456789abcdef") == PHI_SHA256_HEX - 1 &&
           text[PHI_SHA256_HEX - 1] == '\0';
}

char *relcheck_path(const struct relcheck *c, const char *name,
                    struct phi_err *err)
{
    return phi_path_join(c->dir, name, err);
}

static int by_name(const void *pa, const void *pb)
{
    const struct relcheck_file *a = pa, *b = pb;

    return strcmp(a->name, b->name);
}

struct relcheck_file *relcheck_find(const struct relcheck *c, const char *name)
{
    struct relcheck_file key = {.name = (char *)name};

    return c->nfiles > 0
               ? bsearch(&key, c->files, c->nfiles, sizeof(*c->files), by_name)
               : NULL;
}

void relcheck_release(struct relcheck *c)
{
    for (size_t i = 0; i < c->nfiles; i++)
        free(c->files[i].name);
    free(c->files);
    for (size_t i = 0; i < c->n; i++)
        phi_source_close(c->outputs[i].model);
    phi_json_free(c->manifest);
    phi_names_release(&c->there);
    phi_names_release(&c->found);
    phi_names_release(&c->signatures);
    phi_names_release(&c->notes);
}

/* ---- the folder ---------------------------------------------------------- */

/* What a clone or a download adds, and no release has hashes of. */
static const char *const tolerated[] = {".git", ".gitattributes", ".cache"};

static const char *const signatures[] = {RELEASE_SUMS ".minisig",
                                         RELEASE_SUMS ".asc"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool is_in(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], name) == 0)
            return true;
    }
    return false;
}

/* Every entry of the folder has a plain name and is a file itself. */
static enum phi_status look_around(struct relcheck *c, struct phi_err *err)
{
    enum phi_status st = phi_folder_list(&c->there, c->dir, err);

    for (size_t i = 0; st == PHI_OK && i < c->there.n; i++) {
        const char *name = c->there.v[i];
        bool plain;
        char *path;

        if (is_in(tolerated, COUNT(tolerated), name)) {
            st = relcheck_note(&c->notes, err, "%s: is no part of a release",
                               name);
            continue;
        }
        path = relcheck_path(c, name, err);
        if (path == NULL)
            return PHI_E_NOMEM;
        st = phi_path_plain(&plain, path, err);
        if (st == PHI_OK && !plain)
            st = relcheck_found(c, err,
                                "%.*s: is a link, a folder or something else, "
                                "expected a file",
                                PHI_ERR_NAME, name);
        else if (st == PHI_OK && !release_plain_name(name))
            st = relcheck_found(c, err,
                                "%.*s: no file of a release has such "
                                "a name",
                                PHI_ERR_NAME, name);
        free(path);
    }
    return st;
}

/* ---- SHA256SUMS ---------------------------------------------------------- */

/* One line without its end: 64 digits, a blank, a blank or '*', a name. */
static enum phi_status read_line(struct relcheck *c, const char *line,
                                 size_t number, size_t *cap,
                                 struct phi_err *err)
{
    const size_t hex = PHI_SHA256_HEX - 1;
    void *list = c->files;
    struct relcheck_file *f;
    enum phi_status st;

    if (strspn(line, "0123456789abcdef") != hex || line[hex] != ' ' ||
        (line[hex + 1] != ' ' && line[hex + 1] != '*'))
        return phi_fail(err, PHI_E_FORMAT,
                        "%s/" RELEASE_SUMS ": line %zu: expected a SHA-256, "
                        "two blanks and a name",
                        c->dir, number);
    if (!release_plain_name(line + hex + 2) ||
        strcmp(line + hex + 2, RELEASE_SUMS) == 0)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s/" RELEASE_SUMS ": line %zu: \"%.*s\" is no name "
                        "of a file of a release: letters, digits and . _ -, "
                        "%d bytes at most",
                        c->dir, number, PHI_ERR_NAME, line + hex + 2,
                        RELEASE_MAX_NAME);
    if (c->nfiles == RELCHECK_MAX_FILES)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s/" RELEASE_SUMS ": has more than %d lines", c->dir,
                        RELCHECK_MAX_FILES);
    st = phi_grow(&list, cap, c->nfiles + 1, sizeof(*c->files), err);
    c->files = list;
    if (st != PHI_OK)
        return st;
    f = &c->files[c->nfiles];
    memcpy(f->sha256, line, hex);
    f->name = phi_strdup(line + hex + 2, err);
    if (f->name == NULL)
        return PHI_E_NOMEM;
    c->nfiles++;
    return PHI_OK;
}

static enum phi_status read_lines(struct relcheck *c, char *text, size_t n,
                                  struct phi_err *err)
{
    size_t cap = 0;
    size_t number = 0;

    if (n == 0 || text[n - 1] != '\n' || memchr(text, '\0', n) != NULL)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s/" RELEASE_SUMS ": expected lines of text", c->dir);
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        enum phi_status st;

        *end = '\0';
        st = read_line(c, line, ++number, &cap, err);
        if (st != PHI_OK)
            return st;
        line = end + 1;
    }
    qsort(c->files, c->nfiles, sizeof(*c->files), by_name);
    for (size_t i = 1; i < c->nfiles; i++) {
        if (strcmp(c->files[i].name, c->files[i - 1].name) == 0)
            return phi_fail(err, PHI_E_FORMAT,
                            "%s/" RELEASE_SUMS ": names %s twice", c->dir,
                            c->files[i].name);
    }
    return PHI_OK;
}

static enum phi_status read_sums(struct relcheck *c, struct phi_err *err)
{
    char *path = relcheck_path(c, RELEASE_SUMS, err);
    uint8_t *text = NULL;
    size_t n = 0;
    bool plain = false;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL)
        return st;
    st = phi_path_plain(&plain, path, err);
    if (st == PHI_OK && !plain) {
        phi_fail(err, PHI_E_FORMAT, "%s: has no file " RELEASE_SUMS, c->dir);
        st = phi_hint(err, "expected a folder that phiconv release has made");
    } else if (st == PHI_OK) {
        st = phi_file_load(path, RELCHECK_MAX_SUMS, &text, &n, err);
    }
    if (st == PHI_OK)
        st = read_lines(c, (char *)text, n, err);
    free(text);
    free(path);
    return st;
}

/* ---- the files ----------------------------------------------------------- */

static enum phi_status hash_file(struct relcheck *c, struct relcheck_file *f,
                                 const char *path, struct phi_err *err)
{
    struct progress progress;
    const struct phi_monitor monitor = progress_monitor(&progress);
    struct phi_file *file = NULL;
    char got[PHI_SHA256_HEX];
    enum phi_status st = phi_file_open(&file, path, err);

    if (st != PHI_OK)
        return st;
    f->nbytes = phi_file_size(file);
    progress_begin(&progress, c->args.common.progress, f->name, "B");
    st = phi_sha256_file(file, &monitor, got, err);
    if (st == PHI_OK)
        st = phi_file_unchanged(file, err);
    progress_end(&progress);
    phi_file_close(file);
    if (st == PHI_OK && strcmp(got, f->sha256) != 0)
        st = relcheck_found(c, err, "%s: SHA-256 is %s, expected %s", f->name,
                            got, f->sha256);
    return st;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_there(const struct relcheck *c, const char *name)
{
    return c->there.n > 0 && bsearch(&name, c->there.v, c->there.n,
                                     sizeof(*c->there.v), by_bytes) != NULL;
}

enum phi_status relcheck_files(struct relcheck *c, struct phi_err *err)
{
    enum phi_status st = look_around(c, err);

    if (st != PHI_OK || (st = read_sums(c, err)) != PHI_OK || c->nfound > 0)
        return st;
    for (size_t i = 0; st == PHI_OK && i < c->there.n; i++) {
        const char *name = c->there.v[i];

        if (relcheck_find(c, name) == NULL && strcmp(name, RELEASE_SUMS) != 0 &&
            !is_in(signatures, COUNT(signatures), name) &&
            !is_in(tolerated, COUNT(tolerated), name))
            st = relcheck_found(c, err, "%s: is not in " RELEASE_SUMS, name);
    }
    for (size_t i = 0; st == PHI_OK && i < c->nfiles; i++) {
        struct relcheck_file *f = &c->files[i];
        char *path;

        if (!is_there(c, f->name)) {
            st = relcheck_found(c, err, "%s: is missing", f->name);
            continue;
        }
        path = relcheck_path(c, f->name, err);
        st = path != NULL ? hash_file(c, f, path, err) : PHI_E_NOMEM;
        free(path);
    }
    if (st == PHI_OK && relcheck_find(c, RELEASE_MANIFEST) == NULL &&
        c->nfound == 0)
        st = relcheck_found(c, err, RELEASE_MANIFEST ": is missing");
    return st;
}

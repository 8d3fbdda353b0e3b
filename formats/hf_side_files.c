/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include "formats/hf_side_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libconv/base/ascii.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"

/* Bytes copied at a time. */
#define CHUNK (1u << 18)

/* Links from one to the next in a folder. */
#define MAX_LINKS 8

/* ---- names --------------------------------------------------------------- */

/* Whether name, in any case, begins at `at` with the whole of word. */
static bool matches(const char *at, const char *word)
{
    while (*word != '\0' && phi_lower(*at) == *word) {
        at++;
        word++;
    }
    return *word == '\0';
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t n = strlen(name), m = strlen(ending);

    return n > m && matches(name + n - m, ending);
}

static bool ends_with_one(const char *name, const char *const *endings,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ends_with(name, endings[i]))
            return true;
    }
    return false;
}

/* What programs keep weights in, and the states of optimizers. */
static bool is_weights(const char *name)
{
    static const char *const endings[] = {
        ".safetensors", ".bin",      ".pt",       ".pth",   ".ckpt",
        ".pkl",         ".pickle",   ".h5",       ".keras", ".msgpack",
        ".gguf",        ".ggml",     ".phipack",  ".onnx",  ".onnx_data",
        ".onnx.data",   ".ot",       ".npz",      ".npy",   ".tflite",
        ".mlmodel",     ".pdparams", ".llamafile"};

    return ends_with_one(name, endings, sizeof(endings) / sizeof(endings[0]));
}

bool phi_hf_side_files_is_archived(const char *name)
{
    return name[0] != '.' && !is_weights(name) &&
           !ends_with(name, ".index.json") &&
           !matches(name, "adapter_config.json");
}

bool phi_hf_side_files_is_published(const char *name)
{
    static const char *const endings[] = {
        ".json", ".jsonl", ".yaml",     ".yml",  ".txt",   ".md",  ".rst",
        ".py",   ".jinja", ".model",    ".bpe",  ".vocab", ".png", ".jpg",
        ".jpeg", ".gif",   ".tiktoken", ".webp", ".svg",   ".pdf"};
    static const char *const rights[] = {"license",   "licence", "copying",
                                         "notice",    "readme",  "authors",
                                         "use_policy"};

    if (!phi_hf_side_files_is_archived(name))
        return false;
    if (ends_with_one(name, endings, sizeof(endings) / sizeof(endings[0])))
        return true;
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        if (matches(name, rights[i]) && strchr(name, '.') == NULL)
            return true;
    }
    return false;
}

/* ../../blobs/ and a hash: 40 or 64 hexadecimal digits. */
static bool is_blob(const char *target)
{
    static const char blobs[] = "../../blobs/";
    const char *hash = target + sizeof(blobs) - 1;
    size_t n;

    if (strncmp(target, blobs, sizeof(blobs) - 1) != 0)
        return false;
    n = strspn(hash, "0123456789abcdef");
    return hash[n] == '\0' && (n == 40 || n == 64);
}

/* ---- the list ------------------------------------------------------------ */

static void release_item(struct phi_hf_side_item *item)
{
    free(item->name);
    free(item->path);
    free(item->bytes);
    *item = (struct phi_hf_side_item){0};
}

/* Where name is, or is to be put. */
static size_t place_of(const struct phi_hf_side_files *files, const char *name)
{
    size_t lo = 0;
    size_t hi = files->n;

    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;

        if (strcmp(files->v[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct phi_hf_side_item *phi_hf_side_files_find(
    const struct phi_hf_side_files *files, const char *name)
{
    const size_t i = place_of(files, name);

    return i < files->n && strcmp(files->v[i].name, name) == 0 ? &files->v[i]
                                                               : NULL;
}

/* Fills an item from what it is to be. */
static enum phi_status fill(struct phi_hf_side_item *item,
                            const struct phi_hf_side_file *file,
                            struct phi_err *err)
{
    struct phi_file *f = NULL;
    enum phi_status st;

    item->name = phi_strdup(file->name, err);
    if (item->name == NULL)
        return PHI_E_NOMEM;
    if (file->path == NULL && file->bytes == NULL) {
        item->maker = file->maker;
        item->nbytes = file->nbytes;
        return PHI_OK;
    }
    if (file->path == NULL) {
        item->bytes = phi_alloc(file->nbytes, 1, err);
        if (item->bytes == NULL)
            return PHI_E_NOMEM;
        if (file->nbytes > 0)
            memcpy(item->bytes, file->bytes, file->nbytes);
        item->nbytes = file->nbytes;
        return PHI_OK;
    }
    item->path = phi_strdup(file->path, err);
    if (item->path == NULL)
        return PHI_E_NOMEM;
    st = phi_file_open(&f, file->path, err);
    if (st == PHI_OK)
        item->nbytes = phi_file_size(f);
    phi_file_close(f);
    return st;
}

enum phi_status phi_hf_side_files_set(struct phi_hf_side_files *files,
                                      const struct phi_hf_side_file *file,
                                      struct phi_err *err)
{
    const size_t i = place_of(files, file->name);
    const bool there =
        i < files->n && strcmp(files->v[i].name, file->name) == 0;
    struct phi_hf_side_item item = {0};
    void *list = files->v;
    enum phi_status st = PHI_OK;

    if (file->path == NULL && file->bytes == NULL && file->maker.make == NULL) {
        if (there) {
            release_item(&files->v[i]);
            files->n--;
            memmove(&files->v[i], &files->v[i + 1],
                    (files->n - i) * sizeof(*files->v));
        }
        return PHI_OK;
    }
    st = fill(&item, file, err);
    if (st == PHI_OK && !there) {
        st = phi_grow(&list, &files->cap, files->n + 1, sizeof(*files->v), err);
        files->v = list;
    }
    if (st != PHI_OK) {
        release_item(&item);
        return st;
    }
    if (there) {
        release_item(&files->v[i]);
    } else {
        memmove(&files->v[i + 1], &files->v[i],
                (files->n - i) * sizeof(*files->v));
        files->n++;
    }
    files->v[i] = item;
    return PHI_OK;
}

void phi_hf_side_files_release(struct phi_hf_side_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        release_item(&files->v[i]);
    free(files->v);
    phi_names_release(&files->left);
    *files = (struct phi_hf_side_files){0};
}

/* ---- a folder ------------------------------------------------------------ */

/* What is taken of a folder. */
struct scan {
    const char *dir;
    bool all;
    uint64_t most; /* bytes of files that are taken because it is all */
};

/*
 * Follows name to a file, as far as the rules let it; *s is of what it comes
 * to: no file where it is a link that leads out, which is refused if `known`.
 */
static enum phi_status follow(const char *dir, const char *name, bool known,
                              int depth, struct stat *s, struct phi_err *err)
{
    char *path = phi_path_join(dir, name, err);
    char target[1024];
    ssize_t n;
    enum phi_status st = PHI_OK;

    if (path == NULL)
        return PHI_E_NOMEM;
    if (lstat(path, s) != 0) {
        st = phi_fail_sys(err, errno, "%s: cannot be examined", path);
        goto out;
    }
    if (!S_ISLNK(s->st_mode))
        goto out;
    n = readlink(path, target, sizeof(target) - 1);
    target[n < 0 ? 0 : n] = '\0';
    if (depth < MAX_LINKS && target[0] != '\0' &&
        (strchr(target, '/') == NULL || is_blob(target))) {
        st = follow(dir, target, known, depth + 1, s, err);
        goto out;
    }
    if (!known)
        goto out;
    st = phi_fail(err, PHI_E_UNSUPPORTED,
                  "%s: is a link to \"%.*s\", expected a file or a link to one "
                  "in the same folder",
                  path, PHI_ERR_NAME, target);
    phi_hint(err, "links out of the folder are not copied: put a copy of the "
                  "file there, or remove the link");
out:
    free(path);
    return st;
}

static enum phi_status scan_one(struct phi_hf_side_files *out,
                                struct scan *scan, const char *name,
                                struct phi_err *err)
{
    struct phi_hf_side_file file = {.name = name};
    const bool known = phi_hf_side_files_is_published(name);
    bool take = known || (scan->all && phi_hf_side_files_is_archived(name));
    struct stat s;
    char *path;
    enum phi_status st = PHI_OK;

    if (take) {
        st = follow(scan->dir, name, known, 0, &s, err);
        /* Nobody asked for the others: what cannot be read is left. */
        if (st == PHI_E_IO && !known)
            return phi_names_add(&out->left, name, err);
        if (st != PHI_OK)
            return st;
        take =
            S_ISREG(s.st_mode) && (known || (uint64_t)s.st_size <= scan->most);
    }
    if (!take)
        return phi_names_add(&out->left, name, err);
    path = phi_path_join(scan->dir, name, err);
    if (path == NULL)
        return PHI_E_NOMEM;
    if (!known && access(path, R_OK) != 0) {
        free(path);
        return phi_names_add(&out->left, name, err);
    }
    if (!known)
        scan->most -= (uint64_t)s.st_size;
    file.path = path;
    st = phi_hf_side_files_set(out, &file, err);
    free(path);
    return st;
}

static enum phi_status scan_folder(struct phi_hf_side_files *out,
                                   struct scan *scan, struct phi_err *err)
{
    struct phi_names names = {0};
    enum phi_status st = phi_folder_list(&names, scan->dir, err);

    for (size_t i = 0; st == PHI_OK && i < names.n; i++)
        st = scan_one(out, scan, names.v[i], err);
    phi_names_release(&names);
    return st;
}

enum phi_status phi_hf_side_files_scan(struct phi_hf_side_files *out,
                                       const char *dir, struct phi_err *err)
{
    return scan_folder(out, &(struct scan){.dir = dir}, err);
}

enum phi_status phi_hf_side_files_scan_all(struct phi_hf_side_files *out,
                                           const char *dir, uint64_t most,
                                           struct phi_err *err)
{
    return scan_folder(out, &(struct scan){dir, true, most}, err);
}

enum phi_status phi_hf_side_files_keep(struct phi_hf_side_files *files,
                                       bool (*wanted)(const char *name),
                                       struct phi_err *err)
{
    const size_t n = files->n;
    enum phi_status st = PHI_OK;

    files->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct phi_hf_side_item *item = &files->v[i];

        if (wanted(item->name)) {
            files->v[files->n++] = *item;
            continue;
        }
        if (st == PHI_OK)
            st = phi_names_add(&files->left, item->name, err);
        release_item(item);
    }
    return st;
}

/* Files that describe one tokenizer, and must come from one place. */
static const char *const tokenizer_files[] = {
    "tokenizer.json",        "vocab.json",          "tokenizer.model",
    "tokenizer_config.json", "merges.txt",          "special_tokens_map.json",
    "added_tokens.json",     "chat_template.jinja", "chat_template.json"};

/* The first so many of them are one on their own, or nearly. */
#define NVOCABULARIES 3

enum phi_status phi_hf_side_files_tokenizer(struct phi_hf_side_files *files,
                                            const char *dir,
                                            struct phi_err *err)
{
    const size_t n = sizeof(tokenizer_files) / sizeof(tokenizer_files[0]);
    struct phi_hf_side_files found = {0};
    bool any = false;
    enum phi_status st = phi_hf_side_files_scan(&found, dir, err);

    for (size_t i = 0; st == PHI_OK && i < NVOCABULARIES; i++)
        any = any || phi_hf_side_files_find(&found, tokenizer_files[i]) != NULL;
    if (st == PHI_OK && !any)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: has no tokenizer: expected tokenizer.json, or "
                      "vocab.json and merges.txt",
                      dir);
    for (size_t i = 0; st == PHI_OK && i < n; i++) {
        const struct phi_hf_side_item *item =
            phi_hf_side_files_find(&found, tokenizer_files[i]);
        const struct phi_hf_side_file file = {.name = tokenizer_files[i],
                                              .path = item != NULL ? item->path
                                                                   : NULL};

        st = phi_hf_side_files_set(files, &file, err);
    }
    phi_hf_side_files_release(&found);
    return st;
}

/* ---- contents ------------------------------------------------------------ */

enum phi_status phi_hf_side_item_load(const struct phi_hf_side_item *item,
                                      size_t max, uint8_t **out, size_t *n,
                                      struct phi_err *err)
{
    if (item->path != NULL)
        return phi_file_load(item->path, max, out, n, err);
    *n = (size_t)item->nbytes;
    return item->maker.make(out, item->maker.from, item->maker.i, err);
}

static enum phi_status write_made(const struct phi_hf_side_item *item,
                                  struct phi_output *o, struct phi_err *err)
{
    uint8_t *bytes = NULL;
    enum phi_status st =
        item->maker.make(&bytes, item->maker.from, item->maker.i, err);

    if (st == PHI_OK)
        st = phi_output_write(o, bytes, (size_t)item->nbytes, err);
    free(bytes);
    return st;
}

static enum phi_status copy(const struct phi_hf_side_item *item,
                            struct phi_output *o, struct phi_err *err)
{
    struct phi_file *f = NULL;
    uint8_t *chunk = phi_alloc(CHUNK, 1, err);
    enum phi_status st = PHI_E_NOMEM;

    if (chunk == NULL)
        return st;
    st = phi_file_open(&f, item->path, err);
    if (st == PHI_OK && phi_file_size(f) != item->nbytes)
        st = phi_fail(err, PHI_E_IO,
                      "%s: changed while it was read: has %llu bytes, had %llu",
                      item->path, (unsigned long long)phi_file_size(f),
                      (unsigned long long)item->nbytes);
    for (uint64_t at = 0; st == PHI_OK && at < item->nbytes; at += CHUNK) {
        const uint64_t left = item->nbytes - at;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;

        st = phi_file_read(f, at, chunk, n, err);
        if (st == PHI_OK)
            st = phi_output_write(o, chunk, n, err);
    }
    if (st == PHI_OK)
        st = phi_file_unchanged(f, err);
    phi_file_close(f);
    free(chunk);
    return st;
}

enum phi_status phi_hf_side_files_write(const struct phi_hf_side_files *files,
                                        struct phi_output_folder *to,
                                        struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < files->n; i++) {
        const struct phi_hf_side_item *item = &files->v[i];
        struct phi_output *o = NULL;

        st = phi_output_folder_file(&o, to, item->name, item->nbytes, err);
        if (st == PHI_OK && item->path != NULL)
            st = copy(item, o, err);
        else if (st == PHI_OK && item->bytes == NULL)
            st = write_made(item, o, err);
        else if (st == PHI_OK)
            st = phi_output_write(o, item->bytes, (size_t)item->nbytes, err);
        if (st == PHI_OK)
            st = phi_output_sync(o, err);
    }
    return st;
}

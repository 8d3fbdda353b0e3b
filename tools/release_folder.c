/* SPDX-License-Identifier: MIT */
#include "tools/release_folder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "tools/eval_html.h"
#include "tools/release_names.h"

/* The largest licence that is carried over. */
#define MAX_LICENCE ((uint64_t)16 << 20)

/* ---- the list ------------------------------------------------------------ */

/* A new entry for a file that is in the folder. */
static enum phi_status list_file(struct release_job *job, const char *name,
                                 struct phi_err *err)
{
    void *list = job->files;
    struct phi_file *f = NULL;
    struct release_file *entry;
    struct progress progress;
    const struct phi_monitor monitor = progress_monitor(&progress);
    char *path;
    enum phi_status st =
        phi_grow(&list, &job->cap, job->nfiles + 1, sizeof(*job->files), err);

    job->files = list;
    if (st != PHI_OK)
        return st;
    entry = &job->files[job->nfiles];
    path = phi_path_join(job->temp, name, err);
    entry->name = phi_strdup(name, err);
    if (path == NULL || entry->name == NULL) {
        free(path);
        return PHI_E_NOMEM;
    }
    job->nfiles++;
    progress_begin(&progress, job->args.q.common.progress, "hash", "B");
    st = phi_file_open(&f, path, err);
    if (st == PHI_OK) {
        entry->nbytes = phi_file_size(f);
        st = phi_sha256_file(f, &monitor, entry->sha256, err);
    }
    progress_end(&progress);
    phi_file_close(f);
    free(path);
    return st;
}

static enum phi_status write_file(struct release_job *job, const char *name,
                                  const void *bytes, size_t n,
                                  struct phi_err *err)
{
    struct phi_output *o = NULL;
    enum phi_status st = phi_output_folder_file(&o, job->folder, name, n, err);

    if (st == PHI_OK)
        st = phi_output_write(o, bytes, n, err);
    if (st == PHI_OK)
        st = phi_output_sync(o, err);
    return st == PHI_OK ? list_file(job, name, err) : st;
}

enum phi_status release_add_text(struct release_job *job, const char *name,
                                 const struct phi_buf *text,
                                 struct phi_err *err)
{
    const enum phi_status st = phi_buf_status(text, err);

    return st == PHI_OK ? write_file(job, name, text->p, text->n, err) : st;
}

enum phi_status release_add_outputs(struct release_job *job,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->n; i++) {
        const struct quantize_target *t = &job->q.targets[i];

        for (size_t k = 0; st == PHI_OK && k < t->parts.n; k++) {
            char *path = phi_gguf_part_path(&t->parts, t->path, k, err);

            if (path == NULL)
                return PHI_E_NOMEM;
            st = list_file(job, phi_path_base(path), err);
            free(path);
        }
    }
    return st;
}

enum phi_status release_add_report(struct release_job *job, struct phi_err *err)
{
    struct phi_buf b = {0};
    enum phi_status st =
        eval_html_page(&b, &job->eval.gates, &job->eval.report, err);

    if (st == PHI_OK)
        st = release_add_text(job, RELEASE_REPORT, &b, err);
    phi_buf_release(&b);
    return st;
}

/* ---- licences ------------------------------------------------------------ */

/* LICENSE, LICENSE.md, NOTICE.txt and the like, in any case. */
static bool is_licence(const char *name)
{
    static const char *const words[] = {"license", "licence", "copying",
                                        "notice"};
    static const char *const endings[] = {"", ".md", ".txt"};
    char low[32];
    size_t n = 0;

    for (; name[n] != '\0'; n++) {
        if (n + 1 == sizeof(low))
            return false;
        low[n] = (char)tolower((unsigned char)name[n]);
    }
    low[n] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const size_t len = strlen(words[i]);

        for (size_t k = 0; k < sizeof(endings) / sizeof(endings[0]); k++) {
            if (strncmp(low, words[i], len) == 0 &&
                strcmp(low + len, endings[k]) == 0)
                return true;
        }
    }
    return false;
}

enum phi_status release_scan_licences(struct release_job *job,
                                      struct phi_err *err)
{
    const char *dir = job->args.q.common.operands.v[0];

    if (!phi_path_may_be(dir, PHI_PATH_DIR))
        return PHI_OK;
    return phi_hf_side_files_scan(&job->side, dir, err);
}

enum phi_status release_add_licences(struct release_job *job,
                                     struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < job->side.n; i++) {
        const struct phi_hf_side_item *item = &job->side.v[i];
        uint8_t *bytes = NULL;
        size_t n = 0;

        if (!is_licence(item->name))
            continue;
        st = phi_file_load(item->path, MAX_LICENCE, &bytes, &n, err);
        if (st == PHI_OK)
            st = write_file(job, item->name, bytes, n, err);
        free(bytes);
    }
    return st;
}

/* ---- sums ---------------------------------------------------------------- */

static int by_name(const void *pa, const void *pb)
{
    const struct release_file *a = pa, *b = pb;

    return strcmp(a->name, b->name);
}

enum phi_status release_add_sums(struct release_job *job, struct phi_err *err)
{
    struct phi_buf b = {0};
    enum phi_status st;

    qsort(job->files, job->nfiles, sizeof(*job->files), by_name);
    for (size_t i = 0; i < job->nfiles; i++)
        phi_buf_printf(&b, "%s  %s\n", job->files[i].sha256,
                       job->files[i].name);
    st = release_add_text(job, RELEASE_SUMS, &b, err);
    phi_buf_release(&b);
    return st;
}

void release_folder_release(struct release_job *job)
{
    for (size_t i = 0; i < job->nfiles; i++)
        free(job->files[i].name);
    free(job->files);
    phi_hf_side_files_release(&job->side);
}

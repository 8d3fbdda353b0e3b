/* SPDX-License-Identifier: MIT */
#include "tools/inspect_print.h"

#include <stdlib.h>
#include <string.h>

#include "formats/hf_naming.h"
#include "libconv/base/mem.h"
#include "libconv/quant/file_type.h"
#include "tools/inspect_value.h"
#include "tools/report.h"

/* Bytes of a value that are shown in a table. */
#define ROOM 72

static const char *printable_path(const struct inspect_job *job, char out[512])
{
    return phi_printable(out, 512, job->path);
}

/* ---- summary ------------------------------------------------------------ */

static void value_cell(struct table *t, const struct phi_kv *kv)
{
    struct phi_buf b = {0};

    value_text(&b, kv, ROOM);
    if (b.failed)
        t->failed = true;
    else
        table_cell(t, "%.*s", (int)b.n, b.n > 0 ? (const char *)b.p : "");
    phi_buf_release(&b);
}

static void put_fact(void *ctx, const char *label, const char *json,
                     const struct phi_kv *kv)
{
    struct table *t = ctx;

    (void)json;
    table_cell(t, "%s", label);
    value_cell(t, kv);
}

static void put_sizes(struct table *t, const struct inspect_job *job)
{
    const struct phi_source *s = job->source;
    const uint64_t vocabulary = inspect_vocabulary(job);
    char text[PHI_SIZE_LABEL_MAX > 32 ? PHI_SIZE_LABEL_MAX : 32];
    char root[PHI_SHA256_HEX];

    if (vocabulary > 0) {
        table_cell(t, "vocabulary");
        table_cell(t, "%llu", (unsigned long long)vocabulary);
    }
    if (phi_meta_find(&s->meta, "tokenizer.ggml.model") != NULL) {
        table_cell(t, "chat template");
        table_cell(t, "%s", inspect_has_template(job) ? "yes" : "no");
    }
    table_cell(t, "tensors");
    table_cell(t, "%zu", s->ntensors);
    table_cell(t, "%s",
               strcmp(s->format, "imatrix") == 0 ? "columns" : "parameters");
    table_cell(t, "%llu (%s)", (unsigned long long)job->weights,
               phi_size_label_format(text, job->weights));
    table_cell(t, "size");
    table_cell(t, "%s, %llu bytes in %zu file%s",
               human_bytes(text, job->file_nbytes),
               (unsigned long long)job->file_nbytes, s->nfiles,
               s->nfiles == 1 ? "" : "s");
    if (strcmp(s->format, "imatrix") == 0)
        return;
    table_cell(t, "bits per weight");
    table_cell(t, "%.3f", inspect_bits(job));
    if (inspect_root(job, root)) {
        table_cell(t, "root");
        table_cell(t, "%s", root);
    }
}

static void put_file_type(struct table *t, const struct inspect_job *job)
{
    uint64_t number = UINT64_MAX;

    if (phi_meta_opt_uint(&job->source->meta, "general.file_type", UINT32_MAX,
                          &number, NULL) != PHI_OK ||
        number == UINT64_MAX)
        return;
    table_cell(t, "file type");
    table_cell(t, "%s", phi_file_type_name(number));
}

static enum phi_status print_types(const struct inspect_job *job,
                                   struct phi_err *err)
{
    struct table t = {.ncols = 5, .right = {false, true, true, true, true}};
    enum phi_status st;

    table_cell(&t, "type");
    table_cell(&t, "tensors");
    table_cell(&t, "parameters");
    table_cell(&t, "bytes");
    table_cell(&t, "of all");
    for (int i = 0; i < PHI_NDTYPES; i++) {
        const struct inspect_type *type = &job->types[i];

        if (type->tensors == 0)
            continue;
        table_cell(&t, "%s", phi_dtype_info((enum phi_dtype)i)->name);
        table_cell(&t, "%llu", (unsigned long long)type->tensors);
        table_cell(&t, "%llu", (unsigned long long)type->weights);
        table_cell(&t, "%llu", (unsigned long long)type->nbytes);
        table_cell(&t, "%.1f %%",
                   job->tensor_nbytes > 0
                       ? 100 * (double)type->nbytes / (double)job->tensor_nbytes
                       : 0.0);
    }
    printf("\n");
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

enum phi_status inspect_print_summary(const struct inspect_job *job,
                                      struct phi_err *err)
{
    struct table t = {.ncols = 2, .headless = true};
    char path[512];
    enum phi_status st;

    printf("%s: %s\n", printable_path(job, path), inspect_kind(job));
    inspect_facts(job, put_fact, &t);
    put_file_type(&t, job);
    put_sizes(&t, job);
    if (job->hex != NULL) {
        table_cell(&t, "digest");
        table_cell(&t, "%s", job->digest);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st == PHI_OK ? print_types(job, err) : st;
}

/* ---- metadata ----------------------------------------------------------- */

enum phi_status inspect_print_metadata(const struct inspect_job *job,
                                       struct phi_err *err)
{
    const struct phi_meta *m = &job->source->meta;
    struct table t = {.ncols = 3};
    enum phi_status st;

    table_cell(&t, "key");
    table_cell(&t, "type");
    table_cell(&t, "value");
    for (size_t i = 0; i < m->n; i++) {
        char type[48];

        table_cell(&t, "%s", m->kv[i].key);
        table_cell(&t, "%s", value_type(type, &m->kv[i]));
        value_cell(&t, &m->kv[i]);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

/* ---- tensors ------------------------------------------------------------ */

enum phi_status inspect_print_tensors(const struct inspect_job *job,
                                      struct phi_err *err)
{
    static const char *const titles[] = {"tensor", "shape",   "type", "bytes",
                                         "offset", "SHA-256", "file", "there"};
    const struct phi_source *s = job->source;
    bool wanted[8] = {true, true, true, true, true, false, true, false};
    struct table t = {0};
    enum phi_status st;

    wanted[4] = strcmp(s->format, "imatrix") != 0;
    wanted[5] = job->hex != NULL;
    for (size_t i = 0; i < s->ntensors; i++)
        wanted[7] = wanted[7] || s->tensors[i].name != s->tensors[i].origin;
    for (size_t c = 0; c < 8; c++) {
        if (wanted[c])
            t.right[t.ncols++] = c == 3 || c == 4;
    }
    for (size_t c = 0; c < 8; c++) {
        if (wanted[c])
            table_cell(&t, "%s", titles[c]);
    }
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *tensor = &s->tensors[i];
        char shape[192];

        table_cell(&t, "%s", tensor->name);
        table_cell(&t, "%s", human_shape(shape, tensor->dim, tensor->rank));
        table_cell(&t, "%s", phi_dtype_info(tensor->dtype)->name);
        table_cell(&t, "%llu", (unsigned long long)tensor->nbytes);
        if (wanted[4])
            table_cell(&t, "%llu", (unsigned long long)inspect_offset(job, i));
        if (wanted[5])
            table_cell(&t, "%s", job->hex[i]);
        table_cell(&t, "%s", s->files[tensor->part].name);
        if (wanted[7])
            table_cell(&t, "%s", tensor->origin);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

/* ---- for diff ----------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines in the order of their bytes; takes what b holds. */
static enum phi_status print_sorted(struct phi_buf *b, struct phi_err *err)
{
    enum phi_status st;
    const char **lines;
    size_t n = 0;

    phi_buf_u8(b, '\0');
    st = phi_buf_status(b, err);
    if (st != PHI_OK)
        return st;
    for (size_t i = 0; i < b->n; i++)
        n += b->p[i] == '\n';
    lines = phi_alloc(n, sizeof(*lines), err);
    if (lines == NULL)
        return PHI_E_NOMEM;
    n = 0;
    for (char *p = (char *)b->p, *end; (end = strchr(p, '\n')) != NULL;
         p = end + 1) {
        *end = '\0';
        lines[n++] = p;
    }
    qsort(lines, n, sizeof(*lines), by_text);
    for (size_t i = 0; i < n; i++)
        puts(lines[i]);
    free(lines);
    return PHI_OK;
}

enum phi_status inspect_print_diffable(const struct inspect_job *job,
                                       struct phi_err *err)
{
    const struct phi_source *s = job->source;
    struct phi_buf keys = {0};
    struct phi_buf tensors = {0};
    enum phi_status st;

    for (size_t i = 0; i < s->meta.n; i++) {
        const struct phi_kv *kv = &s->meta.kv[i];
        char type[48];

        phi_buf_text(&keys, "key ");
        value_escape(&keys, kv->key, strlen(kv->key));
        phi_buf_printf(&keys, " (%s) ", value_type(type, kv));
        value_text(&keys, kv, 0);
        phi_buf_text(&keys, "\n");
    }
    for (size_t i = 0; i < s->ntensors; i++) {
        const struct phi_tensor *t = &s->tensors[i];
        char shape[192];

        phi_buf_text(&tensors, "tensor ");
        value_escape(&tensors, t->name, strlen(t->name));
        phi_buf_printf(
            &tensors, " %s [%s]%s%s\n", phi_dtype_info(t->dtype)->name,
            human_shape(shape, t->dim, t->rank), job->hex != NULL ? " " : "",
            job->hex != NULL ? job->hex[i] : "");
    }
    st = print_sorted(&keys, err);
    if (st == PHI_OK)
        st = print_sorted(&tensors, err);
    phi_buf_release(&keys);
    phi_buf_release(&tensors);
    return st;
}

/* SPDX-License-Identifier: MIT */
#include "tools/inspect_compare.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/quant/difference.h"
#include "libconv/tensor/meta_match.h"
#include "tools/inspect_value.h"
#include "tools/progress.h"
#include "tools/report.h"

#define NONE SIZE_MAX

enum verdict {
    SAME,  /* the same type and bytes */
    EQUAL, /* the same values in another type */
    DIFFERS,
    SHAPE, /* other dimensions, whatever the values */
    ONLY_A,
    ONLY_B,
    NVERDICTS
};

static const char *const words[NVERDICTS] = {
    "same", "equal", "differs", "shape differs", "only in A", "only in B"};

struct row {
    const char *name;
    size_t i; /* in a, or NONE */
    size_t j; /* in b, or NONE */
    enum verdict verdict;
    struct phi_difference d;
};

struct comparison {
    const struct inspect_job *a;
    const struct inspect_job *b;
    struct row *rows; /* (n) by name */
    size_t n;
    size_t count[NVERDICTS];
    struct phi_tally tally;
    uint8_t *room; /* (threads, PHI_DIFFERENCE_ROOM) */
};

/* The union of both lists of names. */
static enum phi_status pair_up(struct comparison *c, struct phi_err *err)
{
    const struct phi_source *a = c->a->source;
    const struct phi_source *b = c->b->source;
    size_t i = 0;
    size_t j = 0;

    c->rows = phi_alloc(a->ntensors + b->ntensors, sizeof(*c->rows), err);
    if (c->rows == NULL)
        return PHI_E_NOMEM;
    while (i < a->ntensors || j < b->ntensors) {
        const size_t ia = i < a->ntensors ? c->a->order[i] : NONE;
        const size_t jb = j < b->ntensors ? c->b->order[j] : NONE;
        int order = ia == NONE ? 1 : -1;

        if (ia != NONE && jb != NONE)
            order = strcmp(a->tensors[ia].name, b->tensors[jb].name);
        c->rows[c->n++] = (struct row){
            .name = order <= 0 ? a->tensors[ia].name : b->tensors[jb].name,
            .i = order <= 0 ? ia : NONE,
            .j = order >= 0 ? jb : NONE,
        };
        i += order <= 0;
        j += order >= 0;
    }
    return PHI_OK;
}

static bool same_shape(const struct phi_tensor *a, const struct phi_tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->dim, b->dim, a->rank * sizeof(a->dim[0])) == 0;
}

static enum verdict judge(const struct comparison *c, const struct row *r)
{
    const struct phi_tensor *a = &c->a->source->tensors[r->i];
    const struct phi_tensor *b = &c->b->source->tensors[r->j];

    if (!same_shape(a, b))
        return SHAPE;
    if (r->d.same_bytes)
        return SAME;
    return r->d.compared && r->d.differing == 0 ? EQUAL : DIFFERS;
}

static void compare_some(void *ctx, size_t first, size_t count, size_t worker)
{
    struct comparison *c = ctx;

    for (size_t k = first; k < first + count; k++) {
        struct row *r = &c->rows[k];
        const struct phi_difference_pair pair = {
            c->a->source, r->i, c->b->source, r->j, c->a->features, k};
        struct phi_err err = {0};

        if (r->i == NONE || r->j == NONE) {
            r->verdict = r->i == NONE ? ONLY_B : ONLY_A;
            continue;
        }
        if (phi_difference_of(&r->d, &pair,
                              c->room + worker * PHI_DIFFERENCE_ROOM, &c->tally,
                              &err) != PHI_OK)
            phi_tally_fail(&c->tally, k, &err);
        r->verdict = judge(c, r);
    }
}

static enum phi_status compare_all(struct comparison *c, struct phi_err *err)
{
    const size_t nthreads = (size_t)c->a->args.common.threads;
    struct progress progress;
    struct phi_monitor monitor;
    uint64_t total = 0;
    enum phi_status st;

    for (size_t k = 0; k < c->n; k++) {
        if (c->rows[k].i != NONE && c->rows[k].j != NONE)
            total += c->a->source->tensors[c->rows[k].i].nbytes +
                     c->b->source->tensors[c->rows[k].j].nbytes;
    }
    c->room = phi_alloc_aligned(nthreads, PHI_DIFFERENCE_ROOM, err);
    if (c->room == NULL)
        return PHI_E_NOMEM;
    progress_begin(&progress, c->a->args.common.progress, "compare", "B");
    monitor = progress_monitor(&progress);
    st = phi_tally_init(&c->tally, &monitor, total, err);
    if (st == PHI_OK) {
        phi_par_for(nthreads, c->n, 1, compare_some, c);
        st = phi_tally_status(&c->tally, err);
    }
    phi_tally_release(&c->tally);
    progress_end(&progress);
    if (st == PHI_OK)
        st = phi_source_unchanged(c->a->source, err);
    return st == PHI_OK ? phi_source_unchanged(c->b->source, err) : st;
}

/* ---- what is printed ---------------------------------------------------- */

/* "F16", "F16 / Q4_0" where they differ. */
static void type_cell(struct table *t, const struct comparison *c,
                      const struct row *r)
{
    const char *a = NULL;
    const char *b = NULL;

    if (r->i != NONE)
        a = phi_dtype_info(c->a->source->tensors[r->i].dtype)->name;
    if (r->j != NONE)
        b = phi_dtype_info(c->b->source->tensors[r->j].dtype)->name;
    if (a != NULL && b != NULL && strcmp(a, b) != 0)
        table_cell(t, "%s / %s", a, b);
    else
        table_cell(t, "%s", a != NULL ? a : b);
}

static void shape_cell(struct table *t, const struct comparison *c,
                       const struct row *r)
{
    const struct phi_source *sa = c->a->source;
    const struct phi_source *sb = c->b->source;
    char a[192] = "";
    char b[192] = "";

    if (r->i != NONE)
        human_shape(a, sa->tensors[r->i].dim, sa->tensors[r->i].rank);
    if (r->j != NONE)
        human_shape(b, sb->tensors[r->j].dim, sb->tensors[r->j].rank);
    if (r->i != NONE && r->j != NONE && strcmp(a, b) != 0)
        table_cell(t, "%s / %s", a, b);
    else
        table_cell(t, "%s", r->i != NONE ? a : b);
}

static void number_cell(struct table *t, const struct row *r, double v)
{
    if (r->d.compared)
        table_cell(t, "%.4g", v);
    else
        table_cell(t, "-");
}

/* Tensors that are the same only with -v or --tensors. */
static enum phi_status print_rows(const struct comparison *c,
                                  struct phi_err *err)
{
    static const char *const titles[] = {
        "tensor", "shape", "type", "result", "rmse", "largest", "relative"};
    static const size_t spare = 1; /* the shape */
    const bool all = c->a->args.tensors || c->a->args.common.verbose;
    struct table t = {.ncols = 7,
                      .right = {[4] = true, [5] = true, [6] = true}};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < 7; i++)
        table_cell(&t, "%s", titles[i]);
    for (size_t k = 0; k < c->n; k++) {
        const struct row *r = &c->rows[k];

        if (!all && (r->verdict == SAME || r->verdict == EQUAL))
            continue;
        table_cell(&t, "%s", r->name);
        shape_cell(&t, c, r);
        type_cell(&t, c, r);
        table_cell(&t, "%s", words[r->verdict]);
        number_cell(&t, r, r->d.rmse);
        number_cell(&t, r, r->d.max_abs);
        number_cell(&t, r, r->d.relative);
    }
    if (t.n > t.ncols || t.failed) {
        table_fit(&t, stdout, &spare, 1);
        st = table_print(&t, stdout, err);
        printf("\n");
    }
    table_release(&t);
    return st;
}

static bool same_type(const struct phi_kv *a, const struct phi_kv *b)
{
    char ta[48];
    char tb[48];

    return strcmp(value_type(ta, a), value_type(tb, b)) == 0;
}

/* Appends the row of a key, of a and of b, unless they are the same. One of
 * them may be NULL: the key is not there. */
static void compare_key(struct table *t, const char *key,
                        const struct phi_kv *a, const struct phi_kv *b)
{
    const struct phi_kv *both[2] = {a, b};
    const bool typed = a != NULL && b != NULL && !same_type(a, b);
    struct phi_buf full[2] = {{0}, {0}};
    struct phi_buf part[2] = {{0}, {0}};

    for (size_t k = 0; k < 2; k++) {
        char type[48];

        if (both[k] == NULL) {
            phi_buf_text(&part[k], "-");
            continue;
        }
        value_text(&full[k], both[k], 0);
        value_text(&part[k], both[k], 40);
        if (typed)
            phi_buf_printf(&part[k], " (%s)", value_type(type, both[k]));
    }
    /* What is empty has no bytes to point at. */
    if (typed || a == NULL || b == NULL || full[0].n != full[1].n ||
        (full[0].n > 0 && memcmp(full[0].p, full[1].p, full[0].n) != 0)) {
        table_cell(t, "%s", key);
        for (size_t k = 0; k < 2; k++)
            table_cell(t, "%.*s", (int)part[k].n,
                       part[k].n > 0 ? (const char *)part[k].p : "");
    }
    for (size_t k = 0; k < 2; k++) {
        t->failed = t->failed || full[k].failed || part[k].failed;
        phi_buf_release(&full[k]);
        phi_buf_release(&part[k]);
    }
}

/* Keys whose values or types differ, for --metadata: in the order of A, then
 * those that only B has. */
static enum phi_status print_keys(const struct comparison *c,
                                  struct phi_err *err)
{
    const struct phi_meta *a = &c->a->source->meta;
    const struct phi_meta *b = &c->b->source->meta;
    struct table t = {.ncols = 3};
    size_t *in_b = phi_meta_match(a, b, err);
    size_t *in_a = phi_meta_match(b, a, err);
    enum phi_status st = in_b != NULL && in_a != NULL ? PHI_OK : PHI_E_NOMEM;

    table_cell(&t, "key");
    table_cell(&t, "A");
    table_cell(&t, "B");
    for (size_t i = 0; st == PHI_OK && i < a->n; i++)
        compare_key(&t, a->kv[i].key, &a->kv[i],
                    in_b[i] != PHI_META_NONE ? &b->kv[in_b[i]] : NULL);
    for (size_t i = 0; st == PHI_OK && i < b->n; i++) {
        if (in_a[i] == PHI_META_NONE)
            compare_key(&t, b->kv[i].key, NULL, &b->kv[i]);
    }
    if (st == PHI_OK && (t.n > t.ncols || t.failed)) {
        st = table_print(&t, stdout, err);
        printf("\n");
    }
    free(in_b);
    free(in_a);
    table_release(&t);
    return st;
}

static enum phi_status print_text(const struct comparison *c,
                                  struct phi_err *err)
{
    char a[512], b[512];
    enum phi_status st = PHI_OK;
    bool first = true;

    printf("A: %s (%s)\nB: %s (%s)\n\n",
           phi_printable(a, sizeof(a), c->a->path), inspect_kind(c->a),
           phi_printable(b, sizeof(b), c->b->path), inspect_kind(c->b));
    if (c->a->args.metadata)
        st = print_keys(c, err);
    if (st == PHI_OK)
        st = print_rows(c, err);
    printf("%zu tensors: ", c->n);
    for (int v = 0; v < NVERDICTS; v++) {
        if (c->count[v] == 0)
            continue;
        printf("%s%zu %s", first ? "" : ", ", c->count[v], words[v]);
        first = false;
    }
    printf("%s\n", first ? "none" : "");
    return st;
}

static void json_side(struct json_out *j, const char *key,
                      const struct inspect_job *job, size_t i)
{
    const struct phi_tensor *t;

    if (i == NONE) {
        json_null(j, key);
        return;
    }
    t = &job->source->tensors[i];
    json_open(j, key, '{');
    json_str(j, "type", phi_dtype_info(t->dtype)->name);
    json_open(j, "shape", '[');
    for (uint32_t d = 0; d < t->rank; d++)
        json_uint(j, NULL, t->dim[d]);
    json_close(j, ']');
    json_uint(j, "bytes", t->nbytes);
    json_close(j, '}');
}

static enum phi_status print_json(const struct comparison *c, bool same,
                                  struct phi_err *err)
{
    static const char *const keys[NVERDICTS] = {"same",  "equal",  "differs",
                                                "shape", "only_a", "only_b"};
    struct json_out j = {0};

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.compare/1");
    json_str(&j, "a", c->a->path);
    json_str(&j, "b", c->b->path);
    json_bool(&j, "same", same);
    json_open(&j, "counts", '{');
    for (int v = 0; v < NVERDICTS; v++)
        json_uint(&j, keys[v], c->count[v]);
    json_close(&j, '}');
    json_open(&j, "tensors", '[');
    for (size_t k = 0; k < c->n; k++) {
        const struct row *r = &c->rows[k];

        json_open(&j, NULL, '{');
        json_str(&j, "name", r->name);
        json_str(&j, "result", keys[r->verdict]);
        json_side(&j, "a", c->a, r->i);
        json_side(&j, "b", c->b, r->j);
        if (r->d.compared) {
            json_uint(&j, "differing", r->d.differing);
            json_num(&j, "rmse", r->d.rmse);
            json_num(&j, "max_abs", r->d.max_abs);
            json_num(&j, "relative", r->d.relative);
        }
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    return json_finish(&j, err);
}

enum phi_status inspect_compare(const struct inspect_job *a,
                                const struct inspect_job *b, bool *same,
                                struct phi_err *err)
{
    struct comparison c = {.a = a, .b = b};
    enum phi_status st = pair_up(&c, err);

    if (st == PHI_OK)
        st = compare_all(&c, err);
    if (st == PHI_OK) {
        for (size_t k = 0; k < c.n; k++)
            c.count[c.rows[k].verdict]++;
        *same = c.count[SAME] + c.count[EQUAL] == c.n;
        if (a->args.common.json)
            st = print_json(&c, *same, err);
        else if (!a->args.common.quiet)
            st = print_text(&c, err);
    }
    free(c.rows);
    free(c.room);
    return st;
}

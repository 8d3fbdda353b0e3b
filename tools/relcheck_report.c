/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tools/relcheck.h"
#include "tools/release_job.h"
#include "tools/report.h"

static void row(struct table *t, const char *what, const char *result)
{
    table_cell(t, "%s", what);
    table_cell(t, "%s", result);
}

static void number(char out[96], uint64_t n, const char *what, bool many)
{
    snprintf(out, 96, "%llu %s%s", (unsigned long long)n, what,
             n == 1 || !many ? "" : "s");
}

/* What the source said, or that it was not asked. */
static void source_text(char out[96], const struct relcheck *c)
{
    if (c->args.source == NULL)
        snprintf(out, 96, "not compared, no --source");
    else
        number(out, c->nderived, "tensors and all metadata made again, equal",
               false);
}

static enum phi_status print_good(const struct relcheck *c, struct phi_err *err)
{
    struct table t = {.ncols = 2};
    char text[PHI_ERR_MAX];
    char models[96];
    enum phi_status st;

    number(text, c->nfiles, "file", true);
    row(&t, "checksums", text);
    number(text, c->ngates, "passed", false);
    row(&t, "gates", text);
    number(models, c->n, "model", true);
    table_cell(&t, "contents");
    table_cell(&t, "%llu tensors in %s", (unsigned long long)c->ntensors,
               models);
    for (size_t i = 0; i < c->signatures.n; i++)
        row(&t, i == 0 ? "signature" : "", c->signatures.v[i]);
    source_text(text, c);
    row(&t, "source", text);
    for (size_t i = 0; i < c->notes.n; i++)
        row(&t, i == 0 ? "beside it" : "", c->notes.v[i]);
    st = table_print(&t, stdout, err);
    table_release(&t);
    if (st == PHI_OK)
        printf("%s: is as it was released\n",
               phi_printable(text, sizeof(text), c->dir));
    return st;
}

static void json_list(struct json_out *j, const char *key,
                      const struct phi_names *list)
{
    json_open(j, key, '[');
    for (size_t i = 0; i < list->n; i++)
        json_str(j, NULL, list->v[i]);
    json_close(j, ']');
}

static enum phi_status print_json(const struct relcheck *c, struct phi_err *err)
{
    struct json_out j = {0};

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.verify-release/1");
    json_str(&j, "path", c->dir);
    json_uint(&j, "files", c->nfiles);
    json_uint(&j, "models", c->n);
    json_uint(&j, "tensors", c->ntensors);
    json_uint(&j, "gates", c->ngates);
    json_bool(&j, "source_compared", c->nderived > 0);
    json_list(&j, "signatures", &c->signatures);
    json_list(&j, "notes", &c->notes);
    json_list(&j, "differences", &c->found);
    json_uint(&j, "differences_found", c->nfound);
    json_bool(&j, "passed", c->nfound == 0);
    json_close(&j, '}');
    return json_finish(&j, err);
}

static void print_count(const struct relcheck *c)
{
    char dir[PHI_ERR_MAX];

    printf("%s: is not as it was released: %llu difference%s",
           phi_printable(dir, sizeof(dir), c->dir),
           (unsigned long long)c->nfound, c->nfound == 1 ? "" : "s");
    if (c->nfound > c->found.n)
        printf(", of which %llu are not listed",
               (unsigned long long)(c->nfound - c->found.n));
    printf("\n");
}

enum phi_status relcheck_print(const struct relcheck *c, struct phi_err *err)
{
    if (c->args.common.json)
        return print_json(c, err);
    for (size_t i = 0; i < c->found.n; i++)
        printf("%s\n", c->found.v[i]);
    if (c->nfound > 0)
        print_count(c);
    else if (!c->args.common.quiet)
        return print_good(c, err);
    return PHI_OK;
}

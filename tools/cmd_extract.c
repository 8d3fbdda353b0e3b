/* SPDX-License-Identifier: MIT */
/* phiconv extract: one section of a packed file, or its GGUF file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack_source.h"
#include "libconv/base/mem.h"
#include "libconv/base/output.h"
#include "tools/commands.h"
#include "tools/report.h"
#include "tools/run_leftovers.h"
#include "tools/signals.h"

#define PIECE ((size_t)4 << 20)

struct args {
    struct common common;
    const char *output;
    bool force;
};

static const struct option options[] = {
    OPT_TEXT('o', "output", "OUT", struct args, output,
             "the file to write; standard output if not given"),
    OPT_FLAG('f', "force", struct args, force,
             "replace an output file that exists"),
    OPT_END,
};

/* What is to be written: bytes, or a run of the source's file or of its
 * packed one. */
struct content {
    uint8_t *bytes; /* (n) owned; or NULL: */
    bool gguf;
    uint64_t offset; /* in the packed file */
    uint64_t n;
};

struct job {
    const struct command *cmd;
    struct args args;
    struct phi_source *source;
    struct content content;
    struct phi_output *output; /* or NULL: standard output */
};

static const char *kind_of(const struct phi_pack_section *s)
{
    return s->codec == PHI_PACK_ZLIB ? "deflated" : "stored";
}

static enum phi_status print_json(const struct phi_pack_front *f,
                                  const char *path, struct phi_err *err)
{
    struct json_out o = {0};
    char root[PHI_SHA256_HEX];

    phi_sha256_text(root, f->root);
    json_open(&o, NULL, '{');
    json_str(&o, "schema", "phiconv.extract/1");
    json_str(&o, "path", path);
    json_str(&o, "root", root);
    json_open(&o, "sections", '[');
    for (size_t i = 0; i < f->n; i++) {
        const struct phi_pack_section *s = &f->sections[i];

        json_open(&o, NULL, '{');
        json_str(&o, "name", s->name);
        json_str(&o, "codec", kind_of(s));
        json_uint(&o, "offset", s->offset);
        json_uint(&o, "stored", s->stored);
        json_uint(&o, "bytes", s->plain);
        json_close(&o, '}');
    }
    json_close(&o, ']');
    json_close(&o, '}');
    return json_finish(&o, err);
}

static enum phi_status print_table(const struct phi_pack_front *f,
                                   struct phi_err *err)
{
    static const char *const titles[] = {"section", "codec", "offset", "stored",
                                         "bytes"};
    struct table t = {.ncols = 5,
                      .right = {[2] = true, [3] = true, [4] = true}};
    enum phi_status st;

    for (size_t k = 0; k < t.ncols; k++)
        table_cell(&t, "%s", titles[k]);
    for (size_t i = 0; i < f->n; i++) {
        const struct phi_pack_section *s = &f->sections[i];

        table_cell(&t, "%s", s->name);
        table_cell(&t, "%s", kind_of(s));
        table_cell(&t, "%llu", (unsigned long long)s->offset);
        table_cell(&t, "%llu", (unsigned long long)s->stored);
        table_cell(&t, "%llu", (unsigned long long)s->plain);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    return st;
}

static enum phi_status no_section(const struct job *j, const char *name,
                                  struct phi_err *err)
{
    phi_fail(err, PHI_E_ARG, "%s: has no section \"%.*s\"", j->source->path,
             PHI_ERR_NAME, name);
    return phi_hint(err, "phiconv extract FILE lists them");
}

/* A file of the folder may be named without files/. */
static enum phi_status find(struct job *j, const char *name,
                            struct phi_err *err)
{
    const struct phi_pack *p = phi_pack_of(j->source);
    const struct phi_pack_front *f = &p->front;
    struct content *c = &j->content;
    char *full;
    size_t i = 0;
    bool found;

    if (strcmp(name, "gguf") == 0) {
        *c = (struct content){.gguf = true, .n = p->gguf_nbytes};
        return PHI_OK;
    }
    full = phi_sprintf(err, PHI_PACK_FILES "%s", name);
    if (full == NULL)
        return PHI_E_NOMEM;
    found =
        phi_pack_front_find(f, name, &i) || phi_pack_front_find(f, full, &i);
    free(full);
    if (!found)
        return no_section(j, name, err);
    c->n = f->sections[i].plain;
    c->offset = f->sections[i].offset;
    if (i == f->data)
        return PHI_OK;
    return phi_pack_section_load(f, phi_pack_input_of(j->source), i, &c->bytes,
                                 err);
}

/* What was written until a signal came disappears. */
static enum phi_status heed_signals(struct phi_err *err)
{
    return signals_pending() ? phi_fail(err, PHI_E_CANCELLED, "interrupted")
                             : PHI_OK;
}

static enum phi_status put(const struct job *j, const void *bytes, size_t n,
                           struct phi_err *err)
{
    if (j->output != NULL)
        return phi_output_write(j->output, bytes, n, err);
    fwrite(bytes, 1, n, stdout); /* the program looks at the end */
    return PHI_OK;
}

static enum phi_status copy(const struct job *j, struct phi_err *err)
{
    const struct content *c = &j->content;
    uint8_t *room;
    enum phi_status st = PHI_OK;

    if (c->bytes != NULL)
        return put(j, c->bytes, (size_t)c->n, err);
    room = phi_alloc_pages(PIECE, err);
    if (room == NULL)
        return PHI_E_NOMEM;
    for (uint64_t at = 0; st == PHI_OK && at < c->n && !ferror(stdout);
         at += PIECE) {
        const size_t n = c->n - at < PIECE ? (size_t)(c->n - at) : PIECE;

        if ((st = heed_signals(err)) != PHI_OK)
            break;
        st = c->gguf ? phi_source_read_file(j->source, 0, at, room, n, err)
                     : phi_pack_input_read(phi_pack_input_of(j->source),
                                           c->offset + at, room, n, err);
        if (st == PHI_OK)
            st = put(j, room, n, err);
    }
    free(room);
    return st;
}

static enum phi_status write_out(struct job *j, struct phi_err *err)
{
    const struct phi_output_options opt = {.size = j->content.n,
                                           .replace = j->args.force};
    enum phi_status st = PHI_OK;

    if (j->args.output != NULL) {
        st = phi_source_not_input(j->source, j->args.output, err);
        leftovers_before(&j->args.common, j->args.output);
        if (st == PHI_OK)
            st = phi_output_open(&j->output, j->args.output, &opt, err);
    }
    if (st == PHI_OK)
        st = copy(j, err);
    if (st == PHI_OK)
        st = phi_source_unchanged(j->source, err);
    if (st == PHI_OK)
        st = heed_signals(err);
    if (st == PHI_OK && j->output != NULL)
        return phi_output_commit(j->output, err);
    return st;
}

static int extract(struct job *j)
{
    const struct text_list *words = &j->args.common.operands;
    const struct phi_pack *p;
    struct phi_err err = {0};
    enum phi_status st = phi_pack_open(&j->source, words->v[0], &err);

    p = st == PHI_OK ? phi_pack_of(j->source) : NULL;
    if (st == PHI_OK && words->n > 1) {
        st = find(j, words->v[1], &err);
        if (st == PHI_OK)
            st = write_out(j, &err);
    } else if (st == PHI_OK && j->args.common.json) {
        st = print_json(&p->front, j->source->path, &err);
    } else if (st == PHI_OK) {
        st = print_table(&p->front, &err);
    }
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job j = {.cmd = self};
    int code = options_parse(self, argc, argv, &j.args);

    if (code == -1 && j.args.output != NULL && j.args.common.operands.n < 2)
        code = usage_error(self, "-o is for a section");
    if (code == -1 && j.args.common.json && j.args.common.operands.n > 1)
        code = usage_error(self, "--json is for the list of sections");
    if (code == -1)
        code = extract(&j);
    phi_output_close(j.output);
    free(j.content.bytes);
    phi_source_close(j.source);
    leftovers_after(&j.args.common);
    options_release(self, &j.args);
    return code;
}

const struct command cmd_extract = {
    .name = "extract",
    .summary = "take one section out of a packed file, or its GGUF file",
    .synopsis = "FILE [SECTION] [options]",
    .description =
        "FILE is a packed file. Without a SECTION, its sections are listed. "
        "SECTION is one of them, and is written as it was before it was "
        "deflated; files/ may be left out of the name of a folder's file. "
        "\"gguf\" is the GGUF file that the packed file stands for, byte for "
        "byte.",
    .options = options,
    .examples = "phiconv extract my-phi-q4_0.phipack\n"
                "phiconv extract my-phi-q4_0.phipack config.json\n"
                "phiconv extract my-phi-q4_0.phipack gguf -o my-phi-q4_0.gguf",
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};

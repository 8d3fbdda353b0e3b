/* SPDX-License-Identifier: MIT */
/* phiconv set-metadata: other keys for a GGUF file, its tensors untouched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gguf_edit.h"
#include "formats/model.h"
#include "libconv/base/disk.h"
#include "libconv/engine/hparams.h"
#include "libconv/tensor/meta_match.h"
#include "tools/commands.h"
#include "tools/inspect_value.h"
#include "tools/metadata_words.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/run_leftovers.h"

/* Bytes of a value in the table. */
#define ROOM 40

struct args {
    struct common common;
    struct text_list files;
    struct text_list deletes;
    bool force;
    bool rewrite;
    bool dry_run;
};

static const struct option options[] = {
    OPT_LIST(0, "from-file", "KEY[:TYPE]=FILE", struct args, files,
             "set KEY to what FILE holds: for chat templates"),
    OPT_LIST('d', "delete", "KEY", struct args, deletes, "remove KEY"),
    OPT_FLAG('f', "force", struct args, force,
             "also change keys that change what the model computes: RoPE, "
             "epsilon, context length, special tokens"),
    OPT_FLAG(0, "rewrite", struct args, rewrite,
             "write the file anew even where it can be changed in place"),
    OPT_FLAG('n', "dry-run", struct args, dry_run,
             "print what would change, and how, and write nothing"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    struct phi_gguf_edit edit;
};

static int change(struct job *j)
{
    const struct metadata_words w = {j->cmd, &j->edit.meta, j->args.force};
    const struct text_list *list = &j->args.common.operands;
    int code = -1;

    if (list->n < 2 && j->args.files.n == 0 && j->args.deletes.n == 0 &&
        !j->args.rewrite)
        return usage_error(j->cmd, "nothing to change: KEY=VALUE, --from-file "
                                   "or --delete");
    for (size_t i = 0; code == -1 && i < j->args.deletes.n; i++)
        code = metadata_delete(&w, j->args.deletes.v[i]);
    for (size_t i = 1; code == -1 && i < list->n; i++)
        code = metadata_set(&w, list->v[i]);
    for (size_t i = 0; code == -1 && i < j->args.files.n; i++)
        code = metadata_set_file(&w, j->args.files.v[i]);
    return code;
}

/* A model that can be evaluated stays one. */
static enum phi_status check_model(const struct job *j, struct phi_err *err)
{
    struct phi_source *s = NULL;
    struct phi_hparams h;
    enum phi_status st = PHI_OK;

    st = phi_model_open(&s, j->args.common.operands.v[0], err);
    if (st == PHI_E_IO || st == PHI_E_NOMEM)
        return st;
    if (st != PHI_OK)
        return PHI_OK; /* an adapter, another architecture: not ours to judge */
    if (phi_hparams_read(&h, s, NULL) == PHI_OK) {
        struct phi_source after = *s;

        after.meta = j->edit.meta;
        st = phi_hparams_read(&h, &after, err);
    }
    phi_source_close(s);
    return st;
}

/* The metadata of a split model are in its first file. */
static enum phi_status check_part(const struct job *j, struct phi_err *err)
{
    uint64_t no = 0;
    enum phi_status st =
        phi_meta_opt_uint(&j->edit.meta, "split.no", UINT16_MAX, &no, err);

    if (st != PHI_OK || no == 0)
        return st;
    phi_fail(err, PHI_E_ARG,
             "%s: is part %llu of a split model, which has no metadata",
             j->args.common.operands.v[0], (unsigned long long)no + 1);
    return phi_hint(err, "change the first part, ...-00001-of-...");
}

static enum phi_status write(struct job *j, struct phi_err *err)
{
    const struct phi_disk_need need = {j->args.common.operands.v[0],
                                       j->edit.nbytes};
    struct progress progress;
    struct phi_monitor monitor;
    enum phi_status st = PHI_OK;

    if (j->edit.way == PHI_GGUF_REWRITE)
        st = phi_disk_check(&need, 1, err);
    if (st != PHI_OK)
        return st;
    progress_begin(&progress, j->args.common.progress, "rewrite", "B");
    monitor = progress_monitor(&progress);
    st = phi_gguf_edit_write(&j->edit, &monitor, err);
    progress_end(&progress);
    return st;
}

/* ---- what is printed ----------------------------------------------------- */

static bool same_value(const struct phi_kv *a, const struct phi_kv *b)
{
    struct phi_buf x = {0};
    struct phi_buf y = {0};
    bool same;

    value_text(&x, a, 0);
    value_text(&y, b, 0);
    same = a->type == b->type && x.n == y.n &&
           (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
    phi_buf_release(&x);
    phi_buf_release(&y);
    return same;
}

/* Calls put for each key that differs; `before` or `after` may be NULL. */
typedef void (*differs_fn)(void *ctx, const char *key,
                           const struct phi_kv *before,
                           const struct phi_kv *after);

static enum phi_status differences(const struct job *j, differs_fn put,
                                   void *ctx, struct phi_err *err)
{
    const struct phi_meta *old = &j->edit.gguf.meta;
    const struct phi_meta *now = &j->edit.meta;
    size_t *kept = phi_meta_match(old, now, err);
    size_t *had = phi_meta_match(now, old, err);
    const enum phi_status st =
        kept != NULL && had != NULL ? PHI_OK : PHI_E_NOMEM;

    for (size_t i = 0; st == PHI_OK && i < old->n; i++) {
        const bool gone = kept[i] == PHI_META_NONE;
        const struct phi_kv *kv = gone ? NULL : &now->kv[kept[i]];

        if (strncmp(old->kv[i].key, "phiconv.", 8) != 0 &&
            (gone || !same_value(&old->kv[i], kv)))
            put(ctx, old->kv[i].key, &old->kv[i], kv);
    }
    for (size_t i = 0; st == PHI_OK && i < now->n; i++) {
        if (had[i] == PHI_META_NONE)
            put(ctx, now->kv[i].key, NULL, &now->kv[i]);
    }
    free(kept);
    free(had);
    return st;
}

static void value_cell(struct table *t, const struct phi_kv *kv)
{
    struct phi_buf b = {0};

    value_text(&b, kv, ROOM);
    table_cell(t, "%.*s", (int)b.n, b.n > 0 ? (const char *)b.p : "");
    t->failed = t->failed || b.failed;
    phi_buf_release(&b);
}

static void put_row(void *ctx, const char *key, const struct phi_kv *before,
                    const struct phi_kv *after)
{
    struct table *t = ctx;
    char type[48];

    table_cell(t, "%s", key);
    table_cell(t, "%s", value_type(type, after != NULL ? after : before));
    if (before != NULL)
        value_cell(t, before);
    else
        table_cell(t, "-");
    if (after != NULL)
        value_cell(t, after);
    else
        table_cell(t, "-");
}

static enum phi_status print_table(const struct job *j, struct phi_err *err)
{
    char path[PHI_ERR_MAX];
    const char *would = j->args.dry_run ? "would be " : "";
    struct table t = {.ncols = 4};
    char size[32];
    enum phi_status st = PHI_OK;

    phi_printable(path, sizeof(path), j->args.common.operands.v[0]);
    table_cell(&t, "key");
    table_cell(&t, "type");
    table_cell(&t, "before");
    table_cell(&t, "after");
    st = differences(j, put_row, &t, err);
    if (st == PHI_OK && t.n > 4) {
        st = table_print(&t, stdout, err);
        printf("\n");
    }
    table_release(&t);
    if (st != PHI_OK)
        return st;
    switch (j->edit.way) {
    case PHI_GGUF_AS_IT_IS:
        printf("%s: nothing to change\n", path);
        break;
    case PHI_GGUF_IN_PLACE:
        printf("%s: %schanged in place, %s\n", path, would,
               human_bytes(size, j->edit.nbytes));
        break;
    case PHI_GGUF_REWRITE:
        printf("%s: %swritten anew, %s\n", path, would,
               human_bytes(size, j->edit.nbytes));
        break;
    }
    return st;
}

static void put_json(void *ctx, const char *key, const struct phi_kv *before,
                     const struct phi_kv *after)
{
    struct json_out *o = ctx;
    char type[48];

    json_open(o, NULL, '{');
    json_str(o, "key", key);
    json_str(o, "type", value_type(type, after != NULL ? after : before));
    if (before != NULL)
        value_json(o, "before", before);
    if (after != NULL)
        value_json(o, "after", after);
    json_close(o, '}');
}

static enum phi_status print_json(const struct job *j, struct phi_err *err)
{
    static const char *const ways[] = {"none", "in place", "rewrite"};
    struct json_out o = {0};
    enum phi_status st;

    json_open(&o, NULL, '{');
    json_str(&o, "schema", "phiconv.set-metadata/1");
    json_str(&o, "path", j->args.common.operands.v[0]);
    json_str(&o, "way", ways[j->edit.way]);
    json_uint(&o, "bytes", j->edit.nbytes);
    json_bool(&o, "written",
              !j->args.dry_run && j->edit.way != PHI_GGUF_AS_IT_IS);
    json_open(&o, "changes", '[');
    st = differences(j, put_json, &o, err);
    json_close(&o, ']');
    json_close(&o, '}');
    if (st == PHI_OK)
        return json_finish(&o, err);
    phi_buf_release(&o.buf);
    return st;
}

static int set_metadata(struct job *j)
{
    const char *path = j->args.common.operands.v[0];
    struct phi_err err = {0};
    enum phi_status st;
    int code;

    /* Before this run locks the file: what lies beside a locked one is not
     * taken for a leftover. */
    if (!j->args.dry_run)
        leftovers_before(&j->args.common, path);
    st = phi_gguf_edit_open(&j->edit, path, &err);
    if (st == PHI_OK)
        st = check_part(j, &err);
    if (st != PHI_OK)
        return report_error(&err);
    if ((code = change(j)) != -1)
        return code;
    st = check_model(j, &err);
    if (st == PHI_OK)
        st = phi_gguf_edit_plan(&j->edit, j->args.rewrite, &err);
    if (st == PHI_OK && !j->args.dry_run)
        st = write(j, &err);
    if (st == PHI_OK && j->args.common.json)
        st = print_json(j, &err);
    else if (st == PHI_OK && !j->args.common.quiet)
        st = print_table(j, &err);
    return st == PHI_OK ? EXIT_CODE_DONE : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job j = {.cmd = self};
    int code = options_parse(self, argc, argv, &j.args);

    if (code == -1)
        code = set_metadata(&j);
    phi_gguf_edit_release(&j.edit);
    leftovers_after(&j.args.common);
    options_release(self, &j.args);
    return code;
}

const struct command cmd_set_metadata = {
    .name = "set-metadata",
    .summary = "change the metadata of a GGUF file, not its tensors",
    .synopsis = "FILE KEY[:TYPE]=VALUE ... [options]",
    .description =
        "Sets keys of a GGUF file; of a split model, of its first file. The "
        "type of a value is the one that the key has in the file or in the "
        "format. A key that is in neither is a string, or TYPE: u8 to u64, i8 "
        "to i64, f32, f64, bool, string, or strings, whose value is a JSON "
        "array.\n\n"
        "What would break the file is refused: the architecture, what follows "
        "from the shapes of the tensors, the alignment, the vocabulary, the "
        "keys of split files and those that say where the file comes from. So "
        "are values of another type, tokens that the vocabulary does not have, "
        "and shapes that do not make a model. Keys that change what the model "
        "computes need --force.\n\n"
        "Files that phiconv wrote without --no-provenance have room for some "
        "4 KiB of new text: they are changed in place, whatever their size. So "
        "are numbers in nearly any file: what differs must lie in one sector "
        "of 512 bytes. All else is written to a new file that replaces the old "
        "one, and gets room. Both ways leave the old metadata or the new, "
        "whole, after a kill or a power cut at any moment.",
    .options = options,
    .examples = "phiconv set-metadata my-phi.gguf general.name='My Phi'\n"
                "phiconv set-metadata my-phi.gguf --from-file "
                "tokenizer.chat_template=chat.jinja\n"
                "phiconv set-metadata my-phi.gguf --force "
                "tokenizer.ggml.eos_token_id=50295\n"
                "phiconv set-metadata my-phi.gguf 'general.tags=[\"phi\"]' "
                "--delete general.url --dry-run",
    .min_operands = 1,
    .max_operands = 10000,
    .run = run,
};

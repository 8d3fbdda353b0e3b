/* SPDX-License-Identifier: MIT */
/* The merges of hf_vocab.h. */
#include <stdlib.h>
#include <string.h>

#include "formats/hf_vocab.h"
#include "libconv/base/buf.h"
#include "libconv/base/file.h"
#include "libconv/base/mem.h"

/* A merge and what is needed to check it. */
struct reader {
    struct phi_hf_vocab *v;
    struct phi_map seen; /* pairs of ids, borrowed from v->merge */
    struct phi_buf text; /* of the result */
    struct phi_err *err;
};

struct half {
    const char *p;
    size_t n;
};

static const struct phi_hf_token *base_token(const struct phi_hf_vocab *v,
                                             const char *p, size_t n)
{
    const uint32_t *id = phi_map_find(&v->ids, p, n);

    return id != NULL && (v->token[*id].flags & PHI_HF_BASE) != 0
               ? &v->token[*id]
               : NULL;
}

static int shown(size_t n)
{
    return n < PHI_ERR_NAME ? (int)n : PHI_ERR_NAME;
}

static enum phi_status no_token(struct reader *r, const char *p, size_t n)
{
    return phi_fail(r->err, PHI_E_FORMAT, "\"%.*s\" is not in the vocabulary",
                    shown(n), p);
}

/* The ids of a merge whose halves and result are tokens. */
static enum phi_status resolve(struct reader *r, const struct half half[2],
                               uint32_t pair[2])
{
    for (size_t i = 0; i < 2; i++) {
        const struct phi_hf_token *t = base_token(r->v, half[i].p, half[i].n);

        if (t == NULL)
            return no_token(r, half[i].p, half[i].n);
        pair[i] = (uint32_t)(t - r->v->token);
    }
    r->text.n = 0;
    phi_buf_put(&r->text, half[0].p, half[0].n);
    phi_buf_put(&r->text, half[1].p, half[1].n);
    if (phi_buf_status(&r->text, r->err) != PHI_OK)
        return PHI_E_NOMEM;
    if (base_token(r->v, (const char *)r->text.p, r->text.n) == NULL)
        return no_token(r, (const char *)r->text.p, r->text.n);
    return PHI_OK;
}

/* Appends; there is room. */
static enum phi_status append(struct reader *r, const uint32_t pair[2])
{
    struct phi_hf_merge *m = &r->v->merge[r->v->nmerges];
    bool added;

    memcpy(m->pair, pair, sizeof(m->pair));
    if (phi_map_add(&r->seen, (const char *)m->pair, sizeof(m->pair), 0, &added,
                    r->err) != PHI_OK)
        return PHI_E_NOMEM;
    if (!added)
        return phi_fail(r->err, PHI_E_FORMAT, "\"%.*s\" and \"%.*s\" twice",
                        PHI_ERR_NAME / 2, r->v->token[pair[0]].text,
                        PHI_ERR_NAME / 2, r->v->token[pair[1]].text);
    r->v->nmerges++;
    return PHI_OK;
}

static void release(struct reader *r)
{
    phi_map_release(&r->seen);
    phi_buf_release(&r->text);
}

/* Takes "A B" apart; false unless there is exactly one blank, inside. */
static bool split(const char *line, size_t n, struct half half[2])
{
    const char *blank = memchr(line, ' ', n);

    if (blank == NULL || blank == line || blank == line + n - 1 ||
        memchr(blank + 1, ' ', (size_t)(line + n - blank) - 1) != NULL)
        return false;
    half[0] = (struct half){line, (size_t)(blank - line)};
    half[1] = (struct half){blank + 1, (size_t)(line + n - blank) - 1};
    return true;
}

/* Either form of a merge in tokenizer.json. */
static enum phi_status read_item(const struct phi_json *item,
                                 struct half half[2], struct phi_err *err)
{
    struct phi_json member = {0};
    const char *text;
    enum phi_status st;

    if (phi_json_type(item) == PHI_JSON_STRING) {
        st = phi_json_str(item, &text, err);
        if (st == PHI_OK && !split(text, strlen(text), half))
            st = phi_json_refuse(item, PHI_E_FORMAT, err,
                                 "is \"%.*s\", expected two parts and a blank",
                                 PHI_ERR_NAME, text);
        return st;
    }
    st = phi_json_expect(item, PHI_JSON_ARRAY, err);
    if (st == PHI_OK && phi_json_count(item) != 2)
        st = phi_json_refuse(item, PHI_E_FORMAT, err,
                             "has %zu parts, expected 2", phi_json_count(item));
    for (size_t i = 0; i < 2 && st == PHI_OK; i++) {
        phi_json_next(item, &member);
        st = phi_json_str(&member, &text, err);
        if (st == PHI_OK)
            half[i] = (struct half){text, strlen(text)};
        if (st == PHI_OK && (strchr(text, ' ') != NULL || text[0] == '\0'))
            st = phi_json_refuse(&member, PHI_E_FORMAT, err,
                                 "is \"%.*s\", expected text without blanks",
                                 PHI_ERR_NAME, text);
    }
    return st;
}

enum phi_status phi_hf_merges_set(struct phi_hf_vocab *v,
                                  const struct phi_json *array,
                                  struct phi_err *err)
{
    struct reader r = {.v = v, .err = err};
    struct phi_json item = {0};
    enum phi_status st = phi_json_expect(array, PHI_JSON_ARRAY, err);

    if (st != PHI_OK)
        return st;
    v->merge = phi_alloc(phi_json_count(array), sizeof(*v->merge), err);
    if (v->merge == NULL)
        return PHI_E_NOMEM;
    while (st == PHI_OK && phi_json_next(array, &item)) {
        struct half half[2];
        uint32_t pair[2];

        st = read_item(&item, half, err);
        if (st != PHI_OK)
            break;
        st = resolve(&r, half, pair);
        if (st == PHI_OK)
            st = append(&r, pair);
        if (st != PHI_OK)
            phi_err_prefix(err, "%s: merge %zu", phi_json_name(&item),
                           v->nmerges);
    }
    release(&r);
    return st;
}

/* A merge of the file against the one that v has at the same rank. */
static enum phi_status compare(struct reader *r, size_t rank,
                               const uint32_t pair[2], const char *other)
{
    const struct phi_hf_vocab *v = r->v;
    const uint32_t *has = rank < v->nmerges ? v->merge[rank].pair : NULL;

    if (has == NULL)
        return phi_fail(r->err, PHI_E_FORMAT,
                        "merge %zu, but %s has only %zu merges", rank, other,
                        v->nmerges);
    if (has[0] != pair[0] || has[1] != pair[1])
        return phi_fail(r->err, PHI_E_FORMAT,
                        "merge %zu is \"%.*s %.*s\", but \"%.*s %.*s\" in %s",
                        rank, PHI_ERR_NAME / 4, v->token[pair[0]].text,
                        PHI_ERR_NAME / 4, v->token[pair[1]].text,
                        PHI_ERR_NAME / 4, v->token[has[0]].text,
                        PHI_ERR_NAME / 4, v->token[has[1]].text, other);
    return PHI_OK;
}

static enum phi_status read_line(struct reader *r, const char *line, size_t n,
                                 size_t rank, const char *other)
{
    struct half half[2];
    uint32_t pair[2];
    enum phi_status st;

    if (!split(line, n, half))
        return phi_fail(r->err, PHI_E_FORMAT,
                        "is \"%.*s\", expected two parts and a blank", shown(n),
                        line);
    st = resolve(r, half, pair);
    if (st == PHI_OK)
        st = other != NULL ? compare(r, rank, pair, other) : append(r, pair);
    return st;
}

static enum phi_status read_lines(struct reader *r, const char *text, size_t n,
                                  const char *path, const char *other)
{
    const char *const mark = "#version";
    size_t number = 0;
    size_t rank = 0;
    enum phi_status st = PHI_OK;

    for (size_t at = 0; at < n && st == PHI_OK; number++) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', n - at);
        size_t len = end != NULL ? (size_t)(end - line) : n - at;

        at += len + 1;
        if (len > 0 && line[len - 1] == '\r')
            len--;
        if (number == 0 && strncmp(line, mark, strlen(mark)) == 0)
            continue;
        if (len == 0 && at >= n)
            break;
        st = read_line(r, line, len, rank++, other);
        if (st != PHI_OK)
            phi_err_prefix(r->err, "%s: line %zu", path, number + 1);
    }
    if (st == PHI_OK && other != NULL && rank != r->v->nmerges)
        st =
            phi_fail(r->err, PHI_E_FORMAT, "%s: has %zu merges, but %s has %zu",
                     path, rank, other, r->v->nmerges);
    return st;
}

enum phi_status phi_hf_merges_text(struct phi_hf_vocab *v, const char *path,
                                   const char *other, struct phi_err *err)
{
    struct reader r = {.v = v, .err = err};
    uint8_t *text = NULL;
    size_t nlines = 1;
    size_t n = 0;
    enum phi_status st =
        phi_file_load(path, PHI_JSON_MAX_TOKENIZER, &text, &n, err);

    if (st != PHI_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        nlines += text[i] == '\n';
    if (other == NULL) {
        v->merge = phi_alloc(nlines, sizeof(*v->merge), err);
        if (v->merge == NULL)
            st = PHI_E_NOMEM;
    }
    if (st == PHI_OK)
        st = read_lines(&r, (const char *)text, n, path, other);
    release(&r);
    free(text);
    return st;
}

/* SPDX-License-Identifier: MIT */
#include "libconv/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/base/par.h"
#include "libconv/base/tally.h"
#include "libconv/base/utf8.h"
#include "libconv/text/tokenizer_parts.h"

/* What one thread takes at a time, at least. */
#define JOB_BYTES 65536u

/* Looked at between two questions whether to go on; some more than once. */
#define ASK_BYTES ((size_t)1 << 22)

/* A stretch of the text: an added token, or text to be split and merged. */
struct piece {
    size_t at;
    size_t n;
    uint32_t id; /* PHI_NO_TOKEN: text */
};

/* Pieces [first, first + n) and what becomes of them. */
struct job {
    size_t first;
    size_t n;
    struct phi_tokens out;
    enum phi_status st;
    struct phi_err err;
};

struct worker {
    struct phi_words words;
    struct phi_bpe_scratch scratch;
    size_t untold; /* bytes done that the tally does not know of */
};

struct encoding {
    const struct phi_tokenizer *t;
    const uint8_t *text;
    size_t n;
    struct phi_tally tally;
    size_t looked; /* since the monitor was asked */
    struct piece *pieces;
    size_t npieces;
    size_t pieces_cap;
    struct job *jobs;
    size_t njobs;
    size_t jobs_cap;
    struct worker *workers;
    size_t nworkers;
};

void phi_tokenizer_free(struct phi_tokenizer *t)
{
    if (t == NULL)
        return;
    for (size_t k = 0; k < ADDED_SETS; k++)
        phi_added_tokens_release(&t->added[k]);
    phi_pre_split_free(t->split);
    phi_bpe_release(&t->bpe);
    free(t->bytes);
    free(t->at);
    free(t);
}

/* n more bytes were looked at: whether to go on, now and then. */
static enum phi_status look(struct encoding *e, size_t n, struct phi_err *err)
{
    e->looked += n;
    if (e->looked < ASK_BYTES)
        return PHI_OK;
    e->looked = 0;
    return phi_tally_ask(&e->tally, err);
}

static enum phi_status check_utf8(struct encoding *e, struct phi_err *err)
{
    enum phi_status st = PHI_OK;
    size_t at = 0;

    while (st == PHI_OK && at < e->n) {
        const size_t left = e->n - at;
        const size_t want = left < ASK_BYTES ? left : ASK_BYTES;
        /* A character that is cut is the first of the next. */
        const size_t good = phi_utf8_valid(e->text + at, want);

        if (good == 0)
            return phi_fail(err, PHI_E_FORMAT,
                            "byte %zu: 0x%02X begins no character, expected "
                            "UTF-8",
                            at, e->text[at]);
        at += good;
        st = look(e, good, err);
    }
    return st;
}

static enum phi_status put_piece(struct encoding *e, struct piece piece,
                                 struct phi_err *err)
{
    void *p = e->pieces;
    const enum phi_status st =
        phi_grow(&p, &e->pieces_cap, e->npieces + 1, sizeof(*e->pieces), err);

    e->pieces = p;
    if (st == PHI_OK)
        e->pieces[e->npieces++] = piece;
    return st;
}

/* Where to cut text [at, end), at JOB_BYTES or later; end if nowhere. */
static enum phi_status find_cut(struct encoding *e, size_t at, size_t end,
                                size_t *cut, struct phi_err *err)
{
    size_t from = at + JOB_BYTES;
    enum phi_status st = PHI_OK;

    *cut = from < end ? from : end;
    while (st == PHI_OK && *cut < end) {
        const size_t to = end - from < ASK_BYTES ? end : from + ASK_BYTES;

        *cut = at + phi_pre_split_cut(e->text + at, to - at, from - at);
        if (*cut < to)
            break;
        st = look(e, to - from, err);
        from = to;
    }
    return st;
}

/* Text without added tokens, in pieces of a size that suits threads. */
static enum phi_status cut_text(struct encoding *e, size_t at, size_t end,
                                struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    while (st == PHI_OK && at < end) {
        size_t cut = end;

        st = find_cut(e, at, end, &cut, err);
        if (st == PHI_OK)
            st = put_piece(e, (struct piece){at, cut - at, PHI_NO_TOKEN}, err);
        at = cut;
    }
    return st;
}

/* The first token of the set that begins in [at, end), its place in *place. */
static enum phi_status find_added(struct encoding *e, size_t set, size_t at,
                                  size_t end, size_t *place,
                                  const struct phi_added_token **found,
                                  struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    *found = NULL;
    *place = at;
    while (st == PHI_OK && *found == NULL && *place < end) {
        size_t steps = ASK_BYTES - 1;

        *place = phi_added_tokens_find(&e->t->added[set], e->text, end, *place,
                                       &steps, found);
        st = look(e, steps, err);
    }
    return st;
}

/* Cuts the tokens of added sets `set` and later out of text [at, end). */
static enum phi_status cut_added(struct encoding *e, size_t set, size_t at,
                                 size_t end, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (set == ADDED_SETS)
        return cut_text(e, at, end, err);
    while (st == PHI_OK && at < end) {
        const struct phi_added_token *found;
        size_t place;

        st = find_added(e, set, at, end, &place, &found, err);
        if (st == PHI_OK)
            st = cut_added(e, set + 1, at, place, err);
        at = place;
        if (st == PHI_OK && place < end) {
            st = put_piece(e, (struct piece){place, found->n, found->id}, err);
            at = place + found->n;
        }
    }
    return st;
}

/* Groups the pieces into jobs. */
static enum phi_status make_jobs(struct encoding *e, struct phi_err *err)
{
    size_t nbytes = JOB_BYTES;

    for (size_t i = 0; i < e->npieces; i++) {
        if (nbytes >= JOB_BYTES) {
            void *p = e->jobs;
            const enum phi_status st =
                phi_grow(&p, &e->jobs_cap, e->njobs + 1, sizeof(*e->jobs), err);

            e->jobs = p;
            if (st != PHI_OK)
                return st;
            e->jobs[e->njobs++] = (struct job){.first = i};
            nbytes = 0;
        }
        e->jobs[e->njobs - 1].n++;
        nbytes += e->pieces[i].n;
    }
    return PHI_OK;
}

static enum phi_status make_workers(struct encoding *e, size_t nthreads,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    e->nworkers = nthreads < e->njobs ? nthreads : e->njobs;
    if (e->nworkers == 0)
        e->nworkers = 1;
    e->workers = phi_alloc(e->nworkers, sizeof(*e->workers), err);
    if (e->workers == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; st == PHI_OK && i < e->nworkers; i++) {
        st = phi_words_init(&e->workers[i].words, e->t->split, err);
        if (st == PHI_OK)
            st = phi_bpe_scratch_init(&e->workers[i].scratch, err);
        e->workers[i].scratch.tally = &e->tally;
    }
    return st;
}

/* n more bytes are done: whether to go on, now and then. */
static enum phi_status count_done(struct encoding *e, struct worker *w,
                                  size_t n, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    w->untold += n;
    if (w->untold < JOB_BYTES)
        return st;
    if (phi_tally_add(&e->tally, 0, w->untold) != PHI_OK)
        st = phi_tally_status(&e->tally, err);
    w->untold = 0;
    return st;
}

static enum phi_status encode_piece(struct encoding *e, struct worker *w,
                                    const struct piece *piece,
                                    struct phi_tokens *out, struct phi_err *err)
{
    const uint8_t *text = e->text + piece->at;
    enum phi_status st = PHI_OK;
    size_t at = 0;

    if (piece->id != PHI_NO_TOKEN)
        return phi_tokens_put(out, &piece->id, 1, err);
    while (st == PHI_OK && at < piece->n) {
        size_t end = at;

        st = phi_words_next(&w->words, text, piece->n, at, &end, err);
        if (st == PHI_OK)
            st = phi_bpe_encode(&e->t->bpe, &w->scratch, text + at, end - at,
                                out, err);
        if (st == PHI_E_FORMAT)
            phi_err_prefix(err, "byte %zu",
                           piece->at + at +
                               phi_bpe_known(&e->t->bpe, text + at, end - at));
        if (st == PHI_OK)
            st = count_done(e, w, end - at, err);
        at = end;
    }
    return st;
}

static void encode_jobs(void *ctx, size_t first, size_t count, size_t worker)
{
    struct encoding *e = ctx;

    for (size_t i = first; i < first + count; i++) {
        struct job *job = &e->jobs[i];

        job->st = phi_tally_status(&e->tally, &job->err);
        for (size_t k = 0; job->st == PHI_OK && k < job->n; k++)
            job->st =
                encode_piece(e, &e->workers[worker], &e->pieces[job->first + k],
                             &job->out, &job->err);
    }
}

/* A long word makes many at once. */
static enum phi_status put_tokens(struct encoding *e, struct phi_tokens *out,
                                  const struct phi_tokens *got,
                                  struct phi_err *err)
{
    const size_t most = ASK_BYTES / sizeof(*got->id);
    enum phi_status st = PHI_OK;

    for (size_t at = 0; st == PHI_OK && at < got->n;) {
        const size_t n = got->n - at < most ? got->n - at : most;

        st = phi_tokens_put(out, got->id + at, n, err);
        if (st == PHI_OK)
            st = look(e, n * sizeof(*got->id), err);
        at += n;
    }
    return st;
}

/* The jobs' tokens in order, or the first job's error. */
static enum phi_status collect(struct encoding *e, struct phi_tokens *out,
                               struct phi_err *err)
{
    const size_t before = out->n;
    enum phi_status st = PHI_OK;
    size_t total = before;
    void *p = out->id;

    for (size_t i = 0; i < e->njobs; i++) {
        if (e->jobs[i].st != PHI_OK) {
            if (err != NULL)
                *err = e->jobs[i].err;
            return e->jobs[i].st;
        }
        total += e->jobs[i].out.n;
    }
    st = phi_grow(&p, &out->cap, total, sizeof(*out->id), err);
    out->id = p;
    for (size_t i = 0; st == PHI_OK && i < e->njobs; i++)
        st = put_tokens(e, out, &e->jobs[i].out, err);
    if (st != PHI_OK)
        out->n = before;
    return st;
}

static void encoding_release(struct encoding *e)
{
    for (size_t i = 0; i < e->njobs; i++)
        phi_tokens_release(&e->jobs[i].out);
    for (size_t i = 0; e->workers != NULL && i < e->nworkers; i++) {
        phi_words_release(&e->workers[i].words);
        phi_bpe_scratch_release(&e->workers[i].scratch);
    }
    free(e->pieces);
    free(e->jobs);
    free(e->workers);
    phi_tally_release(&e->tally);
}

enum phi_status phi_tokenizer_encode(const struct phi_tokenizer *t,
                                     const char *text, size_t n,
                                     const struct phi_encode_options *options,
                                     struct phi_tokens *out,
                                     struct phi_err *err)
{
    static const struct phi_encode_options defaults = {0};
    const struct phi_encode_options *o = options != NULL ? options : &defaults;
    struct encoding e = {.t = t, .text = (const uint8_t *)text, .n = n};
    enum phi_status st = phi_tally_init(&e.tally, o->monitor, n, err);

    if (st == PHI_OK)
        st = check_utf8(&e, err);
    if (st == PHI_OK)
        st = cut_added(&e, o->special ? ADDED_CONTROL : ADDED_USER, 0, n, err);
    if (st == PHI_OK)
        st = make_jobs(&e, err);
    if (st == PHI_OK)
        st = make_workers(&e, o->nthreads, err);
    if (st == PHI_OK) {
        phi_par_for(e.nworkers, e.njobs, 1, encode_jobs, &e);
        st = collect(&e, out, err);
    }
    encoding_release(&e);
    return st;
}

/* Those of the set that were found. */
static enum phi_status list_controls(const struct phi_added_tokens *set,
                                     const uint64_t *found,
                                     struct phi_control_texts *out,
                                     struct phi_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++)
        n += found[i] > 0;
    out->v = phi_alloc(n, sizeof(*out->v), err);
    if (out->v == NULL)
        return PHI_E_NOMEM;
    for (size_t i = 0; i < set->n; i++) {
        const struct phi_added_token *token = &set->token[i];
        struct phi_control_text *to = &out->v[out->n];

        if (found[i] == 0)
            continue;
        to->text = phi_strndup((const char *)token->text, token->n, err);
        if (to->text == NULL)
            return PHI_E_NOMEM;
        to->n = found[i];
        out->n++;
    }
    return PHI_OK;
}

enum phi_status phi_tokenizer_controls(const struct phi_tokenizer *t,
                                       const char *text, size_t n,
                                       const struct phi_monitor *monitor,
                                       struct phi_control_texts *out,
                                       struct phi_err *err)
{
    const struct phi_added_tokens *set = &t->added[ADDED_CONTROL];
    struct encoding e = {.t = t, .text = (const uint8_t *)text, .n = n};
    uint64_t *found = phi_alloc(set->n, sizeof(*found), err);
    enum phi_status st =
        found != NULL ? phi_tally_init(&e.tally, monitor, n, err) : PHI_E_NOMEM;

    for (size_t at = 0; st == PHI_OK && at < n;) {
        const struct phi_added_token *token;

        st = find_added(&e, ADDED_CONTROL, at, n, &at, &token, err);
        if (st == PHI_OK && token != NULL) {
            found[token - set->token]++;
            at += token->n;
        }
    }
    if (st == PHI_OK)
        st = list_controls(set, found, out, err);
    encoding_release(&e);
    free(found);
    return st;
}

void phi_control_texts_release(struct phi_control_texts *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].text);
    free(c->v);
    *c = (struct phi_control_texts){0};
}

enum phi_status phi_tokenizer_decode(const struct phi_tokenizer *t,
                                     const uint32_t *id, size_t n,
                                     struct phi_buf *out, struct phi_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (id[i] >= t->n)
            return phi_fail(err, PHI_E_ARG, "token %lu, expected less than %zu",
                            (unsigned long)id[i], t->n);
        phi_buf_put(out, t->bytes + t->at[id[i]],
                    t->at[id[i] + 1] - t->at[id[i]]);
    }
    return PHI_OK;
}

size_t phi_tokenizer_size(const struct phi_tokenizer *t)
{
    return t->n;
}

bool phi_tokenizer_add_bos(const struct phi_tokenizer *t, uint32_t *bos)
{
    if (t->add_bos && bos != NULL)
        *bos = t->bos;
    return t->add_bos;
}

/* SPDX-License-Identifier: MIT */
#include "tools/lora_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void note_base(const struct phi_adapted *a, size_t i)
{
    const char *name = a->base->path;

    phi_meta_opt_str(&a->base->meta, "general.name", &name, NULL);
    report_note("%s: was made for \"%.*s\"; this base is \"%.*s\"",
                a->inputs[i].adapter->path, PHI_ERR_NAME,
                a->inputs[i].adapter->config.made_for, PHI_ERR_NAME, name);
}

void lora_print_notes(const struct phi_adapted *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->inputs[i].other_base)
            note_base(a, i);
        if (a->merge.idle[i])
            report_note("%s: changes nothing: all that it adds is zero",
                        a->inputs[i].adapter->path);
    }
    for (size_t i = 0; i < a->merge.nunused; i++)
        report_note("tensor \"%s\" is not used", a->merge.unused[i]);
    if (a->tokenizer != NULL)
        report_note("%s: its tokenizer replaces the base's", a->tokenizer);
    if (a->merge.vocab > 0)
        report_note("the vocabulary is resized to %llu tokens",
                    (unsigned long long)a->merge.vocab);
}

/* ---- words --------------------------------------------------------------- */

/* "alpha/r", "alpha/sqrt(r)", with the patterns that decided. */
static void origin_text(const struct phi_adapted *a,
                        const struct phi_merge_module *m, char *out, size_t n)
{
    const double user = a->order[m->adapter].scale;
    const struct phi_lora_scale *s = &m->scale;
    char times[40] = "";
    int at;

    if (user != 1)
        snprintf(times, sizeof(times), "%g x ", user);
    if (a->inputs[m->adapter].adapter->config.bare && s->alpha == 0)
        at = snprintf(out, n, "%snot said", times);
    else
        at = snprintf(out, n, "%s%g/%s%" PRIu64 "%s", times, s->alpha,
                      m->rslora ? "sqrt(" : "", s->rank, m->rslora ? ")" : "");
    if (at < 0 || (size_t)at >= n)
        return;
    if (s->rank_from != NULL || s->alpha_from != NULL)
        snprintf(out + at, n - (size_t)at, " by %s%.60s%s%.60s",
                 s->rank_from != NULL ? "r: " : "",
                 s->rank_from != NULL ? s->rank_from : "",
                 s->alpha_from == NULL  ? ""
                 : s->rank_from != NULL ? ", alpha: "
                                        : "alpha: ",
                 s->alpha_from != NULL ? s->alpha_from : "");
}

/* What else was done than adding B A. */
static void done_text(const struct phi_merge_module *m, char *out, size_t n)
{
    if (m->replaced)
        snprintf(out, n, m->lora ? "added, replaced" : "replaced");
    else if (m->tokens > 0)
        snprintf(out, n, "%s%" PRIu64 " token%s replaced",
                 m->lora ? "added, " : "", m->tokens,
                 m->tokens == 1 ? "" : "s");
    else
        snprintf(out, n, m->dora ? "added, DoRA" : "added");
}

/* The norm of the change over the norm of the weight; -1: not known. */
static double change_of(double delta, double weight)
{
    return weight > 0 ? sqrt(delta) / sqrt(weight) : -1;
}

static void change_cell(struct table *t, bool done, double delta, double weight)
{
    const double change = change_of(delta, weight);

    if (done && change >= 0)
        table_cell(t, "%.3g", change);
    else
        table_cell(t, "-");
}

/* ---- tables -------------------------------------------------------------- */

enum phi_status lora_print_modules(const struct phi_adapted *a, bool done,
                                   struct phi_err *err)
{
    struct table t = {.ncols = 6,
                      .right = {[1] = true, [2] = true, [4] = true}};
    enum phi_status st;

    table_cell(&t, "module");
    table_cell(&t, "rank");
    table_cell(&t, "scale");
    table_cell(&t, "from");
    table_cell(&t, "|change|/|weight|");
    table_cell(&t, "done");
    for (size_t i = 0; i < a->merge.nmodules; i++) {
        const struct phi_merge_module *m = &a->merge.modules[i];
        char text[256] = "-";

        table_cell(&t, "%s", m->path);
        if (m->lora) {
            table_cell(&t, "%" PRIu64, m->scale.rank);
            table_cell(&t, "%g", m->scale.scale * a->order[m->adapter].scale);
            origin_text(a, m, text, sizeof(text));
        } else {
            table_cell(&t, "-");
            table_cell(&t, "-");
        }
        table_cell(&t, "%s", text);
        change_cell(&t, done, m->delta, m->weight);
        done_text(m, text, sizeof(text));
        table_cell(&t, "%s", text);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    printf("\n");
    return st;
}

/* What the modules of one adapter have in common. */
struct summary {
    size_t n;
    uint64_t low; /* rank */
    uint64_t high;
    double delta;
    double weight;
};

static struct summary sum_up(const struct phi_adapted *a, size_t adapter)
{
    struct summary s = {.low = UINT64_MAX};

    for (size_t i = 0; i < a->merge.nmodules; i++) {
        const struct phi_merge_module *m = &a->merge.modules[i];

        if (m->adapter != adapter)
            continue;
        s.n++;
        s.delta += m->delta;
        s.weight += m->weight;
        if (m->lora && m->scale.rank < s.low)
            s.low = m->scale.rank;
        if (m->lora && m->scale.rank > s.high)
            s.high = m->scale.rank;
    }
    return s;
}

enum phi_status lora_print_adapters(const struct phi_adapted *a, bool done,
                                    struct phi_err *err)
{
    struct table t = {
        .ncols = 5, .right = {[1] = true, [2] = true, [3] = true, [4] = true}};
    enum phi_status st;

    table_cell(&t, "adapter");
    table_cell(&t, "factor");
    table_cell(&t, "modules");
    table_cell(&t, "rank");
    table_cell(&t, "|change|/|weight|");
    for (size_t i = 0; i < a->n; i++) {
        const struct summary s = sum_up(a, i);

        table_cell(&t, "%s", a->inputs[i].adapter->path);
        table_cell(&t, "%g", a->order[i].scale);
        table_cell(&t, "%zu", s.n);
        if (s.high == 0)
            table_cell(&t, "-");
        else if (s.low == s.high)
            table_cell(&t, "%" PRIu64, s.low);
        else
            table_cell(&t, "%" PRIu64 " to %" PRIu64, s.low, s.high);
        change_cell(&t, done, s.delta, s.weight);
    }
    st = table_print(&t, stdout, err);
    table_release(&t);
    printf("\n");
    return st;
}

/* ---- JSON ---------------------------------------------------------------- */

static void json_text(struct json_out *j, const char *key, const char *text)
{
    if (text != NULL)
        json_str(j, key, text);
    else
        json_null(j, key);
}

static void json_module(struct json_out *j, const struct phi_adapted *a,
                        const struct phi_merge_module *m, bool done)
{
    json_open(j, NULL, '{');
    json_str(j, "module", m->path);
    if (m->lora) {
        json_uint(j, "rank", m->scale.rank);
        json_num(j, "alpha", m->scale.alpha);
        json_num(j, "scale", m->scale.scale * a->order[m->adapter].scale);
        json_bool(j, "rslora", m->rslora);
        json_text(j, "rank_from", m->scale.rank_from);
        json_text(j, "alpha_from", m->scale.alpha_from);
    }
    json_bool(j, "added", m->lora);
    json_bool(j, "dora", m->dora);
    json_bool(j, "replaced", m->replaced);
    json_uint(j, "tokens", m->tokens);
    if (done && m->weight > 0)
        json_num(j, "change", change_of(m->delta, m->weight));
    else
        json_null(j, "change");
    json_close(j, '}');
}

void lora_json(struct json_out *j, const struct phi_adapted *a, bool done)
{
    json_open(j, "adapters", '[');
    for (size_t i = 0; i < a->n; i++) {
        json_open(j, NULL, '{');
        json_str(j, "path", a->inputs[i].adapter->path);
        json_str(j, "format", a->inputs[i].adapter->format);
        json_num(j, "factor", a->order[i].scale);
        json_str(j, "sha256", a->inputs[i].weights);
        json_text(j, "config_sha256",
                  a->inputs[i].settings[0] != '\0' ? a->inputs[i].settings
                                                   : NULL);
        json_text(j, "made_for", a->inputs[i].adapter->config.made_for);
        json_bool(j, "other_base", a->inputs[i].other_base);
        json_bool(j, "idle", a->merge.idle[i]);
        json_open(j, "modules", '[');
        for (size_t k = 0; k < a->merge.nmodules; k++) {
            if (a->merge.modules[k].adapter == i)
                json_module(j, a, &a->merge.modules[k], done);
        }
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
}

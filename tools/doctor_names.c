/* SPDX-License-Identifier: MIT */
/* The tensors: names, types and shapes against the configuration. */
#include <stdio.h>
#include <string.h>

#include "formats/adapter_open.h"
#include "formats/hf_config.h"
#include "formats/hf_dir.h"
#include "formats/hf_names.h"
#include "libconv/convert/plan.h"
#include "libconv/lora/merge.h"
#include "tools/doctor.h"

/* Findings of one kind, counted, with the first that there was. */
struct tally {
    size_t n;
    const char *shard;
    const char *name;
    const char *what;
    const char *hint;
};

static void tally_add(struct tally *t, const struct doctor_shard *shard,
                      const char *name)
{
    if (t->n++ > 0)
        return;
    t->shard = shard->name;
    t->name = name;
}

static enum phi_status tally_report(struct doctor *d, const struct tally *t,
                                    enum doctor_check check, const char *what,
                                    struct phi_err *err)
{
    if (t->n == 0)
        return PHI_OK;
    return doctor_add(d, check, err, t->shard,
                      "%zu tensor%s %s, the first is \"%.*s\"", t->n,
                      t->n == 1 ? " is" : "s are", what, PHI_ERR_NAME, t->name);
}

/* ---- what the names alone tell ------------------------------------------ */

#define MAX_KINDS 24

/* One finding for each kind of leftover. */
static enum phi_status check_leftovers(struct doctor *d, struct phi_err *err)
{
    struct tally kinds[MAX_KINDS] = {{0}};
    size_t n = 0;
    enum phi_status st = PHI_OK;

    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; i < d->shards[s].st->n; i++) {
            const char *name = d->shards[s].st->tensors[i].name;
            const char *what, *hint;
            size_t k = 0;

            if (!phi_hf_leftover(name, &what, &hint))
                continue;
            while (k < n && kinds[k].what != what)
                k++;
            if (k == MAX_KINDS)
                continue;
            if (k == n)
                kinds[n++] = (struct tally){.what = what, .hint = hint};
            tally_add(&kinds[k], &d->shards[s], name);
        }
    }
    for (size_t k = 0; st == PHI_OK && k < n; k++) {
        /* The words of the table of leftovers. */
        const bool adapter = strstr(kinds[k].what, "dapter") != NULL;

        st = tally_report(d, &kinds[k],
                          adapter ? CHECK_ADAPTER_INSIDE : CHECK_QUANTIZED,
                          kinds[k].what, err);
    }
    return st;
}

static enum phi_status check_quantization(struct doctor *d, struct phi_err *err)
{
    static const char *const keys[] = {"quantization_config", "quantization"};
    struct phi_json v, method;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < 2; i++) {
        const char *text = "of an unnamed method";

        if (!doctor_json_find(d, JSON_CONFIG, keys[i], &v) ||
            phi_json_count(&v) == 0)
            continue;
        if (phi_json_find(&v, "quant_method", &method))
            (void)phi_json_str(&method, &text, NULL);
        else if (i == 1)
            text = "of MLX";
        st = doctor_add(d, CHECK_QUANTIZED, err, doctor_json_names[JSON_CONFIG],
                        "key \"%s\" says that the weights are quantized: "
                        "%.64s",
                        keys[i], text);
    }
    return st;
}

/* ---- against the configuration ------------------------------------------ */

static enum phi_status check_types(struct doctor *d, struct phi_err *err)
{
    struct tally integers = {0};

    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; i < d->shards[s].st->n; i++) {
            const struct phi_st_tensor *t = &d->shards[s].st->tensors[i];

            if (phi_dtype_info(t->dtype)->cls != PHI_CLASS_FLOAT &&
                !phi_hf_is_skipped(t->name))
                tally_add(&integers, &d->shards[s], t->name);
        }
    }
    return tally_report(d, &integers, CHECK_INTEGERS, "of no float type", err);
}

/* Embedding, output and vocab_size have as many rows. */
static enum phi_status check_rows(struct doctor *d, struct phi_err *err)
{
    const struct phi_st_tensor *e = doctor_embedding(d);
    const struct phi_st_tensor *head = doctor_tensor(d, "lm_head.weight");
    struct phi_json v;
    uint64_t vocab = 0;
    enum phi_status st = PHI_OK;

    if (e == NULL)
        return PHI_OK;
    if (doctor_json_find(d, JSON_CONFIG, "vocab_size", &v) &&
        phi_json_uint(&v, 0, PHI_JSON_MAX_INT, &vocab, NULL) == PHI_OK &&
        vocab != e->dim[0])
        st = doctor_add(
            d, CHECK_VOCAB_ROWS, err, doctor_json_names[JSON_CONFIG],
            "vocab_size is %llu, but the embedding has %llu rows",
            (unsigned long long)vocab, (unsigned long long)e->dim[0]);
    if (st == PHI_OK && head != NULL && head->rank == 2 &&
        head->dim[0] != e->dim[0])
        st = doctor_add(d, CHECK_VOCAB_ROWS, err, "lm_head.weight",
                        "has %llu rows, but the embedding has %llu",
                        (unsigned long long)head->dim[0],
                        (unsigned long long)e->dim[0]);
    return st;
}

static bool fits(const struct phi_hf_slot *slot, const struct phi_st_tensor *t)
{
    return t->rank == slot->rank && t->dim[0] == slot->dim[0] &&
           (slot->rank < 2 || t->dim[1] == slot->dim[1]);
}

static enum phi_status report_shapes(struct doctor *d, const struct tally *t,
                                     const struct phi_hf_slots *slots,
                                     struct phi_err *err)
{
    const struct phi_st_tensor *first;
    const struct phi_hf_slot *slot;
    char found[200], expected[80];

    if (t->n == 0)
        return PHI_OK;
    first = doctor_tensor(d, t->name);
    slot = phi_hf_slots_find(slots, t->name);
    return doctor_add(
        d, CHECK_TENSOR_SHAPE, err, t->shard,
        "%zu tensor%s another shape than config.json says, the first is "
        "\"%.*s\" with %s, expected %s",
        t->n, t->n == 1 ? " has" : "s have", PHI_ERR_NAME, t->name,
        phi_shape_text(found, sizeof(found), first->dim, first->rank),
        phi_shape_text(expected, sizeof(expected), slot->dim, slot->rank));
}

/* Every tensor has a place, and every place a tensor. */
static enum phi_status check_slots(struct doctor *d,
                                   const struct phi_hf_config *c, bool old,
                                   struct phi_err *err)
{
    struct phi_hf_slots slots = {0};
    struct tally unknown = {0}, shapes = {0};
    const char *missing = NULL, *what, *hint;
    size_t nmissing = 0;
    enum phi_status st = phi_hf_slots_make(&slots, c, old, err);

    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; st == PHI_OK && i < d->shards[s].st->n; i++) {
            const struct phi_st_tensor *t = &d->shards[s].st->tensors[i];
            const struct phi_hf_slot *slot = phi_hf_slots_find(&slots, t->name);

            /* Of two of one name, the first counts. */
            if (slot != NULL && t == doctor_tensor(d, t->name) &&
                !fits(slot, t))
                tally_add(&shapes, &d->shards[s], t->name);
            else if (slot == NULL && !phi_hf_is_skipped(t->name) &&
                     !phi_hf_leftover(t->name, &what, &hint))
                tally_add(&unknown, &d->shards[s], t->name);
        }
    }
    if (st == PHI_OK)
        st = tally_report(d, &unknown, CHECK_TENSOR_UNKNOWN,
                          "no part of a Phi with this config.json", err);
    if (st == PHI_OK)
        st = report_shapes(d, &shapes, &slots, err);
    /* What a lost shard had is said there. */
    if (st == PHI_OK && !doctor_found(d, CHECK_SHARD_MISSING) &&
        !doctor_found(d, CHECK_SHARD_BROKEN) && !doctor_found(d, CHECK_LFS) &&
        !doctor_found(d, CHECK_LINK)) {
        for (size_t i = 0; i < slots.n; i++) {
            if (!slots.slot[i].tied &&
                doctor_tensor(d, slots.slot[i].origin) == NULL &&
                nmissing++ == 0)
                missing = slots.slot[i].origin;
        }
        if (nmissing > 0)
            st = doctor_add(d, CHECK_TENSOR_MISSING, err, ".",
                            "%zu tensor%s missing, the first is \"%s\"",
                            nmissing, nmissing == 1 ? " is" : "s are", missing);
    }
    phi_hf_slots_release(&slots);
    return st;
}

static enum phi_status check_config(struct doctor *d, struct phi_err *err)
{
    struct phi_hf_config c;
    struct phi_err why = {0};
    struct phi_json root;
    const struct doctor_shard *first = NULL;
    const char *name = NULL;
    enum phi_status st = PHI_OK;

    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; name == NULL && i < d->shards[s].st->n; i++) {
            if (phi_hf_is_old(d->shards[s].st->tensors[i].name)) {
                first = &d->shards[s];
                name = d->shards[s].st->tensors[i].name;
            }
        }
    }
    if (name != NULL)
        st = doctor_add(d, CHECK_OLD_NAMES, err, first->name,
                        "has old names, as \"%.*s\"", PHI_ERR_NAME, name);
    if (st != PHI_OK || d->json[JSON_CONFIG] == NULL)
        return st;
    root = phi_json_root(d->json[JSON_CONFIG]);
    st = phi_hf_config_read(&c, &root, &why);
    if (st != PHI_OK)
        return doctor_found(d, CHECK_QUANTIZED)
                   ? PHI_OK
                   : doctor_add_error(d, CHECK_CONFIG,
                                      doctor_json_names[JSON_CONFIG], &why,
                                      err);
    return d->nshards > 0 ? check_slots(d, &c, name != NULL, err) : PHI_OK;
}

/* ---- adapters ----------------------------------------------------------- */

/* Each lora_A has its lora_B. */
static enum phi_status check_pairs(struct doctor *d, struct phi_err *err)
{
    struct tally alone = {0};

    for (size_t s = 0; s < d->nshards; s++) {
        for (size_t i = 0; i < d->shards[s].st->n; i++) {
            const char *name = d->shards[s].st->tensors[i].name;
            const char *at = strstr(name, "lora_A");
            char other[PHI_ST_MAX_NAME + 1];

            if (at == NULL)
                at = strstr(name, "lora_B");
            if (at == NULL)
                continue;
            snprintf(other, sizeof(other), "%s", name);
            other[at - name + 5] = at[5] == 'A' ? 'B' : 'A';
            if (doctor_tensor(d, other) == NULL)
                tally_add(&alone, &d->shards[s], name);
        }
    }
    return tally_report(d, &alone, CHECK_ADAPTER_PAIR,
                        "one half of a pair without the other", err);
}

/* What is refused whatever the base, as far as the adapter alone can tell. */
static enum phi_status check_merges(struct doctor *d, struct phi_err *err)
{
    struct phi_adapter *a = NULL;
    struct phi_err why = {0};
    enum phi_status st = phi_adapter_describe(&a, d->dir, &why);

    if (st == PHI_OK)
        st = phi_merge_check_alone(a, &why);
    phi_adapter_close(a);
    return st == PHI_OK ? st
                        : doctor_add_error(d, CHECK_REFUSED, ".", &why, err);
}

static enum phi_status check_adapter(struct doctor *d, struct phi_err *err)
{
    static const char *const needed[] = {"peft_type", "r", "lora_alpha"};
    struct phi_json v;
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < 3; i++) {
        if (d->json[JSON_ADAPTER_CONFIG] != NULL &&
            !doctor_json_find(d, JSON_ADAPTER_CONFIG, needed[i], &v))
            st = doctor_add(d, CHECK_ADAPTER_CONFIG, err,
                            doctor_json_names[JSON_ADAPTER_CONFIG],
                            "has no \"%s\"", needed[i]);
    }
    if (st == PHI_OK)
        st = check_pairs(d, err);
    return st == PHI_OK && d->count[DOCTOR_ERROR] == 0 ? check_merges(d, err)
                                                       : st;
}

/* ---- all ---------------------------------------------------------------- */

/* Whatever else is wrong: no finding means that phiconv converts it. */
static enum phi_status check_opens(struct doctor *d, struct phi_err *err)
{
    const struct phi_plan_options options = {.recipe.type =
                                                 phi_file_type_find("f32")};
    struct phi_source *s = NULL;
    struct phi_plan plan = {0};
    struct phi_err why = {0};
    enum phi_status st = phi_hf_open(&s, d->dir, &why);

    if (st == PHI_OK)
        st = phi_plan_make(&plan, s, &options, &why);
    phi_plan_release(&plan);
    phi_source_close(s);
    return st == PHI_OK ? st
                        : doctor_add_error(d, CHECK_REFUSED, ".", &why, err);
}

enum phi_status doctor_names(struct doctor *d, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    if (d->adapter)
        return check_adapter(d, err);
    if (!doctor_has(d, doctor_json_names[JSON_CONFIG]))
        st =
            doctor_add(d, CHECK_CONFIG_MISSING, err, ".", "has no config.json");
    if (st == PHI_OK && doctor_has(d, "adapter_model.safetensors"))
        st = doctor_add(d, CHECK_ADAPTER_BESIDE, err,
                        "adapter_model.safetensors",
                        "is an adapter that the model does not contain");
    if (st == PHI_OK)
        st = check_leftovers(d, err);
    if (st == PHI_OK)
        st = check_quantization(d, err);
    if (st == PHI_OK && !doctor_found(d, CHECK_QUANTIZED))
        st = check_types(d, err);
    if (st == PHI_OK)
        st = check_rows(d, err);
    if (st == PHI_OK)
        st = check_config(d, err);
    if (st == PHI_OK)
        st = doctor_tokens(d, err);
    if (st == PHI_OK && d->count[DOCTOR_ERROR] == 0)
        st = check_opens(d, err);
    return st;
}

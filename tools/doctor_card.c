/* SPDX-License-Identifier: MIT */
/* The model card: README.md's front matter. */
#include <stdlib.h>
#include <string.h>

#include "formats/front_matter.h"
#include "formats/hf_license.h"
#include "libconv/base/file.h"
#include "tools/doctor.h"

#define CARD "README.md"

/* Fields that publishing tools read, and what they may be. */
static const struct {
    const char *name;
    bool text;
    bool list;
} fields[] = {
    {"license", true, true},       {"license_name", true, false},
    {"license_link", true, false}, {"base_model", true, true},
    {"datasets", true, true},      {"language", true, true},
    {"tags", false, true},         {"library_name", true, false},
    {"pipeline_tag", true, false}, {"model_name", true, false},
};

/* A path on somebody's computer, which is no model's name. */
static bool is_path(const char *text)
{
    return text[0] == '/' || text[0] == '.' || text[0] == '~' ||
           strchr(text, '\\') != NULL;
}

static enum phi_status check_field(struct doctor *d,
                                   struct phi_front_matter *fm, size_t f,
                                   bool *there, struct phi_err *err)
{
    const struct phi_card_value *v = NULL;
    struct phi_err why = {0};

    *there = false;
    if (phi_front_matter_get(fm, fields[f].name, &v, &why) != PHI_OK)
        return doctor_add_error(d, CHECK_CARD, CARD, &why, err);
    if (v == NULL)
        return PHI_OK;
    *there = true;
    if ((v->kind == PHI_CARD_TEXT && !fields[f].text) ||
        (v->kind == PHI_CARD_LIST && !fields[f].list) ||
        v->kind == PHI_CARD_MAP)
        return doctor_add(d, CHECK_CARD, err, CARD, "\"%s\" is %s, expected %s",
                          fields[f].name,
                          v->kind == PHI_CARD_TEXT   ? "a text"
                          : v->kind == PHI_CARD_LIST ? "a list"
                                                     : "a mapping",
                          !fields[f].text   ? "a list"
                          : !fields[f].list ? "a text"
                                            : "a text or a list");
    if (v->kind == PHI_CARD_LIST)
        v = v->child;
    if (strcmp(fields[f].name, "base_model") == 0 && v != NULL &&
        v->kind == PHI_CARD_TEXT && is_path(v->text))
        return doctor_add(d, CHECK_CARD, err, CARD,
                          "base_model is \"%.*s\", a path, expected a model's "
                          "name",
                          PHI_ERR_NAME, v->text);
    return PHI_OK;
}

static enum phi_status check_license(struct doctor *d, bool there,
                                     struct phi_err *err)
{
    struct phi_hf_license license = {0};
    struct phi_err why = {0};

    if (phi_hf_license(&license, d->dir, &why) != PHI_OK)
        return doctor_add_error(d, CHECK_CARD_LICENSE, ".", &why, err);
    if (there || license.file != NULL)
        return PHI_OK;
    return doctor_add(d, CHECK_CARD_LICENSE, err, CARD,
                      "names no license, and there is no LICENSE file");
}

enum phi_status doctor_card(struct doctor *d, struct phi_err *err)
{
    char *path = phi_path_join(d->dir, CARD, err);
    struct phi_front_matter *fm = NULL;
    struct phi_err why = {0};
    bool license = false, base = false, any = false;
    enum phi_status st = PHI_E_NOMEM;

    if (path == NULL)
        return st;
    if (!doctor_has(d, CARD)) {
        st = doctor_add(d, CHECK_CARD_MISSING, err, ".", "has no " CARD);
        goto out;
    }
    if (phi_front_matter_load(&fm, path, &why) != PHI_OK) {
        st = doctor_add_error(d, CHECK_CARD, CARD, &why, err);
        goto out;
    }
    st = PHI_OK;
    for (size_t f = 0; st == PHI_OK && f < sizeof(fields) / sizeof(fields[0]);
         f++) {
        bool there = false;

        st = check_field(d, fm, f, &there, err);
        any = any || there;
        license = license || (there && strcmp(fields[f].name, "license") == 0);
        base = base || (there && strcmp(fields[f].name, "base_model") == 0);
    }
    if (st == PHI_OK && !any && !doctor_found(d, CHECK_CARD))
        st = doctor_add(d, CHECK_CARD_MISSING, err, CARD,
                        "has no front matter with known fields");
    else if (st == PHI_OK && !base && !doctor_found(d, CHECK_CARD))
        st = doctor_add(d, CHECK_CARD_BASE, err, CARD, "has no base_model");
out:
    if (st == PHI_OK)
        st = check_license(d, license, err);
    phi_front_matter_free(fm);
    free(path);
    return st;
}

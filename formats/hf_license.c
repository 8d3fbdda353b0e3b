/* SPDX-License-Identifier: MIT */
#include "formats/hf_license.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"

static const char *const files[] = {"LICENSE", "LICENSE.md", "LICENSE.txt"};

/*
 * All words of a row must be in the text, blanks of any kind being equal; the
 * first row that fits counts, so the special ones come first.
 */
static const struct {
    const char *id;
    const char *words[3];
} licenses[] = {
    {"cc-by-nc-sa-4.0",
     {"Attribution-NonCommercial-ShareAlike 4.0 International"}},
    {"cc-by-nc-nd-4.0",
     {"Attribution-NonCommercial-NoDerivatives 4.0 International"}},
    {"cc-by-nc-4.0", {"Attribution-NonCommercial 4.0 International"}},
    {"cc-by-sa-4.0", {"Attribution-ShareAlike 4.0 International"}},
    {"cc-by-nd-4.0", {"Attribution-NoDerivatives 4.0 International"}},
    {"cc-by-4.0", {"Creative Commons", "Attribution 4.0 International"}},
    {"cc0-1.0", {"CC0 1.0 Universal"}},
    {"apache-2.0", {"Apache License", "Version 2.0, January 2004"}},
    {"agpl-3.0", {"GNU AFFERO GENERAL PUBLIC LICENSE", "Version 3"}},
    {"lgpl-3.0", {"GNU LESSER GENERAL PUBLIC LICENSE", "Version 3"}},
    {"gpl-3.0", {"GNU GENERAL PUBLIC LICENSE", "Version 3"}},
    {"gpl-2.0", {"GNU GENERAL PUBLIC LICENSE", "Version 2"}},
    {"mpl-2.0", {"Mozilla Public License", "2.0"}},
    {"unlicense",
     {"This is free and unencumbered software released into the public "
      "domain"}},
    {"mit",
     {"Permission is hereby granted, free of charge, to any person obtaining "
      "a copy of this software and associated documentation files",
      "to use, copy, modify, merge, publish, distribute, sublicense, and/or "
      "sell copies",
      "The above copyright notice and this permission notice shall be "
      "included in all copies or substantial portions"}},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Makes every run of blanks one space. */
static void squeeze(char *text)
{
    char *to = text;

    for (const char *p = text; *p != '\0'; p++) {
        if (!is_blank(*p))
            *to++ = *p;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    *to = '\0';
}

static bool fits(const char *text, const char *const words[3])
{
    for (size_t k = 0; k < 3 && words[k] != NULL; k++) {
        if (strstr(text, words[k]) == NULL)
            return false;
    }
    return true;
}

static enum phi_status look_at(struct phi_hf_license *out, const char *path,
                               struct phi_err *err)
{
    uint8_t *text = NULL;
    size_t n;
    const enum phi_status st =
        phi_file_load(path, PHI_HF_MAX_LICENSE, &text, &n, err);

    if (st != PHI_OK)
        return st;
    squeeze((char *)text);
    out->id = "other";
    for (size_t i = 0; i < sizeof(licenses) / sizeof(licenses[0]); i++) {
        if (fits((const char *)text, licenses[i].words)) {
            out->id = licenses[i].id;
            break;
        }
    }
    free(text);
    return PHI_OK;
}

enum phi_status phi_hf_license(struct phi_hf_license *out, const char *dir,
                               struct phi_err *err)
{
    *out = (struct phi_hf_license){0};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *path = phi_path_join(dir, files[i], err);
        enum phi_status st = PHI_OK;

        if (path == NULL)
            return PHI_E_NOMEM;
        if (phi_path_may_be(path, PHI_PATH_FILE)) {
            st = look_at(out, path, err);
            out->file = files[i];
        }
        free(path);
        if (st != PHI_OK || out->file != NULL)
            return st;
    }
    return PHI_OK;
}

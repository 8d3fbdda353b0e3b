/* SPDX-License-Identifier: MIT */
#include "tools/release_yaml.h"

#include <stdbool.h>
#include <string.h>

#include "formats/json_write.h"
#include "libconv/base/err.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * Letters first, then nothing that means something to YAML. Words that some
 * readers take for a truth value or nothing are quoted: "no" is Norwegian.
 */
static bool is_plain(const char *text)
{
    static const char *const taken[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    char low[8] = "";

    if (!is_letter(text[0]))
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (!is_letter(*p) && !(*p >= '0' && *p <= '9') &&
            strchr("._/-+", *p) == NULL)
            return false;
    }
    for (size_t i = 0; i < sizeof(low) - 1 && text[i] != '\0'; i++)
        low[i] = (char)(text[i] | 0x20);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(low, taken[i]) == 0)
            return false;
    }
    return true;
}

/* JSON's strings are YAML's, in double quotes. */
void yaml_put_scalar(struct phi_buf *b, const char *text)
{
    char clean[PHI_ERR_MAX];

    if (is_plain(text))
        phi_buf_text(b, text);
    else
        phi_json_put_string(b, phi_printable(clean, sizeof(clean), text));
}

void yaml_put_text(struct phi_buf *b, const char *key, const char *text)
{
    if (text == NULL)
        return;
    phi_buf_printf(b, "%s: ", key);
    yaml_put_scalar(b, text);
    phi_buf_text(b, "\n");
}

void yaml_put_item(struct phi_buf *b, const char *text)
{
    phi_buf_text(b, "- ");
    yaml_put_scalar(b, text);
    phi_buf_text(b, "\n");
}

void markdown_put_text(struct phi_buf *b, const char *text)
{
    char clean[PHI_ERR_MAX];

    phi_printable(clean, sizeof(clean), text);
    for (const char *p = clean; *p != '\0'; p++) {
        if (strchr("\\`*_[]<>|#&", *p) != NULL)
            phi_buf_text(b, "\\");
        phi_buf_put(b, p, 1);
    }
}

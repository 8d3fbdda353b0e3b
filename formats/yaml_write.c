/* SPDX-License-Identifier: MIT */
#include "formats/yaml_write.h"

#include <string.h>

#include "libconv/base/ascii.h"

/*
 * Letters first, then nothing that means something to YAML. Words that some
 * readers take for a truth value or nothing are quoted: "no" is Norwegian.
 */
bool phi_yaml_is_plain(const char *text)
{
    static const char *const taken[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    char low[8] = "";

    if (!phi_is_letter(text[0]))
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (!phi_is_letter(*p) && !(*p >= '0' && *p <= '9') &&
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

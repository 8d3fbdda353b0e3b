/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/cpu/cpu.h"
#include "libconv/quant/file_type.h"
#include "libconv/quant/quant.h"
#include "tools/commands.h"
#include "tools/help_pages.h"
#include "tools/version.h"

void help_list(void)
{
    printf("phiconv " PHICONV_VERSION
           " - Phi checkpoints to quantized files, measured\n\n"
           "Usage\n"
           "  phiconv COMMAND [OPTIONS] ...\n"
           "  phiconv COMMAND --help\n"
           "  phiconv --help | --version\n\n"
           "Commands\n");
    for (size_t i = 0; commands[i] != NULL; i++)
        printf("  %-14s  %s\n", commands[i]->name, commands[i]->summary);
    printf("\nExamples\n"
           "  phiconv quantize my-phi -t q4_k_m -o my-phi-q4_k_m.gguf\n"
           "  phiconv eval-ppl my-phi-q4_k_m.gguf -r my-phi -f text.txt\n"
           "  phiconv help quantize\n");
}

static void append(char *words, size_t n, const char *word)
{
    const size_t at = strlen(words);

    snprintf(words + at, n - at, "%s%s", at > 0 ? " " : "", word);
}

/* Types that single tensors can be given, as they are written. */
static void append_tensor_types(char *words, size_t n)
{
    for (enum phi_dtype t = 0; t < PHI_NDTYPES; t++) {
        char name[16] = "";

        if (!phi_quant_writable(t))
            continue;
        snprintf(name, sizeof(name), "%s", phi_dtype_info(t)->name);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        append(words, n, name);
    }
}

/* What the placeholders of values stand for. */
static const struct {
    const char *begins;
    enum help_value value;
} placeholders[] = {
    {"FILE", HELP_FILES},  {"TEXT", HELP_FILES},    {"MODEL", HELP_FILES},
    {"OTHER", HELP_FILES}, {"ADAPTER", HELP_FILES}, {"OUT", HELP_FILES},
    {"DIR", HELP_FOLDERS}, {"KEY", HELP_FILES},
};

enum help_value help_value(const struct option *o, char *words, size_t n)
{
    words[0] = '\0';
    if (o->words != NULL) {
        append(words, n, o->words);
    } else if (o->arg != NULL && strcmp(o->arg, "TYPE") == 0) {
        append_tensor_types(words, n);
    } else if (o->arg != NULL && strncmp(o->arg, "TYPE", 4) == 0) {
        const struct phi_file_type *t;

        for (size_t i = 0; (t = phi_file_type_at(i)) != NULL; i++)
            append(words, n, t->name);
    } else if (o->arg != NULL && strcmp(o->arg, "LEVEL") == 0) {
        const char *level;

        for (size_t i = 0; (level = phi_cpu_level_name(i)) != NULL; i++)
            append(words, n, level);
    }
    if (words[0] != '\0')
        return HELP_WORDS;
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]);
         i++) {
        const char *begins = placeholders[i].begins;

        if (o->arg != NULL && phi_begins(o->arg, begins))
            return placeholders[i].value;
    }
    return HELP_NOTHING;
}

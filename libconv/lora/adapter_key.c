/* SPDX-License-Identifier: MIT */
#include "libconv/lora/adapter_key.h"

#include <string.h>

#define PREFIX "base_model.model."

/* What follows the path: marker[.NAME][.tail]. */
static const struct {
    const char *marker;
    const char *tail; /* or NULL: nothing */
    bool named;       /* NAME may be there */
    enum phi_adapter_role role;
} forms[] = {
    {"lora_A", "weight", true, PHI_ADAPTER_A},
    {"lora_B", "weight", true, PHI_ADAPTER_B},
    {"lora_B", "bias", true, PHI_ADAPTER_B_BIAS},
    {"lora_embedding_A", NULL, true, PHI_ADAPTER_EMBEDDING_A},
    {"lora_embedding_B", NULL, true, PHI_ADAPTER_EMBEDDING_B},
    /* with the tail first: "weight" alone is no name */
    {"lora_magnitude_vector", "weight", true, PHI_ADAPTER_MAGNITUDE},
    {"lora_magnitude_vector", NULL, true, PHI_ADAPTER_MAGNITUDE},
    {"token_adapter.trainable_tokens_delta", NULL, true, PHI_ADAPTER_TOKENS},
    {"modules_to_save", "weight", true, PHI_ADAPTER_WEIGHT},
    {"modules_to_save", "bias", true, PHI_ADAPTER_BIAS},
    {"original_module", "weight", false, PHI_ADAPTER_ORIGINAL_WEIGHT},
    {"original_module", "bias", false, PHI_ADAPTER_ORIGINAL_BIAS},
    /* below trained tokens; before the plain form, which is a part of it */
    {"token_adapter.base_layer", "weight", false, PHI_ADAPTER_BASE_WEIGHT},
    {"token_adapter.base_layer", "bias", false, PHI_ADAPTER_BASE_BIAS},
    {"base_layer", "weight", false, PHI_ADAPTER_BASE_WEIGHT},
    {"base_layer", "bias", false, PHI_ADAPTER_BASE_BIAS},
};

/* Parts of PEFT's wrappers that a path of a model never has. */
static const char *const foreign[] = {"lora_A",
                                      "lora_B",
                                      "lora_embedding_A",
                                      "lora_embedding_B",
                                      "lora_magnitude_vector",
                                      "token_adapter",
                                      "modules_to_save",
                                      "base_layer",
                                      "original_module"};

/* Where `part`, between dots or an end, is in text; NULL if nowhere. */
static const char *find_part(const char *text, const char *part)
{
    const size_t n = strlen(part);

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        if ((at == text || at[-1] == '.') && (at[n] == '.' || at[n] == '\0'))
            return at;
    }
    return NULL;
}

static void keep(char *out, const char *from, size_t n)
{
    memcpy(out, from, n);
    out[n] = '\0';
}

/* rest is what follows the marker: [.NAME][.tail]. */
static bool read_rest(struct phi_adapter_key *out, const char *rest,
                      const char *tail, bool named)
{
    size_t n = strlen(rest);

    if (tail != NULL) {
        const size_t m = strlen(tail) + 1;

        if (n < m || rest[n - m] != '.' || strcmp(rest + n - m + 1, tail) != 0)
            return false;
        n -= m;
    }
    out->name[0] = '\0';
    if (n == 0)
        return true;
    if (!named || n < 2 || memchr(rest + 1, '.', n - 1) != NULL)
        return false;
    keep(out->name, rest + 1, n - 1);
    return true;
}

static bool sound_path(const char *path)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (find_part(path, foreign[i]) != NULL)
            return false;
    }
    return path[0] != '\0';
}

/* PATH.weight or PATH.bias: the module was trained as a whole. */
static bool read_plain(struct phi_adapter_key *out, const char *key)
{
    const char *dot = strrchr(key, '.');

    if (dot == NULL)
        return false;
    keep(out->path, key, (size_t)(dot - key));
    out->name[0] = '\0';
    out->role =
        strcmp(dot, ".bias") == 0 ? PHI_ADAPTER_BIAS : PHI_ADAPTER_WEIGHT;
    return (out->role == PHI_ADAPTER_BIAS || strcmp(dot, ".weight") == 0) &&
           sound_path(out->path);
}

bool phi_adapter_key_parse(struct phi_adapter_key *out, const char *key)
{
    if (strlen(key) > PHI_ADAPTER_KEY_MAX)
        return false;
    if (strncmp(key, PREFIX, strlen(PREFIX)) == 0)
        key += strlen(PREFIX);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *at = find_part(key, forms[i].marker);

        if (at == NULL || at < key + 2 ||
            !read_rest(out, at + strlen(forms[i].marker), forms[i].tail,
                       forms[i].named))
            continue;
        keep(out->path, key, (size_t)(at - key) - 1);
        out->role = forms[i].role;
        return sound_path(out->path);
    }
    return read_plain(out, key);
}

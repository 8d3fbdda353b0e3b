/* SPDX-License-Identifier: MIT */
#include "tools/lora_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/mem.h"
#include "tools/report.h"

/* SCALE of "ADAPTER:SCALE", behind the last colon. */
static int read_word(struct lora_words *out, const struct command *cmd,
                     const char *word)
{
    const char *colon =
        phi_path_kind(word) == PHI_PATH_NONE ? strrchr(word, ':') : NULL;
    const size_t n = colon != NULL ? (size_t)(colon - word) : strlen(word);
    struct phi_err err = {0};
    char *end = NULL;
    double scale = 1;

    if (colon != NULL) {
        scale = strtod(colon + 1, &end);
        if (end == colon + 1 || *end != '\0' || !isfinite(scale))
            return usage_error(
                cmd,
                "%s: \"%s\" is no scale, expected a number after "
                "the last colon",
                word, colon + 1);
    }
    if (n == 0)
        return usage_error(cmd, "\"%s\": the adapter has no name", word);
    out->paths[out->n] = phi_strndup(word, n, &err);
    if (out->paths[out->n] == NULL)
        return report_error(&err);
    out->v[out->n] = (struct phi_adapter_words){out->paths[out->n], scale};
    out->n++;
    return -1;
}

int lora_words_read(struct lora_words *out, const struct command *cmd,
                    const struct lora_args *args, const char *const *adapters,
                    size_t n, uint32_t features)
{
    struct phi_err err = {0};
    int code = -1;

    if (n == 0 &&
        (args->allow_unused != NULL || args->allow_twice || args->dequantize))
        return usage_error(cmd, "%s is for adapters, and there is none",
                           args->allow_unused != NULL ? "--allow-unused"
                           : args->allow_twice        ? "--allow-twice"
                                                      : "--dequantize-base");
    out->v = phi_alloc(n, sizeof(*out->v), &err);
    out->paths = phi_alloc(n, sizeof(*out->paths), &err);
    if (out->v == NULL || out->paths == NULL)
        return report_error(&err);
    for (size_t i = 0; code == -1 && i < n; i++)
        code = read_word(out, cmd, adapters[i]);
    if (code != -1)
        return code;
    if (args->allow_unused != NULL &&
        phi_module_pattern_new(&out->unused, args->allow_unused,
                               PHI_MODULE_ANYWHERE, &err) != PHI_OK)
        return err.status == PHI_E_NOMEM
                   ? report_error(&err)
                   : usage_error(cmd, "--allow-unused %s: %s",
                                 args->allow_unused, err.msg);
    out->options = (struct phi_merge_options){.allow_unused = out->unused,
                                              .allow_twice = args->allow_twice,
                                              .dequantize = args->dequantize,
                                              .features = features};
    return -1;
}

void lora_words_release(struct lora_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->paths[i]);
    free(w->paths);
    free(w->v);
    phi_module_pattern_free(w->unused);
    *w = (struct lora_words){0};
}

struct phi_provenance_adapter *lora_provenance(const struct phi_adapted *a,
                                               struct phi_err *err)
{
    struct phi_provenance_adapter *p =
        a->n > 0 ? phi_alloc(a->n, sizeof(*p), err) : NULL;

    for (size_t i = 0; p != NULL && i < a->n; i++)
        p[i] = (struct phi_provenance_adapter){
            a->inputs[i].weights, a->inputs[i].settings, a->order[i].scale};
    return p;
}

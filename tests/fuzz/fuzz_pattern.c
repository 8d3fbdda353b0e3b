/* SPDX-License-Identifier: MIT */
/* A pattern over tensor names, then a newline and the name. */
#include <string.h>

#include "libconv/base/mem.h"
#include "libconv/quant/name_pattern.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *end = n > 0 ? memchr(data, '\n', n) : NULL;
    const size_t at = end != NULL ? (size_t)(end - data) : n;
    char *pattern = phi_strndup((const char *)data, at, NULL);
    char *name = phi_strndup(end != NULL ? (const char *)end + 1 : "",
                             end != NULL ? n - at - 1 : 0, NULL);
    struct phi_name_pattern *p = NULL;
    struct phi_err err = {0};
    bool found = false;
    bool again = true;

    PROMISE(pattern != NULL && name != NULL);
    if (fuzz_accepted(phi_name_pattern_new(&p, pattern, &err), &err) &&
        fuzz_accepted(phi_name_pattern_find(p, name, &found, &err), &err)) {
        PROMISE(phi_name_pattern_find(p, name, &again, &err) == PHI_OK);
        PROMISE(found == again);
    }
    phi_name_pattern_free(p);
    free(pattern);
    free(name);
    return 0;
}

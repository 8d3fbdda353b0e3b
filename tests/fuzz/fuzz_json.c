/* SPDX-License-Identifier: MIT */
/* JSON: every value is asked for as everything. */
#include "formats/json.h"
#include "tests/fuzz/fuzz_input.h"

static void visit(const struct phi_json *v, size_t depth)
{
    struct phi_json item = {0};
    struct phi_err err = {0};
    char text[200];
    const char *s;
    uint64_t u;
    int64_t i;
    double d;
    bool b;

    PROMISE(depth <= PHI_JSON_MAX_DEPTH);
    (void)fuzz_accepted(phi_json_uint(v, 1, PHI_JSON_MAX_INT, &u, &err), &err);
    (void)fuzz_accepted(phi_json_int(v, -5, 5, &i, &err), &err);
    (void)fuzz_accepted(phi_json_number(v, -1e300, 1e300, &d, &err), &err);
    (void)fuzz_accepted(phi_json_bool(v, &b, &err), &err);
    (void)fuzz_accepted(phi_json_str(v, &s, &err), &err);
    (void)phi_json_describe(v, text, sizeof(text));
    while (phi_json_next(v, &item))
        visit(&item, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct phi_json_doc *doc = NULL;
    struct phi_err err = {0};
    struct phi_json root;

    if (!fuzz_accepted(phi_json_parse(&doc, (const char *)data, n, "f", &err),
                       &err))
        return 0;
    root = phi_json_root(doc);
    /* Messages search for their place: long documents take the square. */
    if (n < 4096)
        visit(&root, 0);
    phi_json_free(doc);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.json. One that is accepted makes a tokenizer, which gives back a
 * text as it was.
 */
#include <string.h>

#include "formats/hf_tokenizer.h"
#include "libconv/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

#define ROWS 300

static const char text[] = "hello  <|endoftext|> the\n\tb\xc3\xa9\xe2\x82\xac";

static void check(const struct phi_meta *meta)
{
    struct phi_tokenizer *t = NULL;
    struct phi_tokens ids = {0};
    struct phi_buf back = {0};
    struct phi_err err = {0};

    if (!fuzz_accepted(phi_tokenizer_new(&t, meta, &err), &err))
        return;
    if (fuzz_accepted(
            phi_tokenizer_encode(t, text, sizeof(text) - 1, NULL, &ids, &err),
            &err)) {
        for (size_t i = 0; i < ids.n; i++)
            PROMISE(ids.id[i] < ROWS);
        PROMISE(phi_tokenizer_decode(t, ids.id, ids.n, &back, &err) == PHI_OK);
        PROMISE(back.n == sizeof(text) - 1 &&
                memcmp(back.p, text, back.n) == 0);
    }
    phi_buf_release(&back);
    phi_tokens_release(&ids);
    phi_tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *dir = fuzz_folder("tokenizer.json", data, n);
    struct phi_json_doc *config = NULL;
    struct phi_meta meta = {0};
    struct phi_err err = {0};
    struct phi_json root;

    PROMISE(phi_json_parse(&config, "{}", 2, "config.json", &err) == PHI_OK);
    root = phi_json_root(config);
    if (fuzz_accepted(phi_hf_tokenizer(&meta, dir, &root, ROWS, &err), &err))
        check(&meta);
    phi_meta_release(&meta);
    phi_json_free(config);
    return 0;
}

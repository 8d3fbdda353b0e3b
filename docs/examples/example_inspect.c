/* SPDX-License-Identifier: MIT */
/*
 * Lists what a model holds.
 *
 *   cc example_inspect.c $(pkg-config --cflags --libs phiconv) -o inspect
 *   ./inspect my-phi-q4_0.gguf
 */
#include <inttypes.h>
#include <phiconv.h>
#include <stdio.h>

static void print_metadata(const struct phiconv_model *m)
{
    for (size_t i = 0; i < phiconv_metadata_count(m); i++) {
        struct phiconv_metadata kv;

        if (phiconv_metadata_at(m, i, &kv, NULL) != PHICONV_OK)
            continue;
        printf("%s: ", kv.key);
        switch (kv.kind) {
        case PHICONV_SIGNED:
            printf("%" PRId64 "\n", kv.value.i);
            break;
        case PHICONV_REAL:
            printf("%g\n", kv.value.f);
            break;
        case PHICONV_TEXT:
            printf("%.60s\n", kv.value.text);
            break;
        case PHICONV_ARRAY:
            printf("%zu of %s\n", kv.n, kv.type);
            break;
        default:
            printf("%" PRIu64 "\n", kv.value.u);
            break;
        }
    }
}

static void print_tensors(const struct phiconv_model *m)
{
    for (size_t i = 0; i < phiconv_tensor_count(m); i++) {
        struct phiconv_tensor t;

        if (phiconv_tensor_at(m, i, &t, NULL) != PHICONV_OK)
            continue;
        printf("%-28s %-5s", t.name, t.type);
        for (uint32_t k = 0; k < t.rank; k++)
            printf(" %" PRIu64, t.dim[k]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    struct phiconv_model *m = NULL;
    struct phiconv_error e;

    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL\n", argv[0]);
        return 2;
    }
    if (phiconv_open(&m, argv[1], &e) != PHICONV_OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    printf("libphiconv %s, format %s\n", phiconv_version(), phiconv_format(m));
    print_metadata(m);
    print_tensors(m);
    phiconv_close(m);
    return 0;
}

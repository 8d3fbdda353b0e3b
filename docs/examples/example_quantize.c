/* SPDX-License-Identifier: MIT */
/*
 * Merges an adapter, quantizes, and refuses a file that has lost too much.
 *
 *   cc example_quantize.c $(pkg-config --cflags --libs phiconv) -o quantize
 *   ./quantize my-phi my-adapter q4_k_m out.gguf text.txt 0.02
 */
#include <phiconv.h>
#include <stdio.h>
#include <stdlib.h>

static int show(void *context, uint64_t done, uint64_t total)
{
    const char *what = context;

    if (done == total)
        fprintf(stderr, "%s: done\n", what);
    return 0; /* anything else ends the work */
}

/* The whole of a file, to be released with free(); NULL if that fails. */
static char *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long size;

    if (f == NULL)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 &&
        fseek(f, 0, SEEK_SET) == 0 &&
        (text = malloc((size_t)size + 1)) != NULL) {
        *n = fread(text, 1, (size_t)size, f);
        if (*n != (size_t)size) {
            free(text);
            text = NULL;
        }
    }
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    struct phiconv_quantize_options qo = PHICONV_QUANTIZE_OPTIONS;
    struct phiconv_evaluate_options eo = PHICONV_EVALUATE_OPTIONS;
    struct phiconv_model *merged = NULL;
    struct phiconv_model *quantized = NULL;
    struct phiconv_evaluation v = {0};
    struct phiconv_adapter adapter = {NULL, 1};
    struct phiconv_error e = {0};
    char *text = NULL;
    size_t n = 0;
    int code = 1;

    if (argc != 7) {
        fprintf(stderr, "usage: %s MODEL ADAPTER TYPE FILE TEXT MAX-KLD\n",
                argv[0]);
        return 2;
    }
    text = load(argv[5], &n);
    if (text == NULL) {
        perror(argv[5]);
        goto out;
    }
    adapter.path = argv[2];
    qo.progress = show;
    qo.context = "quantize";
    eo.progress = show;
    eo.context = "evaluate";
    eo.window = 128;
    if (phiconv_open_adapted(&merged, argv[1], &adapter, 1, &e) != PHICONV_OK ||
        phiconv_quantize(merged, argv[3], argv[4], &qo, &e) != PHICONV_OK ||
        phiconv_open(&quantized, argv[4], &e) != PHICONV_OK ||
        phiconv_evaluate(quantized, merged, text, n, &eo, &v, &e) !=
            PHICONV_OK) {
        fprintf(stderr, "%s\n", e.message);
        if (e.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", e.hint);
        goto out;
    }
    if (phiconv_adapter_idle(merged, 0))
        fprintf(stderr, "%s: changes nothing\n", argv[2]);
    printf("perplexity %.4f, mean KL divergence %.6f, same top token %.2f %%\n",
           v.perplexity, v.mean_kld, v.same_top * 100);
    if (v.mean_kld > atof(argv[6])) {
        fprintf(stderr, "%s: lost too much\n", argv[4]);
        goto out;
    }
    code = 0;
out:
    phiconv_close(quantized);
    phiconv_close(merged);
    free(text);
    return code;
}

/* SPDX-License-Identifier: MIT */
#include "tools/recipe_file.h"

#include <stdlib.h>
#include <string.h>

#include "libconv/base/file.h"
#include "libconv/base/mem.h"
#include "libconv/base/utf8.h"

static const struct quantize_recipe_names word_names = {
    "tensor:", "embedding:", "output:", "leave-output"};

/* What follows the prefix, or NULL. */
static const char *after(const char *word, const char *prefix)
{
    const size_t n = strlen(prefix);

    return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

/* Two types for one tensor: none of them is meant more than the other. */
static enum phi_status set_once(const char **at, const char *value,
                                const char *word, struct phi_err *err)
{
    if (*at != NULL)
        return phi_fail(err, PHI_E_ARG, "%.*s: is the second of the line",
                        PHI_ERR_NAME, word);
    *at = value;
    return PHI_OK;
}

/* One word after the type. */
static enum phi_status read_word(struct recipe_file *f,
                                 struct quantize_recipe_words *w,
                                 const char *word, struct phi_err *err)
{
    const char *value;

    if (strcmp(word, "pure") == 0) {
        w->pure = true;
    } else if (strcmp(word, "leave-output") == 0) {
        w->leave_output = true;
    } else if ((value = after(word, "embedding:")) != NULL) {
        return set_once(&w->embedding, value, word, err);
    } else if ((value = after(word, "output:")) != NULL) {
        return set_once(&w->output, value, word, err);
    } else if ((value = after(word, "tensor:")) != NULL) {
        f->words[f->nwords++] = value;
        w->ntensors++;
    } else {
        return phi_fail(err, PHI_E_ARG,
                        "\"%.*s\": expected pure, leave-output, "
                        "embedding:TYPE, output:TYPE or tensor:REGEX=TYPE",
                        PHI_ERR_NAME, word);
    }
    return PHI_OK;
}

/* The next word of the line, ended by a NUL; NULL if there is none. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");

    if (*word == '\0' || *word == '#')
        return NULL;
    *at = word + strcspn(word, " \t");
    if (**at != '\0')
        *(*at)++ = '\0';
    return word;
}

static enum phi_status read_line(struct recipe_file *f, char *line,
                                 size_t number, struct phi_err *err)
{
    struct quantize_recipe_words words = {.names = &word_names,
                                          .tensors = f->words + f->nwords};
    char *type = next_word(&line);
    enum phi_status st = PHI_OK;
    char *word;

    if (type == NULL)
        return PHI_OK;
    if (f->n == RELEASE_MAX_OUTPUTS)
        return phi_fail(err, PHI_E_ARG, "more than %d outputs",
                        RELEASE_MAX_OUTPUTS);
    f->types[f->n] = type;
    f->lines[f->n] = number;
    word = strchr(type, '=');
    if (word != NULL) {
        *word = '\0';
        f->labels[f->n] = word + 1;
    }
    while (st == PHI_OK && (word = next_word(&line)) != NULL)
        st = read_word(f, &words, word, err);
    if (st == PHI_OK)
        st = quantize_recipe_read(&f->recipes[f->n++], &words, err);
    return st;
}

enum phi_status recipe_file_refuse(const char *name, size_t line,
                                   struct phi_err *err)
{
    phi_err_prefix(err, "%s: line %zu", name, line);
    if (err->status == PHI_E_ARG)
        err->status = PHI_E_FORMAT;
    return err->status;
}

enum phi_status recipe_file_parse(struct recipe_file *f, const char *text,
                                  size_t n, const char *name,
                                  struct phi_err *err)
{
    char *line;
    size_t number = 0;

    if (n > RECIPE_MAX_TEXT)
        return phi_fail(err, PHI_E_FORMAT,
                        "%s: has %zu bytes, the limit is %llu", name, n,
                        (unsigned long long)RECIPE_MAX_TEXT);
    if (memchr(text, '\0', n) != NULL ||
        phi_utf8_valid((const uint8_t *)text, n) != n)
        return phi_fail(err, PHI_E_FORMAT, "%s: is no text in UTF-8", name);
    f->text = phi_strndup(text, n, err);
    f->words = phi_alloc(n / 2 + 1, sizeof(*f->words), err);
    if (f->text == NULL || f->words == NULL)
        return PHI_E_NOMEM;
    for (line = f->text; line != NULL;) {
        char *end = strchr(line, '\n');

        number++;
        if (end != NULL) {
            *end++ = '\0';
            if (end - line >= 2 && end[-2] == '\r')
                end[-2] = '\0';
        }
        if (read_line(f, line, number, err) != PHI_OK)
            return recipe_file_refuse(name, number, err);
        line = end;
    }
    return PHI_OK;
}

enum phi_status recipe_file_load(struct recipe_file *f, const char *path,
                                 struct phi_err *err)
{
    uint8_t *text = NULL;
    size_t n = 0;
    enum phi_status st = phi_file_load(path, RECIPE_MAX_BYTES, &text, &n, err);

    if (st == PHI_OK)
        st = recipe_file_parse(f, (const char *)text, n, path, err);
    if (st == PHI_OK && f->n == 0)
        st = phi_fail(err, PHI_E_FORMAT,
                      "%s: names no output, expected a line as \"q4_k_m\"",
                      path);
    free(text);
    return st;
}

void recipe_file_release(struct recipe_file *f)
{
    for (size_t i = 0; i < f->n; i++)
        quantize_recipe_release(&f->recipes[i]);
    free(f->words);
    free(f->text);
    f->n = 0;
    f->words = NULL;
    f->text = NULL;
}

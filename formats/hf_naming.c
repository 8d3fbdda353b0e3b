/* SPDX-License-Identifier: MIT */
/* See hf_naming.h. The patterns are small enough to be matched by hand. */
#include "formats/hf_naming.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libconv/base/ascii.h"
#include "libconv/base/buf.h"
#include "libconv/base/map.h"
#include "libconv/base/mem.h"

/* What a part of a name was recognised as. A version may be in a basename. */
enum {
    IS_BASENAME = 1,
    IS_SIZE = 2,
    IS_FINETUNE = 4,
    IS_VERSION = 8,
    IS_TYPE = 16,
};

struct part {
    char *text;
    unsigned is;
};

struct parts {
    struct part *part; /* (n) */
    size_t n;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Every byte above 0x7f is a part of some letter. */
static bool is_letter(char c)
{
    return phi_is_letter(c) || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char to_upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

/* The end of a run of digits. */
static const char *digits(const char *p)
{
    while (is_digit(*p))
        p++;
    return p;
}

/* p behind word (lower case) if p begins with it in any case, else p. */
static const char *skip_word(const char *p, const char *word)
{
    const char *q = p;

    for (; *word != '\0'; word++, q++) {
        if (phi_lower(*q) != *word)
            return p;
    }
    return q;
}

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *end = skip_word(text, words[i]);

        if (end != text && *end == '\0')
            return true;
    }
    return false;
}

/* \d+(\.\d+)* to the end. */
static bool is_dotted(const char *p)
{
    for (;;) {
        const char *end = digits(p);

        if (end == p)
            return false;
        if (*end == '\0')
            return true;
        if (*end != '.')
            return false;
        p = end + 1;
    }
}

/* (v|iter)?\d+(\.\d+)* */
static bool is_version(const char *p)
{
    const char *end = skip_word(p, "v");

    return is_dotted(end != p ? end : skip_word(p, "iter"));
}

/* i?q\d(_\w)* or b?fp?(16|32) */
static bool is_type(const char *text)
{
    const char *p = skip_word(text, "i");
    const char *q = skip_word(p, "q");

    if (q != p && is_digit(*q)) {
        q++;
        while (q[0] == '_' &&
               (is_letter(q[1]) || is_digit(q[1]) || q[1] == '_'))
            q += 2;
        return *q == '\0';
    }
    p = skip_word(text, "b");
    q = skip_word(p, "f");
    if (q == p)
        return false;
    q = skip_word(q, "p");
    return strcmp(q, "16") == 0 || strcmp(q, "32") == 0;
}

/* (a|\d+x)?\d+([._]\d+)?[kmbt]\d?, or a word of size. */
static bool is_size(const char *text)
{
    static const char *const words[] = {"small", "mini", "medium",
                                        "large", "xl",   "xxl"};
    const char *p = text;
    const char *end;

    if (is_one_of(text, words, sizeof(words) / sizeof(words[0])))
        return true;
    end = digits(p);
    if (phi_lower(*p) == 'a')
        p++;
    else if (end != p && phi_lower(*end) == 'x')
        p = end + 1;
    end = digits(p);
    if (end == p)
        return false;
    p = end;
    if (*p == '.' || *p == '_') {
        end = digits(p + 1);
        if (end == p + 1)
            return false;
        p = end;
    }
    if (*p == '\0' || strchr("kmbt", phi_lower(*p)) == NULL)
        return false;
    p++;
    return *(is_digit(*p) ? p + 1 : p) == '\0';
}

static bool is_finetune(const char *text)
{
    static const char *const words[] = {"chat", "instruct", "vision", "lora"};

    return is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

/* "1_3b" as "1.3B", "7b1" as "7.1B". There is room for one byte more. */
static void normalize_size(char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '_')
            text[i] = '.';
    }
    if (n >= 2 && is_digit(text[n - 1])) {
        const char unit = text[n - 2];

        text[n] = unit;
        text[n - 2] = '.';
        n++;
        text[n] = '\0';
    }
    if (n >= 2 && is_digit(text[n - 2]))
        text[n - 1] = to_upper(text[n - 1]);
}

/* The number that a normalized size stands for, or a negative one. */
static double size_value(const char *text)
{
    const size_t n = strlen(text);
    const char *const units = "KMBT";
    const char *unit = strchr(units, text[n - 1]);
    const char *end = digits(text);
    double v = 0;
    double place = 0.1;

    if (n < 2 || unit == NULL || end == text)
        return -1;
    for (const char *p = text; p < end; p++)
        v = v * 10 + (*p - '0');
    if (*end == '.') {
        for (end++; is_digit(*end); end++, place /= 10)
            v += (*end - '0') * place;
    }
    if (end != text + n - 1)
        return -1;
    for (const char *p = units; p <= unit; p++)
        v *= 1000;
    return v;
}

/* A size label, or if the model is of quite another size, a finetune. */
static void classify_size(struct part *part, uint64_t nparams)
{
    const double n = (double)nparams;
    double v;

    normalize_size(part->text);
    v = size_value(part->text);
    if (nparams > 0 && v >= 0 && fabs(v - n) > floor(n * 7 / 8)) {
        char *last = part->text + strlen(part->text) - 1;

        *last = phi_lower(*last);
        part->is = IS_FINETUNE;
    } else {
        part->is = IS_SIZE;
    }
}

static enum phi_status split(struct parts *out, const char *name,
                             struct phi_err *err)
{
    size_t cap = 0;
    void *p = NULL;
    enum phi_status st = PHI_OK;

    while (*name != '\0' && st == PHI_OK) {
        const size_t n = strcspn(name, "-");

        if (n > 0) {
            st = phi_grow(&p, &cap, out->n + 1, sizeof(*out->part), err);
            if (st != PHI_OK)
                break;
            out->part = p;
            /* A byte more than needed, for normalize_size(). */
            out->part[out->n].text = phi_alloc(n + 2, 1, err);
            if (out->part[out->n].text == NULL)
                return PHI_E_NOMEM;
            memcpy(out->part[out->n].text, name, n);
            out->n++;
        }
        name += n;
        name += *name == '-';
    }
    return st;
}

static void release_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        free(parts->part[i].text);
    free(parts->part);
}

/* First what single parts look like, whatever is around them. */
static void classify_alone(struct parts *parts, uint64_t nparams)
{
    for (size_t i = 0; i < parts->n; i++) {
        struct part *part = &parts->part[i];

        if (is_version(part->text)) {
            part->is = IS_VERSION;
        } else if (is_type(part->text)) {
            part->is = IS_TYPE;
            for (char *p = part->text; *p != '\0'; p++)
                *p = to_upper(*p);
        } else if (i > 0 && is_size(part->text)) {
            classify_size(part, nparams);
        } else if (i > 0 && is_finetune(part->text)) {
            part->is = IS_FINETUNE;
        }
    }
}

/* A size in words is none where there is one in numbers. */
static void drop_worded_sizes(struct parts *parts)
{
    bool numbered = false;

    for (size_t i = 0; i < parts->n; i++) {
        if (parts->part[i].is == IS_SIZE)
            numbered |= strpbrk(parts->part[i].text, "0123456789") != NULL;
    }
    for (size_t i = 0; numbered && i < parts->n; i++) {
        struct part *part = &parts->part[i];

        if (part->is == IS_SIZE && strpbrk(part->text, ".0123456789") == NULL)
            part->is = 0;
    }
}

/* The basename leads; what is left over after it is finetune. */
static void classify_rest(struct parts *parts)
{
    bool at_start = true;

    for (size_t i = 0; i < parts->n; i++) {
        struct part *part = &parts->part[i];

        at_start = at_start && (part->is == IS_VERSION ||
                                (part->is == 0 && is_letter(part->text[0])));
        if (at_start)
            part->is |= IS_BASENAME;
        else if (part->is == 0)
            part->is = IS_FINETUNE;
    }
    /* Trailing versions are not a part of it. */
    for (size_t i = parts->n; i > 0; i--) {
        if (parts->part[i - 1].is != (IS_BASENAME | IS_VERSION))
            break;
        parts->part[i - 1].is = IS_VERSION;
    }
}

/* Parts that are `is` and not `not`, joined by '-', a size once only; NULL if
 * there is none. */
static enum phi_status join(char **out, const struct parts *parts, unsigned is,
                            unsigned not, struct phi_err *err)
{
    struct phi_buf b = {0};
    struct phi_map sizes = {0};
    enum phi_status st = PHI_OK;

    for (size_t i = 0; st == PHI_OK && i < parts->n; i++) {
        const struct part *part = &parts->part[i];
        bool fresh = true;

        if ((part->is & is) == 0 || (part->is & not ) != 0)
            continue;
        if (is == IS_SIZE)
            st = phi_map_add(&sizes, part->text, strlen(part->text), 0, &fresh,
                             err);
        if (st != PHI_OK || !fresh)
            continue;
        if (b.n > 0)
            phi_buf_put(&b, "-", 1);
        phi_buf_text(&b, part->text);
    }
    if (b.n > 0)
        phi_buf_put(&b, "", 1);
    if (st == PHI_OK)
        st = phi_buf_status(&b, err); /* without memory it is empty, too */
    phi_map_release(&sizes);
    if (st == PHI_OK) {
        *out = (char *)b.p;
        b.p = NULL;
    }
    phi_buf_release(&b);
    return st;
}

static enum phi_status parse_name(struct phi_model_id *id, const char *name,
                                  uint64_t nparams, struct phi_err *err)
{
    struct parts parts = {0};
    enum phi_status st = split(&parts, name, err);

    if (st != PHI_OK)
        goto out;
    classify_alone(&parts, nparams);
    drop_worded_sizes(&parts);
    classify_rest(&parts);
    if ((st = join(&id->size_label, &parts, IS_SIZE, 0, err)) != PHI_OK ||
        (st = join(&id->finetune, &parts, IS_FINETUNE, 0, err)) != PHI_OK ||
        (st = join(&id->version, &parts, IS_VERSION, IS_BASENAME, err)) !=
            PHI_OK)
        goto out;
    /* A name alone could be anything. */
    if (id->size_label != NULL || id->finetune != NULL || id->version != NULL)
        st = join(&id->basename, &parts, IS_BASENAME, 0, err);
out:
    release_parts(&parts);
    return st;
}

/* Tells a Hub name from what is only a place on a computer. */
static bool is_path(const char *id, const char *name)
{
    return strchr(id, '\\') != NULL || name[0] == '\0' ||
           strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

enum phi_status phi_model_id_parse(struct phi_model_id *out, const char *id,
                                   uint64_t nparams, struct phi_err *err)
{
    struct phi_model_id parsed = {0};
    const char *slash = strchr(id, '/');
    const char *name = slash != NULL ? slash + 1 : id;
    enum phi_status st = PHI_OK;

    *out = parsed;
    if (strchr(id, ' ') != NULL) {
        out->name = phi_strdup(id, err);
        return out->name != NULL ? PHI_OK : PHI_E_NOMEM;
    }
    if (is_path(id, name))
        return PHI_OK;
    parsed.name = phi_strdup(name, err);
    if (parsed.name == NULL)
        st = PHI_E_NOMEM;
    if (st == PHI_OK && slash != NULL && slash > id && id[0] != '.' &&
        id[0] != '~') {
        parsed.org = phi_strndup(id, (size_t)(slash - id), err);
        if (parsed.org == NULL)
            st = PHI_E_NOMEM;
    }
    if (st == PHI_OK)
        st = parse_name(&parsed, name, nparams, err);
    if (st == PHI_OK)
        *out = parsed;
    else
        phi_model_id_release(&parsed);
    return st;
}

void phi_model_id_release(struct phi_model_id *id)
{
    free(id->name);
    free(id->org);
    free(id->basename);
    free(id->finetune);
    free(id->version);
    free(id->size_label);
    *id = (struct phi_model_id){0};
}

/* No capitals, at least one small letter, no version and no leading digit. */
static bool wants_title(const char *word, size_t n)
{
    bool small = false;

    if (is_digit(word[0]))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (is_upper(word[i]))
            return false;
        small |= is_lower(word[i]);
    }
    if (word[0] == 'v') {
        size_t i = 1;

        while (i < n &&
               (is_digit(word[i]) || (word[i] == '.' && is_digit(word[i - 1]) &&
                                      i + 1 < n && is_digit(word[i + 1]))))
            i++;
        if (i > 1 && i == n)
            return false;
    }
    return small;
}

char *phi_model_id_title(const char *text, struct phi_err *err)
{
    char *out = phi_strdup(text, err);
    size_t n = 0;

    if (out == NULL)
        return NULL;
    for (char *p = out; *p != '\0'; p++) {
        if (*p == '-' || is_blank(*p))
            *p = ' ';
    }
    /* In place: the result is never longer. */
    for (const char *p = out + strspn(out, " "); *p != '\0';) {
        const size_t len = strcspn(p, " ");
        const bool title = wants_title(p, len);
        const char *next = p + len + strspn(p + len, " ");
        char before = ' ';

        if (n > 0)
            out[n++] = ' ';
        for (size_t i = 0; i < len; i++) {
            const char c = p[i];

            out[n++] = title && !is_letter(before) ? to_upper(c) : c;
            before = c;
        }
        p = next;
    }
    out[n] = '\0';
    return out;
}

/*
 * What printf("%.*f%c") writes where the locale's point is one: with whole
 * numbers, since v is one of 53 bits over a power of two. 0, or 0.001 to 2e7.
 */
static void put_decimal(char out[PHI_SIZE_LABEL_MAX], double v, int digits,
                        char unit)
{
    const uint64_t scale = digits == 0 ? 1 : (digits == 1 ? 10 : 100);
    int e;
    const uint64_t n = (uint64_t)ldexp(frexp(v, &e), 53) * scale;
    const int k = 53 - e; /* 28 to 62 */
    const uint64_t rest = n & (((uint64_t)1 << k) - 1);
    const uint64_t half = (uint64_t)1 << (k - 1);
    uint64_t q = n >> k;
    char fraction[8] = "";

    q += rest > half || (rest == half && (q & 1) != 0);
    if (digits > 0)
        snprintf(fraction, sizeof(fraction), ".%0*d", digits, (int)(q % scale));
    snprintf(out, PHI_SIZE_LABEL_MAX, "%llu%s%c",
             (unsigned long long)(q / scale), fraction, unit);
}

char *phi_size_label_format(char out[PHI_SIZE_LABEL_MAX], uint64_t nparams)
{
    static const struct {
        double above;
        double scale;
        char unit;
    } rows[] = {{1e12, 1e-12, 'T'},
                {1e9, 1e-9, 'B'},
                {1e6, 1e-6, 'M'},
                {-1, 1e-3, 'K'}};
    const double n = (double)nparams;
    size_t i = 0;
    double v;

    while (n <= rows[i].above)
        i++;
    v = n * rows[i].scale;
    /* One digit before the point wants one after it; none (0.4) wants two. */
    put_decimal(out, v, rint(v) >= 10 ? 0 : (rint(v) >= 1 ? 1 : 2),
                rows[i].unit);
    return out;
}

/* SPDX-License-Identifier: MIT */
/*
 * Model cards: the YAML that is understood and refused, and the general.*
 * keys of whole folders. Expected texts are what PyYAML and gguf-py give.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_card.h"

#include <sys/stat.h>
#include <unistd.h>

#include "formats/front_matter.h"
#include "libconv/base/buf.h"
#include "tests/unit/unit.h"

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static char root[64];
static char path[4096];

static void setup(void)
{
    strcpy(root, "/tmp/phiconv-card-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

/* root/name, in `path`. */
static const char *at(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(at(name), "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* A value as text: "a" for text, [..] lists, {k: v} maps, ~ null. */
static void show(struct phi_buf *b, const struct phi_card_value *v)
{
    const char *const ends[] = {"", "", "[]", "{}"};

    if (v->key != NULL)
        phi_buf_printf(b, "%s: ", v->key);
    if (v->kind == PHI_CARD_NULL)
        phi_buf_text(b, "~");
    if (v->kind == PHI_CARD_TEXT)
        phi_buf_printf(b, "\"%s\"", v->text);
    if (v->kind < PHI_CARD_LIST)
        return;
    phi_buf_put(b, ends[v->kind], 1);
    for (const struct phi_card_value *i = v->child; i != NULL; i = i->next) {
        show(b, i);
        if (i->next != NULL)
            phi_buf_text(b, ", ");
    }
    phi_buf_put(b, ends[v->kind] + 1, 1);
}

/* A card, the field that is asked for, and its value; NULL: none. */
static const struct {
    const char *card;
    const char *field;
    const char *value;
} understood[] = {
    {"---\na: b\n---\n", "a", "\"b\""},
    {"---\na: b\n---", "a", "\"b\""},
    {"---\r\na: b\r\n---\r\n", "a", "\"b\""},
    {"\xef\xbb\xbf---\na: b\n---\n", "a", "\"b\""},
    {"---  \na: b\n--- \t\n", "a", "\"b\""},
    {"---\na: b\n---\nc: d\n", "c", NULL},
    /* No front matter. */
    {"", "a", NULL},
    {"---", "a", NULL},
    {"# Title\n---\na: b\n---\n", "a", NULL},
    {"---\na: b\n", "a", NULL},
    {"---\n---\n", "a", NULL},
    {"---\nA rule, then text\n---\n", "A", NULL},
    {" ---\na: b\n---\n", "a", NULL},
    /* Scalars. */
    {"---\na: 1.10\nb: no\n---\n", "a", "\"1.10\""},
    {"---\na: 1.10\nb: no\n---\n", "b", "\"no\""},
    {"---\na:\nb: c\n---\n", "a", NULL},
    {"---\na: ~\n---\n", "a", NULL},
    {"---\na: null # none\n---\n", "a", NULL},
    {"---\na: '~'\n---\n", "a", "\"~\""},
    {"---\na: b # c\n---\n", "a", "\"b\""},
    {"---\na: b#c\n---\n", "a", "\"b#c\""},
    {"---\na: http://x:y/\n---\n", "a", "\"http://x:y/\""},
    {"---\na: b\n  c\n\n  d\n---\n", "a", "\"b c\nd\""},
    {"---\na:\n  b\n  c\n---\n", "a", "\"b c\""},
    {"---\na: 'it''s # x: y'\n---\n", "a", "\"it's # x: y\""},
    {"---\na: \"\\\"\\x41\\u00e9\\U0001F600\\t\\\\\"\n---\n", "a",
     "\"\"A\xc3\xa9\xf0\x9f\x98\x80\t\\\""},
    {"---\na: \"b\n  c\n\n  d\\\n  e\"\n---\n", "a", "\"b c\nde\""},
    {"---\na: \"b\nc: d\"\ne: f\n---\n", "e", "\"f\""},
    {"---\n\"a\": b\n'c': d\n---\n", "c", "\"d\""},
    {"---\na : b\n---\n", "a", "\"b\""},
    {"---\na: \"b\\ \n  c\"\n---\n", "a", "\"b  c\""},
    {"---\na: \"b\\\n\n  c\"\n---\n", "a", "\"b\nc\""},
    /* Block scalars. */
    {"---\na: |\n  b\n   \n  c\n---\n", "a", "\"b\n \nc\n\""},
    {"---\na: |\n  b\n   c\n\n  d\n\n---\n", "a", "\"b\n c\n\nd\n\""},
    {"---\na: |-\n  b\n  c\n---\n", "a", "\"b\nc\""},
    {"---\na: |+\n  b\n\n\nc: d\n---\n", "a", "\"b\n\n\n\""},
    {"---\na: >\n  b\n  c\n\n  d\n    e\n  f\n---\n", "a",
     "\"b c\nd\n  e\nf\n\""},
    {"---\na: >- # c\n  b\n  c\n---\n", "a", "\"b c\""},
    {"---\na: |2\n    b\n  c\n---\n", "a", "\"  b\nc\n\""},
    {"---\na: |\n  \n \n  b\n---\n", "a", "\"\n\nb\n\""},
    {"---\na: |2\n   \n  b\n---\n", "a", "\" \nb\n\""},
    {"---\na: |\n    \nb: c\n---\n", "a", "\"\""},
    {"---\na: |\n  x: y\n  # z\nb: c\n---\n", "a", "\"x: y\n# z\n\""},
    /* Lists and maps. */
    {"---\na:\n- b\n- c # d\n---\n", "a", "[\"b\", \"c\"]"},
    {"---\na:\n  - b\n\n  # c\n  -  d\n---\n", "a", "[\"b\", \"d\"]"},
    {"---\na:\n-\n- b\n---\n", "a", "[~, \"b\"]"},
    {"---\na:\n- \"b: c\"\n- - d\n  - e\n---\n", "a",
     "[\"b: c\", [\"d\", \"e\"]]"},
    {"---\na:\n- b: c\n  d: e\n- f\n---\n", "a",
     "[{b: \"c\", d: \"e\"}, \"f\"]"},
    {"---\na:\n- b:\n  - c\n  d:\n    e: f\n---\n", "a",
     "[{b: [\"c\"], d: {e: \"f\"}}]"},
    {"---\na: [b, 'c, d' , \"e\",]\n---\n", "a", "[\"b\", \"c, d\", \"e\"]"},
    {"---\na: [b, # x\n  c\n  d,\n]\ne: f\n---\n", "a", "[\"b\", \"c d\"]"},
    {"---\na: [b,\nc]\ne: f\n---\n", "e", "\"f\""},
    {"---\na: {b: c, 'd': [e], f: }\n---\n", "a",
     "{b: \"c\", d: [\"e\"], f: ~}"},
    {"---\na: []\n---\n", "a", "[]"},
    {"---\na:\t-b\n---\n", "a", "\"-b\""},
    {"---\na:\n\t- b\n\t- c\n---\n", "a", "[\"b\", \"c\"]"},
    /* Fields that nobody asks for may hold anything. */
    {"---\nx: &y !!z {a\na: b\nw: *y\n---\n", "a", "\"b\""},
    {"---\nx: \"open\na: b\n---\n", "a", "\"b\""},
    {"---\nx:\n- a: |\n    a: z\n- q\na: b\n---\n", "a", "\"b\""},
};

START_TEST(yaml_understood)
{
    const struct phi_card_value *v = NULL;
    struct phi_front_matter *fm = NULL;
    struct phi_buf b = {0};

    write_file("README.md", understood[_i].card, strlen(understood[_i].card));
    ck_ok(phi_front_matter_load(&fm, at("README.md"), &err));
    /* Twice: the second time it has been parsed. */
    ck_ok(phi_front_matter_get(fm, understood[_i].field, &v, &err));
    ck_ok(phi_front_matter_get(fm, understood[_i].field, &v, &err));
    if (understood[_i].value == NULL) {
        ck_assert_msg(v == NULL, "%s", understood[_i].card);
    } else {
        ck_assert_msg(v != NULL, "%s", understood[_i].card);
        show(&b, v);
        phi_buf_put(&b, "", 1);
        ck_assert_str_eq((const char *)b.p, understood[_i].value);
    }
    phi_buf_release(&b);
    phi_front_matter_free(fm);
}
END_TEST

static const struct {
    const char *card;
    enum phi_status status;
    const char *text;
} refused[] = {
    {"---\nb: c\na: &x d\n---\n", PHI_E_UNSUPPORTED,
     "README.md: line 3: \"a\": YAML anchors and aliases are not read here"},
    {"---\na: *x\n---\n", PHI_E_UNSUPPORTED, "anchors and aliases"},
    {"---\na: !!str b\n---\n", PHI_E_UNSUPPORTED, "YAML tags"},
    {"---\na:\n  ? b\n  : c\n---\n", PHI_E_UNSUPPORTED, "complex keys"},
    {"---\na: [b: c]\n---\n", PHI_E_UNSUPPORTED, "pairs in []"},
    {"---\na: {[b]: c}\n---\n", PHI_E_UNSUPPORTED, "keys that are no text"},
    {"---\na: b: c\n---\n", PHI_E_FORMAT, "line 2: \"a\": \": \" inside"},
    {"---\na: \"b\n---\n", PHI_E_FORMAT, "a quote is not closed"},
    {"---\na: 'b'c\n---\n", PHI_E_FORMAT, "text behind the value"},
    {"---\na: \"\\q\"\n---\n", PHI_E_FORMAT, "unknown \\ escape"},
    {"---\na: \"\\x4\"\n---\n", PHI_E_FORMAT, "too few digits"},
    {"---\na: \"\\uD800\"\n---\n", PHI_E_FORMAT, "no character"},
    {"---\na: \"\\0\"\n---\n", PHI_E_FORMAT, "unknown \\ escape"},
    {"---\na: \"\\x00\"\n---\n", PHI_E_FORMAT, "no character"},
    {"---\na: [b\n---\n", PHI_E_FORMAT, "a bracket is not closed"},
    {"---\na: [b c'\n---\n", PHI_E_FORMAT, "a bracket is not closed"},
    {"---\na: {b, c}\n---\n", PHI_E_FORMAT, "a key in {} has no \":\""},
    {"---\na: ['b' 'c']\n---\n", PHI_E_FORMAT, "expected \",\""},
    {"---\na: [b]]\n---\n", PHI_E_FORMAT, "text behind the value"},
    {"---\na: @b\n---\n", PHI_E_FORMAT, "reserved character"},
    {"---\na: - b\n---\n", PHI_E_FORMAT, "a list begins in the line"},
    {"---\na: | b\n  c\n---\n", PHI_E_FORMAT, "text behind | or >"},
    {"---\na: |\n   \n  b\n---\n", PHI_E_FORMAT,
     "line 4: \"a\": a line of blanks before a text that is indented less"},
    {"---\na: >-\n\n    \n   b\n---\n", PHI_E_FORMAT, "a line of blanks"},
    {"---\na:\n- b\nc d\n---\n", PHI_E_FORMAT,
     "line 4: \"a\": is not understood from here on"},
    {"---\na:\n  b: c\n  d\n---\n", PHI_E_FORMAT, "is not understood"},
    {"---\na: b\nc: d\na: e\n---\n", PHI_E_FORMAT,
     "line 4: \"a\": is given on line 2 already"},
    {"---\na: [[[[[[[[[[[[[[[[[[b]]]]]]]]]]]]]]]]]]\n---\n", PHI_E_FORMAT,
     "nested more than 16 deep"},
    {"---\na:\n- - - - - - - - - - - - - - - - - - - b\n---\n", PHI_E_FORMAT,
     "nested more than 16 deep"},
};

START_TEST(yaml_refused)
{
    const struct phi_card_value *v = NULL;
    struct phi_front_matter *fm = NULL;

    write_file("README.md", refused[_i].card, strlen(refused[_i].card));
    ck_ok(phi_front_matter_load(&fm, at("README.md"), &err));
    ck_refused(phi_front_matter_get(fm, "a", &v, &err), refused[_i].status,
               refused[_i].text);
    phi_front_matter_free(fm);
}
END_TEST

START_TEST(front_matter_is_bounded_text)
{
    static const char nul[] = "---\na: b\nc: \0d\n---\n";
    static const char latin[] = "---\na: b\nc: \xe9\n---\n";
    static const char after[] = "---\na: b\n---\n\xe9\xff\n";
    const size_t n = PHI_FRONT_MATTER_MAX + 64;
    char *big = malloc(n);
    struct phi_front_matter *fm = NULL;

    write_file("README.md", nul, sizeof(nul) - 1);
    ck_refused(phi_front_matter_load(&fm, at("README.md"), &err), PHI_E_FORMAT,
               "line 3: front matter is not UTF-8 text");
    write_file("README.md", latin, sizeof(latin) - 1);
    ck_refused(phi_front_matter_load(&fm, at("README.md"), &err), PHI_E_FORMAT,
               "line 3: front matter is not UTF-8 text");
    /* What is below the front matter does not matter. */
    write_file("README.md", after, sizeof(after) - 1);
    ck_ok(phi_front_matter_load(&fm, at("README.md"), &err));
    phi_front_matter_free(fm);
    ck_assert_ptr_nonnull(big);
    memset(big, '#', n);
    memcpy(big, "---\n", 4);
    /* The closing mark at the limit, then one byte behind it. */
    memcpy(big + PHI_FRONT_MATTER_MAX - 4, "\n---\n", 5);
    write_file("README.md", big, n);
    ck_ok(phi_front_matter_load(&fm, at("README.md"), &err));
    phi_front_matter_free(fm);
    memcpy(big + PHI_FRONT_MATTER_MAX - 4, "#\n---\n", 6);
    write_file("README.md", big, n);
    ck_refused(phi_front_matter_load(&fm, at("README.md"), &err), PHI_E_FORMAT,
               "front matter does not end within 1048576 bytes");
    free(big);
}
END_TEST

/* The general.* keys of the folder dir as "key=value" lines. */
static void show_general(struct phi_buf *b, const char *dir, const char *config,
                         uint64_t nparams)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json json;
    struct phi_meta meta = {0};

    ck_ok(phi_json_parse(&doc, config, strlen(config), "config.json", &err));
    json = phi_json_root(doc);
    ck_ok(phi_hf_general(&meta, dir, &json, nparams, &err));
    for (size_t i = 0; i < meta.n; i++) {
        const struct phi_kv *kv = &meta.kv[i];

        phi_buf_printf(b, "%s=", kv->key + strlen("general."));
        if (kv->type == PHI_KV_STRING)
            phi_buf_put(b, kv->v.str.p, kv->v.str.n);
        else if (kv->type == PHI_KV_U32)
            phi_buf_printf(b, "u%u", (unsigned)kv->v.u);
        else if (kv->type == PHI_KV_I32)
            phi_buf_printf(b, "i%d", (int)kv->v.i);
        else if (kv->type == PHI_KV_F32)
            phi_buf_printf(b, "f%.9g", kv->v.f);
        for (size_t k = 0; kv->type == PHI_KV_ARRAY && k < kv->v.arr.n; k++)
            phi_buf_printf(b, "%s%s", k > 0 ? "," : "", kv->v.arr.str[k].p);
        phi_buf_text(b, "\n");
    }
    phi_buf_put(b, "", 1);
    phi_meta_release(&meta);
    phi_json_free(doc);
}

static void check_general(const char *dir, const char *config, uint64_t nparams,
                          const char *expected)
{
    struct phi_buf b = {0};

    show_general(&b, dir, config, nparams);
    ck_assert_str_eq((const char *)b.p, expected);
    phi_buf_release(&b);
}

START_TEST(sources_fill_in_turn)
{
    static const char card[] =
        "---\nlicense: [mit, apache-2.0]\nmodel_creator: me\n"
        "model_type: phi-msft\npipeline_tag: text-generation\ntags: [a, b]\n"
        "language: no\n---\n";

    ck_assert_int_eq(mkdir(at("Phi-9-chat"), 0700), 0);
    check_general(at("Phi-9-chat"), "{}", 0,
                  "name=Phi 9 Chat\nfinetune=chat\nbasename=Phi-9\n");
    check_general(at("Phi-9-chat///"),
                  "{\"_name_or_path\": \"microsoft/phi-2\"}", 2779683840,
                  "name=Phi 2\nversion=2\norganization=Microsoft\n"
                  "finetune=chat\nbasename=phi\nsize_label=2.8B\n");
    /* A place on a computer is no name. */
    check_general(at("Phi-9-chat"), "{\"_name_or_path\": \"/home/me/phi-2\"}",
                  0, "name=Phi 9 Chat\nfinetune=chat\nbasename=Phi-9\n");
    check_general(at("Phi-9-chat"), "{\"_name_or_path\": \"\"}", 0,
                  "name=Phi 9 Chat\nfinetune=chat\nbasename=Phi-9\n");
    write_file("Phi-9-chat/README.md", card, sizeof(card) - 1);
    check_general(at("Phi-9-chat"), "{\"_name_or_path\": null}", 1000,
                  "name=Phi 9 Chat\nauthor=me\nfinetune=chat\n"
                  "basename=phi-msft\nsize_label=1.0K\n"
                  "license=mit,apache-2.0\ntags=a,b,text-generation\n"
                  "languages=no\n");
}
END_TEST

START_TEST(license_files)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"MIT License\n\nCopyright (c) Microsoft\n\nPermission is hereby "
         "granted, free of charge, to any person obtaining a copy\nof this "
         "software and associated documentation files (the \"Software\"), to "
         "deal\nin the Software without restriction, including the rights\n"
         "to use, copy, modify, merge, publish, distribute, sublicense, "
         "and/or sell\ncopies of the Software\n\nThe above copyright notice "
         "and this permission notice shall be included in all\ncopies or "
         "substantial portions of the Software.\n",
         "license=mit\n"},
        {"   Apache License\n  Version 2.0, January 2004\n",
         "license=apache-2.0\n"},
        {"Creative Commons\nAttribution-ShareAlike 4.0 International\n",
         "license=cc-by-sa-4.0\n"},
        {"Creative Commons\nAttribution 4.0 International\n",
         "license=cc-by-4.0\n"},
        {"My license: ask me\n", "license=other\nlicense.link=LICENSE\n"},
        {"", "license=other\nlicense.link=LICENSE\n"},
    };
    char expected[256];

    ck_assert_int_eq(mkdir(at("x"), 0700), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_file("x/LICENSE", rows[i].text, strlen(rows[i].text));
        snprintf(expected, sizeof(expected), "name=X\n%s", rows[i].expected);
        check_general(at("x"), "{}", 0, expected);
    }
    /* The card knows better. */
    write_file("x/README.md", "---\nlicense: bsd\n---\n", 21);
    check_general(at("x"), "{}", 0, "name=X\nlicense=bsd\n");
}
END_TEST

START_TEST(folder_names)
{
    const char *const hash = "0123456789abcdef0123456789abcdef01234567";
    char sub[256];

    ck_assert_int_eq(mkdir(at("phi-7"), 0700), 0);
    ck_assert_int_eq(mkdir(at("phi-7/x"), 0700), 0);
    check_general(at("phi-7/x/.."), "{}", 0,
                  "name=Phi 7\nversion=7\nbasename=phi\n");
    check_general(at("phi-7/."), "{}", 0,
                  "name=Phi 7\nversion=7\nbasename=phi\n");
    ck_assert_int_eq(chdir(at("phi-7")), 0);
    check_general("./", "{}", 0, "name=Phi 7\nversion=7\nbasename=phi\n");
    check_general("x/../", "{}", 0, "name=Phi 7\nversion=7\nbasename=phi\n");
    ck_assert_int_eq(chdir("/"), 0);
    /* The Hub's cache. */
    ck_assert_int_eq(mkdir(at("models--microsoft--phi-2"), 0700), 0);
    ck_assert_int_eq(mkdir(at("models--microsoft--phi-2/snapshots"), 0700), 0);
    snprintf(sub, sizeof(sub), "models--microsoft--phi-2/snapshots/%s", hash);
    ck_assert_int_eq(mkdir(at(sub), 0700), 0);
    check_general(at(sub), "{}", 0,
                  "name=Phi 2\nversion=2\norganization=Microsoft\n"
                  "basename=phi\n");
    /* A name that is not text. */
    ck_assert_int_eq(mkdir(at("\xff"), 0700), 0);
    check_general(at("\xff"), "{}", 0, "name=model\n");
}
END_TEST

START_TEST(origins)
{
    static const char card[] =
        "---\nname: x\nbase_model:\n- microsoft/Phi-3-mini-4k-instruct\n"
        "- https://huggingface.co/microsoft/phi-2\n- https://example.org/a\n"
        "- name: Own\n  url: http://u\n  ignored: 1\n- A Sentence\n"
        "datasets: wiki-text\nbase_models: ignored\n---\n";

    ck_assert_int_eq(mkdir(at("m"), 0700), 0);
    write_file("m/README.md", card, sizeof(card) - 1);
    check_general(
        at("m"), "{}", 0,
        "name=x\nbase_model.count=u5\n"
        "base_model.0.name=Phi 3 Mini 4k Instruct\n"
        "base_model.0.organization=Microsoft\n"
        "base_model.0.repo_url="
        "https://huggingface.co/microsoft/Phi-3-mini-4k-instruct\n"
        "base_model.1.name=Phi 2\nbase_model.1.version=2\n"
        "base_model.1.organization=Microsoft\n"
        "base_model.1.repo_url=https://huggingface.co/microsoft/phi-2\n"
        "base_model.2.repo_url=https://example.org/a\n"
        "base_model.3.name=Own\nbase_model.3.url=http://u\n"
        "base_model.4.name=A Sentence\n"
        "dataset.count=u1\ndataset.0.name=Wiki Text\n");
}
END_TEST

START_TEST(sampling_parameters)
{
    static const char all[] =
        "{\"temperature\": 1, \"top_k\": 50, \"top_p\": 0.9, \"min_p\": null,"
        " \"mirostat\": 2, \"sequence\": \"kp\", \"eos_token_id\": 1}";

    ck_assert_int_eq(mkdir(at("m"), 0700), 0);
    write_file("m/generation_config.json", all, sizeof(all) - 1);
    check_general(at("m"), "{}", 0,
                  "sampling.sequence=kp\nsampling.top_k=i50\n"
                  "sampling.top_p=f0.899999976\nsampling.temp=f1\n"
                  "sampling.mirostat=i2\nname=M\n");
}
END_TEST

static const struct {
    const char *file;
    const char *text;
    const char *config;
    const char *message;
} bad_folders[] = {
    {"generation_config.json", "{\"top_k\": 1.5}", "{}",
     "generation_config.json: key \"top_k\": is 1.5, expected an integer"},
    {"generation_config.json", "{\"top_p\": \"x\"}", "{}",
     "key \"top_p\": is a string, expected a number"},
    {"generation_config.json", "[]", "{}", "expected an object"},
    {"README.md", "", "{\"_name_or_path\": 1}",
     "config.json: key \"_name_or_path\": is 1, expected a string"},
    {"README.md", "---\nname: [a]\n---\n", "{}",
     "README.md: line 2: \"name\": holds a list, expected text"},
    {"README.md", "---\nlicense: {a: b}\n---\n", "{}",
     "line 2: \"license\": holds a map, expected text"},
    {"README.md", "---\nlicense: [a, []]\n---\n", "{}",
     "\"license\": holds a list, expected text"},
    {"README.md", "---\nx: y\ntags: [a, ~]\n---\n", "{}",
     "line 3: \"tags\": holds nothing, expected text"},
    {"README.md", "---\ntags: {a: b}\n---\n", "{}", "\"tags\": holds a map"},
    {"README.md", "---\nbase_model: {a: b}\n---\n", "{}",
     "\"base_model\": holds a map"},
    {"README.md", "---\nbase_model: [[a]]\n---\n", "{}",
     "\"base_model\": holds a list"},
    {"README.md", "---\ndatasets: [{name: a, name: b}]\n---\n", "{}",
     "\"datasets\": gives \"name\" twice"},
    {"README.md", "---\ndatasets: [{name: [a]}]\n---\n", "{}",
     "\"datasets\": holds a list"},
};

START_TEST(folders_refused)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json json;
    struct phi_meta meta = {0};

    write_file(bad_folders[_i].file, bad_folders[_i].text,
               strlen(bad_folders[_i].text));
    ck_ok(phi_json_parse(&doc, bad_folders[_i].config,
                         strlen(bad_folders[_i].config), "config.json", &err));
    json = phi_json_root(doc);
    ck_refused(phi_hf_general(&meta, root, &json, 0, &err), PHI_E_FORMAT,
               bad_folders[_i].message);
    phi_meta_release(&meta);
    phi_json_free(doc);
}
END_TEST

/* What llama.cpp's converter wrote for the sample. */
START_TEST(sample)
{
    char config[] = "{\"_name_or_path\": \"phi-openstax\"}";
    struct phi_buf b = {0};
    char link[4096];

    snprintf(link, sizeof(link), "%s/phi-openstax", root);
    ck_assert_int_eq(symlink(PHI_SAMPLE, link), 0);
    show_general(&b, link, config, 4203264);
    ck_assert_str_eq((const char *)b.p,
                     "name=Phi Openstax\nsize_label=4.2M\nlicense=cc-by-4.0\n"
                     "dataset.count=u1\ndataset.0.name=Openstax\n"
                     "tags=phi,text-generation,test-model\nlanguages=en\n");
    phi_buf_release(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_card");
    TCase *t = tcase_create("hf_card");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, yaml_understood, 0, COUNT(understood));
    tcase_add_loop_test(t, yaml_refused, 0, COUNT(refused));
    tcase_add_test(t, front_matter_is_bounded_text);
    tcase_add_test(t, sources_fill_in_turn);
    tcase_add_test(t, license_files);
    tcase_add_test(t, folder_names);
    tcase_add_test(t, origins);
    tcase_add_test(t, sampling_parameters);
    tcase_add_loop_test(t, folders_refused, 0, COUNT(bad_folders));
    tcase_add_test(t, sample);
    suite_add_tcase(s, t);
    return unit_main(s);
}

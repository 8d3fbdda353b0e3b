/* SPDX-License-Identifier: MIT */
/*
 * adapter_config.json: which modules are adapted and how strongly, against
 * what PEFT says (reference/python/make_lora_config.py), and every refusal.
 */
#define _POSIX_C_SOURCE 200809L
#include "formats/adapter_config.h"

#include "formats/json.h"
#include "tests/unit/fixture.h"

#define GOLDEN PHI_SOURCE_DIR "/reference/golden/lora-config.json"
#define NAME   "adapter_config.json"

static char *dir;
static char *path;
static struct phi_lora_config config;
static uint64_t work;

static void setup(void)
{
    dir = fixture_folder();
    path = fixture_path(dir, NAME);
    config = (struct phi_lora_config){0};
    work = 0;
}

static void teardown(void)
{
    phi_lora_config_release(&config);
    free(path);
    fixture_remove(dir);
}

static enum phi_status read_text(const char *text, struct phi_err *err)
{
    phi_lora_config_release(&config);
    fixture_text(dir, NAME, text);
    return phi_adapter_config_read(&config, path, err);
}

static enum phi_lora_kind kind_of(const char *word)
{
    if (strcmp(word, "linear") == 0)
        return PHI_LORA_LINEAR;
    return strcmp(word, "output") == 0 ? PHI_LORA_OUTPUT : PHI_LORA_OTHER;
}

/* ["path", "kind", null or [rank, alpha, scale]]; true if it is adapted. */
static bool check_module(const struct phi_json *module)
{
    struct phi_json item = {0};
    const char *name;
    const char *kind;
    bool yes = false;

    ck_assert(phi_json_next(module, &item));
    ck_ok(phi_json_str(&item, &name, &err));
    ck_assert(phi_json_next(module, &item));
    ck_ok(phi_json_str(&item, &kind, &err));
    ck_assert(phi_json_next(module, &item));
    ck_ok(phi_lora_adapts(&config, name, kind_of(kind), &work, &yes, &err));
    ck_assert_msg(yes == (phi_json_type(&item) == PHI_JSON_ARRAY),
                  "%s: adapted %d", name, yes);
    if (yes) {
        struct phi_lora_scale scale;
        struct phi_json number = {0};
        double want[3];

        for (size_t i = 0; i < 3; i++) {
            ck_assert(phi_json_next(&item, &number));
            ck_ok(phi_json_number(&number, -1e9, 1e9, &want[i], &err));
        }
        ck_ok(phi_lora_scale_of(&config, name, &work, &scale, &err));
        ck_assert_double_eq((double)scale.rank, want[0]);
        ck_assert_double_eq(scale.alpha, want[1]);
        ck_assert_double_eq(scale.scale, want[2]);
    }
    return yes;
}

START_TEST(modules_and_scales_are_those_of_peft)
{
    struct phi_json_doc *doc = NULL;
    struct phi_json root;
    struct phi_json cases;
    struct phi_json item = {0};
    size_t ncases = 0;
    size_t nadapted = 0;
    size_t nother = 0;

    ck_ok(phi_json_load(&doc, GOLDEN, PHI_JSON_MAX_CONFIG, &err));
    root = phi_json_root(doc);
    ck_ok(phi_json_get(&root, "cases", PHI_JSON_ARRAY, &cases, &err));
    while (phi_json_next(&cases, &item)) {
        const char *text;
        struct phi_json modules;
        struct phi_json module = {0};

        ck_ok(phi_json_get_str(&item, "config", &text, &err));
        ck_ok(read_text(text, &err));
        ck_ok(phi_json_get(&item, "modules", PHI_JSON_ARRAY, &modules, &err));
        while (phi_json_next(&modules, &module)) {
            if (check_module(&module))
                nadapted++;
            else
                nother++;
        }
        ncases++;
    }
    phi_json_free(doc);
    ck_assert_uint_eq(ncases, 24);
    ck_assert_uint_gt(nadapted, 500);
    ck_assert_uint_gt(nother, 500);
}
END_TEST

/* The sample's adapters, as PEFT saved them. */
START_TEST(the_samples_are_read)
{
    static const struct {
        const char *name;
        double r;
        double alpha;
        enum phi_lora_bias bias;
        bool rslora;
        bool dora;
        size_t nsaved;
    } samples[] = {
        {"physics", 8, 16, PHI_LORA_BIAS_NONE, false, false, 0},
        {"physics-f16", 2, 4, PHI_LORA_BIAS_NONE, false, false, 0},
        {"physics-dora", 4, 8, PHI_LORA_BIAS_NONE, false, true, 0},
        {"physics-rslora", 8, 8, PHI_LORA_BIAS_NONE, true, false, 0},
        {"physics-bias", 4, 8, PHI_LORA_BIAS_LORA_ONLY, false, false, 0},
        {"physics-head", 4, 8, PHI_LORA_BIAS_NONE, false, false, 2},
        {"physics-embed", 4, 8, PHI_LORA_BIAS_NONE, false, false, 0},
    };

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char file[1024];

        snprintf(file, sizeof(file), "%s/../adapters/%s/%s", PHI_SAMPLE,
                 samples[i].name, NAME);
        phi_lora_config_release(&config);
        ck_ok(phi_adapter_config_read(&config, file, &err));
        ck_assert_double_eq(config.r, samples[i].r);
        ck_assert_double_eq(config.alpha, samples[i].alpha);
        ck_assert_int_eq(config.bias, samples[i].bias);
        ck_assert_int_eq(config.rslora, samples[i].rslora);
        ck_assert_int_eq(config.dora, samples[i].dora);
        ck_assert_uint_eq(config.nsaved, samples[i].nsaved);
    }
}
END_TEST

START_TEST(defaults_are_those_of_peft)
{
    ck_ok(read_text("{\"peft_type\":\"LORA\"}", &err));
    ck_assert_double_eq(config.r, 8);
    ck_assert_double_eq(config.alpha, 8);
    ck_assert_int_eq(config.bias, PHI_LORA_BIAS_NONE);
    ck_assert(!config.rslora && !config.dora && !config.fan_in_fan_out);
    ck_assert_uint_eq(config.targets.n, 0);
}
END_TEST

/* What follows {"peft_type":"LORA",; and what the message must hold. */
static const struct {
    const char *text;
    enum phi_status status;
    const char *why;
} refused[] = {
    {"\"alora_invocation_tokens\":[1,2]", PHI_E_UNSUPPORTED, "activated LoRA"},
    {"\"arrow_config\":{\"a\":1}", PHI_E_UNSUPPORTED, "Arrow"},
    {"\"ensure_weight_tying\":true", PHI_E_UNSUPPORTED, "tied"},
    {"\"kasa_config\":{\"a\":1}", PHI_E_UNSUPPORTED, "KaSA"},
    {"\"layer_replication\":[[0,2]]", PHI_E_UNSUPPORTED, "replicated"},
    {"\"megatron_config\":{\"a\":1}", PHI_E_UNSUPPORTED, "Megatron"},
    {"\"target_parameters\":[\"w\"]", PHI_E_UNSUPPORTED, "parameters"},
    {"\"trainable_token_indices\":[-1]", PHI_E_FORMAT,
     "trainable_token_indices[0]"},
    {"\"use_qalora\":true", PHI_E_UNSUPPORTED, "QALoRA"},
    {"\"use_bdlora\":{\"a\":1}", PHI_E_UNSUPPORTED, "block-diagonal"},
    {"\"velora_config\":{\"a\":1}", PHI_E_UNSUPPORTED, "VeLoRA"},
    {"\"monteclora_config\":{\"a\":1}", PHI_E_UNSUPPORTED, "MonteCLoRA"},
    {"\"use_moon\":1", PHI_E_UNSUPPORTED, "key \"use_moon\": cannot be merged"},
    {"\"init_lora_weights\":\"pissa\"", PHI_E_UNSUPPORTED, "pissa"},
    {"\"init_lora_weights\":\"olora\"", PHI_E_UNSUPPORTED, "olora"},
    {"\"init_lora_weights\":\"loftq\"", PHI_E_UNSUPPORTED, "loftq"},
    {"\"init_lora_weights\":7", PHI_E_FORMAT, "init_lora_weights"},
    {"\"bias\":\"some\"", PHI_E_UNSUPPORTED, "\"some\", expected none"},
    {"\"r\":0", PHI_E_FORMAT, "\"r\""},
    {"\"r\":65537", PHI_E_FORMAT, "\"r\""},
    {"\"r\":1.5", PHI_E_FORMAT, "\"r\""},
    {"\"lora_alpha\":\"8\"", PHI_E_FORMAT, "\"lora_alpha\""},
    {"\"use_dora\":1", PHI_E_FORMAT, "\"use_dora\""},
    {"\"target_modules\":7", PHI_E_FORMAT, "\"target_modules\""},
    {"\"target_modules\":[\"a\",1]", PHI_E_FORMAT, "target_modules[1]"},
    {"\"target_modules\":\"(\"", PHI_E_FORMAT, "no pattern"},
    {"\"target_modules\":\"a\\\\\"", PHI_E_FORMAT, "ends in a \\"},
    {"\"target_modules\":\"(?R)\"", PHI_E_UNSUPPORTED, "a group at byte 0"},
    {"\"target_modules\":\"(?i)a\"", PHI_E_UNSUPPORTED, "a group"},
    {"\"target_modules\":\"(*ACCEPT)\"", PHI_E_UNSUPPORTED, "a group"},
    {"\"target_modules\":\"a\\\\Kb\"", PHI_E_UNSUPPORTED, "an escape"},
    {"\"target_modules\":\"(a)\\\\1\"", PHI_E_UNSUPPORTED, "by number"},
    {"\"target_modules\":\"[[:alpha:]]\"", PHI_E_UNSUPPORTED, "in a class"},
    {"\"target_modules\":\"a{,3}\"", PHI_E_UNSUPPORTED, "a repeat"},
    {"\"target_modules\":\"a++\"", PHI_E_UNSUPPORTED, "a repeat of a repeat"},
    {"\"rank_pattern\":{\"[\":4}", PHI_E_FORMAT, "rank_pattern"},
    {"\"rank_pattern\":{\"a\":\"b\"}", PHI_E_FORMAT, "rank_pattern"},
    {"\"rank_pattern\":[1]", PHI_E_FORMAT, "rank_pattern"},
    {"\"layers_to_transform\":[-1]", PHI_E_FORMAT, "layers_to_transform"},
    {"\"layers_to_transform\":\"1\"", PHI_E_FORMAT, "layers_to_transform"},
    {"\"target_modules\":\"a\",\"layers_to_transform\":1", PHI_E_FORMAT,
     "layers_to_transform needs a list"},
    {"\"layers_pattern\":\"h\"", PHI_E_FORMAT, "layers_pattern without"},
    {"\"layers_pattern\":[3]", PHI_E_FORMAT, "layers_pattern"},
    {"\"modules_to_save\":{}", PHI_E_FORMAT, "modules_to_save"},
};

START_TEST(what_is_refused)
{
    char text[512];

    snprintf(text, sizeof(text), "{\"peft_type\":\"LORA\",%s}",
             refused[_i].text);
    ck_refused(read_text(text, &err), refused[_i].status, refused[_i].why);
    ck_refused(read_text(text, &err), refused[_i].status, NAME);
}
END_TEST

START_TEST(other_files_are_refused)
{
    ck_refused(read_text("{\"peft_type\":\"IA3\"}", &err), PHI_E_UNSUPPORTED,
               "\"IA3\" is no LoRA");
    ck_refused(read_text("{\"r\":8}", &err), PHI_E_FORMAT, "peft_type");
    ck_refused(read_text("[]", &err), PHI_E_FORMAT, NAME);
}
END_TEST

START_TEST(keys_that_are_off_are_no_matter)
{
    ck_ok(read_text("{\"peft_type\":\"LORA\",\"use_moon\":null,\"use_sun\":"
                    "false,\"stars\":{},\"velora_config\":[],"
                    "\"init_lora_weights\":\"gaussian\"}",
                    &err));
}
END_TEST

START_TEST(ranks_from_patterns_are_checked)
{
    static const char *const values[] = {"0", "-4", "2.5", "65537"};
    struct phi_lora_scale scale;
    char text[128];

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"peft_type\":\"LORA\",\"rank_pattern\":{\"fc1\":%s}}",
                 values[i]);
        ck_ok(read_text(text, &err));
        ck_refused(phi_lora_scale_of(&config, "model.layers.0.mlp.fc1", &work,
                                     &scale, &err),
                   PHI_E_FORMAT, "rank");
        ck_ok(phi_lora_scale_of(&config, "model.layers.0.mlp.fc2", &work,
                                &scale, &err));
    }
}
END_TEST

START_TEST(slow_patterns_end)
{
    bool yes;

    ck_ok(read_text("{\"peft_type\":\"LORA\",\"target_modules\":"
                    "\"(?:a|aa)*(?:a|aa)*(?:a|aa)*[bc]\"}",
                    &err));
    ck_refused(phi_lora_adapts(&config,
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                               PHI_LORA_LINEAR, &work, &yes, &err),
               PHI_E_FORMAT, "more than 1000000 steps");
}
END_TEST

/*
 * Thousands of patterns that were each just quick enough took hours. A search
 * of up to 64 steps counts as 64.
 */
START_TEST(all_patterns_together_end)
{
    const uint64_t most = 100000000;
    bool yes;

    ck_assert_uint_eq(PHI_MODULE_MAX_WORK, most);
    ck_ok(read_text("{\"peft_type\":\"LORA\",\"modules_to_save\":[\"(a)\"]}",
                    &err));
    work = most - 64;
    ck_ok(phi_lora_saves(&config, "b.a", &work, &yes, &err));
    ck_assert(yes);
    ck_assert_uint_eq(work, most);
    work = most - 5;
    ck_refused(phi_lora_saves(&config, "b.b.b.b.a", &work, &yes, &err),
               PHI_E_FORMAT,
               "pattern \"(a)\": all patterns together take more than "
               "100000000 steps, this one on \"b.b.b.b.a\"");
    /* One that takes more than the first try. */
    ck_ok(read_text("{\"peft_type\":\"LORA\",\"modules_to_save\":[\"[a-c.]*"
                    "[a-c.]*[xy]\"]}",
                    &err));
    work = 0;
    ck_ok(phi_lora_saves(&config, "a.b.c.a.b.c.a.b.c", &work, &yes, &err));
    ck_assert(!yes);
    ck_assert_uint_ge(work, 64 + 128);
    ck_assert_uint_eq(work % 64, 0);
}
END_TEST

/* A name takes no steps, and is found where the same pattern is, were it
 * searched for. */
START_TEST(plain_names_are_compared)
{
    static const struct {
        const char *plain;
        const char *same;
    } names[] = {
        {"b", "(?:b)"},         {"a.b", "(?:a.b)"},   {"a\\.b", "(?:a\\.b)"},
        {"^a", "(?:^a)"},       {"^b.c", "(?:^b.c)"}, {".", "(?:.)"},
        {"a-b_1", "(?:a-b_1)"}, {"..", "(?:..)"},     {"b.3", "(?:b.3)"},
        {"abc", "(?:abc)"},
    };
    static const char *const paths[] = {
        "",          "a",         "b",           "a.b",
        "axb",       "x.a.b",     "x.axb",       "xa.b",
        "a.b.c",     "x.b.3.y",   "a.b.3.b.4.c", "b.12.c",
        "b.3",       "b.x.3.c",   "a-b_1",       "x.a-b_1",
        "a-b_1.7.y", "abc.1.2.3", ".b",          "b.",
        "..",        "a..b",      "b.3.3.y",     "a\nb",
        "a\n.b",     "a.b\nc",    "x\n.b.3.c",   "b.99999999999999999999.c"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (int how = PHI_MODULE_WHOLE; how <= PHI_MODULE_LAYER; how++) {
            struct phi_module_pattern *p = NULL;
            struct phi_module_pattern *q = NULL;

            ck_ok(phi_module_pattern_new(&p, names[i].plain,
                                         (enum phi_module_match)how, &err));
            ck_ok(phi_module_pattern_new(&q, names[i].same,
                                         (enum phi_module_match)how, &err));
            ck_assert(phi_module_pattern_is_plain(p));
            ck_assert(!phi_module_pattern_is_plain(q));
            for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
                uint64_t layer[2] = {7, 7};
                bool found[2] = {false, false};

                ck_ok(phi_module_pattern_match(p, paths[k], &found[0],
                                               &layer[0], &work, &err));
                ck_assert_uint_eq(work, 0);
                ck_ok(phi_module_pattern_match(q, paths[k], &found[1],
                                               &layer[1], NULL, &err));
                ck_assert_msg(found[0] == found[1] && layer[0] == layer[1],
                              "%s (%d) on %s: %d, layer %llu", names[i].plain,
                              how, paths[k], found[0],
                              (unsigned long long)layer[0]);
            }
            phi_module_pattern_free(p);
            phi_module_pattern_free(q);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adapter_config");
    TCase *t = tcase_create("adapter_config");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, modules_and_scales_are_those_of_peft);
    tcase_add_test(t, the_samples_are_read);
    tcase_add_test(t, defaults_are_those_of_peft);
    tcase_add_loop_test(t, what_is_refused, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(t, other_files_are_refused);
    tcase_add_test(t, keys_that_are_off_are_no_matter);
    tcase_add_test(t, ranks_from_patterns_are_checked);
    tcase_add_test(t, slow_patterns_end);
    tcase_add_test(t, all_patterns_together_end);
    tcase_add_test(t, plain_names_are_compared);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/tiny_model.h"

static char *dir;

static void setup(void)
{
    dir = fixture_folder();
}

static void teardown(void)
{
    fixture_remove(dir);
}

#define INDEX_HEAD "{\"metadata\":{\"total_size\":1},\"weight_map\":{"

/* The first `cut` tensors in a.safetensors, the others in b.safetensors. */
static void sharded(size_t cut)
{
    struct phi_buf b = {0};

    tiny_texts(dir, TINY_CONFIG "}");
    tiny_shard(dir, "a.safetensors", tiny_current, cut);
    tiny_shard(dir, "b.safetensors", tiny_current + cut, TINY_N - cut);
    phi_buf_text(&b, INDEX_HEAD);
    for (size_t i = 0; i < TINY_N; i++)
        phi_buf_printf(&b, "%s\"%s\":\"%c.safetensors\"", i > 0 ? "," : "",
                       tiny_current[i].name, i < cut ? 'a' : 'b');
    phi_buf_text(&b, "}}");
    fixture_write(dir, PHI_HF_INDEX, b.p, b.n);
    phi_buf_release(&b);
}

START_TEST(opens_shards)
{
    struct phi_source *s = NULL;

    sharded(TINY_N - 4);
    ck_ok(phi_hf_open(&s, dir, &err));
    ck_assert_uint_eq(s->ntensors, TINY_N);
    ck_assert_str_eq(s->tensors[TINY_N - 4].name, "output.bias");
    phi_source_close(s);
}
END_TEST

static const struct {
    const char *old;
    const char *new;
    enum phi_status status;
    const char *message;
} edits[] = {
    {"b.safetensors", "../b.safetensors", PHI_E_FORMAT,
     "index.json: key \"weight_map.lm_head.bias\": is \"../b.safetensors\", "
     "expected a file name without a folder"},
    {"\"b.safetensors", "\"/etc/b.safetensors", PHI_E_FORMAT,
     "expected a file name without a folder"},
    {"b.safetensors", "b.bin", PHI_E_FORMAT,
     "is \"b.bin\", expected a name that ends in \".safetensors\""},
    {"b.safetensors", "..", PHI_E_FORMAT, "is \"..\", expected a name"},
    {"\"b.safetensors", "\".safetensors", PHI_E_FORMAT,
     "is \".safetensors\", expected a name"},
    {"\"b.safetensors\"", "7", PHI_E_FORMAT,
     "key \"weight_map.lm_head.bias\": is 7, expected a string"},
    {"b.safetensors", "c.safetensors", PHI_E_FORMAT,
     "index.json: names the shard \"c.safetensors\", which is not in the "
     "folder"},
    {"b.safetensors", "a.safetensors", PHI_E_FORMAT,
     "b.safetensors: tensor \"lm_head.bias\": is here, but the index expects "
     "it in a.safetensors"},
    {"\"lm_head.bias\":\"b.safetensors\",", "", PHI_E_FORMAT,
     "b.safetensors: tensor \"lm_head.bias\": is not in the index, expected "
     "it in weight_map"},
    {"\"weight_map\":{", "\"weight_map\":{\"more\":\"a.safetensors\",",
     PHI_E_FORMAT,
     "index.json: tensor \"more\": is missing in a.safetensors, expected by "
     "the index"},
    {"\"lm_head.bias\"", "\"lm_head.weight\"", PHI_E_FORMAT,
     "key \"weight_map.lm_head.weight\": is there twice"},
    {"weight_map", "weight_mop", PHI_E_FORMAT,
     "key \"weight_map\": is missing"},
};

START_TEST(refuses_an_index)
{
    sharded(TINY_N - 4);
    fixture_edit(dir, PHI_HF_INDEX, edits[_i].old, edits[_i].new);
    tiny_refused(dir, edits[_i].status, edits[_i].message);
}
END_TEST

START_TEST(refuses_two_models_in_a_folder)
{
    sharded(TINY_N - 4);
    tiny_shard(dir, PHI_HF_SINGLE, tiny_current, TINY_N);
    tiny_refused(dir, PHI_E_FORMAT,
                 "index.json: is there, but so is model.safetensors, "
                 "which it does not name, expected one of them");
    fixture_text(dir, PHI_HF_INDEX, "{\"weight_map\":{}}");
    tiny_refused(dir, PHI_E_FORMAT,
                 "key \"weight_map\": is empty, expected the model's tensors");
}
END_TEST

START_TEST(notices_damaged_shards)
{
    size_t n;
    char *bytes;

    sharded(TINY_N - 4);
    bytes = fixture_load(dir, "a.safetensors", &n);
    fixture_write(dir, "a.safetensors", bytes, n - 1);
    tiny_refused(dir, PHI_E_FORMAT, "a.safetensors: tensor \"model.");
    fixture_write(dir, "a.safetensors", "version https://git-lfs.github.com",
                  34);
    tiny_refused(dir, PHI_E_FORMAT, "a.safetensors: is a Git LFS pointer");
    free(bytes);
}
END_TEST

START_TEST(notices_changes_and_outputs_that_are_inputs)
{
    static const char *const files[] = {"a.safetensors", "b.safetensors",
                                        "config.json", PHI_HF_INDEX};
    struct phi_source *s = NULL;
    char *other = fixture_path(dir, "new.gguf");

    sharded(TINY_N - 4);
    for (size_t i = 0; i < 4; i++) {
        char *path = fixture_path(dir, files[i]);
        size_t n;
        char *bytes = fixture_load(dir, files[i], &n);

        ck_ok(phi_hf_open(&s, dir, &err));
        ck_ok(phi_source_unchanged(s, &err));
        ck_ok(phi_source_not_input(s, other, &err));
        ck_refused(phi_source_not_input(s, path, &err), PHI_E_ARG, files[i]);
        fixture_write(dir, files[i], bytes, n - 1);
        ck_refused(phi_source_unchanged(s, &err), PHI_E_IO,
                   "changed while being read");
        fixture_write(dir, files[i], bytes, n);
        phi_source_close(s);
        free(bytes);
        free(path);
    }
    free(other);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("hf_shards");
    TCase *t = tcase_create("hf_shards");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, opens_shards);
    tcase_add_loop_test(t, refuses_an_index, 0, COUNT(edits));
    tcase_add_test(t, refuses_two_models_in_a_folder);
    tcase_add_test(t, notices_damaged_shards);
    tcase_add_test(t, notices_changes_and_outputs_that_are_inputs);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/* What a merged model says of itself and of its base. */
#include "formats/merged_identity.h"
#include "tests/unit/unit.h"

static struct phi_meta meta;

static void teardown(void)
{
    phi_meta_release(&meta);
}

static void put(const char *key, const char *text)
{
    ck_ok(phi_meta_set_str(&meta, key, text, strlen(text), &err));
}

/* The keys in their order, and texts with them. */
static const char *written(void)
{
    static char all[1024];
    size_t n = 0;

    for (size_t i = 0; i < meta.n; i++) {
        const struct phi_kv *kv = &meta.kv[i];

        n += (size_t)snprintf(all + n, sizeof(all) - n, "%s=%s\n", kv->key,
                              kv->type == PHI_KV_STRING ? kv->v.str.p : "#");
        ck_assert_uint_lt(n, sizeof(all));
    }
    return all;
}

START_TEST(what_was_said_is_said_of_the_base)
{
    put("general.architecture", "phi2");
    ck_ok(phi_meta_set_u(&meta, "general.base_model.count", PHI_KV_U32, 2,
                         &err)); /* wherever they are, they go */
    put("general.name", "Phi 2");
    put("general.version", "2");
    put("general.organization", "Microsoft");
    put("general.description", "As published.");
    put("general.license", "mit");
    put("general.url", "of the file");
    put("general.source.url", "of the checkpoint");
    put("general.repo_url", "of the file");
    put("general.base_model.0.name", "Older");
    put("general.base_model.1.name", "Oldest");
    put("general.tags", "phi");
    put("phi2.x", "1");
    ck_ok(phi_merged_identity(&meta, "Phi 2 + mine", &err));
    ck_assert_str_eq(written(),
                     "general.architecture=phi2\n"
                     "general.name=Phi 2 + mine\n"
                     "general.license=mit\n"
                     "general.base_model.count=#\n"
                     "general.base_model.0.name=Phi 2\n"
                     "general.base_model.0.version=2\n"
                     "general.base_model.0.organization=Microsoft\n"
                     "general.base_model.0.description=As published.\n"
                     "general.base_model.0.url=of the checkpoint\n"
                     "general.base_model.0.repo_url=of the file\n"
                     "general.tags=phi\n"
                     "phi2.x=1\n");
}
END_TEST

/* A file that says nothing of itself: the base is there, and has no name. */
START_TEST(a_base_without_a_name)
{
    put("general.architecture", "phi2");
    put("phi2.x", "1");
    ck_ok(phi_merged_identity(&meta, "model + mine", &err));
    ck_assert_str_eq(written(), "general.architecture=phi2\n"
                                "general.base_model.count=#\n"
                                "phi2.x=1\n"
                                "general.name=model + mine\n");
}
END_TEST

static void check_name(const char *const *adapters, size_t n, const char *want)
{
    char *name = phi_merged_name(&meta, adapters, n, NULL);

    ck_assert_ptr_nonnull(name);
    ck_assert_str_eq(name, want);
    free(name);
}

START_TEST(names_have_no_folders)
{
    static const char *const two[] = {"/home/me/physics//", "../b/chat.gguf"};
    static const char *const odd[] = {"a\nb"};

    check_name(two, 2, "model + physics + chat");
    put("general.name", "Phi");
    check_name(two, 1, "Phi + physics");
    check_name(odd, 1, "Phi + a\\x0ab");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("merged_identity");
    TCase *t = tcase_create("merged_identity");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, what_was_said_is_said_of_the_base);
    tcase_add_test(t, a_base_without_a_name);
    tcase_add_test(t, names_have_no_folders);
    suite_add_tcase(s, t);
    return unit_main(s);
}

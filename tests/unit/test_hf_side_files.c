/* SPDX-License-Identifier: MIT */
/* Hugging Face folders written: what lies beside the weights, and refusals. */
#define _POSIX_C_SOURCE 200809L
#include "formats/hf_folder_sink.h"
#include "tests/unit/folder_model.h"
#include "tests/unit/tiny_model.h"

/* ---- side files ---------------------------------------------------------- */

START_TEST(side_files_are_copied_replaced_left_out)
{
    static const char *const copied[] = {
        "LICENSE",      "NOTICE",    "README.md",  "Readme.MD",
        "chat.jinja",   "model.py",  "figure.png", "tokenizer.model",
        "special.json", "license_X", "empty.json"};
    static const char *const left[] = {".gitattributes",
                                       ".hidden.json",
                                       "adapter_config.json",
                                       "old.gguf",
                                       "optimizer.pt",
                                       "pytorch_model.bin",
                                       "pytorch_model.bin.index.json",
                                       "stray.safetensors",
                                       "training_args.bin"};
    static const struct phi_hf_side_file side[] = {
        {.name = "README.md", .bytes = "mine", .nbytes = 4},
        {.name = "LICENSE", .path = "in/NOTICE"},
        {.name = "NOTICE"},
        {.name = "not there"},
        {.name = "zz added", .bytes = "", .nbytes = 0}};
    struct phi_hf_folder_options opt = {0};
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        fixture_text("in", copied[i], copied[i]);
    fixture_text("in", "empty.json", "");
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        fixture_text("in", left[i], left[i]);
    ck_assert_int_eq(mkdir("in/.git", 0777), 0);
    ck_assert_int_eq(mkdir("in/folder.json", 0777), 0);
    ck_assert_int_eq(mkfifo("in/fifo.txt", 0600), 0);
    folder_begin(&c, PHI_F16);
    folder_write(&c, "out", &opt);
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        ck_assert_int_ne(access(left[i], F_OK), 0);
    ck_assert_uint_eq(folder_count("out"),
                      4 + sizeof(copied) / sizeof(copied[0]));
    folder_has("out", "model.py", "model.py");
    ck_assert_uint_eq(folder_size("out", "empty.json"), 0);

    opt.side = side;
    opt.nside = 5;
    opt.replace = true;
    folder_write(&c, "out", &opt);
    ck_assert_uint_eq(folder_count("out"),
                      4 + sizeof(copied) / sizeof(copied[0]));
    folder_has("out", "README.md", "mine");
    folder_has("out", "LICENSE", "NOTICE");
    ck_assert_int_eq(phi_path_kind("out/NOTICE"), PHI_PATH_NONE);
    ck_assert_uint_eq(folder_size("out", "zz added"), 0);
    folder_end(&c);
}
END_TEST

/* Nothing of the old one stays, whatever files the new one has. */
START_TEST(tokenizers_are_replaced_as_a_whole)
{
    struct phi_hf_folder_options opt = {.tokenizer = "adapter"};
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    ck_assert_int_eq(mkdir("adapter", 0777), 0);
    tiny_model("in", "");
    fixture_text("in", "added_tokens.json", "{}");
    fixture_text("in", "chat_template.jinja", "old");
    fixture_text("in", "README.md", "base");
    fixture_text("adapter", "README.md", "adapter");
    fixture_text("adapter", "adapter_model.safetensors", "x");
    folder_begin(&c, PHI_F16);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_FORMAT, "adapter: has no tokenizer: expected tokenizer.j");
    fixture_text("adapter", "tokenizer.json", "new");
    fixture_text("adapter", "tokenizer_config.json", "new too");
    folder_write(&c, "out", &opt);
    ck_assert_uint_eq(folder_count("out"), 5);
    folder_has("out", "tokenizer.json", "new");
    folder_has("out", "tokenizer_config.json", "new too");
    folder_has("out", "README.md", "base");
    folder_end(&c);
}
END_TEST

/* A scan alone says what it leaves. */
START_TEST(a_scan_tells_what_it_leaves)
{
    struct phi_hf_side_files files = {0};

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    fixture_text("in", "optimizer.pt", "x");
    ck_ok(phi_hf_side_files_scan(&files, "in", &err));
    ck_assert_uint_eq(files.n, 3);
    ck_assert_str_eq(files.v[0].name, "config.json");
    ck_assert_str_eq(files.v[2].name, "vocab.json");
    ck_assert_uint_eq(files.left.n, 2);
    ck_assert_str_eq(files.left.v[0], PHI_HF_SINGLE);
    ck_assert_str_eq(files.left.v[1], "optimizer.pt");
    ck_assert_ptr_null(phi_hf_side_files_find(&files, "optimizer.pt"));
    phi_hf_side_files_release(&files);
}
END_TEST

/* For archives: other names too, but no weights, and nothing large. */
START_TEST(a_scan_of_all_takes_other_names)
{
    static const char *const other[] = {"LICENSE.html", "USE_POLICY",
                                        "again",        "at the limit",
                                        "notes.csv",    "vocab.dat"};
    static const char *const left[] = {
        ".hidden.csv", "Model.BIN",       "adapter_config.json", "folder",
        "model.gguf",  "model.onnx_data", PHI_HF_SINGLE,         "optimizer.pt",
        "outside",     "over the limit"};
    const size_t n = sizeof(other) / sizeof(other[0]);
    struct phi_hf_side_files files = {0};

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    ck_assert_int_eq(mkdir("in/folder", 0777), 0);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(other[i], "again") != 0)
            fixture_text("in", other[i], "x");
    }
    fixture_text("in", "at the limit", "12345");
    fixture_text("in", "over the limit", "123456");
    fixture_text("in", ".hidden.csv", "x");
    fixture_text("in", "Model.BIN", "x");
    fixture_text("in", "adapter_config.json", "x");
    fixture_text("in", "model.gguf", "x");
    fixture_text("in", "model.onnx_data", "x");
    fixture_text("in", "optimizer.pt", "x");
    fixture_text(".", "secret", "x");
    ck_assert_int_eq(symlink("notes.csv", "in/again"), 0);
    ck_assert_int_eq(symlink("../secret", "in/outside"), 0);
    /* 1 + 1 + 5 + 1 bytes, not 6 more, and 1. */
    ck_ok(phi_hf_side_files_scan_all(&files, "in", 9, &err));
    ck_assert_uint_eq(files.n, 3 + n); /* of the model: larger ones, too */
    for (size_t i = 0; i < n; i++)
        ck_assert_ptr_nonnull(phi_hf_side_files_find(&files, other[i]));
    ck_assert_uint_eq(files.left.n, sizeof(left) / sizeof(left[0]));
    for (size_t i = 0; i < files.left.n; i++)
        ck_assert_str_eq(files.left.v[i], left[i]);
    phi_hf_side_files_release(&files);
    /* A link out of the folder of a name that a model has is a mistake. */
    ck_assert_int_eq(symlink("../secret", "in/secret.txt"), 0);
    ck_refused(phi_hf_side_files_scan_all(&files, "in", 5, &err),
               PHI_E_UNSUPPORTED, "in/secret.txt: is a link to \"../secret\"");
    phi_hf_side_files_release(&files);
}
END_TEST

START_TEST(links_are_followed_within_the_folder)
{
    static const char hash[] = "../../blobs/"
                               "0123456789abcdef0123456789abcdef01234567";
    const struct phi_hf_folder_options opt = {0};
    struct folder_copy c;

    /* As the Hub's cache: cache/snapshots/rev and cache/blobs. */
    ck_assert_int_eq(mkdir("cache", 0777), 0);
    ck_assert_int_eq(mkdir("cache/blobs", 0777), 0);
    ck_assert_int_eq(mkdir("cache/snapshots", 0777), 0);
    ck_assert_int_eq(mkdir("cache/snapshots/rev", 0777), 0);
    ck_assert_int_eq(symlink("cache/snapshots/rev", "in"), 0);
    tiny_model("in", "");
    fixture_text("cache/blobs", strrchr(hash, '/') + 1, "from the cache");
    ck_assert_int_eq(symlink(hash, "in/README.md"), 0);
    ck_assert_int_eq(symlink("config.json", "in/again.json"), 0);
    ck_assert_int_eq(symlink("/etc/passwd", "in/.not looked at"), 0);
    folder_begin(&c, PHI_F16);
    folder_write(&c, "out", &opt);
    folder_has("out", "README.md", "from the cache");
    folder_has("out", "again.json", TINY_CONFIG);
    folder_end(&c);
}
END_TEST

START_TEST(links_out_of_the_folder_are_refused)
{
    static const char *const targets[] = {
        "/etc/passwd",
        "../secret.txt",
        "./config.json",
        "loop.txt",
        "../../blobs/0123456789abcdef0123456789abcdef0123456",
        "../../blobs/../secret.txt"};
    const struct phi_hf_folder_options opt = {0};
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    fixture_text(".", "secret.txt", "secret");
    folder_begin(&c, PHI_F16);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        ck_assert_int_eq(symlink(targets[i], "in/loop.txt"), 0);
        ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors,
                                           c.n, &opt, &err),
                   PHI_E_UNSUPPORTED, "in/loop.txt: is a link to \"");
        ck_assert_int_eq(unlink("in/loop.txt"), 0);
    }
    /* Nothing there. */
    ck_assert_int_eq(symlink("none.txt", "in/gone.txt"), 0);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_IO, "in/none.txt: cannot be examined: No such file");
    ck_assert_int_eq(phi_path_kind("out"), PHI_PATH_NONE);
    folder_end(&c);
}
END_TEST

/* ---- refusals, and what stays -------------------------------------------- */

static void ck_fails(struct folder_copy *c, enum phi_status status,
                     const char *message)
{
    const struct phi_hf_folder_options opt = {0};
    uint64_t size;

    ck_refused(phi_hf_folder_sink_open(&c->sink, "out", c->source, c->tensors,
                                       c->n, &opt, &err),
               status, message);
    ck_refused(phi_hf_folder_sink_size(&size, "out", c->source, c->tensors,
                                       c->n, &opt, &err),
               status, message);
    ck_assert_ptr_null(c->sink);
    ck_assert_uint_eq(folder_count("."), 1);
}

START_TEST(lists_that_are_wrong_are_refused)
{
    struct phi_sink_tensor keep;
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    folder_begin(&c, PHI_F16);
    c.n--;
    ck_fails(&c, PHI_E_ARG, "out: tensor \"");
    ck_fails(&c, PHI_E_ARG, "\": is missing");
    keep = c.tensors[c.n++];
    c.tensors[c.n - 1] = c.tensors[0];
    ck_fails(&c, PHI_E_ARG, "\": is there twice");
    c.tensors[c.n - 1] = keep;
    c.tensors[c.n] = keep;
    c.tensors[c.n++].name = "blk.2.ffn_up.weight";
    ck_fails(&c, PHI_E_ARG,
             "tensor \"blk.2.ffn_up.weight\": is not one of the base model's");
    c.n--;
    c.tensors[3].nbytes++;
    ck_fails(&c, PHI_E_ARG, "bytes, expected those of its type and shape");
    c.tensors[3].nbytes--;
    keep = c.tensors[3];
    c.tensors[3].rank = 0;
    ck_fails(&c, PHI_E_ARG, "bytes, expected those of its type and shape");
    c.tensors[3] = keep;
    c.tensors[3].dim[0] = UINT64_C(1) << 63;
    ck_fails(&c, PHI_E_ARG, "bytes, expected those of its type and shape");
    c.tensors[3] = keep;
    keep = c.tensors[folder_index(&c, "token_embd.weight")];
    c.tensors[folder_index(&c, "token_embd.weight")].dtype = PHI_I16;
    ck_fails(&c, PHI_E_ARG, "is I16, expected a float");
    c.tensors[folder_index(&c, "token_embd.weight")] = keep;
    keep.dtype = PHI_Q8_0;
    keep.rank = 1;
    keep.dim[0] = 2048;
    keep.nbytes = 2048 / 32 * 34;
    keep.name = "output.weight";
    c.tensors[folder_index(&c, "output.weight")] = keep;
    ck_fails(&c, PHI_E_ARG, "cannot be written to safetensors");
    folder_end(&c);
}
END_TEST

START_TEST(the_base_is_never_replaced)
{
    const struct phi_hf_folder_options opt = {.replace = true};
    struct phi_hf_folder_options more = {.replace = true, .ninputs = 1};
    struct phi_file_id id;
    struct phi_file *f = NULL;
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    folder_begin(&c, PHI_F16);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "in", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_ARG, "input and output are the same file");
    ck_refused(phi_hf_folder_sink_open(&c.sink, "./in//", c.source, c.tensors,
                                       c.n, &opt, &err),
               PHI_E_ARG, "input and output are the same file");
    /* An adapter in the folder that would go. */
    ck_assert_int_eq(mkdir("out", 0777), 0);
    fixture_text("out", "config.json", "{}");
    fixture_text("out", "adapter", "x");
    ck_ok(phi_file_open(&f, "out/adapter", &err));
    id = phi_file_identity(f);
    phi_file_close(f);
    more.inputs = &id;
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &more, &err),
               PHI_E_ARG, "out/adapter: input and output are the same file");
    ck_assert_uint_eq(folder_count("out"), 2);
    ck_assert_uint_eq(folder_count("."), 2);
    folder_write(&c, "out", &opt);
    ck_assert_uint_eq(folder_count("out"), 4);
    folder_end(&c);
}
END_TEST

START_TEST(what_is_not_finished_leaves_nothing)
{
    struct phi_hf_folder_options opt = {0};
    const struct phi_meta meta = {0};
    struct folder_copy c;
    uint8_t byte = 1;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    ck_assert_int_eq(mkdir("out", 0777), 0);
    fixture_text("out", "config.json", "old");
    tiny_model("in", "");
    folder_begin(&c, PHI_F16);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_ARG, "out: exists already");
    opt.replace = true;
    ck_ok(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                  &opt, &err));
    ck_assert_uint_eq(folder_count("."), 3);
    ck_refused(phi_sink_set_meta(c.sink, &meta, &err), PHI_E_ARG,
               "out: a folder takes no metadata");
    ck_refused(phi_sink_write(c.sink, c.n, 0, &byte, 1, &err), PHI_E_ARG,
               "was written, expected one of 33");
    ck_refused(phi_sink_write(c.sink, 0, c.tensors[0].nbytes, &byte, 1, &err),
               PHI_E_ARG, "1 bytes were written at ");
    c.n--;
    folder_fill(&c);
    ck_refused(phi_sinks_commit(&c.sink, 1, &err), PHI_E_ARG,
               "bytes at the end, expected");
    phi_sink_close(c.sink);
    ck_assert_uint_eq(folder_count("."), 2);
    ck_assert_uint_eq(folder_count("out"), 1);
    folder_has("out", "config.json", "old");
    folder_end(&c);
}
END_TEST

START_TEST(configurations_must_be_objects)
{
    static const struct phi_hf_side_file bad = {
        .name = "config.json", .bytes = "[]", .nbytes = 2};
    static const struct phi_hf_side_file none = {.name = "config.json"};
    struct phi_hf_folder_options opt = {.side = &bad, .nside = 1};
    struct folder_copy c;

    ck_assert_int_eq(mkdir("in", 0777), 0);
    tiny_model("in", "");
    folder_begin(&c, PHI_F16);
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_FORMAT, "config.json: is an array, expected an object");
    opt.side = &none;
    ck_refused(phi_hf_folder_sink_open(&c.sink, "out", c.source, c.tensors, c.n,
                                       &opt, &err),
               PHI_E_ARG, "out: has no config.json, expected one");
    folder_end(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_side_files");
    TCase *t = tcase_create("hf_side_files");

    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, side_files_are_copied_replaced_left_out);
    tcase_add_test(t, tokenizers_are_replaced_as_a_whole);
    tcase_add_test(t, a_scan_tells_what_it_leaves);
    tcase_add_test(t, a_scan_of_all_takes_other_names);
    tcase_add_test(t, links_are_followed_within_the_folder);
    tcase_add_test(t, links_out_of_the_folder_are_refused);
    tcase_add_test(t, lists_that_are_wrong_are_refused);
    tcase_add_test(t, the_base_is_never_replaced);
    tcase_add_test(t, what_is_not_finished_leaves_nothing);
    tcase_add_test(t, configurations_must_be_objects);
    suite_add_tcase(s, t);
    return unit_main(s);
}

/* SPDX-License-Identifier: MIT */
/* phiconv verify-release: is a folder what was released, and of its source? */
#include <errno.h>

#include "libconv/base/file.h"
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/relcheck.h"
#include "tools/report.h"

static const struct option options[] = {
    OPT_TEXT(0, "source", "MODEL", struct relcheck_args, source,
             "make every tensor once more from MODEL, the original, and "
             "compare the bytes; nothing is written"),
    OPT_LIST(0, "lora", "ADAPTER[:SCALE]", struct relcheck_args, lora.adapters,
             "an adapter that the release was made with, in order"),
    OPT_TEXT(0, "allow-unused", "REGEX", struct relcheck_args,
             lora.allow_unused,
             "let tensors of an adapter go unused whose key REGEX is found "
             "in, as it was made"),
    OPT_FLAG(0, "allow-twice", struct relcheck_args, lora.allow_twice,
             "let the same adapter be given twice"),
    OPT_TEXT(0, "imatrix", "FILE", struct relcheck_args, imatrix,
             "the importance matrix that it was made with"),
    OPT_TEXT(0, "minisign-key", "KEY", struct relcheck_args, minisign_key,
             "check SHA256SUMS.minisig by this public key, or the file that "
             "holds it; runs minisign"),
    OPT_TEXT(0, "gpg-key", "FILE", struct relcheck_args, gpg_key,
             "check SHA256SUMS.asc by the public keys in FILE, as gpg --export "
             "writes them; runs gpgv"),
    OPT_SIZE(0, "max-memory", "N[K|M|G]", struct relcheck_args, max_memory,
             1024,
             "use at most N bytes of memory for --source, 256M if not given; "
             "powers of 1024"),
    OPT_END,
};

static enum phi_status (*const steps[])(struct relcheck *, struct phi_err *) = {
    relcheck_files, relcheck_signature, relcheck_manifest, relcheck_models,
    relcheck_source};

/* Each step trusts what the ones before it have found. */
static enum phi_status check(struct relcheck *c, struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (st == PHI_OK && c->nfound == 0)
            st = steps[i](c, err);
    }
    return st;
}

static int verify(struct relcheck *c)
{
    struct phi_err err = {0};
    enum phi_status st;

    if (phi_path_kind(c->dir) == PHI_PATH_NONE)
        st = phi_fail_sys(&err, ENOENT, "%s: cannot be opened", c->dir);
    else if (!phi_path_may_be(c->dir, PHI_PATH_DIR))
        st = phi_fail(&err, PHI_E_ARG, "%s: is no folder", c->dir);
    else
        st = check(c, &err);
    if (st == PHI_OK)
        st = relcheck_print(c, &err);
    if (st != PHI_OK)
        return report_error(&err);
    return c->nfound == 0 ? EXIT_CODE_DONE : EXIT_CODE_GATE;
}

/* They are read again where they are needed; mistakes are told here. */
static int try_words(const struct relcheck *c)
{
    const struct text_list *list = &c->args.lora.adapters;
    struct lora_words words = {0};
    const int code = lora_words_read(&words, c->cmd, &c->args.lora, list->v,
                                     list->n, c->features);

    lora_words_release(&words);
    return code;
}

/* An option that is given and needs --source, or NULL. */
static const char *for_source(const struct relcheck_args *a)
{
    return a->imatrix != NULL       ? "--imatrix"
           : a->lora.adapters.n > 0 ? "--lora"
           : a->max_memory > 0      ? "--max-memory"
                                    : NULL;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct relcheck c = {.cmd = self};
    int code = options_parse(self, argc, argv, &c.args);

    if (code == -1)
        code = level_features(self, &c.args.common, &c.features);
    if (code == -1 && c.args.source == NULL && for_source(&c.args) != NULL)
        code = usage_error(self, "%s is for --source, and there is none",
                           for_source(&c.args));
    if (c.args.max_memory == 0)
        c.args.max_memory = 256u << 20;
    if (code == -1)
        code = try_words(&c);
    if (code == -1) {
        c.dir = c.args.common.operands.v[0];
        code = verify(&c);
    }
    relcheck_release(&c);
    options_release(self, &c.args);
    return code;
}

const struct command cmd_verify_release = {
    .name = "verify-release",
    .summary = "check a release folder, also against its source",
    .synopsis = "DIR [--source MODEL [--lora ADAPTER]] [options]",
    .description =
        "DIR is a folder that phiconv release has made. Its files must be "
        "those of SHA256SUMS, no more and no fewer, with these hashes; "
        "manifest.json must list them, its gates must have passed, the models "
        "must have the files and tensors that it describes, and no other file "
        "may look like weights. Links, folders and names that lead elsewhere "
        "are refused before anything is opened.\n\n"
        "With --source every tensor is made once more by the manifest's "
        "recipes, with the kernels of this machine, and compared byte by byte, "
        "and so are the metadata, and what packed files have of MODEL's "
        "folder. A signature is checked if a key is given. "
        "The exit code is 1 if there is a difference. Each is named; of more "
        "than 256 the first are, and all are counted.",
    .options = options,
    .examples = "phiconv verify-release my-phi-gguf\n"
                "phiconv verify-release my-phi-gguf --source my-phi\n"
                "phiconv verify-release my-phi-gguf --source phi-2 --lora "
                "my-adapter\n"
                "phiconv verify-release my-phi-gguf --minisign-key my.pub",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

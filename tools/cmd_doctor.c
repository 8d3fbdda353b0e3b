/* SPDX-License-Identifier: MIT */
/* phiconv doctor: what is wrong with a checkpoint, and how to mend it. */
#include "libconv/base/file.h"
#include "tools/commands.h"
#include "tools/doctor.h"
#include "tools/levels.h"
#include "tools/report.h"

struct args {
    struct common common;
    bool no_weights;
    bool checks;
};

static const struct option options[] = {
    OPT_FLAG(0, "no-weights", struct args, no_weights,
             "look at everything but the values of the weights"),
    OPT_FLAG(0, "checks", struct args, checks,
             "list what is looked for, and how bad it is"),
    OPT_END,
};

static enum phi_status look(struct doctor *d, const struct args *a,
                            struct phi_err *err)
{
    enum phi_status st = doctor_files(d, err);

    if (st == PHI_OK)
        st = doctor_names(d, err);
    if (st == PHI_OK && !a->no_weights)
        st = doctor_weights(d, err);
    if (st == PHI_OK && !d->adapter)
        st = doctor_card(d, err);
    if (st == PHI_OK)
        st = a->common.json ? doctor_print_json(d, err)
                            : doctor_print_text(d, err);
    return st;
}

static int doctor(const struct args *a, uint32_t features)
{
    struct doctor d = {.dir = a->common.operands.v[0],
                       .common = &a->common,
                       .features = features};
    struct phi_err err = {0};
    enum phi_status st;
    int code;

    if (phi_path_kind(d.dir) == PHI_PATH_FILE) {
        phi_fail(&err, PHI_E_ARG, "%s: is a file, expected a folder", d.dir);
        phi_hint(&err, "phiconv inspect shows what a file holds");
        return report_error(&err);
    }
    st = look(&d, a, &err);
    code = d.count[DOCTOR_ERROR] + d.count[DOCTOR_WARNING] > 0 ? EXIT_CODE_GATE
                                                               : EXIT_CODE_DONE;
    doctor_release(&d);
    return st == PHI_OK ? code : report_error(&err);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct args a = {0};
    struct phi_err err = {0};
    uint32_t features = 0;
    int code = options_parse(self, argc, argv, &a);

    if (code == -1)
        code = level_features(self, &a.common, &features);
    if (code == -1 && a.checks)
        code = doctor_print_checks(a.common.json, &err) == PHI_OK
                   ? EXIT_CODE_DONE
                   : report_error(&err);
    if (code == -1 && a.common.operands.n == 0)
        code = usage_error(self, "no folder: phiconv doctor DIR");
    if (code == -1)
        code = doctor(&a, features);
    options_release(self, &a);
    return code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "find what is wrong with a checkpoint, and the fix",
    .synopsis = "DIR [options]",
    .description =
        "DIR is the folder of a Hugging Face model or of a PEFT adapter. "
        "Everything is looked at, and everything that is wrong is said, with "
        "its place and what to do: files that are pointers, missing or cut "
        "short; an index that does not fit; leftovers of quantizers and "
        "adapters; tensors, rows and tokens that do not belong together; "
        "files that disagree about special tokens; weights that are no "
        "numbers, too large for f16 or never trained; and the model card.\n\n"
        "The weights are read once, in pieces. The exit code is 1 if there is "
        "an error or a warning; notes alone leave it 0. A model without "
        "errors is one that phiconv converts to f32; warnings say where f16 "
        "or the result may disappoint.",
    .options = options,
    .examples = "phiconv doctor my-phi\n"
                "phiconv doctor my-adapter --json\n"
                "phiconv doctor my-phi --no-weights\n"
                "phiconv doctor --checks",
    .min_operands = 0,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

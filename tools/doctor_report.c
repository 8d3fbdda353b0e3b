/* SPDX-License-Identifier: MIT */
/* Findings, worst first, as text and as phiconv.doctor/1. */
#include "tools/colour.h"
#include "tools/doctor.h"
#include "tools/report.h"

static const char *const severities[] = {"note", "warning", "error"};
static const enum colour colours[] = {COLOUR_CYAN, COLOUR_YELLOW, COLOUR_RED};

static const char *fix_of(const struct doctor_finding *f)
{
    return f->fix != NULL ? f->fix : doctor_rows[f->check].fix;
}

enum phi_status doctor_print_text(const struct doctor *d, struct phi_err *err)
{
    char dir[PHI_ERR_MAX], bytes[32];

    (void)err;
    phi_printable(dir, sizeof(dir), d->dir);
    for (int s = DOCTOR_ERROR; s >= DOCTOR_NOTE; s--) {
        if (s == DOCTOR_NOTE && d->common->quiet)
            break;
        for (size_t i = 0; i < d->n; i++) {
            const struct doctor_finding *f = &d->findings[i];
            const struct doctor_row *row = &doctor_rows[f->check];

            if ((int)row->severity != s)
                continue;
            printf("%s%s%s %s: %s: %s\n    fix: %s\n",
                   colour(stdout, colours[s]), severities[s],
                   colour(stdout, COLOUR_OFF), row->id, f->place, f->text,
                   fix_of(f));
        }
    }
    if (!d->common->quiet)
        printf("%s: %zu error%s, %zu warning%s, %zu note%s; %llu tensors, %s "
               "read\n",
               dir, d->count[DOCTOR_ERROR],
               d->count[DOCTOR_ERROR] == 1 ? "" : "s", d->count[DOCTOR_WARNING],
               d->count[DOCTOR_WARNING] == 1 ? "" : "s", d->count[DOCTOR_NOTE],
               d->count[DOCTOR_NOTE] == 1 ? "" : "s",
               (unsigned long long)d->ntensors, human_bytes(bytes, d->read));
    return PHI_OK;
}

enum phi_status doctor_print_json(const struct doctor *d, struct phi_err *err)
{
    struct json_out j = {0};

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.doctor/1");
    json_str(&j, "path", d->dir);
    json_str(&j, "kind", d->adapter ? "adapter" : "hf");
    json_bool(&j, "healthy",
              d->count[DOCTOR_ERROR] + d->count[DOCTOR_WARNING] == 0);
    json_uint(&j, "errors", d->count[DOCTOR_ERROR]);
    json_uint(&j, "warnings", d->count[DOCTOR_WARNING]);
    json_uint(&j, "notes", d->count[DOCTOR_NOTE]);
    json_uint(&j, "tensors", d->ntensors);
    json_uint(&j, "bytes", d->read);
    json_open(&j, "findings", '[');
    for (int s = DOCTOR_ERROR; s >= DOCTOR_NOTE; s--) {
        for (size_t i = 0; i < d->n; i++) {
            const struct doctor_finding *f = &d->findings[i];

            if ((int)doctor_rows[f->check].severity != s)
                continue;
            json_open(&j, NULL, '{');
            json_str(&j, "id", doctor_rows[f->check].id);
            json_str(&j, "severity", severities[s]);
            json_str(&j, "place", f->place);
            json_str(&j, "message", f->text);
            json_str(&j, "fix", fix_of(f));
            json_close(&j, '}');
        }
    }
    json_close(&j, ']');
    json_close(&j, '}');
    return json_finish(&j, err);
}

enum phi_status doctor_print_checks(bool json, struct phi_err *err)
{
    struct table t = {.ncols = 3, .headless = true};
    struct json_out j = {0};
    enum phi_status st;

    json_open(&j, NULL, '{');
    json_str(&j, "schema", "phiconv.doctor-checks/1");
    json_open(&j, "checks", '[');
    for (int i = 0; i < DOCTOR_NCHECKS; i++) {
        const struct doctor_row *row = &doctor_rows[i];

        table_cell(&t, "%s", severities[row->severity]);
        table_cell(&t, "%s", row->id);
        table_cell(&t, "%s", row->what);
        json_open(&j, NULL, '{');
        json_str(&j, "id", row->id);
        json_str(&j, "severity", severities[row->severity]);
        json_str(&j, "what", row->what);
        json_str(&j, "fix", row->fix);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    if (json) {
        st = json_finish(&j, err);
    } else {
        st = table_print(&t, stdout, err);
        phi_buf_release(&j.buf);
    }
    table_release(&t);
    return st;
}

/* SPDX-License-Identifier: MIT */
#include "tools/run_leftovers.h"

#include <stdlib.h>

#include "libconv/base/leftovers.h"
#include "libconv/base/mem.h"
#include "tools/report.h"

static void note_before(void *ctx, const char *path, enum phi_leftover what)
{
    static const char *const texts[] = {
        [PHI_LEFTOVER_REMOVED] = "a run that was killed had left it; removed",
        [PHI_LEFTOVER_STAYS] = "a run that was killed may have left it; if no "
                               "other is making this output, remove it",
        [PHI_LEFTOVER_OLD] = "holds what the output held when a run was "
                             "killed; rename it back, or remove it"};
    const struct common *c = ctx;

    if (!c->quiet)
        report_note("%s: %s", path, texts[what]);
}

/* What cannot be removed now could not be a moment ago. What can be is this
 * run's, which could not, or that of another which was killed meanwhile. */
static void note_after(void *ctx, const char *path, enum phi_leftover what)
{
    const struct common *c = ctx;

    if (what == PHI_LEFTOVER_STAYS)
        report_note("%s: is temporary and could not be removed; remove it",
                    path);
    if (what == PHI_LEFTOVER_REMOVED && !c->quiet)
        report_note("%s: was temporary, and nobody was using it; removed",
                    path);
}

void leftovers_before(struct common *c, const char *path)
{
    void *list = c->outputs;
    char *copy;

    if (path == NULL)
        return;
    phi_leftovers_clear(path, note_before, c);
    copy = phi_strdup(path, NULL);
    /* Without memory it is not looked for again: the run fails anyway. */
    if (copy == NULL || phi_grow(&list, &c->outputs_cap, c->noutputs + 1,
                                 sizeof(*c->outputs), NULL) != PHI_OK) {
        free(copy);
        return;
    }
    c->outputs = list;
    c->outputs[c->noutputs++] = copy;
}

void leftovers_after(struct common *c)
{
    for (size_t i = 0; i < c->noutputs; i++) {
        phi_leftovers_clear(c->outputs[i], note_after, c);
        free(c->outputs[i]);
    }
    free(c->outputs);
    c->outputs = NULL;
    c->noutputs = 0;
    c->outputs_cap = 0;
}

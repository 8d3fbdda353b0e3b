/* SPDX-License-Identifier: MIT */
/*
 * README.md of a release: a model card with front matter that model hubs read,
 * a table of the files and what they cost, how to run and how to verify them.
 */
#ifndef PHICONV_TOOLS_RELEASE_CARD_H
#define PHICONV_TOOLS_RELEASE_CARD_H

#include "tools/release_job.h"

enum phi_status release_add_card(struct release_job *job, struct phi_err *err);

/* Id "ORG/NAME" of base model i: of --base-model, or what the source's card
 * says; NULL after the last. */
const char *release_base_model(const struct release_job *job, size_t i);

#endif

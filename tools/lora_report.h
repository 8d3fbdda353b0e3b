/* SPDX-License-Identifier: MIT */
/* What adapters did, module by module. */
#ifndef PHICONV_TOOLS_LORA_REPORT_H
#define PHICONV_TOOLS_LORA_REPORT_H

#include "formats/adapted_model.h"
#include "tools/report.h"

/* Notes on standard error: adapters that change nothing, unused tensors. */
void lora_print_notes(const struct phi_adapted *a);

/* A line a module; `done`: the changes are known. */
enum phi_status lora_print_modules(const struct phi_adapted *a, bool done,
                                   struct phi_err *err);

/* A line an adapter. */
enum phi_status lora_print_adapters(const struct phi_adapted *a, bool done,
                                    struct phi_err *err);

/* "adapters": [...], with their modules. */
void lora_json(struct json_out *j, const struct phi_adapted *a, bool done);

#endif

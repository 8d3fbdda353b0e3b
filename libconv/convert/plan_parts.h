/* SPDX-License-Identifier: MIT */
/* What every plan does with a tensor, whatever it is for; see plan.h. */
#ifndef PHI_CONVERT_PLAN_PARTS_H
#define PHI_CONVERT_PLAN_PARTS_H

#include "libconv/convert/plan.h"

/* PHI_E_UNSUPPORTED for more dimensions than an output can have, and for rows
 * above PHI_PLAN_MAX_COLS. */
enum phi_status phi_plan_check_shape(const struct phi_tensor *t,
                                     struct phi_err *err);

/* Makes t, in type dtype, tensor i of the plan, and adds it to the sums. */
enum phi_status phi_plan_set(struct phi_plan *plan, size_t i,
                             const struct phi_tensor *t, enum phi_dtype dtype,
                             struct phi_err *err);

#endif

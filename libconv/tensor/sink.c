/* SPDX-License-Identifier: MIT */
#include "libconv/tensor/sink.h"

enum phi_status phi_sinks_publish(struct phi_sink *const *sinks, size_t n,
                                  struct phi_err *err)
{
    enum phi_status st = PHI_OK;
    size_t published = 0;

    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = sinks[i]->ops->sync(sinks[i], err);
    while (st == PHI_OK && published < n) {
        st = sinks[published]->ops->publish(sinks[published], err);
        published++; /* a sink of several files may stop half the way */
    }
    if (st != PHI_OK) {
        while (published-- > 0)
            sinks[published]->ops->retract(sinks[published]);
    }
    return st;
}

enum phi_status phi_sinks_commit(struct phi_sink *const *sinks, size_t n,
                                 struct phi_err *err)
{
    enum phi_status st = phi_sinks_publish(sinks, n, err);

    for (size_t i = 0; st == PHI_OK && i < n; i++)
        st = sinks[i]->ops->settle(sinks[i], err);
    return st;
}

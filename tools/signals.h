/* SPDX-License-Identifier: MIT */
/*
 * SIGINT, SIGTERM and SIGHUP set a flag; work in progress sees it at its next
 * monitor tick, removes its temporary files, and the program then dies of the
 * same signal, as a shell expects.
 */
#ifndef PHICONV_TOOLS_SIGNALS_H
#define PHICONV_TOOLS_SIGNALS_H

#include <stdbool.h>

#include "libconv/base/monitor.h"

/* Also ignores SIGPIPE and SIGXFSZ: they become errors of write(). */
void signals_install(void);

/* They end the program at once again, but for those that are ignored: for work
 * that writes nothing and waits where nobody looks at the flag. */
void signals_default(void);

/* Whether one arrived. */
bool signals_pending(void);

/* Heeds a signal, and draws nothing. */
extern const struct phi_monitor signals_monitor;

/* 128 + the signal that arrived. */
int signals_exit_code(void);

/* Dies of the signal that arrived; returns if none did. */
void signals_reraise(void);

#endif

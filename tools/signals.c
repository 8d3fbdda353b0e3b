/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tools/signals.h"

#include <signal.h>
#include <stddef.h>

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

/* A handler can reach nothing else: the one mutable global of the program. */
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void set_ends(const struct sigaction *action)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction old;

        /* Under nohup, SIGHUP stays ignored. */
        if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(ends[i], action, NULL);
    }
}

void signals_install(void)
{
    struct sigaction ignore = {0};
    struct sigaction note = {0};

    ignore.sa_handler = SIG_IGN;
    note.sa_handler = on_signal;
    sigemptyset(&ignore.sa_mask);
    sigemptyset(&note.sa_mask);
    note.sa_flags = SA_RESTART;
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
    set_ends(&note);
}

void signals_default(void)
{
    struct sigaction die = {0};

    die.sa_handler = SIG_DFL;
    sigemptyset(&die.sa_mask);
    set_ends(&die);
    signals_reraise(); /* one that came before */
}

bool signals_pending(void)
{
    return caught != 0;
}

static bool go_on(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    (void)ctx;
    (void)done;
    (void)total;
    (void)note;
    return !signals_pending();
}

const struct phi_monitor signals_monitor = {go_on, NULL};

int signals_exit_code(void)
{
    return 128 + caught;
}

void signals_reraise(void)
{
    const int number = caught;

    if (number == 0)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/report.h"
#include "tools/signals.h"

/* Seconds between two drawings. */
#define BAR_INTERVAL  0.1
#define LINE_INTERVAL 5.0

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_begin(struct progress *p, enum progress_mode mode,
                    const char *label, const char *unit)
{
    const char *term = getenv("TERM");

    *p = (struct progress){.mode = mode, .label = label, .unit = unit};
    p->bar = mode == PROGRESS_AUTO && isatty(STDERR_FILENO) &&
             !(term != NULL && strcmp(term, "dumb") == 0);
    p->began = now();
    p->last = p->bar ? 0 : p->began;
}

double progress_seconds(const struct progress *p)
{
    return now() - p->began;
}

static void amount(const struct progress *p, double v, char out[48])
{
    char bytes[32];

    if (strcmp(p->unit, "B") == 0)
        snprintf(out, 48, "%s",
                 human_bytes(bytes, v < 1e18 ? (uint64_t)v : UINT64_MAX));
    else
        snprintf(out, 48, "%.0f %s", v, p->unit);
}

static void eta_text(double seconds, char out[32])
{
    const unsigned s = seconds < 359999 ? (unsigned)(seconds + 0.5) : 359999;

    if (s >= 3600)
        snprintf(out, 32, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 32, "%u:%02u", s / 60, s % 60);
}

static size_t terminal_columns(void)
{
    struct winsize w;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
        return w.ws_col;
    return 80;
}

static void draw(const struct progress *p, double part, const char *text)
{
    static const char cells[] = "##############################";
    const size_t columns = terminal_columns();
    const int width = columns >= 100 ? 30 : columns >= 70 ? 20 : 10;
    const int full = (int)(part * width);
    char line[256];
    int n;

    n = snprintf(line, sizeof(line), "%s [%.*s%*s] %3.0f%% %s", p->label, full,
                 cells, width - full, "", part * 100, text);
    if (n > (int)columns - 1)
        n = (int)columns - 1;
    /* Erase to the end of the line: the last one may have been longer. */
    fprintf(stderr, "\r%.*s\033[K", n, line);
    fflush(stderr);
}

static bool tick(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    struct progress *p = ctx;
    const double t = now();
    const double spent = t - p->began;
    const double part = total > 0 ? (double)done / (double)total : 0;
    const double rate = spent > 0 ? (double)done / spent : 0;
    char did[48];
    char speed[48];
    char eta[32] = "-:--";
    char text[160];

    if (signals_pending())
        return false;
    if ((p->mode == PROGRESS_AUTO && !p->bar) || p->mode == PROGRESS_NONE)
        return true;
    if (t - p->last < (p->bar ? BAR_INTERVAL : LINE_INTERVAL) && done < total)
        return true;
    p->last = t;
    p->drawn = true;
    if (p->mode == PROGRESS_JSON) {
        fprintf(stderr,
                "{\"progress\":\"%s\",\"done\":%llu,\"total\":%llu,"
                "\"unit\":\"%s\",\"seconds\":%.3f}\n",
                p->label, (unsigned long long)done, (unsigned long long)total,
                p->unit, spent);
        return true;
    }
    amount(p, (double)done, did);
    amount(p, rate, speed);
    if (rate > 0 && done <= total)
        eta_text((double)(total - done) / rate, eta);
    snprintf(text, sizeof(text), "%s  %s/s  ETA %s%s%s", did, speed, eta,
             note != NULL ? "  " : "", note != NULL ? note : "");
    if (p->bar)
        draw(p, part < 1 ? part : 1, text);
    else
        fprintf(stderr, "%s %.0f%% %s\n", p->label, part * 100, text);
    return true;
}

struct phi_monitor progress_monitor(struct progress *p)
{
    return (struct phi_monitor){tick, p};
}

void progress_end(struct progress *p)
{
    if (p->bar && p->drawn) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
    p->drawn = false;
}

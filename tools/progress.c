/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/colour.h"
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

static size_t bar_columns(void)
{
    const size_t n = terminal_columns(stderr);

    return n >= 20 ? n : 80;
}

/* What can be said, without the spaces between. */
struct words {
    char did[48];
    char rate[52];
    char eta[40];
    const char *note; /* or NULL */
};

/* The words that are wanted, with two spaces before each but the first. */
static void join(char out[256], const struct words *w, bool did, bool rate,
                 bool note)
{
    const char *const all[] = {did ? w->did : NULL, rate ? w->rate : NULL,
                               w->eta, note ? w->note : NULL};
    int at = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] != NULL && at < 256)
            at += snprintf(out + at, (size_t)(256 - at), "%s%s",
                           at > 0 ? "  " : "", all[i]);
    }
}

/*
 * The most that fits. A word is left out as a whole: the beginning of a
 * number would be another number.
 */
static void draw(const struct progress *p, double part, const struct words *w)
{
    static const char cells[] = "##############################";
    static const struct {
        int bar;
        bool did;
        bool rate;
        bool note;
    } layouts[] = {
        {30, true, true, true},    {20, true, true, true},
        {10, true, true, true},    {10, false, true, true},
        {10, false, false, true},  {0, false, false, true},
        {10, false, false, false}, {0, false, false, false},
    };
    /* Room for the ^C that a terminal shows. */
    const size_t room = bar_columns() - 3;
    const size_t last = sizeof(layouts) / sizeof(layouts[0]) - 1;
    char line[512];

    for (size_t i = 0; i <= last; i++) {
        const int bar = layouts[i].bar;
        const int full = (int)(part * bar);
        char text[256];

        join(text, w, layouts[i].did, layouts[i].rate, layouts[i].note);
        snprintf(line, sizeof(line), "%s %s%.*s%*s%s%3.0f%%  %s", p->label,
                 bar > 0 ? "[" : "", full, cells, bar - full, "",
                 bar > 0 ? "] " : "", part * 100, text);
        if (text_columns(line) <= room)
            break;
        /* Not even the shortest fits: no line rather than two. */
        if (i == last)
            line[0] = '\0';
    }
    /* Erase to the end of the line: the last one may have been longer. */
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

static bool tick(void *ctx, uint64_t run_done, uint64_t run, const char *note)
{
    struct progress *p = ctx;
    const uint64_t done = p->before + run_done;
    const uint64_t total = p->before + run;
    const double t = now();
    const double spent = t - p->began;
    const double part = total > 0 ? (double)done / (double)total : 0;
    const double rate = spent > 0 ? (double)done / spent : 0;
    struct words w = {.note = note};
    char speed[48];
    char eta[32] = "-:--";

    p->run = run;
    if (signals_pending())
        return false;
    if ((p->mode == PROGRESS_AUTO && !p->bar) || p->mode == PROGRESS_NONE)
        return true;
    if (t - p->last < (p->bar ? BAR_INTERVAL : LINE_INTERVAL) && done < total)
        return true;
    if (!p->bar && p->drawn && p->done == done && p->total == total)
        return true; /* the end, which may be told more than once */
    p->last = t;
    p->drawn = true;
    p->done = done;
    p->total = total;
    if (p->mode == PROGRESS_JSON) {
        fprintf(stderr,
                "{\"progress\":\"%s\",\"done\":%llu,\"total\":%llu,"
                "\"unit\":\"%s\",\"seconds\":%.3f}\n",
                p->label, (unsigned long long)done, (unsigned long long)total,
                p->unit, spent);
        return true;
    }
    amount(p, (double)done, w.did);
    amount(p, rate, speed);
    if (rate > 0 && done <= total)
        eta_text((double)(total - done) / rate, eta);
    snprintf(w.rate, sizeof(w.rate), "%s/s", speed);
    snprintf(w.eta, sizeof(w.eta), "ETA %s", eta);
    if (p->bar) {
        draw(p, part < 1 ? part : 1, &w);
    } else {
        char text[256];

        join(text, &w, true, true, true);
        fprintf(stderr, "%s %.0f%% %s\n", p->label, part * 100, text);
    }
    return true;
}

struct phi_monitor progress_monitor(struct progress *p)
{
    return (struct phi_monitor){tick, p};
}

void progress_more(struct progress *p)
{
    p->before += p->run;
    p->run = 0;
}

/* "quantize: 5.2 GiB in 1:23, 64.1 MiB/s" */
static void sum_up(const struct progress *p)
{
    const double spent = now() - p->began;
    char did[48];
    char speed[48];
    char time[32];

    amount(p, (double)p->done, did);
    amount(p, spent > 0 ? (double)p->done / spent : 0, speed);
    if (spent < 10)
        snprintf(time, sizeof(time), "%.1f s", spent);
    else
        eta_text(spent, time);
    fprintf(stderr, "%s: %s in %s, %s/s\n", p->label, did, time, speed);
}

void progress_end(struct progress *p)
{
    if (p->bar && p->drawn) {
        fprintf(stderr, "\r\033[K");
        if (p->done == p->total)
            sum_up(p);
        fflush(stderr);
    }
    p->drawn = false;
}

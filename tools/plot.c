/* SPDX-License-Identifier: MIT */
#include "tools/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libconv/kernels/elementary.h"
#include "tools/markup.h"

/* Of the drawing, in its own units; the page scales it. */
#define WIDTH  640
#define HEIGHT 300
#define LEFT   80
#define RIGHT  16
#define TOP    28
#define BOTTOM 44

#define NCOLOURS  8
#define MAX_TICKS 12

/* From values to a side of the drawing. */
struct axis {
    bool log;
    double low;
    double high; /* > low; both are logarithms if log */
    double from; /* where low is */
    double to;
};

/* NaN where there is no logarithm. */
static double scaled(bool log, double v)
{
    return log ? phi_log10_f64(v) : v;
}

static bool shown(const struct plot *p, double x, double y)
{
    return isfinite(scaled(p->log_x, x)) && isfinite(scaled(p->log_y, y));
}

static double place(const struct axis *a, double v)
{
    return a->from + (scaled(a->log, v) - a->low) / (a->high - a->low) *
                         (a->to - a->from);
}

/* A little wider than the values; false without any. */
static bool find_range(const struct plot *p, struct axis *a, bool of_x)
{
    a->low = INFINITY;
    a->high = -INFINITY;
    for (size_t k = 0; k < p->n; k++) {
        const struct plot_series *s = &p->series[k];

        for (size_t i = 0; i < s->n; i++) {
            const double v = scaled(a->log, of_x ? s->x[i] : s->y[i]);

            if (!shown(p, s->x[i], s->y[i]))
                continue;
            a->low = v < a->low ? v : a->low;
            a->high = v > a->high ? v : a->high;
        }
    }
    if (!(a->low <= a->high))
        return false;
    if (a->high - a->low < 1e-12 * (1 + fabs(a->high))) {
        a->low -= 0.5;
        a->high += 0.5;
    }
    if (!of_x || p->points) {
        const double edge = (a->high - a->low) * 0.06;

        a->low -= edge;
        a->high += edge;
    }
    return true;
}

/* The distance of ticks: 1, 2 or 5 times a power of ten. */
static double tick_step(const struct axis *a)
{
    const double rough = (a->high - a->low) / 5;
    const double power = phi_exp10_f64(floor(phi_log10_f64(rough)));
    const double lead = rough / power;

    return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power;
}

static void put_tick(struct phi_buf *b, const struct axis *a, double v,
                     bool of_x)
{
    const double at =
        a->from + (v - a->low) / (a->high - a->low) * (a->to - a->from);
    char text[32];

    snprintf(text, sizeof(text), a->log ? "%.3g" : "%.4g",
             a->log ? phi_exp10_f64(v) : v);
    if (of_x)
        phi_buf_printf(b,
                       "<path class=\"g\" d=\"M%.1f %d V%d\"/><text x=\"%.1f\" "
                       "y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                       at, TOP, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 16,
                       text);
    else
        phi_buf_printf(b,
                       "<path class=\"g\" d=\"M%d %.1f H%d\"/><text x=\"%d\" "
                       "y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                       LEFT, at, WIDTH - RIGHT, LEFT - 6, at + 4, text);
}

static void put_ticks(struct phi_buf *b, const struct axis *a, bool of_x)
{
    const double step =
        a->log ? fmax(1, ceil((a->high - a->low) / 6)) : tick_step(a);
    double v = ceil(a->low / step) * step;

    if (a->log && a->high - a->low < 1.5) /* less than two powers of ten */
        v = a->low;
    for (int i = 0; i < MAX_TICKS && v <= a->high + step * 1e-9; i++) {
        put_tick(b, a, fabs(v) < step * 1e-9 ? 0 : v, of_x);
        v += a->log && a->high - a->low < 1.5 ? (a->high - a->low) / 4 : step;
    }
}

static void put_line(struct phi_buf *b, const struct plot *p, size_t k,
                     const struct axis *x, const struct axis *y)
{
    const struct plot_series *s = &p->series[k];
    bool down = false; /* the pen */

    phi_buf_printf(b, "<path class=\"l s%zu\" d=\"", k % NCOLOURS);
    for (size_t i = 0; i < s->n; i++) {
        if (!shown(p, s->x[i], s->y[i]))
            continue;
        phi_buf_printf(b, "%c%.1f %.1f", down ? 'L' : 'M', place(x, s->x[i]),
                       place(y, s->y[i]));
        down = true;
    }
    phi_buf_text(b, down ? "\"/>\n" : "M0 0\"/>\n");
}

/* Bytes with which all names begin, up to the end of a word: beside a point is
 * room for what tells them apart. */
static size_t common_head(const struct plot *p)
{
    const char *first = p->n > 0 ? p->series[0].name : "";
    size_t n = 0;
    size_t head = 0;

    for (bool same = p->n > 1; same && first[n] != '\0'; n++) {
        for (size_t k = 1; same && k < p->n; k++)
            same = p->series[k].name[n] == first[n];
        if (same && strchr("-_/ ", first[n]) != NULL)
            head = n + 1;
    }
    return head;
}

static void put_points(struct phi_buf *b, const struct plot *p, size_t k,
                       const struct axis *x, const struct axis *y)
{
    const struct plot_series *s = &p->series[k];

    for (size_t i = 0; i < s->n; i++) {
        double at;

        if (!shown(p, s->x[i], s->y[i]))
            continue;
        at = place(x, s->x[i]);
        phi_buf_printf(b,
                       "<circle class=\"p s%zu\" cx=\"%.1f\" cy=\"%.1f\" "
                       "r=\"5\"/><text x=\"%.1f\" y=\"%.1f\"%s>",
                       k % NCOLOURS, at, place(y, s->y[i]),
                       at > WIDTH * 0.7 ? at - 9 : at + 9,
                       place(y, s->y[i]) + 4,
                       at > WIDTH * 0.7 ? " text-anchor=\"end\"" : "");
        markup_text(b, s->name + common_head(p));
        phi_buf_text(b, "</text>\n");
    }
}

static void put_legend(struct phi_buf *b, const struct plot *p)
{
    phi_buf_text(b, "<p class=\"legend\">");
    for (size_t k = 0; k < p->n; k++) {
        phi_buf_printf(b, "<span><i class=\"b%zu\"></i>", k % NCOLOURS);
        markup_text(b, p->series[k].name);
        phi_buf_text(b, "</span> ");
    }
    phi_buf_text(b, "</p>\n");
}

void plot_svg(struct phi_buf *b, const struct plot *p)
{
    struct axis x = {.log = p->log_x, .from = LEFT, .to = WIDTH - RIGHT};
    struct axis y = {.log = p->log_y, .from = HEIGHT - BOTTOM, .to = TOP};

    if (!find_range(p, &x, true) || !find_range(p, &y, false))
        return;
    phi_buf_text(b, "<figure>\n<figcaption>");
    markup_text(b, p->title);
    phi_buf_printf(b, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\"",
                   WIDTH, HEIGHT);
    markup_attribute(b, "aria-label", p->title);
    phi_buf_text(b, ">\n");
    put_ticks(b, &x, true);
    put_ticks(b, &y, false);
    for (size_t k = 0; k < p->n; k++) {
        if (p->points)
            put_points(b, p, k, &x, &y);
        else
            put_line(b, p, k, &x, &y);
    }
    phi_buf_printf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
                   WIDTH - RIGHT, HEIGHT - 8);
    markup_text(b, p->x_title);
    phi_buf_printf(b, "</text>\n<text x=\"%d\" y=\"%d\">", 4, TOP - 12);
    markup_text(b, p->y_title);
    phi_buf_text(b, "</text>\n</svg>\n");
    if (!p->points && p->n > 0)
        put_legend(b, p);
    phi_buf_text(b, "</figure>\n");
}

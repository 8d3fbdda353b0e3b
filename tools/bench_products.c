/* SPDX-License-Identifier: MIT */
/*
 * Products as rows of a bench. The shapes are those of the engine: a piece of
 * a panel meets a window of tokens, whose activations lie beside each other.
 */
#include <string.h>

#include "libconv/kernels/kernels.h"
#include "tools/bench.h"

#define TOKENS 512
#define COLS   512 /* two of the largest blocks */

static const char *const modes[PHI_ACT_MODES] = {
    [PHI_ACT_FAST] = "fast", [PHI_ACT_EXACT] = "exact"};

/* ---- integers ------------------------------------------------------------ */

/* What the room of an integer product holds, part by part. */
struct parts {
    uint8_t *panel;
    uint8_t *blocks; /* of PHI_I8_ROWS rows, as stored */
    uint8_t *act;
    float *acc; /* (TOKENS, PHI_I8_ROWS) */
    float *x;   /* (COLS), what activations are made of */
    size_t row_nbytes;
    size_t nbytes; /* of all */
};

static size_t lines(size_t n)
{
    return (n + 63) / 64 * 64;
}

static struct parts parts_of(const struct bench *b, uint8_t *room)
{
    const size_t panel = COLS / PHI_I8_BLOCK * PHI_I8_MOST;
    const size_t act = TOKENS * (COLS / PHI_I8_BLOCK) * phi_act_nbytes(b->mode);
    struct parts p = {0};
    uint64_t row = 0;
    size_t at = 0;

    (void)phi_dtype_nbytes(b->type, COLS, &row);
    p.row_nbytes = (size_t)row;
    const struct {
        size_t n;
        uint8_t **to;
    } pieces[] = {
        {panel, &p.panel},
        {PHI_I8_ROWS * p.row_nbytes, &p.blocks},
        {act, &p.act},
    };
    for (size_t i = 0; i < 3; i++) {
        *pieces[i].to = room != NULL ? room + at : NULL;
        at += lines(pieces[i].n);
    }
    p.acc = room != NULL ? (float *)(room + at) : NULL;
    at += TOKENS * PHI_I8_ROWS * sizeof(float);
    p.x = room != NULL ? (float *)(room + at) : NULL;
    p.nbytes = at + COLS * sizeof(float);
    return p;
}

static struct phi_act act_of(const struct bench *b, const struct parts *p)
{
    return (struct phi_act){
        p->act, COLS / PHI_I8_BLOCK * phi_act_nbytes(b->mode), TOKENS};
}

static void unpack(const struct bench *b, uint8_t *room)
{
    const struct parts p = parts_of(b, room);

    phi_unpack_kernel(b->features, b->type)(p.panel, p.blocks, p.row_nbytes,
                                            PHI_I8_ROWS, COLS);
}

static void quantize_act(const struct bench *b, uint8_t *room)
{
    const struct parts p = parts_of(b, room);
    const struct phi_act act = act_of(b, &p);
    const phi_act_fn fn = phi_act_kernel(b->features, b->mode);

    for (size_t t = 0; t < TOKENS; t++)
        fn(p.act + t * act.stride, p.x, COLS);
}

static void gemm_i8(const struct bench *b, uint8_t *room)
{
    const struct parts p = parts_of(b, room);
    const struct phi_act act = act_of(b, &p);

    phi_gemm_i8_kernel(b->features, b->type, b->mode)(
        p.acc, PHI_I8_ROWS, p.panel, &act, COLS / PHI_I8_BLOCK);
}

static void gemm_blocks(const struct bench *b, uint8_t *room)
{
    unpack(b, room);
    gemm_i8(b, room);
}

/* Blocks of any quants, whose scales are small numbers. */
static void fill_i8(const struct bench *b, uint8_t *room)
{
    const struct parts p = parts_of(b, room);

    memset(room, 0, p.nbytes);
    memset(p.blocks, 0x11, PHI_I8_ROWS * p.row_nbytes);
    bench_floats(p.x, COLS);
    quantize_act(b, room);
    unpack(b, room);
}

static void fill_act(const struct bench *b, uint8_t *room)
{
    const struct parts p = parts_of(b, room);

    memset(room, 0, p.nbytes);
    bench_floats(p.x, COLS);
}

static enum phi_status add_type(struct bench_list *l, uint32_t features,
                                enum phi_dtype t, struct phi_err *err)
{
    const double operations = 2.0 * PHI_I8_ROWS * TOKENS * COLS;
    const double values = (double)PHI_I8_ROWS * COLS;
    const size_t panel =
        COLS / PHI_I8_BLOCK * (size_t)phi_panel_layout(t)->block_nbytes;
    char name[16];

    bench_type_name(name, t);
    for (int m = 0; m < PHI_ACT_MODES; m++) {
        struct bench row = {.unit = BENCH_OPERATIONS,
                            .amount = operations,
                            .peak = BENCH_PEAK_I8,
                            .cost = operations,
                            .prepare = fill_i8,
                            .call = gemm_i8,
                            .features = features,
                            .type = t,
                            .mode = (enum phi_act_mode)m};

        row.room = parts_of(&row, NULL).nbytes;
        if (bench_add(l, &row, err, "gemm_i8.%s.%s", name, modes[m]) == NULL)
            return PHI_E_NOMEM;
        row.call = gemm_blocks;
        if (bench_add(l, &row, err, "gemm_blocks.%s.%s", name, modes[m]) ==
            NULL)
            return PHI_E_NOMEM;
        if (m > 0)
            continue;
        row.call = unpack;
        row.unit = BENCH_VALUES;
        row.amount = values;
        row.peak = BENCH_PEAK_READ;
        row.cost =
            (double)(PHI_I8_ROWS * parts_of(&row, NULL).row_nbytes + panel);
        if (bench_add(l, &row, err, "unpack.%s", name) == NULL)
            return PHI_E_NOMEM;
    }
    return PHI_OK;
}

static enum phi_status add_act(struct bench_list *l, uint32_t features,
                               enum phi_act_mode mode, struct phi_err *err)
{
    const double values = (double)TOKENS * COLS;
    struct bench row = {
        .unit = BENCH_VALUES,
        .amount = values,
        .peak = BENCH_PEAK_READ,
        .cost = values / PHI_I8_BLOCK *
                (PHI_I8_BLOCK * sizeof(float) + (double)phi_act_nbytes(mode)),
        .prepare = fill_act,
        .call = quantize_act,
        .features = features,
        .type = PHI_F32,
        .mode = mode};

    row.room = parts_of(&row, NULL).nbytes;
    return bench_add(l, &row, err, "act.%s", modes[mode]) != NULL ? PHI_OK
                                                                  : PHI_E_NOMEM;
}

/* ---- floats -------------------------------------------------------------- */

#define F32_W (COLS * PHI_PANEL)
#define F32_X (TOKENS * COLS)

static void fill_f32(const struct bench *b, uint8_t *room)
{
    memset(room, 0, b->room);
    bench_floats((float *)room, F32_W + F32_X);
}

/* The two products of floats, by their place in the table. */
static const struct {
    const char *name;
    bool in_double;
} products[] = {{"gemm_f32", false}, {"gemm_f64", true}};

static void gemm_floats(const struct bench *b, uint8_t *room)
{
    const struct phi_gemm_kernels *gemm = phi_kernels_select(b->features)->gemm;
    const float *const w = (const float *)room;
    const float *const x = w + F32_W;
    double *const acc = (double *)(room + (F32_W + F32_X) * sizeof(float));

    /* Sixteen tokens side by side are a panel of x. */
    (products[b->at].in_double ? gemm->f64 : gemm->f32)(
        acc, PHI_PANEL, x, COLS * PHI_PANEL, w, TOKENS, COLS);
}

static enum phi_status add_floats(struct bench_list *l, uint32_t features,
                                  size_t at, struct phi_err *err)
{
    const double operations = 2.0 * PHI_PANEL * TOKENS * COLS;
    const struct bench row = {.unit = BENCH_OPERATIONS,
                              .amount = operations,
                              .peak = BENCH_PEAK_F32,
                              .cost = operations,
                              .room = (F32_W + F32_X) * sizeof(float) +
                                      TOKENS * PHI_PANEL * sizeof(double),
                              .prepare = fill_f32,
                              .call = gemm_floats,
                              .features = features,
                              .at = at};

    return bench_add(l, &row, err, "%s", products[at].name) != NULL
               ? PHI_OK
               : PHI_E_NOMEM;
}

enum phi_status bench_list_products(struct bench_list *l, uint32_t features,
                                    struct phi_err *err)
{
    enum phi_status st = PHI_OK;

    for (int t = 0; st == PHI_OK && t < PHI_NDTYPES; t++) {
        if (phi_panel_layout((enum phi_dtype)t) != NULL)
            st = add_type(l, features, (enum phi_dtype)t, err);
    }
    for (int m = 0; st == PHI_OK && m < PHI_ACT_MODES; m++)
        st = add_act(l, features, (enum phi_act_mode)m, err);
    for (size_t i = 0; st == PHI_OK && i < 2; i++)
        st = add_floats(l, features, i, err);
    return st;
}

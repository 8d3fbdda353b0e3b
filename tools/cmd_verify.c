/* SPDX-License-Identifier: MIT */
/* phiconv verify: every checksum of a packed file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pack_source.h"
#include "formats/pack_verify.h"
#include "libconv/kernels/crc32_kernels.h"
#include "libconv/kernels/sha256_kernels.h"
#include "tools/commands.h"
#include "tools/levels.h"
#include "tools/progress.h"
#include "tools/report.h"

struct args {
    struct common common;
    const char *range;
};

static const struct option options[] = {
    OPT_TEXT(0, "range", "FROM-TO", struct args, range,
             "look only at what has a byte from FROM up to TO, and not TO, in "
             "the file; the root, which is of everything, is left out"),
    OPT_END,
};

struct job {
    const struct command *cmd;
    struct args args;
    uint32_t features;
    struct phi_source *source;
    struct phi_pack_verify_options options;
    struct phi_pack_verified found;
    double seconds;
};

/* Digits at *p, which moves past them. */
static bool read_number(const char **p, uint64_t *out)
{
    const char *at = *p;

    for (*out = 0; *at >= '0' && *at <= '9'; at++) {
        if (*out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(*at - '0');
    }
    if (at == *p)
        return false;
    *p = at;
    return true;
}

static int read_range(struct job *j)
{
    const char *p = j->args.range;
    struct phi_pack_verify_options *o = &j->options;

    if (p == NULL)
        return -1;
    if (!read_number(&p, &o->from) || *p++ != '-' || !read_number(&p, &o->to) ||
        *p != '\0' || o->from >= o->to)
        return usage_error(j->cmd,
                           "--range %s: expected two numbers of bytes, the "
                           "smaller first: 0-1000000",
                           j->args.range);
    return -1;
}

static enum phi_status verify(struct job *j, struct phi_err *err)
{
    struct progress progress;
    struct phi_monitor monitor;
    uint64_t nbytes;
    enum phi_status st =
        phi_pack_open(&j->source, j->args.common.operands.v[0], err);

    if (st != PHI_OK)
        return st;
    nbytes = phi_pack_of(j->source)->front.nbytes;
    if (j->options.from >= nbytes)
        return phi_fail(
            err, PHI_E_ARG, "%s: has %llu bytes, --range %s begins behind them",
            j->source->path, (unsigned long long)nbytes, j->args.range);
    j->options.nthreads = (size_t)j->args.common.threads;
    j->options.crc32 = phi_crc32_kernel(j->features);
    j->options.sha256_pair = phi_sha256_kernel(j->features);
    progress_begin(&progress, j->args.common.progress, "verify", "B");
    monitor = progress_monitor(&progress);
    j->options.monitor = &monitor;
    st = phi_pack_verify(&j->found, j->source, &j->options, err);
    progress_end(&progress);
    j->seconds = progress_seconds(&progress);
    return st;
}

static void root_text(const struct job *j, char out[PHI_SHA256_HEX])
{
    phi_sha256_text(out, phi_pack_of(j->source)->front.root);
}

static enum phi_status print_json(const struct job *j, struct phi_err *err)
{
    const struct phi_pack_verified *v = &j->found;
    struct json_out o = {0};
    char root[PHI_SHA256_HEX];

    root_text(j, root);
    json_open(&o, NULL, '{');
    json_str(&o, "schema", "phiconv.verify/1");
    json_str(&o, "path", j->source->path);
    json_str(&o, "root", root);
    json_bool(&o, "whole", j->options.to == 0);
    json_uint(&o, "sections", v->sections);
    json_uint(&o, "chunks", v->chunks);
    json_uint(&o, "bytes", v->nbytes);
    json_num(&o, "seconds", j->seconds);
    json_uint(&o, "damaged", v->all);
    json_open(&o, "damage", '[');
    for (size_t i = 0; i < v->ndamage; i++) {
        json_open(&o, NULL, '{');
        json_uint(&o, "offset", v->damage[i].offset);
        json_str(&o, "message", v->damage[i].err.msg);
        json_close(&o, '}');
    }
    json_close(&o, ']');
    json_close(&o, '}');
    return json_finish(&o, err);
}

static void print_summary(const struct job *j)
{
    const struct phi_pack_verified *v = &j->found;
    char root[PHI_SHA256_HEX];
    char path[512];

    root_text(j, root);
    printf("%s: %llu sections and %llu chunks, %llu bytes, are as they were "
           "written\n",
           phi_printable(path, sizeof(path), j->source->path),
           (unsigned long long)v->sections, (unsigned long long)v->chunks,
           (unsigned long long)v->nbytes);
    if (j->options.to == 0)
        printf("root %s\n", root);
    if (j->args.common.verbose && j->seconds > 0)
        printf("%.2f s: %.2f GB/s\n", j->seconds,
               (double)v->nbytes / j->seconds * 1e-9);
}

/* All damage but the first, which is the error. */
static void print_damage(const struct job *j)
{
    for (size_t i = 1; i < j->found.ndamage; i++)
        report_error(&j->found.damage[i].err);
    if (j->found.all > j->found.ndamage)
        report_note("%llu more damaged parts",
                    (unsigned long long)(j->found.all - j->found.ndamage));
}

static int report(const struct job *j, enum phi_status st, struct phi_err *err)
{
    const bool told = st == PHI_OK || j->found.ndamage > 0;
    struct phi_err other = {0};
    int code = st == PHI_OK ? EXIT_CODE_DONE : report_error(err);

    print_damage(j);
    if (told && j->args.common.json && print_json(j, &other) != PHI_OK)
        return report_error(&other);
    if (st == PHI_OK && !j->args.common.json && !j->args.common.quiet)
        print_summary(j);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct job j = {.cmd = self};
    struct phi_err err = {0};
    int code = options_parse(self, argc, argv, &j.args);

    if (code == -1)
        code = level_features(self, &j.args.common, &j.features);
    if (code == -1)
        code = read_range(&j);
    if (code == -1)
        code = report(&j, verify(&j, &err), &err);
    phi_pack_verified_release(&j.found);
    phi_source_close(j.source);
    options_release(self, &j.args);
    return code;
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "look at every checksum of a packed file",
    .synopsis = "FILE [options]",
    .description =
        "FILE is a packed file, FILE.phipack. All of it is read: the header, "
        "the section table, every section, every chunk of a tensor by its "
        "CRC-32 and its SHA-256, the padding, which must be zero, and the "
        "root of the tree of hashes, which names the model. Any byte that is "
        "not what was written is noticed.\n\n"
        "Each damaged part is told of, with its place; the exit code is 3 "
        "then. What uses a packed file looks at a chunk's CRC-32 before it "
        "uses it, so that this need not come first.",
    .options = options,
    .examples = "phiconv verify my-phi-q4_0.phipack\n"
                "phiconv verify my-phi-q4_0.phipack --range 0-1000000",
    .min_operands = 1,
    .max_operands = 1,
    .computes = true,
    .run = run,
};

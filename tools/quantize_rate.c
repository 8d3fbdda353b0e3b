/* SPDX-License-Identifier: MIT */
#include "tools/quantize_rate.h"

#include <stdio.h>

/* Something that a run can be out of, and how much of it was used: 1 is all. */
struct bound {
    const char *key;
    const char *words;
    double share;
};

/* Time of an account that was spent off the processor, of a worker. */
static double off_processor(const struct phi_pipeline_times *t,
                            enum phi_pipeline_account account)
{
    const struct phi_time *a = &t->accounts[account];
    const double off = a->wall - a->busy;

    return off > 0 && t->nworkers > 0 ? off / (double)t->nworkers : 0;
}

/* The scarcest thing of the run, the first of them if several were. */
static struct bound find_bound(const struct quantize_job *job)
{
    const struct phi_pipeline_times *t = &job->times;
    const double all = job->seconds > 0 ? job->seconds : 1;
    const double sync = job->seconds - t->seconds;
    double busy = 0;
    struct bound most;

    for (size_t i = 0; i < PHI_NTIMES; i++)
        busy += t->accounts[i].busy;
    const struct bound bounds[] = {
        {"compute", "the processors",
         busy / all / (double)job->args.common.threads},
        {"hash", "hashing a file, which goes in order", t->longest_hash / all},
        {"read", "reading", off_processor(t, PHI_TIME_READ) / all},
        {"write", "writing",
         (off_processor(t, PHI_TIME_WRITE) + (sync > 0 ? sync : 0)) / all},
    };

    most = bounds[0];
    for (size_t i = 1; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        if (bounds[i].share > most.share)
            most = bounds[i];
    }
    return most;
}

static double a_second(uint64_t n, const struct quantize_job *job)
{
    return job->seconds > 0 ? (double)n / job->seconds : 0;
}

void quantize_print_rate(const struct quantize_job *job)
{
    const struct bound b = find_bound(job);

    printf("%.2f GB in %.2f s: %.2f GB/s, %.0f million weights/s; bound by %s "
           "(%.0f %%)\n",
           (double)job->times.nbytes * 1e-9, job->seconds,
           a_second(job->times.nbytes, job) * 1e-9,
           a_second(job->times.weights, job) * 1e-6, b.words, b.share * 100);
}

void quantize_json_rate(struct json_out *j, const struct quantize_job *job)
{
    static const char *const names[PHI_NTIMES] = {
        [PHI_TIME_READ] = "read",         [PHI_TIME_HASH] = "hash",
        [PHI_TIME_QUANTIZE] = "quantize", [PHI_TIME_WRITE] = "write",
        [PHI_TIME_WAIT] = "wait",
    };

    if (job->args.dry_run) {
        json_null(j, "run");
        return;
    }
    json_open(j, "run", '{');
    json_num(j, "seconds", job->seconds);
    json_uint(j, "bytes", job->times.nbytes);
    json_uint(j, "weights", job->times.weights);
    json_num(j, "bytes_per_second", a_second(job->times.nbytes, job));
    json_num(j, "weights_per_second", a_second(job->times.weights, job));
    json_str(j, "bound", find_bound(job).key);
    json_open(j, "busy_seconds", '{');
    for (size_t i = 0; i < PHI_NTIMES; i++)
        json_num(j, names[i], job->times.accounts[i].busy);
    json_close(j, '}');
    json_open(j, "wall_seconds", '{');
    for (size_t i = 0; i < PHI_NTIMES; i++)
        json_num(j, names[i], job->times.accounts[i].wall);
    json_close(j, '}');
    json_close(j, '}');
}

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets every call of the system that phiconv makes go wrong, one by one.

  run.py PHICONV SHIM [--only REGEX] [--most N]

A row of the matrix is a fault; it is put at the first call of its kind, then
at the second, until a run has no such call. After each run
  - every output is, byte for byte, what it was before or what it should be,
    and all outputs of a run are of one kind
  - exit code 0 means new; any other means old, but where the message says
    that the file is in place and only its folder could not be synced
  - the exit code is the row's, the message one line that names a file
  - nothing else is in the folder; after kill -9 a temporary file may be,
    which the next run is not disturbed by
At most N calls of a kind (60), the first, the last and some between.
"""

import argparse
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "malformed"))
sys.dont_write_bytecode = True

import cases_adapter  # noqa: E402
import cases_logits  # noqa: E402
import tiny  # noqa: E402

OLD = b"what was here before\n"
TEXT = b"hello the yellow bell\n" * 20

# name -> arguments, and the files that it makes in out/.
JOBS = {
    "quantize": (["quantize", "-q", "-f", "-j", "2", "model", "-t",
                  "q4_0=out/a.gguf", "-t", "q8_0=out/b.gguf", "--imatrix",
                  "in.imatrix"], ["a.gguf", "b.gguf"]),
    "split": (["quantize", "-q", "-f", "-j", "1", "in.gguf", "-t",
               "q4_0=out/a.gguf", "--split-max-tensors", "20"],
              ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"]),
    "merge": (["merge-lora", "-q", "-f", "-j", "2", "model", "adapter", "-o",
               "out/m.gguf", "--allow-unused", "nothing"], ["m.gguf"]),
    "eval": (["eval-ppl", "-j", "2", "-c", "16", "-f", "text.txt", "in.gguf",
              "--json"], []),
    "logits": (["eval-ppl", "-q", "-j", "1", "-c", "16", "-f", "text.txt",
                "in.gguf", "--force", "--logits", "out/l.safetensors"],
               ["l.safetensors"]),
    "save": (["eval-ppl", "-q", "-j", "1", "in.gguf", "-r", "base.logits",
              "--force", "--save-logits", "out/s.logits"], ["s.logits"]),
    "tokenize": (["tokenize", "model", "--count", "-f", "text.txt"], []),
}
WRITERS = ["quantize", "split", "merge", "logits"]
READERS = ["quantize", "split", "merge", "eval", "logits", "tokenize"]

# If no rename works any more, an output that is in place cannot be taken back:
# each is whole, but not all are of one kind.
MIXED = "mixed"
LATE = "late"

# call, what, jobs, exit codes that are right
ROWS = []


def row(call, what, jobs, codes, also=None):
    name = "%s-%s" % (call, errno.errorcode[what] if isinstance(what, int)
                      else what)
    for ever in ("", "+"):
        ROWS.append((name + ever, call, str(what), ever, jobs, codes, also))


row("write", errno.ENOSPC, WRITERS, {4})
row("write", errno.EIO, WRITERS, {4})
row("write", errno.EDQUOT, WRITERS, {4})
row("write", errno.EINTR, WRITERS, {0})
row("write", "short", WRITERS, {0})
row("reserve", errno.ENOSPC, WRITERS, {4})
row("reserve", errno.EOPNOTSUPP, WRITERS, {0})
row("sync", errno.EIO, WRITERS, {4})
row("close", errno.EIO, WRITERS, {0, 4})
# Exchanging the files is tried first; a plain rename does as well.
row("rename", errno.EIO, WRITERS, {0, 4}, MIXED)
row("rename", errno.EXDEV, WRITERS, {0, 4}, MIXED)
row("rename", errno.EINVAL, WRITERS, {0, 4}, MIXED)
row("read", errno.EIO, READERS, {4})
row("read", errno.EINTR, READERS, {0})
row("read", "short", READERS, {0})
# Some files are opened a second time for speed, and can be done without.
row("open", errno.EMFILE, READERS, {0, 4})
row("open", errno.EACCES, READERS, {0, 4})
# What libraries ask for, they may do without. Memory for the table that is
# printed may fail after the logits are in place.
row("alloc", errno.ENOMEM, READERS, {0, 5}, MIXED)
# The rest of it is what "logits" does.
row("write", errno.ENOSPC, ["save"], {4})
row("reserve", errno.ENOSPC, ["save"], {4})
row("sync", errno.EIO, ["save"], {4})
row("read", errno.EIO, ["save"], {0, 4})
row("alloc", errno.ENOMEM, ["save"], {0, 5}, MIXED)
row("any", "kill", ["save"], {-9})
row("thread", errno.EAGAIN, ["quantize", "eval", "tokenize"], {0})
row("any", "kill", WRITERS, {-9})
# It may come when all is in place already.
row("any", "int", WRITERS, {0, -2}, LATE)
row("any", "term", WRITERS, {0, -15}, LATE)

# Rows of which one is enough: "from then on" makes no difference, or none
# that ends.
ONCE = {"read-EINTR+", "write-EINTR+", "any-kill+", "any-int+", "any-term+",
        "reserve-EOPNOTSUPP+"}


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="fault-")
        os.mkdir(self.path("model"))
        os.mkdir(self.path("out"))
        os.mkdir(self.path("adapter"))
        self.new = {}
        self.printed = {}
        self.runs = 0
        self.bad = 0
        self.fill()

    def path(self, name):
        return os.path.join(self.work, name)

    def fill(self):
        """The inputs, as they were."""
        files = {"model/" + n: c for n, c in tiny.model().items()}
        files["in.gguf"] = tiny.gguf_file()
        files["in.imatrix"] = tiny.gguf_file(tiny.imatrix_keys(),
                                             tiny.imatrix_entries())
        files["text.txt"] = TEXT
        files["base.logits"] = cases_logits.sound()
        files["adapter/adapter_config.json"] = json.dumps(
            cases_adapter.CONFIG).encode()
        files["adapter/adapter_model.safetensors"] = tiny.st_file(
            cases_adapter.layers())
        for name, content in files.items():
            with open(self.path(name), "wb") as f:
                f.write(content)

    def empty(self, outputs):
        for name in os.listdir(self.path("out")):
            os.remove(self.path("out/" + name))
        for name in outputs:
            with open(self.path("out/" + name), "wb") as f:
                f.write(OLD)

    def run(self, args, environment=None, **more):
        hit = self.path("hit")
        if os.path.exists(hit):
            os.remove(hit)
        env = dict(os.environ, LC_ALL="C.UTF-8")
        if environment:
            env.update(environment, FAULT_HIT=hit,
                       LD_PRELOAD=self.options.shim)
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run([self.options.phiconv] + args, cwd=self.work,
                              env=env, timeout=120, **more)
        self.runs += 1
        return done, os.path.exists(hit)

    def held(self):
        out = {}
        for name in os.listdir(self.path("out")):
            with open(self.path("out/" + name), "rb") as f:
                out[name] = f.read()
        return out

    def learn(self):
        """What each job makes when nothing goes wrong."""
        for name, (args, outputs) in JOBS.items():
            self.empty(outputs)
            done, _ = self.run(args)
            if done.returncode != 0:
                sys.exit("%s: %s" % (name, done.stderr.decode()))
            self.new[name] = self.held()
            self.printed[name] = done.stdout
            if sorted(self.new[name]) != sorted(outputs):
                sys.exit("%s: made %s" % (name, sorted(self.new[name])))

    def judge(self, job, code, err, codes, also=None):
        outputs = JOBS[job][1]
        held = self.held()
        extra = sorted(set(held) - set(outputs))
        temps = [n for n in extra if re.match(r"\..*\.tmp$", n)]
        if code not in codes:
            return "exit code %d, expected one of %s" % (code, sorted(codes))
        if set(outputs) - set(held):
            return "%s is gone" % sorted(set(outputs) - set(held))
        if extra and not (code == -9 and extra == temps):
            # What cannot be removed may stay, if that is said.
            return "left %s" % extra
        is_new = [held[n] == self.new[job][n] for n in outputs]
        is_old = [held[n] == OLD for n in outputs]
        settled = b"complete and in place" in err
        if code == -9 or (also == MIXED and code != 0):
            if not all(a or b for a, b in zip(is_new, is_old)):
                return "an output is neither old nor new"
        elif code == 0 or settled:
            if not all(is_new):
                return "an output is not the new one"
        elif outputs and not all(is_old) and not (also == LATE and
                                                  all(is_new)):
            return "failed, and an output is not the old one"
        if code > 0:
            lines = err.decode().split("\n")
            if len(lines) > 3 or not lines[0].startswith("phiconv: "):
                return "expected one line, or one and a hint"
        return None

    def report(self, what, wrong, done):
        if wrong is not None:
            self.bad += 1
            print("%s: %s\n  exit code %d\n  %s" % (
                what, wrong, done.returncode,
                done.stderr.decode(errors="replace").strip()[:600]))

    def places(self, job, call):
        """Up to N numbers of calls, then one that there is not."""
        most = self.options.most
        n = self.calls_of(job, call)
        if n <= most:
            return list(range(1, n + 2))
        edge = most // 4
        step = max(1, (n - 2 * edge) // (most - 2 * edge))
        return (list(range(1, edge + 1)) +
                list(range(edge + 1, n - edge, step)) +
                list(range(n - edge, n + 2)))

    def calls_of(self, job, call):
        """By bisection, with a fault that is none: nothing is replaced."""
        key = (job, call)
        if key not in self.known:
            low, high = 0, 1
            quiet = {"FAULT_PATH": self.path("nothing")}

            def reached(k):
                self.empty(JOBS[job][1])
                return self.run(JOBS[job][0], {
                    **quiet, "FAULT": "%s:replace:%d" % (call, k)})[1]
            while reached(high):
                low, high = high, high * 2
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if reached(middle) else (low,
                                                                    middle)
            self.known[key] = low
        return self.known[key]

    known = {}

    def try_row(self, name, call, what, ever, job, codes, also):
        for k in self.places(job, call):
            self.empty(JOBS[job][1])
            done, hit = self.run(JOBS[job][0], {
                "FAULT": "%s:%s:%d%s" % (call, what, k, ever)})
            right = codes if hit else {0}
            wrong = self.judge(job, done.returncode, done.stderr, right,
                               also if ever or call != "rename" else None)
            if wrong is None and not hit and done.returncode != 0:
                wrong = "no fault, and exit code %d" % done.returncode
            if wrong is None and done.returncode == 0 and \
                    done.stdout != self.printed[job] and job != "eval":
                wrong = "printed something else"
            self.report("%s %s at call %d%s" % (job, name, k, ever), wrong,
                        done)


def matrix(bench):
    for name, call, what, ever, jobs, codes, also in ROWS:
        if name in ONCE:
            continue
        for job in jobs:
            label = "%s %s" % (job, name)
            if not re.search(bench.options.only, label):
                continue
            before = bench.runs
            bench.try_row(name, call, what, ever, job, codes, also)
            if bench.options.verbose:
                print("%-32s %d runs" % (label, bench.runs - before))


# --- what is no single call ------------------------------------------------

def changes(bench):
    """Inputs that somebody changes while they are read."""
    cases = [("quantize", "model/model.safetensors"),
             ("quantize", "model/config.json"), ("quantize", "in.imatrix"),
             ("quantize", "model/tokenizer.json"), ("split", "in.gguf"),
             ("logits", "in.gguf"), ("eval", "in.gguf"),
             ("save", "base.logits")]
    for job, name in cases:
        for what in ("cut", "touch", "replace"):
            for k in bench.places(job, "read"):
                # Times of files have the grain of the kernel's clock.
                bench.fill()
                old = time.time() - 100
                os.utime(bench.path(name), (old, old))
                shutil.copyfile(bench.path(name), bench.path(name + ".new"))
                bench.empty(JOBS[job][1])
                done, hit = bench.run(JOBS[job][0], {
                    "FAULT": "read:%s:%d" % (what, k),
                    "FAULT_PATH": bench.path(name)})
                # Before it is opened, a change is none; a small file is
                # whole after it is cut, and a matrix is closed early.
                codes = {0, 3, 4} if hit else {0}
                if what == "replace":
                    codes = {0}
                wrong = bench.judge(job, done.returncode, done.stderr, codes)
                bench.report("%s %s %s at read %d" % (job, what, name, k),
                             wrong, done)
                if os.path.exists(bench.path(name + ".new")):
                    os.remove(bench.path(name + ".new"))
    bench.fill()
    # And one that must be noticed: the weights, after half of the reads.
    args = JOBS["quantize"][0]
    n = bench.calls_of("quantize", "read")
    old = time.time() - 100
    os.utime(bench.path("model/model.safetensors"), (old, old))
    bench.empty(JOBS["quantize"][1])
    done, _ = bench.run(args, {
        "FAULT": "read:touch:%d" % (n * 3 // 4),
        "FAULT_PATH": bench.path("model/model.safetensors")})
    wrong = bench.judge("quantize", done.returncode, done.stderr, {4})
    if wrong is None and b"changed while being read" not in done.stderr:
        wrong = "does not say that it changed"
    bench.report("a change that counts", wrong, done)
    bench.fill()


def limits(bench):
    import resource

    def limited(what, value):
        return lambda: resource.setrlimit(what, (value, value))

    for job in READERS:
        args, outputs = JOBS[job]
        rows = [("memory of %d MiB" % n, limited(resource.RLIMIT_AS, n << 20),
                 {0, 5, 127}) for n in range(8, 200, 8)]
        rows += [("%d descriptors" % n, limited(resource.RLIMIT_NOFILE, n),
                  {0, 4, 127}) for n in range(3, 24)]
        rows += [("files of %d bytes" % n, limited(resource.RLIMIT_FSIZE, n),
                  {0, 4} if outputs else {0})
                 for n in (0, 1, 4096, 30000, 100000, 200000)]
        rows += [("a stack of %d KiB" % n, limited(resource.RLIMIT_STACK,
                                                   n << 10), {0, 4, 5})
                 for n in (128, 192, 256)]
        for name, limit, codes in rows:
            bench.empty(outputs)
            done, _ = bench.run(args, preexec_fn=limit)
            # 127: the loader itself has not enough; nothing began.
            wrong = bench.judge(job, done.returncode, done.stderr,
                                codes - {127}) \
                if done.returncode != 127 else None
            if done.returncode == 127 and 127 not in codes:
                wrong = "the loader failed"
            bench.report("%s with %s" % (job, name), wrong, done)


def streams(bench):
    """Standard streams that are closed, full or gone."""
    args, outputs = JOBS["quantize"]
    for fds in [(0,), (1,), (2,), (0, 1), (0, 1, 2), (1, 2)]:
        bench.empty(outputs)
        done, _ = bench.run(args, preexec_fn=lambda: [os.close(f)
                                                      for f in fds])
        bench.report("quantize without %s" % (fds,),
                     bench.judge("quantize", done.returncode, done.stderr,
                                 {0}), done)
    for job in ("eval", "tokenize"):
        for name, make in [("full", lambda: open("/dev/full", "wb"))]:
            with make() as out:
                done, _ = bench.run(JOBS[job][0], stdout=out)
            bench.report("%s to a full disk" % job,
                         None if done.returncode == 4 else "exit code %d, "
                         "expected 4" % done.returncode, done)
        done, _ = bench.run(JOBS[job][0],
                            preexec_fn=lambda: os.close(1))
        bench.report("%s without output" % job,
                     None if done.returncode == 4 else
                     "exit code %d, expected 4" % done.returncode, done)
        # A reader that has gone away.
        read, write = os.pipe()
        os.close(read)
        done, _ = bench.run(JOBS[job][0], stdout=write)
        os.close(write)
        bench.report("%s to nobody" % job,
                     None if done.returncode in (4, -signal.SIGPIPE) else
                     "exit code %d" % done.returncode, done)


def crashes(bench):
    """kill -9 and signals at many times, over what dead runs left."""
    args, outputs = JOBS["quantize"]
    started = time.monotonic()
    bench.empty(outputs)
    bench.run(args)
    whole = time.monotonic() - started
    for number, codes in [(signal.SIGKILL, {0, -9}), (signal.SIGINT, {0, -2}),
                          (signal.SIGTERM, {0, -15}),
                          (signal.SIGHUP, {0, -1})]:
        n = bench.options.most
        for i in range(n):
            bench.empty(outputs)
            process = subprocess.Popen(
                [bench.options.phiconv] + args, cwd=bench.work,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE)
            time.sleep(whole * 1.2 * i / n)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            bench.runs += 1
            process.stderr = err
            code = process.returncode
            done = subprocess.CompletedProcess(args, code, b"", err)
            if number == signal.SIGKILL or code == 0:
                wrong = bench.judge("quantize", code, err, codes)
            else:
                held = bench.held()
                wrong = None if code in codes and sorted(held) == sorted(
                    outputs) and all(v == OLD for v in held.values()) \
                    else "exit code %d, left %s" % (code, sorted(held))
                if wrong and all(held.get(n) == bench.new["quantize"][n]
                                 for n in outputs) and \
                        sorted(held) == sorted(outputs):
                    wrong = None  # too late: all was in place
            bench.report("signal %d at %.1f ms" % (
                number, whole * 1200 * i / n), wrong, done)
    # What dead runs left is in nobody's way.
    bench.empty(outputs)
    for i in range(5):
        with open(bench.path("out/.a.gguf.%016x.tmp" % i), "wb") as f:
            f.write(b"x")
    done, _ = bench.run(args)
    held = bench.held()
    bench.report("over leavings", None if done.returncode == 0 and all(
        held[n] == bench.new["quantize"][n] for n in outputs)
        else "not the new outputs", done)
    # Eight at once: the last wins, and all are whole.
    for _ in range(5):
        bench.empty(outputs)
        all_of_them = [subprocess.Popen(
            [bench.options.phiconv] + args, cwd=bench.work,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(8)]
        codes = []
        for process in all_of_them:
            _, err = process.communicate(timeout=120)
            codes.append(process.returncode)
        bench.runs += 8
        done = subprocess.CompletedProcess(args, max(codes), b"", err)
        bench.report("eight at once", bench.judge(
            "quantize", max(codes), err, {0}), done)


SYSTEM_PATHS = ("/etc/ld.so", "/lib", "/usr/lib", "/proc/", "/sys/", "/dev/",
                "/etc/ssl/", "/usr/local/lib", "/etc/localtime")


def traced(bench):
    """kill -9 at system calls, the order of those that count, and what is
    opened. Needs strace, and leave to trace."""
    args, outputs = JOBS["quantize"]
    log = bench.path("strace.log")
    head = ["strace", "-f", "-qq", "-o", log]

    def strace(*more):
        bench.empty(outputs)
        bench.runs += 1
        return subprocess.run(head + list(more) + [bench.options.phiconv] +
                              args, cwd=bench.work, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120)

    if not shutil.which("strace") or strace().returncode != 0:
        print("skipped: no strace here, or no leave to trace")
        return
    with open(log) as f:
        calls = f.read().splitlines()
    most = bench.options.most
    for k in sorted({1 + i * len(calls) // most for i in range(most)}):
        done = strace("-e", "inject=all:signal=KILL:when=%d" % k)
        code = -9 if done.returncode in (-9, 137) else done.returncode
        bench.report("kill -9 at system call %d" % k, bench.judge(
            "quantize", code, done.stderr, {0, -9}), done)

    done = strace("-e", "trace=openat,open,pwrite64,fsync,renameat,renameat2,"
                  "fallocate,unlinkat,execve")
    with open(log) as f:
        calls = [line.split(" ", 1)[1].strip() for line in f]
    wrong = None
    opened = [m.group(1) for c in calls for m in
              [re.match(r'open(?:at)?\([^"]*"([^"]*)".*\) = \d', c)] if m]
    mine = ("model", "in.imatrix", "out")
    for path in opened:
        if path.startswith(SYSTEM_PATHS) or path.split("/")[0] in mine or \
                re.match(r"\.[ab]\.gguf\.[0-9a-f]{16}\.tmp$", path):
            continue
        wrong = "opens %s" % path
    kinds = "".join({"pwrite64": "w", "fsync": "s", "renameat2": "r",
                     "renameat": "r", "fallocate": "f"}.get(
        re.match(r"[a-z0-9]*", c).group(), "") for c in calls)
    # Space for both, all writes, both synced, both in place, folders synced.
    if not re.match(r"ffw+sw*srrss$", kinds):
        wrong = "calls in the order %s" % kinds
    if sum("execve" in c for c in calls) != 1:
        wrong = "runs something"
    bench.report("the order of calls", wrong, done)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("phiconv")
    parser.add_argument("shim")
    parser.add_argument("--only", default="")
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.phiconv = os.path.abspath(options.phiconv)
    options.shim = os.path.abspath(options.shim)
    bench = Bench(options)
    bench.learn()
    matrix(bench)
    for part in (changes, limits, streams, crashes, traced):
        if re.search(options.only, part.__name__):
            before = bench.runs
            part(bench)
            if options.verbose:
                print("%-32s %d runs" % (part.__name__, bench.runs - before))
    shutil.rmtree(bench.work)
    print("%d runs, %d wrong" % (bench.runs, bench.bad))
    return 1 if bench.bad or bench.runs <= len(JOBS) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets every call of the system that phiconv makes go wrong, one by one.

  run.py PHICONV SHIM [--only REGEX] [--most N] [--times N] [--seed S]

A row of the matrix is a fault; it is put at the first call of its kind, then
at the second, until a run has no such call. After each run
  - every output is, byte for byte, what it was before or what it should be,
    and all outputs of a run are of one kind
  - exit code 0 means new; any other means old, but where the message says
    that the file is in place and only its folder could not be synced
  - the exit code is the row's, the message one line that names a file
  - the program has given back its memory and its descriptors
  - nothing else is in the folder; after kill -9 a temporary file may be,
    which the next run removes
At most N calls of a kind (60), the first, the last and some between. Signals
come at --times random moments, as many as --most if not given. REGEX is for
"JOB ROW", as --verbose prints them, for the names of what is no single call,
and within "traced", "crashes" and "power_cuts" for "traced JOB", too.
A row that no run has a call for is wrong as well: it would show nothing.
"""

import argparse
import dataclasses
import errno
import fcntl
import json
import os
import random
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
import power  # noqa: E402
import sanitizer  # noqa: E402
import tiny  # noqa: E402

OLD = b"what was here before\n"
TEXT = b"hello the yellow bell\n" * 20

OLD_FOLDER = {"config.json": OLD, "notes.txt": OLD}
OLD_RELEASE = {"manifest.json": OLD, "notes.txt": OLD}


@dataclasses.dataclass
class Job:
    """outputs: what it makes in out/; a name that ends in "/" is a folder.
    apart: outputs that come one after the other, and need not be of one kind.
    resumes: the journal, from which the next run goes on.
    folder: what such a folder held.
    copied: what an output is a copy of at first, and changed in; it is old or
    new by what inspect says, as bytes that nobody reads may be anything."""
    args: list
    outputs: list
    apart: bool = False
    resumes: str = ""
    folder: dict = dataclasses.field(default_factory=lambda: OLD_FOLDER)
    copied: str = ""


EVALUATE = ["eval-ppl", "-c", "16", "-f", "text.txt", "in.gguf"]
JOBS = {
    "quantize": Job(["quantize", "-q", "-f", "-j", "2", "model", "-t",
                     "q4_0=out/a.gguf", "-t", "q8_0=out/b.gguf", "--imatrix",
                     "in.imatrix"], ["a.gguf", "b.gguf"]),
    "split": Job(["quantize", "-q", "-f", "-j", "1", "in.gguf", "-t",
                  "q4_0=out/a.gguf", "--split-max-tensors", "20"],
                 ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"]),
    "merge": Job(["merge-lora", "-q", "-f", "-j", "2", "model", "adapter",
                  "-o", "out/m.gguf", "--allow-unused", "nothing"],
                 ["m.gguf"]),
    "merge-folder": Job(["merge-lora", "-q", "-f", "-j", "2", "model",
                         "adapter", "-o", "out/m"], ["m/"]),
    "export": Job(["export", "-q", "-f", "-j", "1", "model", "-o", "out/e",
                   "--max-shard-size", "100K"], ["e/"]),
    "export-gguf": Job(["export", "-q", "-f", "-j", "2", "in.gguf", "-o",
                        "out/e"], ["e/"]),
    "eval": Job(EVALUATE + ["-j", "2", "--json"], []),
    "logits": Job(EVALUATE + ["-q", "-j", "1", "--force", "--logits",
                              "out/l.safetensors"], ["l.safetensors"]),
    "report": Job(EVALUATE + ["-q", "-j", "1", "--force", "-r", "in.gguf",
                              "--max-kld", "1", "--report", "out/r.html",
                              "--junit", "out/j.xml"], ["r.html", "j.xml"],
                  apart=True),
    "journal": Job(EVALUATE + ["-j", "1", "--json", "--journal", "out/j"], [],
                   resumes="j"),
    "save": Job(["eval-ppl", "-q", "-j", "1", "in.gguf", "-r", "base.logits",
                 "--force", "--save-logits", "out/s.logits"], ["s.logits"]),
    "pack": Job(["quantize", "-q", "-f", "-j", "2", "model", "-t",
                 "pack:q4_0=out/a.phipack"], ["a.phipack"]),
    "planes": Job(["quantize", "-q", "-f", "-j", "1", "model", "-t",
                   "pack:copy=out/a.phipack", "--pack-planes"],
                  ["a.phipack"]),
    "unpack": Job(["extract", "-q", "-f", "in.phipack", "gguf", "-o",
                   "out/u.gguf"], ["u.gguf"]),
    # In the room that the file has, a number in its place, and anew.
    "set": Job(["set-metadata", "-q", "out/m.gguf", "general.name=New",
                "general.author=me"], ["m.gguf"], copied="room.gguf"),
    "set-number": Job(["set-metadata", "-q", "-f", "out/m.gguf",
                       "phi2.context_length=64"], ["m.gguf"],
                      copied="room.gguf"),
    "set-anew": Job(["set-metadata", "-q", "--rewrite", "out/m.gguf",
                     "general.name=New"], ["m.gguf"], copied="room.gguf"),
    "release": Job(["release", "-q", "-f", "-j", "1", "model", "-t", "q8_0",
                    "-e", "text.txt", "-c", "16", "--chunks", "2",
                    "--max-ppl-ratio", "2", "-o", "out/r"], ["r/"],
                   folder=OLD_RELEASE),
    "tokenize": Job(["tokenize", "model", "--count", "-f", "text.txt"], []),
    "inspect": Job(["inspect", "--json", "--hash", "model"], []),
    "doctor": Job(["doctor", "model"], []),
    "verify": Job(["verify", "-j", "2", "in.phipack"], []),
    "verify-release": Job(["verify-release", "-j", "1", "rel", "--source",
                           "model"], []),
}
SETTERS = ["set", "set-number", "set-anew"]
WRITERS = ["quantize", "split", "merge", "merge-folder", "export",
           "export-gguf", "logits", "report", "pack", "unpack",
           "release"] + SETTERS
READERS = WRITERS + ["eval", "journal", "tokenize", "inspect", "doctor",
                     "verify", "verify-release"]
THREADED = ["quantize", "merge", "merge-folder", "export-gguf", "eval"]
# What changes a file where it lies reserves, renames and removes nothing.
IN_PLACE = ["set", "set-number"]
MAKERS = [job for job in WRITERS if job not in IN_PLACE]
FOLDERS = ["merge-folder", "export", "export-gguf"]
# The size of a report is not known before.
SIZED = [job for job in MAKERS if job != "report"]
# What differs from run to run.
CLOCKS = re.compile(rb'("(seconds|tokens_per_second)":|time=")[0-9.e+-]+')

# A read that failed: the file, and where in it.
READ_ERROR = re.compile(rb"^phiconv: (.*: )?[^ ]+: reading at byte \d+: ", re.M)

# If no rename works any more, an output that is in place cannot be taken back:
# each is whole, but not all are of one kind.
MIXED = "mixed"
LATE = "late"
STAYS = "stays"  # what it cannot see, and so cannot name


@dataclasses.dataclass
class Row:
    name: str
    call: str
    what: str
    ever: str
    second: str
    jobs: list
    codes: set
    also: str
    most: int


# Where "from then on" makes no difference, or none that ends; and where a
# call alone says little.
ONCE = ("",)
ON = ("+",)

# call, what, jobs, exit codes that are right
ROWS = []


def row(call, what, jobs, codes, also=None, ever=("", "+"), most=0):
    """ever: at a call alone, "", and at it and all after it, "+".
    most: that many calls at least, whatever --most says."""
    what, _, second = str(what).partition(";")
    name = "%s-%s" % (call, errno.errorcode[int(what)] if what.isdigit()
                      else what)
    if second:
        name += "-and-" + second.split(":")[0]
    for e in ever:
        ROWS.append(Row(name + e, call, what, e, second, jobs, codes, also,
                        most))


row("write", errno.ENOSPC, WRITERS + ["journal"], {4})
row("write", errno.EIO, WRITERS + ["journal"], {4})
row("write", errno.EDQUOT, WRITERS + ["journal"], {4})
row("write", errno.EINTR, WRITERS + ["journal"], {0}, ever=ONCE)
row("write", "short", WRITERS + ["journal"], {0})
row("reserve", errno.ENOSPC, SIZED, {4})
row("reserve", errno.EOPNOTSUPP, SIZED, {0}, ever=ONCE)
row("sync", errno.EIO, WRITERS + ["journal"], {4})
row("close", errno.EIO, WRITERS, {0, 4})
row("mkdir", errno.ENOSPC, FOLDERS, {4})
row("cut", errno.EIO, ["journal"], {4})
# Exchanging the files is tried first; a plain rename does as well.
row("rename", errno.EIO, MAKERS, {0, 4}, MIXED)
row("rename", errno.EXDEV, MAKERS, {0, 4}, MIXED)
row("rename", errno.EINVAL, MAKERS, {0, 4}, MIXED)
row("read", errno.EIO, READERS, {4})
row("read", errno.EINTR, READERS, {0}, ever=ONCE)
row("read", "short", READERS, {0})
# Some files are opened a second time for speed, and can be done without.
row("open", errno.EMFILE, READERS, {0, 4})
row("open", errno.EACCES, READERS, {0, 4})
# A folder that cannot be listed is none that has nothing in it.
row("list", errno.EIO, ["quantize", "merge-folder", "export", "export-gguf",
                        "doctor", "verify-release"], {0, 4}, STAYS)
row("unlink", errno.EIO, MAKERS, {0, 4})
# What libraries ask for, they may do without. Memory for the table that is
# printed may fail after the logits are in place.
row("alloc", errno.ENOMEM, READERS, {0, 5}, MIXED)
# The rest of it is what "logits" does.
row("write", errno.ENOSPC, ["save"], {4})
row("reserve", errno.ENOSPC, ["save"], {4})
row("sync", errno.EIO, ["save"], {4})
row("read", errno.EIO, ["save"], {0, 4})
row("alloc", errno.ENOMEM, ["save"], {0, 5}, MIXED)
row("any", "kill", ["save"], {-9}, ever=ONCE)
row("thread", errno.EAGAIN, THREADED, {0})
row("any", "kill", WRITERS + ["journal"], {-9}, ever=ONCE)
# It may come when all is in place already.
row("any", "int", WRITERS + ["journal"], {0, -2}, LATE, ever=ONCE)
row("any", "term", WRITERS + ["journal"], {0, -15}, LATE, ever=ONCE)
# No file that is open without O_NONBLOCK says so; nobody waits for ever.
row("write", errno.EAGAIN, ["quantize", "export", "pack", "set", "journal"],
    {4}, ever=ON)
row("read", errno.EAGAIN, ["quantize", "inspect", "journal"], {4}, ever=ON)
# A file that may be missing is not taken for missing if nobody can say.
row("stat", errno.EIO, READERS, {0, 4})
row("stat", errno.EACCES, ["inspect", "doctor", "verify-release"], {0, 4},
    ever=ONCE, most=1000)
row("mode", errno.EPERM, ["set-anew"], {4})
# Without it bytes are read and written.
row("copy", errno.EIO, ["set-anew"], {0})
row("copy", errno.EINTR, ["set-anew"], {0}, ever=ONCE)
row("copy", "short", ["set-anew"], {0})
# Where files cannot be locked, outputs go without; a journal does not.
row("lock", errno.ENOLCK, WRITERS, {0}, ever=ON)
row("lock", errno.ENOLCK, ["journal"], {4}, ever=ONCE)
# Another run has it: there are other temporary names, and no other file.
row("lock", errno.EWOULDBLOCK,
    [job for job in MAKERS if job not in SETTERS], {0}, ever=ONCE)
# But not without end, where all names are others'.
row("lock", errno.EWOULDBLOCK,
    [job for job in MAKERS if job not in SETTERS], {4}, ever=ON)
row("open", errno.EEXIST, ["planes"], {0, 4}, ever=ON)
row("lock", errno.EWOULDBLOCK, IN_PLACE, {4}, ever=ONCE)
# The file itself, and then the temporary one.
row("lock", errno.EWOULDBLOCK, ["set-anew"], {0, 4}, ever=ONCE)
row("lock", errno.EWOULDBLOCK, ["journal"], {2}, ever=ONCE)
row("dup", errno.EMFILE, [job for job in MAKERS if job not in FOLDERS], {4},
    ever=ONCE)
row("random", errno.ENOSYS, MAKERS, {0, 4}, ever=ON)
# Two at once: what is left of a failed run cannot be removed either.
row("write", "%d;unlink:%d:1+" % (errno.ENOSPC, errno.EIO),
    ["quantize", "export", "merge"], {4})
# A size that can be neither reserved nor set.
row("reserve", "%d;cut:%d:1+" % (errno.EOPNOTSUPP, errno.EIO), SIZED, {4},
    ever=ONCE)


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="fault-")
        os.makedirs(self.path("model/additional_chat_templates"))
        os.mkdir(self.path("out"))
        os.mkdir(self.path("adapter"))
        self.new = {}
        self.old = {}
        self.printed = {}
        self.runs = 0
        self.bad = 0
        self.made = {}
        self.known = {}
        self.ended = set()
        self.leaks = []
        self.fill()
        for name, kind in [("in.phipack", "pack:q4_0"), ("room.gguf", "q8_0")]:
            self.run(["quantize", "-q", "model", "-t", kind, "-o", name])
            with open(self.path(name), "rb") as f:
                self.made[name] = f.read()
        args = JOBS["release"].args
        self.run(args[:-1] + ["rel"])
        self.made.update({"rel/" + name: content for name, content in
                          self.files("rel").items()})

    def path(self, name):
        return os.path.join(self.work, name)

    def fill(self):
        """The inputs, as they were."""
        files = {"model/" + n: c for n, c in tiny.model().items()}
        # A folder whose files are all listed, or none is read.
        files["model/additional_chat_templates/tool_use.jinja"] = b"tools"
        files["in.gguf"] = tiny.gguf_file()
        files["in.imatrix"] = tiny.gguf_file(tiny.imatrix_keys(),
                                             tiny.imatrix_entries())
        files["text.txt"] = TEXT
        files["base.logits"] = cases_logits.sound()
        files.update(self.made)
        files["adapter/adapter_config.json"] = json.dumps(
            cases_adapter.CONFIG).encode()
        files["adapter/adapter_model.safetensors"] = tiny.st_file(
            cases_adapter.layers())
        for name, content in files.items():
            with open(self.path(name), "wb") as f:
                f.write(content)

    def empty(self, job):
        """Only what was there before."""
        shutil.rmtree(self.path("out"))
        os.mkdir(self.path("out"))
        for name in JOBS[job].outputs:
            files = {name: self.made.get(JOBS[job].copied, OLD)}
            if name.endswith("/"):
                os.mkdir(self.path("out/" + name))
                files = {name + k: v for k, v in JOBS[job].folder.items()}
            for path, content in files.items():
                with open(self.path("out/" + path), "wb") as f:
                    f.write(content)
        if JOBS[job].resumes and job in self.new:
            # Cut off within a record.
            content = self.new[job][JOBS[job].resumes]
            with open(self.path("out/" + JOBS[job].resumes), "wb") as f:
                f.write(content[:len(content) * 2 // 3])

    def run(self, args, environment=None, **more):
        hits = [self.path("hit"), self.path("hit2")]
        leaks = self.path("leaks")
        for made in hits + [leaks]:
            if os.path.exists(made):
                os.remove(made)
        env = dict(os.environ, LC_ALL="C.UTF-8")
        if environment:
            env.update(environment, FAULT_HIT=hits[0], FAULT_HIT2=hits[1],
                       FAULT_LEAKS=leaks, LD_PRELOAD=self.options.shim)
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run([self.options.phiconv] + args, cwd=self.work,
                              env=env, timeout=120, **more)
        self.runs += 1
        if os.path.exists(leaks):
            with open(leaks) as f:
                self.leaks.append(f.read())
        # The small model has rows that are alike, which doctor finds.
        if args[0] == "doctor" and done.returncode == 1:
            done.returncode = 0
        return done, os.path.exists(hits[0])

    def shown(self, path):
        """What inspect says of a GGUF file; None if it refuses it."""
        done = subprocess.run([self.options.phiconv, "inspect", "--diffable",
                               path], stdin=subprocess.DEVNULL,
                              capture_output=True)
        return done.stdout if done.returncode == 0 else None

    def files(self, name):
        """name -> bytes, and name/ -> such a dictionary."""
        out = {}
        for entry in os.scandir(self.path(name)):
            if entry.is_dir():
                out[entry.name + "/"] = self.files(name + "/" + entry.name)
            else:
                with open(entry.path, "rb") as f:
                    out[entry.name] = f.read()
        return out

    def held(self, job):
        """name -> bytes, or for name/ a dictionary of such"""
        def content(path):
            if JOBS[job].copied and not path.endswith(".tmp"):
                return self.shown(path)
            with open(path, "rb") as f:
                return CLOCKS.sub(rb"\1", f.read())

        out = {}
        for name in os.listdir(self.path("out")):
            path = self.path("out/" + name)
            if os.path.isdir(path):
                out[name + "/"] = {n: content(os.path.join(path, n))
                                   for n in os.listdir(path)}
            else:
                out[name] = content(path)
        return out

    def learn(self):
        """What each job makes when nothing goes wrong."""
        for name, job in JOBS.items():
            self.empty(name)
            done, _ = self.run(job.args)
            if done.returncode != 0:
                sys.exit("%s: %s" % (name, done.stderr.decode()))
            self.old[name] = {n: job.folder if n.endswith("/") else OLD
                              for n in job.outputs}
            if job.copied:
                self.old[name] = {n: self.shown(self.path(job.copied))
                                  for n in job.outputs}
            self.new[name] = self.held(name)
            self.printed[name] = CLOCKS.sub(rb"\1", done.stdout)
            if sorted(set(self.new[name]) - {job.resumes}) != sorted(
                    job.outputs):
                sys.exit("%s: made %s" % (name, sorted(self.new[name])))
            if job.resumes:
                path = self.path("out/" + job.resumes)
                with open(path, "rb") as f:
                    self.new[name][job.resumes] = f.read()

    def goes_on(self, job):
        """What the next run makes of the journal that was left."""
        done, _ = self.run(JOBS[job].args)
        if done.returncode != 0:
            return "the next run: exit code %d, %s" % (
                done.returncode, done.stderr.decode(errors="replace"))
        if CLOCKS.sub(rb"\1", done.stdout) != self.printed[job]:
            return "the next run has other digits"
        return None

    def cleans_up(self, job):
        """The next run is not disturbed by what a dead one left, and removes
        it."""
        if not any(n.endswith(".tmp") for n in os.listdir(self.path("out"))):
            return None
        done, _ = self.run(JOBS[job].args)
        wrong = self.judge(job, done.returncode, done.stderr, {0})
        return wrong and "the next run: " + wrong

    def judge(self, job, code, err, codes, also=None):
        outputs = JOBS[job].outputs
        held = self.held(job)
        extra = sorted(set(held) - set(outputs) - {JOBS[job].resumes})
        temps = [n for n in extra if re.match(r"\..*\.tmp/?$", n)]
        settled = b"complete and in place" in err
        # The system's own calls may lack memory, too; they name a file.
        short = 5 in codes and b"Cannot allocate memory" in err
        if code not in codes and not (code == 4 and 0 in codes and
                                      (settled or short)):
            return "exit code %d, expected one of %s" % (code, sorted(codes))
        if set(outputs) - set(held):
            return "%s is gone" % sorted(set(outputs) - set(held))
        # What cannot be removed may stay, where a message says so.
        said = all(n.strip("/").encode() in err for n in temps)
        if extra and not (extra == temps and (code == -9 or said or
                                              also == STAYS)):
            return "left %s" % extra
        is_new = [held[n] == self.new[job][n] for n in outputs]
        is_old = [held[n] == self.old[job][n] for n in outputs]
        mixed = code == -9 or also == MIXED or JOBS[job].apart
        if mixed and code != 0:
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
            lines = [n for n in lines if not n.startswith("phiconv: note: out/.")]
            if len(lines) > 3 or not lines[0].startswith("phiconv: "):
                return "expected one line, or one and a hint"
        if JOBS[job].resumes:
            return self.goes_on(job)
        return None

    def stands(self, job, state, ended):
        """What is wrong with what a power cut left at the names."""
        if JOBS[job].resumes:
            path = self.path("out/" + JOBS[job].resumes)
            if os.path.exists(path):
                os.remove(path)
            if state[JOBS[job].resumes] is not None:
                with open(path, "wb") as f:
                    f.write(state[JOBS[job].resumes])
            if ended and state[JOBS[job].resumes] != \
                    self.new[job][JOBS[job].resumes]:
                return "exit code 0, and records are missing"
            return self.goes_on(job)
        for name in JOBS[job].outputs:
            held = state[name]
            if JOBS[job].copied and held is not None:
                with open(self.path("cut"), "wb") as f:
                    f.write(held)
                held = self.shown(self.path("cut"))
            elif isinstance(held, dict):
                held = {n: CLOCKS.sub(rb"\1", c) for n, c in held.items()}
            elif held is not None:
                held = CLOCKS.sub(rb"\1", held)
            if held == self.new[job][name]:
                continue
            if ended:
                return "exit code 0, and %s is not the new one" % name
            if held != self.old[job][name]:
                return "%s is neither old nor new" % name
        return None

    def report(self, what, wrong, done):
        if self.leaks and wrong is None:
            wrong = "forgot " + ", ".join(self.leaks)
        self.leaks.clear()
        if wrong is not None:
            self.bad += 1
            print("%s: %s\n  exit code %d\n  %s" % (
                what, wrong, done.returncode,
                done.stderr.decode(errors="replace").strip()[:600]))

    def places(self, job, call, most=0):
        """Up to N numbers of calls, then one that there is not."""
        most = max(most, self.options.most)
        n = self.calls_of(job, call)
        if n <= most:
            return list(range(1, n + 2))
        edge = most // 4
        step = max(1, (n - 2 * edge) // (most - 2 * edge))
        return (list(range(1, edge + 1)) +
                list(range(edge + 1, n - edge, step)) +
                list(range(n - edge, n + 2)))

    def calls_of(self, job, call, path=""):
        """How many there are when none fails."""
        key = (job, call, path)
        if key not in self.known:
            count = self.path("count")
            self.empty(job)
            self.run(JOBS[job].args, {"FAULT": call + ":short:0",
                                      "FAULT_PATH": path,
                                      "FAULT_COUNT": count})
            with open(count) as f:
                self.known[key] = int(f.read())
            os.remove(count)
        return self.known[key]

    def try_row(self, row, job):
        """Whether its fault happened, and with it the second if there is
        one."""
        places = self.places(job, row.call, row.most)
        # One run that has no such call is enough for all rows.
        if (job, row.call) in self.ended:
            places.pop()
        self.ended.add((job, row.call))
        happened = False
        for k in places:
            self.empty(job)
            done, hit = self.run(JOBS[job].args, {
                "FAULT": "%s:%s:%d%s;%s" % (row.call, row.what, k, row.ever,
                                            row.second)})
            happened = happened or hit and (
                not row.second or os.path.exists(self.path("hit2")))
            self.report("%s %s at call %d%s" % (job, row.name, k, row.ever),
                        self.wrong(row, job, done, hit), done)
        return happened

    def wrong(self, row, job, done, hit):
        right = row.codes if hit else {0, 4} if row.second else {0}
        also = None if row.also == MIXED and row.call == "rename" and \
            not row.ever else row.also
        wrong = self.judge(job, done.returncode, done.stderr, right, also)
        if wrong is not None:
            return wrong
        if done.returncode == 0 and \
                CLOCKS.sub(rb"\1", done.stdout) != self.printed[job]:
            return "printed something else"
        if row.call == "read" and done.returncode == 4 and \
                not READ_ERROR.search(done.stderr):
            return "does not say which byte of which file"
        return None


def forget(bench):
    """What is not given back is seen, of memory and of files."""
    for call, seen in [("free", "blocks"), ("close", "descriptor")]:
        bench.empty("quantize")
        done, hit = bench.run(JOBS["quantize"].args,
                              {"FAULT": call + ":forget:1+"})
        forgot = bench.leaks.pop() if bench.leaks else "nothing"
        bench.report(call + " forgotten", None if hit and seen in forgot else
                     "expected %s, found %s" % (seen, forgot), done)


def matrix(bench):
    for row in ROWS:
        for job in row.jobs:
            label = "%s %s" % (job, row.name)
            if not re.search(bench.options.only, label):
                continue
            before = bench.runs
            if not bench.try_row(row, job):
                bench.bad += 1
                print("%s: no run has such a call" % label)
            if bench.options.verbose:
                print("%-32s %d runs" % (label, bench.runs - before))


# What phiconv calls that touches files, threads and chance, and cannot fail
# by the shim.
SYSTEM = re.compile(r"open|close|read|write|sync|stat|trunc|rename|link|dir|"
                    r"chmod|lock|fcntl|alloc|copy|access|random|create|seek|"
                    r"path|map|spawn|exec")
LEFT_OUT = {
    r"pthread_(cond|mutex)_\w+|pthread_join|clock_gettime|pcre2_\w+":
        "no calls of the system",
    r"fopen|fclose|fread": "/proc for hints; the signature, by release tests",
    r"fwrite": "to standard output: see streams()",
    r"posix_spawn\w*": "the program that looks at signatures: release tests",
    r"fdopendir|closedir|rewinddir|dirfd": "on descriptors that are open",
    r"access|faccessat|statvfs64|sync_file_range": "hints: what follows says",
    r"readlink|realpath": "of links and of \".\", which no job has",
}


def uncaught(bench):
    """No call has come in that has no faults."""
    def names(path, which):
        done = subprocess.run(["nm", "-D", which, path], check=True,
                              capture_output=True, text=True)
        return {line.split()[-1].split("@")[0]
                for line in done.stdout.splitlines()}

    calls = names(bench.options.phiconv, "--undefined-only") - names(
        bench.options.shim, "--defined-only")
    bench.runs += 1
    new = [n for n in sorted(calls) if SYSTEM.search(n) and
           not re.fullmatch("|".join(LEFT_OUT), n)]
    bench.report("calls", "no faults for %s" % ", ".join(new) if new else None,
                 subprocess.CompletedProcess([], 0, b"", b""))


# --- what is no single call ------------------------------------------------

# What is opened, and then read by its name: replaced after most of the reads,
# of what may have been read before or after.
BY_NAME = ["model/config.json", "model/tokenizer.json", "model/README.md",
           "adapter/adapter_config.json"]
REPLACED = [("quantize", BY_NAME[0]), ("quantize", BY_NAME[1]),
            ("quantize", BY_NAME[2]), ("merge", BY_NAME[3]),
            ("merge-folder", BY_NAME[3]), ("merge-folder", BY_NAME[0]),
            ("export", BY_NAME[2]), ("pack", BY_NAME[1]),
            ("inspect", BY_NAME[0])]
# What is read as a whole or bit by bit. No read of the file comes after its
# last one, so that whoever looks before that does not see it.
WEIGHTS = "model/model.safetensors"
RELEASED = "rel/Model-Q8_0.gguf"
CHANGED = [("quantize", WEIGHTS), ("quantize", "in.imatrix"),
           ("split", "in.gguf"), ("merge", WEIGHTS),
           ("merge", "adapter/adapter_model.safetensors"),
           ("merge-folder", WEIGHTS), ("export", WEIGHTS),
           ("export-gguf", "in.gguf"), ("eval", "in.gguf"),
           ("eval", "text.txt"), ("logits", "in.gguf"), ("report", "in.gguf"),
           ("journal", "in.gguf"), ("save", "in.gguf"),
           ("save", "base.logits"), ("pack", WEIGHTS), ("planes", WEIGHTS),
           ("unpack", "in.phipack"), ("release", WEIGHTS),
           ("tokenize", "text.txt"),
           ("inspect", WEIGHTS), ("doctor", WEIGHTS), ("verify", "in.phipack"),
           ("verify-release", RELEASED), ("verify-release", WEIGHTS)]


def must_notice(bench, job, name, fault, says):
    old = time.time() - 100
    os.utime(bench.path(name), (old, old))
    shutil.copyfile(bench.path(name), bench.path("new"))
    bench.empty(job)
    done, hit = bench.run(JOBS[job].args, {
        "FAULT": fault, "FAULT_PATH": bench.path(name),
        "FAULT_NEW": bench.path("new")})
    wrong = bench.judge(job, done.returncode, done.stderr, {4})
    if wrong is None and not hit:
        wrong = "there was no such call"
    if wrong is None and says not in done.stderr:
        wrong = "does not say that it changed"
    bench.report("%s %s: a change that counts, %s" % (job, name, fault), wrong,
                 done)
    if os.path.exists(bench.path("new")):
        os.remove(bench.path("new"))
    bench.fill()


def changes(bench):
    """Inputs that somebody changes while they are read."""
    cases = [("quantize", "model/model.safetensors"),
             ("quantize", "model/config.json"), ("quantize", "in.imatrix"),
             ("quantize", "model/tokenizer.json"), ("split", "in.gguf"),
             ("logits", "in.gguf"), ("eval", "in.gguf"),
             ("merge", "model/model.safetensors"),
             ("merge", "adapter/adapter_model.safetensors"),
             ("merge-folder", "adapter/adapter_config.json"),
             ("merge-folder", "model/model.safetensors"),
             ("export", "model/model.safetensors"),
             ("export", "model/README.md"), ("export-gguf", "in.gguf"),
             ("report", "in.gguf"), ("journal", "in.gguf"),
             ("inspect", "model/model.safetensors"),
             ("doctor", "model/model.safetensors"),
             ("save", "base.logits"), ("pack", "model/model.safetensors"),
             ("unpack", "in.phipack"), ("release", "model/model.safetensors")]
    for job, name in cases:
        for what in ("cut", "touch", "replace"):
            for k in bench.places(job, "read"):
                # Times of files have the grain of the kernel's clock.
                bench.fill()
                old = time.time() - 100
                os.utime(bench.path(name), (old, old))
                shutil.copyfile(bench.path(name), bench.path("new"))
                bench.empty(job)
                done, hit = bench.run(JOBS[job].args, {
                    "FAULT": "read:%s:%d" % (what, k),
                    "FAULT_PATH": bench.path(name),
                    "FAULT_NEW": bench.path("new")})
                if JOBS[job].resumes:
                    bench.fill()
                # Before it is opened, a change is none; a small file is
                # whole after it is cut, and a matrix is closed early.
                codes = {0, 3, 4} if hit else {0}
                # An open file stays what it is; these are read by name.
                if what == "replace" and name not in BY_NAME:
                    codes = {0}
                wrong = bench.judge(job, done.returncode, done.stderr, codes)
                bench.report("%s %s %s at read %d" % (job, what, name, k),
                             wrong, done)
                if os.path.exists(bench.path("new")):
                    os.remove(bench.path("new"))
    bench.fill()
    # And ones that must be noticed.
    for job, name in REPLACED:
        k = max(1, bench.calls_of(job, "read") * 3 // 4)
        must_notice(bench, job, name, "read:replace:%d" % k,
                    b"replaced meanwhile")
    touched = b"changed while being read"
    for job, name in CHANGED:
        k = bench.calls_of(job, "here", bench.path(name))
        must_notice(bench, job, name, "here:touch:%d" % k, touched)
    # While files are hashed, and after the last read of a model, when the
    # tensors of what was made from it are hashed.
    must_notice(bench, "verify-release", RELEASED, "here:touch:1", touched)
    must_notice(bench, "release", WEIGHTS, "read:touch:%d" % (
        bench.calls_of("release", "read") - 20), touched)


def hashing(bench):
    """Ctrl-C while whole models are hashed, or verified: the run dies of it,
    and does not first come to what it fails for."""
    evaluate = ["eval-ppl", "-q", "-j", "1", "-c", "16", "in.gguf", "-f"]
    journal = ["text.txt", "--journal", "out/none/j"]
    for what, args in [
            ("a journal", evaluate + journal),
            ("a journal, and logits",
             evaluate[:4] + ["in.gguf", "-r", "base.logits"] + journal[1:]),
            ("a journal, and an adapter",
             evaluate + journal + ["--lora", "adapter"]),
            ("adapters", evaluate + ["none", "--lora", "adapter"]),
            ("adapters", ["quantize", "-q", "model", "--lora", "adapter", "-t",
                          "q8_0", "-o", "out/none/q.gguf"]),
            ("adapters", ["merge-lora", "-q", "model", "adapter", "-o",
                          "out/none/m.gguf"]),
            ("--verify", ["eval-ppl", "-q", "-j", "1", "--verify",
                          "in.phipack", "-f", "none"])]:
        shutil.rmtree(bench.path("out"))
        os.mkdir(bench.path("out"))
        count = bench.path("count")
        done, _ = bench.run(args, {"FAULT": "read:short:0",
                                   "FAULT_COUNT": count})
        with open(count) as f:
            n = int(f.read())
        os.remove(count)
        bench.report("%s for %s" % (what, args[0]), None if done.returncode == 4
                     else "exit code %d, expected 4" % done.returncode, done)
        for k in range(max(1, n - bench.options.most), n + 1):
            done, _ = bench.run(args, {"FAULT": "read:int:%d" % k})
            wrong = None
            if done.returncode != -signal.SIGINT or done.stderr:
                wrong = "expected to end by the signal, and to say nothing"
            bench.report("%s for %s: SIGINT at read %d of %d" % (
                what, args[0], k, n), wrong, done)


def limits(bench):
    import resource

    def limited(what, value):
        return lambda: resource.setrlimit(what, (value, value))

    for job in READERS:
        args, outputs = JOBS[job].args, JOBS[job].outputs
        fine = bench.options.most > 30
        rows = [("memory of %d MiB" % n, limited(resource.RLIMIT_AS, n << 20),
                 {0, 5, 127}) for n in range(8, 200, 8 if fine else 32)]
        rows += [("%d descriptors" % n, limited(resource.RLIMIT_NOFILE, n),
                  {0, 4, 127}) for n in range(3, 24, 1 if fine else 3)]
        rows += [("files of %d bytes" % n, limited(resource.RLIMIT_FSIZE, n),
                  {0, 4} if outputs or job == "journal" else {0})
                 for n in (0, 1, 4096, 30000, 100000, 200000)]
        rows += [("a stack of %d KiB" % n, limited(resource.RLIMIT_STACK,
                                                   n << 10), {0, 4, 5})
                 for n in (128, 192, 256)]
        for name, limit, codes in rows:
            bench.empty(job)
            done, _ = bench.run(args, preexec_fn=limit)
            # 127: the loader itself has not enough; nothing began.
            wrong = bench.judge(job, done.returncode, done.stderr,
                                codes - {127}) \
                if done.returncode != 127 else None
            if done.returncode == 127 and 127 not in codes:
                wrong = "the loader failed"
            bench.report("%s with %s" % (job, name), wrong, done)


def slow_disk(bench):
    """Ctrl-C while the disk takes its time to sync: the run dies of it when
    the disk has. Where that ends all work, outputs that are synced may get
    their names; otherwise no other sync is asked for."""
    paths = {name: bench.path(name) for name in ("hit", "hit2", "go")}
    for job in INTERRUPTED:
        bench.empty(job)
        for path in paths.values():
            if os.path.exists(path):
                os.remove(path)
        process = subprocess.Popen(
            [bench.options.phiconv] + JOBS[job].args, cwd=bench.work,
            env=dict(os.environ, FAULT="sync:slow:1;sync:short:2",
                     FAULT_HIT=paths["hit"], FAULT_HIT2=paths["hit2"],
                     FAULT_GO=paths["go"], LD_PRELOAD=bench.options.shim),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        while process.poll() is None and not os.path.exists(paths["hit"]):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        early = process.poll() is not None
        with open(paths["go"], "wb"):
            pass
        _, err = process.communicate(timeout=60)
        more = os.path.exists(paths["hit2"])
        bench.runs += 1
        done = subprocess.CompletedProcess([], process.returncode, b"", err)
        wrong = bench.judge(job, done.returncode, err, {-signal.SIGINT}, LATE)
        if wrong is None and early:
            wrong = "ended before the disk had"
        if wrong is None and job in UNFINISHED and more:
            wrong = "went on to another sync"
        bench.report("%s: SIGINT during a sync" % job, wrong, done)


def streams(bench):
    """Standard streams that are closed, full or gone."""
    def without(fds):
        return lambda: [os.close(f) for f in fds]

    for job in WRITERS:
        for fds in [(0,), (1,), (2,), (0, 1), (0, 1, 2), (1, 2)]:
            bench.empty(job)
            done, _ = bench.run(JOBS[job].args, preexec_fn=without(fds))
            # Without -q eval-ppl has something to print.
            bench.report("%s without %s" % (job, fds), bench.judge(
                job, done.returncode, done.stderr, {0}), done)
    printing = {job: JOBS[job].args
                for job in READERS if job not in WRITERS}
    printing["quantize"] = ["--json" if a == "-q" else a
                            for a in JOBS["quantize"].args]
    printing["help"] = ["quantize", "--help"]
    printing["version"] = ["--version"]
    for job, args in printing.items():
        if job in JOBS:
            bench.empty(job)
        with open("/dev/full", "wb") as out:
            done, _ = bench.run(args, stdout=out)
        bench.report("%s to a full disk" % job,
                     None if done.returncode == 4 else "exit code %d, "
                     "expected 4" % done.returncode, done)
        done, _ = bench.run(args, preexec_fn=lambda: os.close(1))
        bench.report("%s without output" % job,
                     None if done.returncode == 4 else
                     "exit code %d, expected 4" % done.returncode, done)
        # A reader that has gone away.
        read, write = os.pipe()
        os.close(read)
        done, _ = bench.run(args, stdout=write)
        os.close(write)
        bench.report("%s to nobody" % job,
                     None if done.returncode in (4, -signal.SIGPIPE) else
                     "exit code %d" % done.returncode, done)


CRASHED = ["quantize", "merge", "export", "logits", "journal", "pack", "set",
           "set-anew", "release"]
def surroundings(bench):
    """What is around a run, and is not to be in its results."""
    for job in READERS:
        for what, env in [
                ("rounding of its own", {"FAULT_FLOATS": "1"}),
                ("no home", {"HOME": "", "TMPDIR": "/nonexistent",
                             "LC_ALL": "xx_YY.UTF-8"})]:
            bench.empty(job)
            done, _ = bench.run(JOBS[job].args, env)
            wrong = bench.judge(job, done.returncode, done.stderr, {0})
            if wrong is None and CLOCKS.sub(rb"\1", done.stdout) != \
                    bench.printed[job]:
                wrong = "printed something else"
            bench.report("%s with %s" % (job, what), wrong, done)


# What runs of these wait for at first is a sync, and of some not at the end.
INTERRUPTED = ["quantize", "export", "logits", "pack", "set", "set-anew",
               "release", "journal"]
UNFINISHED = ["release", "journal"]

SIGNALS = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def crashes(bench):
    """kill -9 and signals at random times, over what dead runs left."""
    rng = random.Random(bench.options.seed)
    whole = 0.1
    for job in CRASHED:
        if not re.search(bench.options.only, "crashes " + job):
            continue
        started = time.monotonic()
        bench.empty(job)
        bench.run(JOBS[job].args)
        whole = time.monotonic() - started
        for number in SIGNALS:
            for _ in range(bench.options.times):
                moment = rng.uniform(0, whole * 1.2)
                bench.empty(job)
                process = subprocess.Popen(
                    [bench.options.phiconv] + JOBS[job].args, cwd=bench.work,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE)
                time.sleep(moment)
                process.send_signal(number)
                _, err = process.communicate(timeout=60)
                bench.runs += 1
                code = process.returncode
                done = subprocess.CompletedProcess([], code, b"", err)
                wrong = bench.judge(job, code, err, {0, -number}, LATE)
                if wrong is None and number == signal.SIGKILL:
                    wrong = bench.cleans_up(job)
                bench.report("%s: signal %d at %.1f ms" % (
                    job, number, moment * 1000), wrong, done)
    leavings(bench)

    def late(job, end):
        return job in FOLDERS and end[1] == 4 and \
            b"was replaced meanwhile" in end[0]

    # Eight at once: of files the last wins, of folders the first, for those
    # that were there are not what the others were to replace; all are whole.
    for job in ("quantize", "merge", "export"):
        args = JOBS[job].args
        for _ in range(max(2, bench.options.times // 12)):
            bench.empty(job)
            all_of_them = [subprocess.Popen(
                [bench.options.phiconv] + args, cwd=bench.work,
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(8)]
            ends = [(p.communicate(timeout=120)[1], p.returncode)
                    for p in all_of_them]
            bench.runs += 8
            err, code = max((end for end in ends if not late(job, end)),
                            key=lambda end: end[1])
            done = subprocess.CompletedProcess(args, code, b"", err)
            bench.report("%s: eight at once" % job, bench.judge(
                job, code, err, {0}), done)
            # Some of them die: what the others write is not taken for what
            # these have left.
            bench.empty(job)
            all_of_them = [subprocess.Popen(
                [bench.options.phiconv] + args, cwd=bench.work,
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(8)]
            time.sleep(rng.uniform(0, whole))
            for process in all_of_them[::3]:
                process.kill()
            ends = [(p.communicate(timeout=120)[1], p.returncode)
                    for p in all_of_them]
            bench.runs += 8
            err, code = max((end for i, end in enumerate(ends)
                             if i % 3 and not late(job, end)),
                            key=lambda end: abs(end[1]), default=(b"", 0))
            done = subprocess.CompletedProcess(args, code, b"", err)
            wrong = "exit code %d" % code if code != 0 else \
                bench.judge(job, -9, err, {-9}) or bench.cleans_up(job)
            bench.report("%s: three of eight die" % job, wrong, done)


def leavings(bench):
    """What dead runs left is removed, what others use is not."""
    for job, name in [("quantize", "a.gguf"), ("split", "a-00002-of-00002.gguf"),
                      ("export", "e"), ("merge", "m.gguf"), ("pack", "a.phipack"),
                      ("unpack", "u.gguf"), ("logits", "l.safetensors"),
                      ("report", "j.xml"), ("set", "m.gguf"),
                      ("release", "r")]:
        bench.empty(job)
        left = [bench.path("out/.%s.%016x.tmp" % (name, i)) for i in range(4)]
        for path in left:
            with open(path, "wb") as f:
                f.write(b"x")
        os.remove(left[2])
        os.mkdir(left[2])
        with open(left[2] + "/x", "wb") as f:
            f.write(b"x")
        done, _ = bench.run(JOBS[job].args)
        bench.report("%s over leavings" % job, bench.judge(
            job, done.returncode, done.stderr, {0}), done)
        # One in use, one that is no temporary name, and one aside.
        bench.empty(job)
        kept = [left[0], left[1][:-4] + ".tmp2", left[2][:-4] + ".old"]
        for path in kept:
            with open(path, "wb") as f:
                f.write(b"x")
        with open(kept[0], "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            done, _ = bench.run(JOBS[job].args)
        gone = [path for path in kept if not os.path.exists(path)]
        for path in set(kept) - set(gone):
            os.remove(path)
        bench.report("%s beside others" % job, "removed %s" % gone if gone else
                     bench.judge(job, done.returncode, done.stderr, {0}), done)


SYSTEM_PATHS = ("/etc/ld.so", "/lib", "/usr/lib", "/proc/", "/sys/", "/dev/",
                "/etc/ssl/", "/usr/local/lib", "/etc/localtime")
OPENING = "openat,?open,?openat2,?creat"
RUNNING = "execve,?execveat"
# Space f, data w, syncs s, renames r; and what must come in which order. What
# is not here only reads, and asks for none of them.
LETTERS = {"pwrite64": "w", "fsync": "s", "renameat2": "r", "renameat": "r",
           "fallocate": "f"}
ORDERS = {
    # Space for both, all writes, both synced, both in place, folders synced.
    "quantize": "ffw+sw*srrss", "split": "ffw+sw*srrss", "merge": "fw+srs",
    # Each file as it is complete, then their folder, then one rename.
    "merge-folder": "[fws]*ssrs", "export": "[fws]*ssrs",
    "export-gguf": "[fws]*ssrs", "logits": "fw+srs",
    # One file, and then the other.
    "report": "(f?w+srs){2}",
    "pack": "fw+srs", "unpack": "fw+srs",
    # The new keys, what makes them count, zeros over the old ones.
    "set": "wswsws", "set-number": "ws", "set-anew": "fw+srs",
    "release": "[fwrs]*ssrs", "save": "fw+srs", "planes": "w+srs",
    # Its name, and each record before the next.
    "journal": "s(ws)+",
}


def may_trace(bench):
    """Without strace most of what this shows is not shown: that is wrong."""
    try:
        done = subprocess.run(["strace", "-o", "/dev/null", "true"],
                              stdin=subprocess.DEVNULL, capture_output=True)
    except FileNotFoundError:
        done = subprocess.CompletedProcess([], 127, b"", b"no strace")
    if done.returncode != 0:
        bench.report("strace", "cannot trace (in a container it may need "
                     "--cap-add SYS_PTRACE)", done)
    return done.returncode == 0


def traced(bench):
    """kill -9 at system calls, the order of those that count, and what is
    opened. Needs strace, and leave to trace."""
    log = bench.path("strace.log")
    head = ["strace", "-f", "-qq", "-o", log]

    def strace(job, *more):
        bench.empty(job)
        bench.runs += 1
        return subprocess.run(
            head + list(more) + [bench.options.phiconv] + JOBS[job].args,
            cwd=bench.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=120)

    if not may_trace(bench):
        return
    most = bench.options.most
    for job in CRASHED + ["report", "unpack", "set-number"]:
        if not re.search(bench.options.only, "traced " + job):
            continue
        strace(job)
        with open(log) as f:
            n = len(f.read().splitlines())
        # Both ends, and threads make some calls more or less.
        for k in sorted({1 + i * n // most for i in range(most)} | {n}):
            done = strace(job, "-e", "inject=all:signal=KILL:when=%d" % k)
            code = -9 if done.returncode in (-9, 137) else done.returncode
            bench.report("%s: kill -9 at system call %d" % (job, k),
                         bench.judge(job, code, done.stderr, {0, -9}), done)

    for job in JOBS:
        if not re.search(bench.options.only, "traced " + job):
            continue
        done = strace(job, "-y", "-xx", "-e", "trace=%s,%s,unlinkat,%s" % (
            OPENING, RUNNING, ",".join(LETTERS)))
        with open(log) as f:
            lines = f.read().splitlines()
        names = [re.match(r"\w*", text).group() for text in power.whole(lines)]
        kinds = "".join(LETTERS.get(name, "") for name in names)
        wrong = stranger(bench, job, power.calls_of(lines))
        if not re.fullmatch(ORDERS.get(job, ""), kinds):
            wrong = "calls in the order %s" % kinds
        if sum(name.startswith("execve") for name in names) != 1:
            wrong = "runs something"
        if done.returncode not in ((0, 1) if job == "doctor" else (0,)):
            wrong = "it failed"
        bench.report("%s: the order of calls" % job, wrong, done)


def stranger(bench, job, calls):
    """What the job opens, and that it was not given, nor lies in out/."""
    given = {a.split("=")[-1].split("/")[0] for a in JOBS[job].args} | {"out"}
    opened = 0
    for name, a, _ in calls:
        if not name.startswith(("open", "creat")):
            continue
        opened += 1
        at, path = a[:2] if name.startswith("openat") else (bench.work, a[0])
        path = os.path.normpath(power.below(at, path))
        within = os.path.relpath(path, bench.work).split("/")[0]
        if not path.startswith(SYSTEM_PATHS) and within not in given:
            return "opens %s" % path
    return None if opened else "nothing is seen of what it opens"


def power_cuts(bench):
    """The states of a disk that loses power. Needs strace, as `traced`."""
    log = bench.path("strace.log")
    if not may_trace(bench):
        return
    for job in WRITERS + ["save", "journal"]:
        if not re.search(bench.options.only, "power_cuts " + job):
            continue
        bench.empty(job)
        before = bench.files("out")
        if JOBS[job].resumes:
            # From the start, so that it writes something.
            before = {}
            os.remove(bench.path("out/" + JOBS[job].resumes))
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", log] + power.OPTIONS +
            [bench.options.phiconv] + JOBS[job].args, cwd=bench.work,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=120)
        if done.returncode != 0:
            bench.report("%s under strace" % job, "it failed", done)
            continue
        names = JOBS[job].outputs or [JOBS[job].resumes]
        with open(log) as f:
            calls = list(power.calls_of(f))

        def wrong(calls):
            for n, state in power.cuts(calls, bench.path("out"), before, names,
                                       bench.options.seed,
                                       bench.options.most):
                yield n, bench.stands(job, state, n is None)

        states = 0
        for n, what in wrong(calls):
            states += 1
            bench.report("%s: power cut after call %s" % (job, n), what, done)
        bench.runs += states
        # It would see if nothing were synced, or only files or folders.
        for paths in (r".", r"\.tmp|\.gguf", r"out$"):
            left = [c for c in calls if c[0] != "fsync" or
                    not re.search(paths, c[1][0])]
            if len(left) < len(calls) and \
                    not any(what for _, what in wrong(left)):
                bench.report("%s without syncs of %s" % (job, paths),
                             "nothing is found wrong", done)
        if bench.options.verbose:
            print("%-32s %d states" % ("power_cuts " + job, states))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("phiconv")
    parser.add_argument("shim")
    parser.add_argument("--only", default="")
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--times", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.times is None:
        options.times = options.most
    options.phiconv = os.path.abspath(options.phiconv)
    options.shim = os.path.abspath(options.shim)
    os.environ.update(sanitizer.options())
    bench = Bench(options)
    bench.learn()
    forget(bench)
    learnt = bench.runs
    matrix(bench)
    for part in (uncaught, changes, hashing, limits, slow_disk, streams,
                 surroundings, crashes, traced, power_cuts):
        if re.search(options.only, part.__name__):
            before = bench.runs
            part(bench)
            if options.verbose:
                print("%-32s %d runs" % (part.__name__, bench.runs - before))
    shutil.rmtree(bench.work)
    print("%d runs, %d wrong" % (bench.runs, bench.bad))
    return 1 if bench.bad or bench.runs == learnt else 0


if __name__ == "__main__":
    sys.exit(main())

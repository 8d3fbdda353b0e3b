#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs phiconv on files that are wrong in one known way each, and on some
that are unusual and right, and judges every run alone:

  - it ends by itself with the exit code that the case names, not by a signal
  - a refusal is one line that begins with the file and names the place, and
    perhaps a line "hint: ...", of at most 511 bytes each
  - nothing that is printed has control characters or is not UTF-8
  - a refusal writes nothing; what is accepted leaves one file
  - time and memory stay within bounds

  run.py PHICONV [--only REGEX] [--sanitizer] [--mutate N [--seed S]]
                 [--list] [--keep FOLDER] [--command NAME]

--sanitizer  the program is built with one: no limit on memory, more time
--mutate N   instead of the cases, N files of the sound model with random
             damage: any verdict will do, but it must be one
--command    inspect, doctor, export, extract or verify gets every file instead
             that it has a use for: any verdict will do here too, without a
             signal or a control character. The others are counted
--keep       the cases' folders stay there, to be looked at
WRAPPER      in the environment is put in front of the program
"""

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import sanitizer  # noqa: E402
import tiny  # noqa: E402
from case import ACCEPTED, CASES, EVALUATE, QUANTIZE, Case  # noqa: E402
import cases_adapter  # noqa: E402
import cases_controls  # noqa: E402,F401
import cases_export  # noqa: E402,F401
import cases_gguf  # noqa: E402
import cases_json  # noqa: E402,F401
import cases_limits  # noqa: E402,F401
import cases_logits  # noqa: E402
import cases_many  # noqa: E402,F401
import cases_merge  # noqa: E402,F401
import cases_model  # noqa: E402,F401
import cases_pack  # noqa: E402
import cases_safetensors  # noqa: E402,F401

# MiB: what may be had for work, and what the program is without any.
ADDRESS_SPACE = 1024
OWN = 32
# Seconds.
HANG = 600
# Bytes of a message: PHI_ERR_MAX without its NUL.
MESSAGE = 511
# Bytes: what the largest cases have at once, and more.
ROOM = 4 << 30
TEXT = b"hello the yellow bell\n" * 20


def lay_out(folder, case, base):
    """The case's folder: links to the sound files, and its own."""
    os.makedirs(folder + "/model")
    names = {"model/" + n for n in os.listdir(base + "/model")}
    for name in names - set(case.files):
        os.symlink(base + "/" + name, folder + "/" + name)
    if "text.txt" not in case.files:
        os.symlink(base + "/text.txt", folder + "/text.txt")
    for name, content in case.files.items():
        path = folder + "/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if callable(content):
            content(path)
        elif content is not None:
            with open(path, "wb") as f:
                f.write(content)


def listing(folder):
    return sorted(os.path.join(d, n)[len(folder) + 1:]
                  for d, _, names in os.walk(folder) for n in names)


def limited(address_space, seconds):
    """What to put in front of a command. (Limits set after a fork() would copy
    the tables of this process's pages, which takes longer than most cases.)"""
    # A hang that computes ends by SIGXCPU: however busy the machine is, that
    # is long. So is HANG, for what waits for something.
    words = ["prlimit", "--core=0", "--cpu=%d" % seconds]
    if address_space:
        words.append("--as=%d" % address_space)
    return words


def wait(process):
    """The exit code, and what the process used."""
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(HANG)
    _, status, usage = os.wait4(process.pid, 0)
    signal.alarm(0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def environment(options):
    """Sanitizers have a limit of their own, on what is asked for at once."""
    env = dict(os.environ, LC_ALL="C.UTF-8")
    if options.sanitizer:
        env.update(sanitizer.options(
            "allocator_may_return_null=1",
            "max_allocation_size_mb=%d" % (2 * ADDRESS_SPACE)))
    return env


# What each command has a use for, and the ways in which it is asked, {} being
# the file: the second and those after it if it has not refused the first, of
# several in parentheses one. Texts and logits are for the commands alone that
# their cases are of.
MODELS = {"folder", "gguf", "packed"}
COMMANDS = {
    "inspect": (MODELS | {"adapter", "imatrix", "safetensors"},
                ["inspect --json --hash {}",
                 ("inspect {}", "inspect -t -m {}", "inspect --diffable {}")]),
    "doctor": ({"folder", "adapter"}, [("doctor {}", "doctor --json {}")]),
    "export": (MODELS, ["export -q -o exported {}"]),
    "extract": ({"packed"},
                ["extract {}", "extract --json {}",
                 "extract -q -o extracted.gguf {} gguf",
                 "extract -q -o extracted {} LICENSE"]),
    "verify": ({"packed"}, [("verify -j 1 {}", "verify --json -j 1 {}")]),
}


def kind_of(name, files):
    """What one of a case's operands is, by its name."""
    if name == "model":
        return "folder"
    if name == "adapter":
        return "gguf" if name in files else "adapter"
    return {"gguf": "gguf", "phipack": "packed", "imatrix": "imatrix",
            "safetensors": "safetensors", "logits": "logits",
            "txt": "text"}[name.rpartition(".")[2]]


def operands(case):
    """[(kind, name)] of what the case brings, or brings a part of."""
    brought = {name.split("/")[0] for name in case.files}
    return [(kind_of(name, case.files), name) for name in case.args
            if name in brought]


def redirected(case, command):
    """[case]: what it brings, given to another command."""
    kinds, ways = COMMANDS[command]
    # By the name, so that a case that is run alone is run as it was.
    some = zlib.crc32(case.name.encode())
    ways = [way if isinstance(way, str) else way[some % len(way)]
            for way in ways]
    return [Case(case.name, [word.format(name) for word in way.split()],
                 case.files, None, None, max(case.seconds, 10.0), 1024)
            for kind, name in operands(case) if kind in kinds for way in ways]


def controls(printed):
    """What in it would move a terminal, or None. A C1 control does so too."""
    try:
        bad = re.findall("[\0-\x09\x0b-\x1f\x7f-\x9f]", printed.decode())
    except UnicodeDecodeError as e:
        return "bytes that are not UTF-8 at byte %d" % e.start
    return "control characters %r" % bad[:4] if bad else None


def judge_any(code, out, err):
    """What is wrong with a run that may say what it likes."""
    if code < 0:
        return "ended by signal %d" % -code
    if code == sanitizer.CODE:
        return "a sanitizer found something"
    if code not in (0, 1, 2, 3, 4, 5):
        return "exit code %d" % code
    return controls(out) or controls(err)


def judge(case, code, out, err, before, after):
    """What is wrong with the run, or None."""
    if code < 0:
        return "ended by signal %d" % -code
    if code == sanitizer.CODE:
        return "a sanitizer found something"
    if case.code is not None and code != case.code:
        return "exit code %d, expected %d" % (code, case.code)
    if code not in (0, 2, 3, 4, 5):
        return "exit code %d" % code
    if controls(out) or controls(err):
        return controls(out) or controls(err)
    made = sorted(set(after) - set(before))
    if code == ACCEPTED:
        if err:
            return "accepted, but it says something"
        want = ["out.phipack" if "pack:copy=out.phipack" in case.args else
                "out.gguf"]
        if case.args[0] == "quantize" and made != want:
            return "made %s, expected %s" % (made, want)
        return None
    if made:
        return "refused, but it made %s" % made
    if out:
        return "refused, but it printed %r" % out[:60]
    lines = err.decode().split("\n")
    if lines[-1] != "" or len(lines) not in (2, 3) or (
            len(lines) == 3 and not lines[1].startswith("hint: ")):
        return "expected one line, or one and a hint"
    for line in lines:
        text = re.sub("^(phiconv|hint): ", "", line)
        if len(text.encode()) > MESSAGE:
            return "a message of %d bytes" % len(text.encode())
    if case.says is None:
        if not re.match(r"phiconv: \S+: .*\S", lines[0]):
            return "the message names no file"
    elif not re.match("phiconv: " + case.says, lines[0]):
        return "expected the message %r" % case.says
    return None


def run(i):
    """(name, exit code, what is wrong or None, details, message, share of the
    time allowed)"""
    case, base, work, options = CHOSEN[i], *PLACES
    if isinstance(case, int):
        case = mutation(case, options.seed)
    folder = os.path.join(work, case.name)
    lay_out(folder, case, base)
    worst = 0
    for way in (redirected(case, options.command) if options.command
                else [case]):
        result = run_one(way, folder, work, options)
        worst = max(worst, result[-1])
        if result[2] is not None or result[1] > 1:
            break
    if not options.keep:
        shutil.rmtree(folder)
        os.remove(os.path.join(work, case.name + ".out"))
        os.remove(os.path.join(work, case.name + ".err"))
    return result[:-1] + (worst,)


def run_one(case, folder, work, options):
    """What run() returns, of one command."""
    before = listing(folder)
    command = os.environ.get("WRAPPER", "").split()
    command += [options.phiconv] + case.args
    slow = 20 if options.sanitizer or command[0] != options.phiconv else 1
    with open(os.path.join(work, case.name + ".out"), "w+b") as out, \
            open(os.path.join(work, case.name + ".err"), "w+b") as err:
        started = time.monotonic()
        address_space = 0 if slow > 1 else \
            (ADDRESS_SPACE if case.code in (ACCEPTED, None)
             else OWN + case.mebibytes) << 20
        process = subprocess.Popen(
            limited(address_space, int(case.seconds * 10 * slow)) + command,
            cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            env=environment(options))
        code, usage = wait(process)
        elapsed = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        printed, said = out.read(), err.read()
        if options.sanitizer:
            said = re.sub(rb"(?m)^==\d+==WARNING: \w+ failed to allocate "
                          rb".*\n", b"", said)
    wrong = judge_any(code, printed, said) if options.command else \
        judge(case, code, printed, said, before, listing(folder))
    cpu = usage.ru_utime + usage.ru_stime
    if wrong is None and cpu > case.seconds * slow:
        wrong = "took %.1f s of processor time" % cpu
    details = "  exit code %d after %.2f s\n  %s\n  repeat: %s" % (
        code, elapsed, said.decode(errors="replace").strip()[:900],
        " ".join(command))
    return (case.name, code, wrong, details, said.decode(errors="replace"),
            cpu / (case.seconds * slow))


def damage(rng, data):
    """Some bytes changed, cut out, put in, swapped or repeated."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        # Headers and what is near them break more than weights do.
        reach = rng.choice((16, 64, 1024, 8192, len(data)))
        at = rng.randrange(min(reach, len(data)) + 1)
        n = rng.choice((1, 1, 2, 4, 8, 64))
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2c, 0x7d))
        elif kind == 2:
            del data[at:at + n]
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(n))
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            data[at:at + n] = rng.choice((b"\xff", b"\0", b"9", b"[")) * n
        else:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other:other + n * 8]
        if not data:
            break
    return bytes(data)


def damaged_section(rng):
    """A packed file of which one section, or the table's entry of one, is
    damaged, and the checksums are right all the same."""
    parts = [list(p) for p in cases_pack.PARTS]
    i = rng.randrange(len(parts))
    kind, codec, stored, plain, name = parts[i]
    if rng.randrange(8) == 0:
        parts[i][4] = damage(rng, name)[:300]
    elif codec == 1:
        content = damage(rng, zlib.decompress(stored))
        parts[i][2:4] = [zlib.compress(content), len(content)]
    else:
        content = damage(rng, stored)
        parts[i][2:4] = [content, len(content)]
    return cases_pack.build(parts, root=cases_pack.ROOT)


def mutation(i, seed):
    """A case with random damage and any verdict."""
    rng = random.Random("%s %d" % (seed, i))
    files, shards, index = SOUND["model"], SOUND["shards"], SOUND["index"]
    kinds = sorted(files) + ["gguf", "engine", "index", "imatrix", "legacy",
                             "logits", "split", "packed", "section"] + \
        sorted(SOUND["adapter"])
    kind = kinds[i % len(kinds)]
    args = QUANTIZE + ["model"]
    if kind in files:
        changed = {"model/" + kind: damage(rng, files[kind])}
    elif kind == "index":
        changed = {"model/" + k: v for k, v in shards.items()}
        changed["model/model.safetensors"] = None
        changed["model/" + tiny.INDEX] = damage(rng, index)
    elif kind in ("gguf", "engine"):
        changed = {"in.gguf": damage(rng, SOUND["gguf"])}
        args = (QUANTIZE if kind == "gguf" else EVALUATE) + ["in.gguf"]
    elif kind == "split":
        changed = dict(SOUND["split"])
        part = rng.choice(sorted(changed))
        changed[part] = damage(rng, changed[part])
        args = QUANTIZE + [cases_gguf.F1]
    elif kind in ("packed", "section"):
        changed = {"in.phipack": damage(rng, cases_pack.ALL)
                   if kind == "packed" else damaged_section(rng)}
        # Not verify, which has a line for every chunk that is damaged.
        args = rng.choice([cases_pack.COPY, EVALUATE, cases_pack.EXPORT])
        args = args + ["in.phipack"]
    elif kind in SOUND["adapter"]:
        changed = {"adapter/" + k: v for k, v in SOUND["adapter"].items()}
        changed["adapter/" + kind] = damage(rng, SOUND["adapter"][kind])
        args = args + ["--lora", "adapter"]
    elif kind == "logits":
        # Without its magic it would be taken for a model.
        sound = SOUND["logits"]
        changed = {"base.logits": sound[:8] + damage(rng, sound[8:])}
        args = cases_logits.EVALUATE
    else:
        changed = {"in.imatrix": damage(rng, SOUND[kind])}
        args = args + ["--imatrix", "in.imatrix"]
    return Case("mutation-%06d-%s" % (i, kind), args, changed, None, None)


def sound_files():
    shards, index = tiny.sharded()
    return {"model": tiny.model(), "shards": shards,
            "index": tiny.json.dumps(index).encode(),
            "gguf": tiny.gguf_file(),
            "imatrix": tiny.gguf_file(tiny.imatrix_keys(),
                                      tiny.imatrix_entries()),
            "legacy": tiny.legacy_file(),
            "split": {cases_gguf.F1: cases_gguf.ONE,
                      cases_gguf.F2: cases_gguf.TWO},
            "adapter": {
                "adapter_config.json":
                    tiny.json.dumps(cases_adapter.CONFIG).encode(),
                "adapter_model.safetensors":
                    tiny.st_file(cases_adapter.layers())},
            "logits": cases_logits.sound()}


# Set before the processes are forked that run the cases.
CHOSEN = []
PLACES = []
SOUND = {}


def working_folder():
    """A new one, in memory if there is room: to create and remove as many files
    on a disk takes longer than to run the program on them."""
    memory = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK) or \
            shutil.disk_usage(memory).free < ROOM:
        memory = None
    return tempfile.mkdtemp(prefix="malformed-", dir=memory)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("phiconv")
    parser.add_argument("--only", default="")
    parser.add_argument("--sanitizer", action="store_true")
    parser.add_argument("--mutate", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--command", choices=sorted(COMMANDS))
    parser.add_argument("--say", action="store_true",
                        help="print every message, to be read")
    options = parser.parse_args()
    options.phiconv = os.path.abspath(options.phiconv)

    if options.mutate:
        SOUND.update(sound_files())
        CHOSEN.extend(range(options.mutate))
    else:
        CHOSEN.extend(c for c in CASES if re.search(options.only, c.name))
    skipped = {}
    if options.command and not options.mutate:
        for case in CHOSEN:
            if not redirected(case, options.command):
                kinds = sorted({kind for kind, _ in operands(case)})
                skipped[case.name] = " and ".join(kinds) or "nothing"
        CHOSEN[:] = [c for c in CHOSEN if c.name not in skipped]
    if options.list:
        for case in CHOSEN:
            print(case.code, case.name)
        return 0
    work = options.keep or working_folder()
    work = os.path.abspath(work)
    os.makedirs(work + "/base/model")
    with open(work + "/base/text.txt", "wb") as f:
        f.write(TEXT)
    for name, content in tiny.model().items():
        with open(work + "/base/model/" + name, "wb") as f:
            f.write(content)
    bad = 0
    codes = {}
    times = []
    PLACES.extend([work + "/base", work, options])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        numbers = range(len(CHOSEN))
        for name, code, wrong, details, said, share in pool.imap(
                run, numbers, 8):
            times.append((share, name))
            codes[code] = codes.get(code, 0) + 1
            if options.say:
                print("%s: %s" % (name, said.strip()))
            if wrong is not None:
                bad += 1
                print("%s: %s\n%s" % (name, wrong, details))
    if not options.keep:
        shutil.rmtree(work)
    if times:
        print("nearest to its limit: %s, %.0f %% of the time allowed" % (
            max(times)[1], 100 * max(times)[0]))
    if skipped:
        brought = list(skipped.values())
        print("%d cases bring nothing for %s: %s" % (
            len(skipped), options.command, ", ".join(
                "%s %d times" % (what, brought.count(what))
                for what in sorted(set(brought)))))
    print("%d cases, %d wrong; exit codes: %s" % (
        len(CHOSEN), bad,
        ", ".join("%d times %d" % (n, c) for c, n in sorted(codes.items()))))
    # Cases that are not there cannot fail.
    return 1 if bad or not CHOSEN else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""What a case is, and short ways to make the usual ones."""

import dataclasses
import re

ACCEPTED, USAGE, REFUSED, SYSTEM, MEMORY = 0, 2, 3, 4, 5

CASES = []


@dataclasses.dataclass
class Case:
    """files: path in the case's folder -> bytes, None (not there), or a
    function that makes the file when given its path. What is not said is
    that of the sound model in model/. says: a regular expression for what
    follows "phiconv: " in the first line of the message; {} stands for
    nothing. code 0 means that it must be accepted."""
    name: str
    args: list
    files: dict
    code: int
    says: str
    seconds: float = 2.0
    mebibytes: int = 64


PLACE = r'((header|section table): |(key|tensor|module|section|line|entry|' \
        r'element|token|merge|chunk)\b( [^ "]+)?( ?"[^"]*("|$))?[:, ]*)'


def pins_nothing(says):
    """Whether a pattern ends where the file and the place are named: any
    message about them would do, and a case that is refused for another
    reason than its own would pass."""
    text = re.sub(r"\\[dDsSwWb]|\[[^]]*\]|\{\d+\}", "", says)
    text = re.sub(r"[.()|?*+^$]|\\(.)",
                  lambda m: m.group(1) or "" if m.group() != "|" else " ", text)
    text = re.sub("^%s*" % PLACE, "", text.partition(": ")[2])
    return re.search("[A-Za-z]{2}", text) is None


def add(name, args, files, code, says="", **more):
    if any(c.name == name for c in CASES):
        raise SystemExit("two cases are called " + name)
    if says != "" and pins_nothing(says):
        raise SystemExit("%s: %r does not say what is wrong" % (name, says))
    if (code == ACCEPTED) != (says == ""):
        raise SystemExit(name + ": a refusal, and only that, says something")
    CASES.append(Case(name, args, files, code, says, **more))


QUANTIZE = ["quantize", "-q", "-j", "1", "-t", "q4_0=out.gguf"]
EVALUATE = ["eval-ppl", "-q", "-j", "1", "-c", "8", "-f", "text.txt"]


def model(name, files, code, where="", says="", args=None, **more):
    """A folder whose file `where` is at fault, as `says` tells."""
    at = "model/" + where if where else "model"
    add(name, (args or QUANTIZE) + ["model"],
        {"model/" + k: v for k, v in files.items()},
        code, (re.escape(at) + ": " + says) if says else "", **more)


def single(name, where, content, code, says="", **more):
    """One file of the model is another."""
    model(name, {where: content}, code, where, says, **more)


def gguf(name, content, code, says="", args=None, **more):
    add(name, (args or QUANTIZE) + ["in.gguf"], {"in.gguf": content},
        code, (r"in\.gguf: " + says) if says else "", **more)


def imatrix(name, content, code, says="", **more):
    add(name, QUANTIZE + ["model", "--imatrix", "in.imatrix"],
        {"in.imatrix": content}, code,
        (r"in\.imatrix: " + says) if says else "", **more)


def words(text):
    """The text as a pattern that matches it and nothing else."""
    return re.escape(text)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Release folders that are wrong in one known way each, for verify-release.

  hostile.py PHICONV [--only REGEX] [--sanitizer]

Each case is a copy of a sound release, of a GGUF file or a packed one, in which
one thing was changed, and, unless that is the case, everything that vouches for
it too: manifest.json and SHA256SUMS agree with what is there. Every run must
end by itself with the exit code that the case names and a message of its
pattern, in 1 GiB of address space unless --sanitizer is given, and without a
control character. WRAPPER in the environment is put in front of the program.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "malformed"))
sys.dont_write_bytecode = True

import packed  # noqa: E402
import sanitizer  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
SAMPLE = os.path.join(ROOT, "reference/sample/phi-openstax")
TEXT = os.path.join(ROOT, "reference/sample/text/physics.txt")
MODEL = "Phi-Openstax-Q4_0.gguf"
PACKED = "Phi-Openstax-Q4_0.phipack"
ADDRESS_SPACE = 1 << 30
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")

CASES = []


def case(code, pattern, arguments=()):
    """Registers a function that changes the folder d, which is a Release."""
    def add(change):
        CASES.append((change.__name__.replace("_", "-"), change, code, pattern,
                      arguments))
        return change
    return add


class Release:
    """A release folder that is about to be spoilt."""

    def __init__(self, path):
        self.path = path

    def at(self, name):
        return os.path.join(self.path, name)

    def read(self, name):
        with open(self.at(name), "rb") as f:
            return f.read()

    def write(self, name, data):
        # What is there is a hard link to the sound one.
        if os.path.lexists(self.at(name)):
            os.unlink(self.at(name))
        with open(self.at(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def manifest(self):
        return json.loads(self.read("manifest.json"))

    def put_manifest(self, m):
        self.write("manifest.json", m if isinstance(m, (bytes, str))
                   else json.dumps(m))
        self.vouch("manifest.json")

    def vouch(self, name, also_manifest=False):
        """The hash of a file as it is now, where it is written down."""
        digest = hashlib.sha256(self.read(name)).hexdigest()
        if also_manifest:
            m = self.manifest()
            for f in m["files"]:
                if f["name"] == name:
                    f["sha256"] = digest
                    f["bytes"] = len(self.read(name))
            self.put_manifest(m)
        lines = [line for line in self.read("SHA256SUMS").decode().splitlines()
                 if line[66:] != name]
        lines.append("%s  %s" % (digest, name))
        self.write("SHA256SUMS", "\n".join(sorted(lines)) + "\n")

    def flip(self, name, at):
        data = bytearray(self.read(name))
        data[at] ^= 1
        self.write(name, bytes(data))


# ---- sound, and small damage -------------------------------------------------


@case(0, rb"is as it was released")
def sound(d):
    pass


@case(0, rb"\.gitattributes: is no part of a release")
def a_clone(d):
    d.write(".gitattributes", "*.gguf filter=lfs\n")
    os.mkdir(d.at(".git"))


@case(0, rb"is as it was released")
def sums_of_binary_files(d):
    d.write("SHA256SUMS", d.read("SHA256SUMS").replace(b"  ", b" *"))


@case(1, rb"x0256: is not in SHA256SUMS\n(?s:.*): is not as it was released: "
      rb"300 differences, of which 44 are not listed\n$")
def more_differences_than_are_listed(d):
    for i in range(1, 301):
        d.write("x%04d" % i, "")


@case(1, rb'"differences_found":300,"passed":false', ("--json",))
def more_differences_than_are_listed_as_json(d):
    more_differences_than_are_listed(d)


def flips(name, places):
    for at in places:
        def change(d, name=name, at=at):
            d.flip(name, at if at >= 0 else len(d.read(name)) + at)
        change.__name__ = "flip %s %d" % (name, at)
        case(1, rb"%s: SHA-256 is [0-9a-f]{64}, expected" % name.encode())(
            change)


flips(MODEL, [0, 8, 1000, 1000000, -1])
flips("manifest.json", [0, 5, 300, -2])
flips("README.md", [0, -1])
flips("report.html", [100])
flips("LICENSE", [0])


@case(1, rb"(?s)LICENSE: SHA-256 is .*1 difference")
def flipped_sum(d):
    data = d.read("SHA256SUMS")
    d.write("SHA256SUMS", (b"1" if data[:1] != b"1" else b"2") + data[1:])


@case(1, rb"SHA-256 is")
def cut_model(d):
    d.write(MODEL, d.read(MODEL)[:-1])


@case(1, rb"SHA-256 is")
def empty_model(d):
    d.write(MODEL, b"")


# ---- the folder ---------------------------------------------------------------


@case(1, rb"README\.md: is missing")
def missing_file(d):
    os.unlink(d.at("README.md"))


@case(1, rb"extra\.bin: is not in SHA256SUMS")
def extra_file(d):
    d.write("extra.bin", b"x")


@case(1, rb"\.hidden: no file of a release has such a name")
def hidden_file(d):
    d.write(".hidden", b"x")


@case(1, rb"folder: is a link, a folder")
def extra_folder(d):
    os.mkdir(d.at("folder"))


@case(1, rb"README\.md: is a link")
def link_for_a_file(d):
    os.rename(d.at("README.md"), d.path + ".outside")
    os.symlink(d.path + ".outside", d.at("README.md"))


@case(1, rb"LICENSE: is a link")
def link_inside(d):
    os.unlink(d.at("LICENSE"))
    os.symlink("README.md", d.at("LICENSE"))


@case(3, rb"has no file SHA256SUMS")
def link_for_sums(d):
    os.rename(d.at("SHA256SUMS"), d.path + ".sums")
    os.symlink(d.path + ".sums", d.at("SHA256SUMS"))


@case(1, rb"pipe: is a link, a folder or something else")
def fifo(d):
    os.mkfifo(d.at("pipe"))


@case(3, rb"has no file SHA256SUMS")
def fifo_for_sums(d):
    os.unlink(d.at("SHA256SUMS"))
    os.mkfifo(d.at("SHA256SUMS"))


@case(1, rb"a\\x1bb\\x0ac: no file of a release")
def control_characters(d):
    d.write("a\x1bb\nc", b"")


@case(3, rb"has no file SHA256SUMS")
def no_sums(d):
    os.unlink(d.at("SHA256SUMS"))


@case(1, rb"manifest\.json: is missing")
def no_manifest(d):
    os.unlink(d.at("manifest.json"))


@case(1, rb"manifest\.json: is not in SHA256SUMS")
def no_manifest_in_sums(d):
    lines = d.read("SHA256SUMS").splitlines(True)
    d.write("SHA256SUMS", b"".join(x for x in lines if b"manifest" not in x))


# ---- SHA256SUMS ------------------------------------------------------------------


def sums(name, code, pattern, text):
    """Lines more in SHA256SUMS, or all of it if text is a function."""
    def change(d):
        d.write("SHA256SUMS", text(d.read("SHA256SUMS")) if callable(text)
                else d.read("SHA256SUMS") + text)
    change.__name__ = "sums " + name
    case(code, pattern)(change)


ZEROS = b"0" * 64
sums("empty", 3, rb"expected lines of text", lambda s: b"")
sums("no end", 3, rb"expected lines of text", lambda s: s[:-1])
sums("nul", 3, rb"expected lines of text", b"\0\n")
sums("short", 3, rb"line 6: expected a SHA-256", ZEROS[1:] + b"  x\n")
sums("long", 3, rb"line 6: expected a SHA-256", ZEROS + b"0  x\n")
sums("upper", 3, rb"line 6: expected a SHA-256", b"A" * 64 + b"  x\n")
sums("one blank", 3, rb"line 6: expected a SHA-256", ZEROS + b" x\n")
sums("blank line", 3, rb"line 6: expected a SHA-256", b"\n")
sums("no name", 3, rb'line 6: "" is no name', ZEROS + b"  \n")
sums("escaped", 3, rb"line 6: expected a SHA-256", b"\\" + ZEROS + b"  x\n")
sums("carriage", 3, rb'line 6: "x\\x0d" is no name', ZEROS + b"  x\r\n")
sums("control", 3, rb'line 6: "\\x1b\[31m" is no name',
     ZEROS + b"  \x1b[31m\n")
sums("twice", 3, rb"names x twice", (ZEROS + b"  x\n") * 2)
sums("itself", 3, rb'"SHA256SUMS" is no name', ZEROS + b"  SHA256SUMS\n")
sums("stranger", 1, rb"stranger: is missing", ZEROS + b"  stranger\n")
for path in ("../secret", "/etc/passwd", "a/b", ".", "..", "./README.md", "-x",
             "a\\b", "x" * 201, "é"):
    sums("path " + path, 3, rb"line 6: .* is no name of a file",
         ZEROS + b"  " + path.encode() + b"\n")
sums("name of 200", 1, b"x" * 200 + b": is missing",
     ZEROS + b"  " + b"x" * 200 + b"\n")
sums("name of 201", 3, rb"no name of a file .* 200 bytes at most",
     ZEROS + b"  " + b"x" * 201 + b"\n")
for count, code, pattern in ((65536, 1, rb"a0: is missing"),
                             (65537, 3, rb"has more than 65536 lines")):
    sums("lines %d" % count, code, pattern, lambda s, count=count: s + b"".join(
        b"%s  a%d\n" % (ZEROS, i) for i in range(count - s.count(b"\n"))))
sums("large at", 3, rb"expected lines of text", lambda s: b"x" * (16 << 20))
sums("large", 3, rb"the limit is 16777216", lambda s: b"x" * ((16 << 20) + 1))


# ---- the manifest ---------------------------------------------------------------


def manifest(name, code, pattern, edit, arguments=()):
    def change(d):
        m = d.manifest()
        d.put_manifest(edit(m) or m)
    change.__name__ = "manifest " + name
    case(code, pattern, arguments)(change)


manifest("no json", 3, rb"manifest\.json: ", lambda m: "{")
manifest("empty", 3, rb"manifest\.json: ", lambda m: " ")
manifest("list", 3, rb"manifest\.json: .*expected an object", lambda m: "[]")
manifest("no schema", 3, rb'"schema"', lambda m: m.pop("schema") and None)
manifest("other schema", 3,
         rb'schema is "phiconv\.release/2", expected "phiconv\.release/1"',
         lambda m: m.update(schema="phiconv.release/2"))
manifest("schema control", 3, rb'schema is "\\x1b\[2J"',
         lambda m: m.update(schema="\x1b[2J"))
manifest("deep", 3, rb"manifest\.json: ", lambda m: "[" * 100000)
manifest("key twice", 3, rb"manifest\.json: ",
         lambda m: '{"schema": "phiconv.release/1", "schema": "x"}')
manifest("large", 3, rb"the limit is", lambda m: " " * (65 << 20))
for key in ("files", "outputs", "gates", "passed"):
    manifest("no " + key, 3, rb'"%s"' % key.encode(),
             lambda m, key=key: m.pop(key) and None)
    manifest("null " + key, 3, rb'"%s"' % key.encode(),
             lambda m, key=key: m.update({key: None}))
    manifest("number " + key, 3, rb'"%s"' % key.encode(),
             lambda m, key=key: m.update({key: 7}))
manifest("files gone", 1, rb"LICENSE: is not in manifest\.json",
         lambda m: m["files"].clear())
manifest("file more", 1, rb"more: is in manifest\.json and not in SHA256SUMS",
         lambda m: m["files"].append(dict(m["files"][0], name="more")))
manifest("file twice", 1, rb"is in manifest\.json twice",
         lambda m: m["files"].append(m["files"][0]))
manifest("file path", 1, rb"\.\./\.\./x: is in manifest\.json and not",
         lambda m: m["files"].append(dict(m["files"][0], name="../../x")))
manifest("file size", 1, rb"bytes, expected 1\n",
         lambda m: m["files"][0].update(bytes=1))
manifest("file negative", 3, rb'key "files\[0\]\.bytes"',
         lambda m: m["files"][0].update(bytes=-1))
manifest("file large", 3, rb'key "files\[0\]\.bytes"',
         lambda m: m["files"][0].update(bytes=1 << 60))
manifest("file hash", 1, rb"manifest\.json has another SHA-256",
         lambda m: m["files"][0].update(sha256="0" * 64))
manifest("file no hash", 3, rb"expected the 64 digits of a SHA-256",
         lambda m: m["files"][0].update(sha256="0" * 63))
manifest("no outputs", 3, rb'key "outputs": is empty',
         lambda m: m["outputs"].clear())
manifest("outputs at", 0, rb"is as it was released",
         lambda m: m.update(outputs=m["outputs"] * 64))
manifest("outputs many", 3, rb"there are more than 64",
         lambda m: m.update(outputs=m["outputs"] * 65))
manifest("output path", 3, rb"is no file of the release",
         lambda m: m["outputs"][0].update(files=["../" + MODEL]))
manifest("output absolute", 3, rb"is no file of the release",
         lambda m: m["outputs"][0].update(files=["/etc/passwd"]))
manifest("output no files", 3, rb'files": is empty',
         lambda m: m["outputs"][0].update(files=[]))
manifest("output no model", 3, rb"",
         lambda m: m["outputs"][0].update(files=["LICENSE"]))
manifest("output itself", 3, rb"is no file of the release",
         lambda m: m["outputs"][0].update(files=["manifest.json"]))
manifest("tensor fewer", 1, rb"has 61 tensors, expected 60",
         lambda m: m["outputs"][0]["tensors"].pop() and None)
manifest("tensor more", 1, rb"has 61 tensors, expected 62",
         lambda m: m["outputs"][0]["tensors"].append(
             m["outputs"][0]["tensors"][0]))
manifest("tensor name", 1, rb'tensor 0 is "output\.bias", expected "x\\x07"',
         lambda m: m["outputs"][0]["tensors"][0].update(name="x\a"))
manifest("tensor type", 1, rb'"output\.bias": has another type or shape',
         lambda m: m["outputs"][0]["tensors"][0].update(type="F16"))
manifest("tensor shape", 1, rb'"output\.bias": has another type or shape',
         lambda m: m["outputs"][0]["tensors"][0].update(shape=[2048, 1]))
manifest("tensor long shape", 1, rb'"output\.bias": has another type or shape',
         lambda m: m["outputs"][0]["tensors"][0].update(shape=[2048] * 1000))
manifest("tensor hash", 1, rb'"output\.bias": SHA-256 is',
         lambda m: m["outputs"][0]["tensors"][0].update(sha256="0" * 64))
manifest("tensor hash long", 1, rb'"output\.bias": SHA-256 is',
         lambda m: m["outputs"][0]["tensors"][0].update(sha256="0" * 9999))
manifest("gate failed", 1, rb"gate max-ppl-ratio failed",
         lambda m: m["gates"][0].update(passed=False))
manifest("no gate", 1, rb"does not say that a gate was passed",
         lambda m: m["gates"].clear())
manifest("not passed", 1, rb"does not say that a gate was passed",
         lambda m: m.update(passed=False))
manifest("gate control", 1, rb"\\x1b\[31m: gate",
         lambda m: m["gates"][0].update(passed=False, path="\x1b[31m"))
manifest("unknown keys", 0, rb"is as it was released",
         lambda m: m.update(news={"a": [1]}))


# ---- lies that agree with each other -----------------------------------------


def change_model(d, change):
    """Model, manifest and sums tell the same story, of another model."""
    data = bytearray(d.read(MODEL))
    change(data)
    d.write(MODEL, bytes(data))
    d.vouch(MODEL, also_manifest=True)


@case(1, rb'tensor "[a-z0-9_.]+": SHA-256 is')
def weights_that_the_manifest_does_not_describe(d):
    change_model(d, lambda b: b.__setitem__(2000000, b[2000000] ^ 1))


def describe(d):
    """The hashes of the tensors as they are now, by inspect."""
    found = json.loads(subprocess.run(
        d.program + ["inspect", d.at(MODEL), "--json", "--hash"],
        capture_output=True, check=True).stdout)
    hashes = {t["name"]: t["sha256"] for t in found["tensors"]}
    m = d.manifest()
    for t in m["outputs"][0]["tensors"]:
        t["sha256"] = hashes[t["name"]]
    d.put_manifest(m)


SOURCE = ("--source", SAMPLE)


def add_file(d, name, data):
    """A file more that everything vouches for and no output has."""
    d.write(name, data)
    m = d.manifest()
    m["files"].append({"name": name})
    d.put_manifest(m)
    d.vouch(name, also_manifest=True)


def other_model(d):
    return d.read(MODEL)[:-1] + b"?"


# Both were as released, with the source, too: only what is the first of an
# output's files was ever opened.
for arguments in ((), SOURCE):
    @case(1, rb"^evil-Q8_0\.gguf: is a GGUF file, and no output's\n", arguments)
    def a_model_more(d):
        add_file(d, "evil-Q8_0.gguf", other_model(d))

    @case(1, MODEL.encode() + rb": the number of the model's files is 1, "
          rb"expected 2 as in manifest\.json\nevil-Q8_0\.gguf: is a GGUF",
          arguments)
    def a_model_more_in_an_output(d):
        add_file(d, "evil-Q8_0.gguf", other_model(d))
        m = d.manifest()
        m["outputs"][0]["files"].append("evil-Q8_0.gguf")
        d.put_manifest(m)


manifest("output twice", 1, rb"the number of the model's files is 1, expected 2",
         lambda m: m["outputs"][0].update(files=[MODEL, MODEL]))


def weights(name, code, pattern, data):
    def change(d):
        add_file(d, "more", data)
    change.__name__ = "weights " + name
    case(code, pattern)(change)


weights("gguf", 1, rb"more: is a GGUF file", b"GGUF\3\0\0\0")
weights("other endian", 1, rb"more: is a GGUF file", b"GGUF\0\0\0\3")
weights("packed", 1, rb"more: is a packed file", b"PHIPACK\x1a")
weights("safetensors", 1, rb"more: is a safetensors file",
        b"\2" + bytes(7) + b"{}")
weights("pickle", 1, rb"more: is a PyTorch pickle", b"\x80\2}q\1.")
weights("zip", 1, rb"more: is a zip archive", b"PK\3\4\0\0\0\0")
for i, text in enumerate((b"", b"GGUF", b"GGUF files may be used by all.\n",
                          b"{}", b"license {MIT}", b"1234567{", b"PHIPACK\n")):
    weights("none %d" % i, 0, rb"is as it was released", text)


@case(0, rb"61 tensors and all metadata made again, equal", SOURCE)
def sound_with_source(d):
    pass


@case(1, rb'tensor "[a-z0-9_.]+": 1 of [0-9]+ bytes are not what the source '
      rb'makes, the first is [0-9]+\n', SOURCE)
def other_weights(d):
    change_model(d, lambda b: b.__setitem__(2000000, b[2000000] ^ 1))
    describe(d)


@case(0, rb"is as it was released")
def other_weights_without_the_source(d):
    other_weights(d)


@case(1, rb'key "tokenizer\.ggml\.[a-z_]+": is not what the source makes',
      SOURCE)
def other_tokenizer(d):
    def swap(b):
        at = b.index(b"tokenizer.ggml.tokens") + 3000
        while not chr(b[at]).isalpha():
            at += 1
        b[at] ^= 0x20
    change_model(d, swap)
    describe(d)


manifest("recipe other", 1, rb"is not of the type or shape",
         lambda m: m["outputs"][0].update(recipe="q5_0", type="q5_0"), SOURCE)
manifest("recipe unlike", 3, rb'recipe "q5_0" is none of type "q4_0"',
         lambda m: m["outputs"][0].update(recipe="q5_0"), SOURCE)
manifest("recipe lines", 3, rb"is none of type",
         lambda m: m["outputs"][0].update(recipe="q4_0\nq4_0"), SOURCE)
manifest("recipe comment", 3, rb"is none of type",
         lambda m: m["outputs"][0].update(recipe="# q4_0"), SOURCE)
manifest("recipe words", 3, rb'"worse": expected pure',
         lambda m: m["outputs"][0].update(recipe="q4_0 worse"), SOURCE)
for length, code, pattern in (
        (65792, 0, rb"made again, equal"),
        (65793, 3, rb"manifest\.json: recipes: has 65793 bytes, "
         rb"the limit is 65792")):
    # With the end of its line; no limit held for a manifest's recipes.
    manifest("recipes of %d" % length, code, pattern,
             lambda m, n=length: m["outputs"][0].update(
                 recipe="q4_0".ljust(n - 1)), SOURCE)
manifest("recipe control", 3, rb'\\x1b\[31m',
         lambda m: m["outputs"][0].update(recipe="\x1b[31m"), SOURCE)
manifest("type file", 3, rb"is none of type",
         lambda m: m["outputs"][0].update(type="q4_0=/tmp/x"), SOURCE)
manifest("source hash", 1, rb"source: model-00001-of-00002\.safetensors: "
         rb"sha256 is",
         lambda m: m["source"]["files"][0].update(sha256="0" * 64), SOURCE)
manifest("source files", 1, rb"source: has 2 files, expected 0",
         lambda m: m["source"]["files"].clear(), SOURCE)
manifest("source gone", 3, rb'"source"', lambda m: m.pop("source") and None,
         SOURCE)
manifest("options gone", 3, rb'"options"', lambda m: m.pop("options") and None,
         SOURCE)
manifest("adapters more", 2, rb"was made with 1 adapter, --lora gives 0",
         lambda m: m["adapters"].append({}), SOURCE)
manifest("imatrix", 2, rb"was made with an importance matrix",
         lambda m: m["options"].update(imatrix={"sha256": "0" * 64}), SOURCE)
manifest("dequantize", 0, rb"made again, equal",
         lambda m: m["options"].update(dequantize_base=True), SOURCE)


# ---- packed files --------------------------------------------------------------


def pack(name, code, pattern, edit, arguments=SOURCE):
    """edit changes [kind, codec, stored, plain, name] of all sections."""
    def change(d):
        data = d.read(PACKED)
        parts = packed.sections(data)
        edit(parts)
        d.write(PACKED, packed.build(parts, root=data[32:64]))
        d.vouch(PACKED, also_manifest=True)
    change.__name__ = "pack " + name
    case(code, pattern, arguments)(change)


def plain(part):
    return zlib.decompress(part[2]) if part[1] == 1 else part[2]


def put(part, data, level=9):
    part[1:4] = 1, zlib.compress(data, level), len(data)


def at(parts, name):
    return next(p for p in parts if p[4].decode() == name)


def edited(name, change):
    return lambda parts: put(at(parts, name), change(plain(at(parts, name))))


def more(kind, name):
    """A section that is not there, in its place."""
    def edit(parts):
        parts.append([kind, 0, b"import os\n", 10, name.encode()])
        parts.sort(key=lambda p: (p[0] == packed.DATA, p[0],
                                  p[0] == packed.FILE and p[4]))
    return edit


def deflated_otherwise(parts):
    for p in parts:
        if p[0] in (packed.ORIGIN, packed.FILE):
            put(p, plain(p), 1)


NOTHING = rb"61 tensors and all metadata made again, equal"
pack("sound", 0, NOTHING, lambda parts: None)
pack("deflated otherwise", 0, NOTHING, deflated_otherwise)
# Nothing but tensors and metadata was compared, and export wrote the rest.
pack("tokenizer", 1, rb'Q4_0\.phipack: section "files/tokenizer\.json": is not '
     rb"what the source makes from byte 100 on\n(?s:.*): 1 difference\n$",
     edited("files/tokenizer.json", lambda b: b[:100] + b"?" + b[101:]))
pack("last byte", 1, rb'section "files/config\.json": is not what the source '
     rb"makes from byte [0-9]+ on\n",
     edited("files/config.json", lambda b: b[:-1] + b"\t"))
pack("longer", 1, rb'section "files/config\.json": has [0-9]+ bytes, and not '
     rb"as many as the source makes\n",
     edited("files/config.json", lambda b: b + b" "))
pack("origin", 1, rb'section "origin": is not what the source makes from byte',
     edited("origin", lambda b: b[:-1] + b"?"))
pack("file fewer", 1, rb'section "files/config\.json": is missing\n',
     lambda parts: parts.remove(at(parts, "files/config.json")))
pack("last file fewer", 1, rb'section "files/.*": is missing\n',
     lambda parts: parts.remove(parts[-2]))
pack("file more", 1, rb'"files/modeling_phi\.py": the source makes none\n',
     more(packed.FILE, "files/modeling_phi.py"))
pack("last file more", 1, rb'"files/zz\.py": the source makes none\n',
     more(packed.FILE, "files/zz.py"))
pack("no origin", 1, rb'section "origin": is missing\n',
     lambda parts: parts.remove(at(parts, "origin")))
pack("section more", 1, rb'section "x\\x1b": the source makes none\n',
     more(1 << 31, "x\x1b"))
pack("without the source", 0, rb"is as it was released",
     more(packed.FILE, "files/modeling_phi.py"), ())


@case(1, rb"is a packed file, expected a GGUF file\n", SOURCE)
def pack_that_is_said_to_be_none(d):
    m = d.manifest()
    m["outputs"][0]["type"] = "q4_0"
    d.put_manifest(m)


# ---- running -------------------------------------------------------------------


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(program, base, work, one, sanitizer):
    name, change, code, pattern, arguments = one
    path = os.path.join(work, "r")
    shutil.copytree(base + ("-pack" if name.startswith("pack") else ""), path,
                    copy_function=os.link)
    d = Release(path)
    d.program = program
    change(d)
    done = subprocess.run(program + ["verify-release", "r", *arguments],
                          capture_output=True, cwd=work, timeout=120,
                          preexec_fn=None if sanitizer else limit)
    shutil.rmtree(path)
    said = done.stdout + done.stderr
    wrong = []
    if done.returncode != code:
        wrong.append("exit code %d, expected %d" % (done.returncode, code))
    if not re.search(pattern, said):
        wrong.append("nothing like %r" % pattern)
    if CONTROL.search(said):
        wrong.append("a control character")
    if code >= 2 and said.count(b"phiconv: ") != 1:
        wrong.append("not one message")
    for text in wrong:
        print("%s: %s\n  %s" % (name, text, said.decode(errors="replace")))
    return not wrong


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("phiconv")
    parser.add_argument("--only", default="")
    parser.add_argument("--sanitizer", action="store_true")
    args = parser.parse_args()
    program = os.environ.get("WRAPPER", "").split() + [
        os.path.abspath(args.phiconv)]
    os.environ.update(sanitizer.options())
    with tempfile.TemporaryDirectory() as work:
        base = os.path.join(work, "base")
        for kind, out in (("", ""), ("pack:", "-pack")):
            subprocess.run(program + [
                "release", SAMPLE, "-t", kind + "q4_0", "-e", TEXT, "-c", "256",
                "--chunks", "8", "-q", "-o", base + out], check=True)
        chosen = [c for c in CASES if re.search(args.only, c[0])]
        good = [run(program, base, work, c, args.sanitizer) for c in chosen]
    print("%d cases, %d wrong" % (len(good), good.count(False)))
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

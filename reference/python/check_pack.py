#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds formats/PACK.md, the packed files of the tree, and phiconv against
phipack.py, the reader that was written from the document alone.

  check_pack.py PACK.md GOLDEN_DIR [--malformed DIR] [--phiconv PHICONV]

The document: its dumps are decoded by themselves, and say what its text says.
Golden files: all are sound. Each is damaged at every byte, cut at every length
and made longer: all of that is rejected, at the place where it was done. So is
every change of a table whose checksums are made right again, but for the few
that the document allows, forged heads, and the cases in DIR (tests/malformed).
PHICONV is asked as well: of one in SAMPLE of the damaged files, of those that
the document allows, and of all forged ones.
A file with tensors of every type, written here with other choices than
phiconv's, is read. With PHICONV, what it extracts (sections, GGUF) is what the
reader decodes, of these files and of one that it packs.
"""
import argparse
import hashlib
import itertools
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

sys.dont_write_bytecode = True

import phipack  # noqa: E402

DAMAGED = "blocks.phipack"  # the file that is damaged at every byte
PARTS = ("blocks.phipack", "planes.phipack")  # some tensors, no whole model
LARGEST = 1 << 16  # of a file that is cut at every length
SAMPLE = 149  # one in so many damaged files goes to phiconv
# Types that phiconv does not compute with: in rows, as [7.2] says.
CARRIED = """Q8_1 Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ3_S IQ2_S IQ1_M
    I8 I16 I32 I64 MXFP4 NVFP4 Q1_0 Q2_0""".split()


class Checks:
    def __init__(self, phiconv):
        self.count = self.failed = self.judged = self.asked = 0
        self.phiconv = phiconv

    def that(self, condition, what):
        self.count += 1
        if not condition:
            self.failed += 1
            print(what)

    def equal(self, found, expected, what):
        self.that(found == expected, f"{what}: {found!r}, not {expected!r}")


    def both(self, data, found, what, always=False, place="header"):
        """phiconv says the same of a file as the reader; and of the place, if
        it is one that both name (what is wrong first in a header or in sealed
        tables depends on what is looked at first)."""
        self.judged += 1
        if self.phiconv is None or (self.judged % SAMPLE and not always):
            return
        self.asked += 1
        code, said = verified(self.phiconv, data)
        self.equal(code, 3 if found else 0, f"{what}: phiconv")
        place = place_in_phiconv(place)
        self.that(place in said, f"{what}: {said!r}, not of {place!r}")


def place_in_phiconv(place):
    """What phiconv calls a place of the reader's."""
    if place == "header":
        return ""
    place = place.replace("'", '"').replace("gap before", "padding before")
    return re.sub(r", chunk (\d+):", r": chunk \1 of", place)


def verdict(data):
    """None of a sound file, and what is wrong with another."""
    try:
        phipack.check_bytes(data)
    except phipack.Rejected as e:
        return str(e)
    return None


def decoded_gguf(pack):
    return b"".join(pack.gguf())


# ---- the document ------------------------------------------------------------

DUMP = re.compile(r" {4}([0-9a-f]{8})  ((?:[0-9a-f]{2} ?){1,16}) ")


def dumped(document):
    """The bytes that the document shows: offset to bytes."""
    spans = {}
    for line in document.splitlines():
        match = DUMP.match(line)
        if match:
            at, data = int(match[1], 16), bytes.fromhex(match[2])
            for start, before in spans.items():
                if start + len(before) == at:
                    spans[start] = before + data
                    break
            else:
                spans[at] = data
    return spans


def check_document(checks, document, golden):
    """Nothing of the file is used to decode the dumps."""
    spans = dumped(document)

    def span(at, n):
        for start, data in spans.items():
            if start <= at and at + n <= start + len(data):
                return data[at - start : at - start + n]
        raise SystemExit(f"the document shows no {n} bytes at {at}")

    header = phipack.read_header(span(0, 128))
    checks.equal(header.length, 0x1A40, "dump: length")
    checks.equal(header.root[:4].hex(), "24c58fc9", "dump: root")
    checks.equal((header.sections, header.names), (4, 21), "dump: sections")
    table = span(128, 48 * header.sections + header.names)
    sections = phipack.read_table(header, table)
    checks.equal(
        [(s.name, s.codec, s.offset, s.stored, s.plain) for s in sections],
        [
            (b"head", 1, 0x158, 0x459, 0x12E0),
            (b"tensors", 0, 0x5B8, 0x90, 0x90),
            (b"chunks", 0, 0x648, 0xA0, 0xA0),
            (b"data", 0, 0x1000, 0xA40, 0xA40),
        ],
        "dump: section table",
    )
    for s in sections[1:3]:
        crc = zlib.crc32(span(s.offset, s.stored))
        checks.equal(crc, s.crc, f"dump: CRC-32 of {s.name}")
    tensors = phipack.Head(
        32,
        {},
        [
            phipack.Tensor(b"output.weight", (256, 5), "Q6_K", 256, 210, 0),
            phipack.Tensor(
                b"blk.0.attn_q.weight", (64, 33), "Q4_0", 32, 18, 0x420
            ),
            phipack.Tensor(b"output_norm.weight", (32,), "F32", 1, 4, 0x8E0),
            phipack.Tensor(b"token_embd.weight", (32, 3), "F16", 1, 2, 0x960),
        ],
    )
    length, places = phipack.read_tensors(
        span(0x5B8, 0x90), tensors, sections[0].plain, sections[3].stored
    )
    checks.equal(length, 0x1D00, "dump: length of the GGUF file")
    checks.equal(
        [(p.offset, p.stored, p.panel_rows) for p in places],
        [(0, 0x41A, 32), (0x440, 0x4A4, 32), (0x900, 128, 0), (0x980, 192, 0)],
        "dump: tensors",
    )
    chunks = phipack.read_chunks(span(0x648, 0xA0), tensors.tensors, places)
    checks.equal([len(c) for c in chunks], [1, 1, 1, 1], "dump: chunks")
    for at, data in spans.items():
        checks.that(golden[at : at + len(data)] == data, f"dump at {at:#x}")
    weights = phipack.check_bytes(golden).tensor(1)
    expected = bytes(i % 53 for i in range(33 * 36))
    checks.that(weights == expected, "dump: blk.0.attn_q.weight in GGUF")
    tree = [hashlib.sha256(bytes([i])).digest() for i in range(7)]

    def both(a, b):
        return hashlib.sha256(b"\1" + a + b).digest()

    a, b, c, d, e, f, g = tree
    root = both(both(both(a, b), both(c, d)), both(both(e, f), g))
    checks.equal(phipack.tree_root(tree), root, "tree of seven leaves")


# ---- damage ------------------------------------------------------------------


def places_of(pack):
    """Of every byte, what a message about it has to name."""
    places = ["header"] * 128
    table = phipack.ENTRY.size * pack.header.sections + pack.header.names
    places += ["section table"] * table
    for s in pack.sections[:-1]:
        places += [f"gap before {s.place}"] * (s.offset - len(places))
        places += [s.place] * s.stored
    gap = pack.data.offset - len(places)
    places += [f"gap before {pack.data.place}"] * gap
    for i, _ in phipack.data_order(pack.head.tensors):
        place = pack.head.tensors[i].place
        at = pack.data.offset + pack.places[i].offset
        places += [f"gap before {place}"] * (at - len(places))
        for j, chunk in enumerate(pack.chunks[i]):
            places += [f"{place}, chunk {j}:"] * chunk.stored
    return places


def check_damage(checks, name, data, every):
    """One flipped bit in every `every`th byte."""
    places = places_of(phipack.check_bytes(data))
    checks.equal(len(places), len(data), f"{name}: places")
    damaged = bytearray(data)
    for at in range(0, len(data), every):
        bit = 1 << at // every % 8
        damaged[at] ^= bit
        found = verdict(damaged)
        checks.that(
            found is not None and found.startswith(places[at]),
            f"{name}: bit {bit} of byte {at}: {found}, not {places[at]}",
        )
        what = f"{name}: bit {bit} of byte {at}"
        checks.both(damaged, found, what, place=places[at])
        damaged[at] ^= bit


def check_lengths(checks, name, data):
    step = 1 if len(data) <= LARGEST else 997
    for n in itertools.chain(range(0, len(data), step), [len(data) - 1]):
        found = verdict(data[:n])
        checks.that(
            found is not None and found.startswith("header: "),
            f"{name}: {n} bytes: {found}",
        )
        checks.both(data[:n], found, f"{name}: {n} bytes")
    for more in (b"\0", b"\1", bytes(7), bytes(8), bytes(4096), data):
        found = verdict(data + more)
        checks.that(
            found is not None and found.startswith("header: "),
            f"{name}: {len(more)} bytes more: {found}",
        )
        checks.both(data + more, found, f"{name}: {len(more)} bytes more", True)


def seal(data, pack, section=None, root=False):
    """Makes the checksums right again, after a change in `section`, which is
    one that is stored as it is, or of the header or the section table; and the
    root, if it is to be."""
    if section is not None:
        i = pack.sections.index(section)
        crc = zlib.crc32(data[section.offset : section.end])
        struct.pack_into("<I", data, 128 + 48 * i + 32, crc)
        if root:
            leaves = []
            chunks, tensors = pack.section(b"chunks"), pack.section(b"tensors")
            for at in range(chunks.offset, chunks.end, 40):
                leaves.append(bytes(data[at + 8 : at + 40]))
            listed = bytes(data[tensors.offset : tensors.end])
            data[32:64] = phipack.root_of(pack.head_bytes, listed, leaves)
    table = 48 * pack.header.sections + pack.header.names
    struct.pack_into("<I", data, 64, zlib.crc32(data[128 : 128 + table]))
    struct.pack_into("<I", data, 124, zlib.crc32(data[:124]))


def check_old_root(checks, name, data, pack, bit):
    """Other panels under the root of those that were: nothing else is wrong."""
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    seal(damaged, pack, pack.section(b"tensors"))
    found = verdict(damaged)
    checks.equal(found, "header: root", f"{name}: bit {bit}, the old root")
    checks.both(damaged, found, f"{name}: bit {bit}, the old root", True)


def check_sealed(checks, name, data):
    """The bits of the tables, with checksums that are right."""
    pack = phipack.check_bytes(data)
    tensors, chunks = pack.section(b"tensors"), pack.section(b"chunks")
    table = 128 + 48 * pack.header.sections + pack.header.names
    # Another minor version, and flags that may be ignored; and, with the root
    # that is theirs, panels or none.
    allowed = set(range(80, 96)) | set(range(112, 128))
    for i, t in enumerate(pack.head.tensors):
        at = (tensors.offset + 16 + 32 * i + 16) * 8
        if len(t.dimensions) == 2:
            allowed.add(at + (4 if t.elements == 1 else 5))
    accepted = set()
    for section, at, end, step, root in (
        (None, 0, 64, 1, False),
        (None, 68, 124, 1, False),
        (None, 128, table, 1, False),
        (tensors, tensors.offset, tensors.end, 1, True),
        (chunks, chunks.offset, chunks.end, 5, True),
    ):
        for bit in range(at * 8, end * 8, step):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            seal(damaged, pack, section, root)
            checks.count += 1
            found = verdict(damaged)
            what = f"{name}: sealed, bit {bit}"
            checks.both(damaged, found, what, found is None)
            if found is None:
                accepted.add(bit)
                if section is tensors:
                    check_old_root(checks, name, data, pack, bit)
    checks.equal(accepted, allowed, f"{name}: sealed, accepted bits")
    # What no section holds is zero, even if the checksums of others are right.
    gap = pack.data.offset + 0x430
    damaged = bytearray(data)
    damaged[gap] = 1
    seal(damaged, pack, pack.data)
    found = verdict(damaged)
    checks.that(found and "gap before tensor" in found, f"{name}: gap: {found}")
    checks.both(damaged, found, f"{name}: gap", True)


def check_cases(checks, folder):
    """The cases of packed files: accepted or refused, as their list says."""
    sys.path.insert(0, str(folder))
    import case
    import cases_pack  # noqa: F401: fills the list

    count = 0
    for c in case.CASES:
        data = c.files.get("in.phipack")
        if data is None or c.code not in (case.ACCEPTED, case.REFUSED):
            continue
        found = verdict(data)
        count += 1
        # A sound file of some tensors, which are no model.
        sound = c.code == case.ACCEPTED or c.name == "pk-part"
        right = (found is None) == sound
        # Their root is nothing; what is to be found is found before it.
        other = found != "header: root" or c.name in ("pk-root", "pk-order")
        checks.that(right and other, f"{c.name}: {found}")
    checks.that(count >= 100, f"only {count} cases")


# ---- phiconv -----------------------------------------------------------------


def run(*command):
    result = subprocess.run(command, capture_output=True)
    if result.returncode != 0:
        raise SystemExit(f"{command}: {result.stderr.decode()}")
    return result.stdout


def verified(phiconv, data):
    """The exit code of `phiconv verify`: 0, or 3 of a file that it rejects; and
    what it says."""
    with tempfile.NamedTemporaryFile(suffix=".phipack") as f:
        f.write(data)
        f.flush()
        command = [phiconv, "verify", "-q", f.name]
        done = subprocess.run(command, capture_output=True)
        return done.returncode, done.stderr.decode()


def check_with_phiconv(checks, phiconv, path, data):
    """Sections, GGUF file and root are what phiconv says."""
    pack = phipack.check_bytes(data)
    for s in pack.sections:
        name = s.name.decode()
        found = run(phiconv, "extract", "-q", path, name)
        checks.that(found == pack.plain(s), f"{path.name}: section {name}")
    gguf = decoded_gguf(pack)
    found = run(phiconv, "extract", "-q", path, "gguf")
    checks.that(found == gguf, f"{path.name}: GGUF file, extracted")
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / "copy.gguf"
        command = [phiconv, "quantize", "-q", path, "-t", f"copy={copy}"]
        if path.name in PARTS:
            code = subprocess.run(command, capture_output=True).returncode
            checks.equal(code, 3, f"{path.name}: no whole model, copied")
        else:
            run(*command)
            same = copy.read_bytes() == gguf
            checks.that(same, f"{path.name}: GGUF file, copied")
    found = json.loads(run(phiconv, "verify", "--json", path))
    checks.equal(found["root"], pack.header.root.hex(), f"{path.name}: root")


def safetensors(path):
    """Of every tensor its type, shape and bytes."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            a, b = entry["data_offsets"]
            content = data[start + a : start + b]
            tensors[name] = (entry["dtype"], entry["shape"], content)
    return tensors


def check_folder(checks, phiconv, path):
    """Tensors of the folder that a file came from are those of `export`."""
    with tempfile.TemporaryDirectory() as work:
        found, expected = Path(work) / "found", Path(work) / "expected"
        phipack.main(["folder", str(path), str(found)])
        run(phiconv, "export", "-q", path, "-o", expected)
        names = {p.name for p in expected.glob("*.safetensors")}
        same = names == {p.name for p in found.glob("*.safetensors")}
        checks.that(names and same, f"{path.name}: {names}")
        for name in names:
            a, b = safetensors(found / name), safetensors(expected / name)
            checks.that(a == b, f"{path.name}: {name}")
        for name in ("config.json", "code.py", "empty.txt"):
            a = run(phiconv, "extract", "-q", path, name)
            b = (found / name).read_bytes()
            checks.that(a == b, f"{path.name}: {name}")


def string(text):
    return struct.pack("<Q", len(text)) + text


FEW = bytes(b & 0xB3 for b in range(256))


def gguf_of(keys, count, tensors, rng):
    """Head and data of a GGUF file with `count` keys and these tensors (name,
    type, shape) of random bytes."""
    infos, data = b"", b""
    for name, number, shape in tensors:
        _, elements, block = phipack.TYPES[number]
        length = shape[0] // elements * block
        for n in shape[1:]:
            length *= n
        infos += tensor_info(name.encode(), shape, number, len(data))
        # Floats without NaN: the exponent's highest bit is 0. Few values,
        # so that byte planes become shorter.
        few = rng.randbytes(length).translate(FEW)
        data += few + bytes(-length % 32)
    plain = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), count)
    plain += keys + infos
    return plain + bytes(-len(plain) % 32), data


def gguf_of_types(source, rng):
    """The same with tensors of all types, and the keys of the head
    `source`."""
    head = phipack.read_head(source)
    first = source.index(string(head.tensors[0].name))
    shapes = ((32, 5), (64,), (256, 33), (512, 47), (768, 2, 3), (256, 300))
    tensors = []
    for number, (name, elements, _) in phipack.TYPES.items():
        for shape in shapes:
            if shape[0] % elements == 0:
                tensors.append((f"{name}.{len(tensors)}", number, shape))
    return gguf_of(source[24:first], len(head.keys), tensors, rng)


def model_of_types(rng):
    """The same of a Phi, for phiconv converts nothing else. A layer a type;
    what has too few columns for it is F32."""
    embd, inner, kv, vocab = 256, 47, 32, 5
    sizes = (("embedding_length", embd), ("feed_forward_length", inner),
             ("block_count", len(phipack.TYPES)),
             ("attention.head_count", embd // kv),
             ("attention.head_count_kv", 1))
    keys = string(b"general.architecture")
    keys += struct.pack("<I", phipack.STRING) + string(b"phi2")
    for name, value in sizes:
        keys += string(b"phi2." + name.encode())
        keys += struct.pack("<II", phipack.U32, value)
    parts = (("attn_norm", (embd,)), ("attn_q", (embd, embd)),
             ("attn_k", (embd, kv)), ("attn_v", (embd, kv)),
             ("attn_output", (embd, embd)), ("ffn_up", (embd, inner)),
             ("ffn_down", (inner, embd)))
    tensors = [("token_embd.weight", 1, (embd, vocab)),
               ("output_norm.weight", 0, (embd,)),
               ("output_norm.bias", 0, (embd,)),
               ("output.weight", 14, (embd, vocab)),
               ("output.bias", 0, (vocab,))]
    for layer, (number, (_, elements, _)) in enumerate(phipack.TYPES.items()):
        for name, shape in parts:
            for suffix, dims in (("weight", shape), ("bias", shape[-1:])):
                kind = number if dims[0] % elements == 0 else 0
                tensors.append((f"blk.{layer}.{name}.{suffix}", kind, dims))
    return gguf_of(keys, 1 + len(sizes), tensors, rng)


def arrange(plain, tensor, panel_rows):
    """[7.2] as it is written there."""
    s, w = tensor.block, tensor.columns // tensor.elements
    out = []
    for first in range(0, tensor.rows, panel_rows):
        rows = range(first, min(first + panel_rows, tensor.rows))
        for b in range(w):
            for row in rows:
                at = (row * w + b) * s
                out.append(plain[at : at + s])
    return b"".join(out)


def pack_another_way(head, data, rng):
    """A packed file of a GGUF file, with other choices than phiconv's."""
    tensors = phipack.read_head(head).tensors
    entries = [b""] * len(tensors)
    chunks = [b""] * len(tensors)
    leaves = [[] for _ in tensors]
    stored = b""
    for i, n in phipack.data_order(tensors):
        t = tensors[i]
        plain = data[t.offset : t.offset + t.length]
        panel_rows = 16 if t.elements == 1 else 32
        if len(t.dimensions) != 2 or rng.random() < 0.3:
            panel_rows = 0
        if panel_rows:
            plain = arrange(plain, t, panel_rows)
        codec = int(n == 4096 and t.type in phipack.PLANES)
        stored += bytes(-len(stored) % n)
        start = len(stored)
        for at in range(0, len(plain), 1 << 20):
            chunk = plain[at : at + (1 << 20)]
            if codec:
                planes = [chunk[j :: t.block] for j in range(t.block)]
                stream = zlib.compress(b"".join(planes), rng.randrange(10))
                chunk = min(stream, chunk, key=len)
            leaf = hashlib.sha256(b"\0" + chunk).digest()
            chunks[i] += struct.pack("<II", len(chunk), zlib.crc32(chunk))
            chunks[i] += leaf
            leaves[i].append(leaf)
            stored += chunk
        entries[i] = struct.pack(
            "<QQIIII", start, len(stored) - start, panel_rows, codec,
            len(leaves[i]), 0,
        )
    gguf_length = len(head) + tensors[-1].offset + tensors[-1].length
    listed = struct.pack("<QII", gguf_length, len(tensors), 0)
    listed += b"".join(entries)
    return assemble(
        [
            (1, 0, b"head", head),
            (2, 1, b"tensors", listed),
            (3, 0, b"chunks", b"".join(chunks)),
            (5, 1, b"files/empty", b""),
            (0x80000007, 1, b"later", b"what a later version writes"),
            (0x80000007, 0, b"head", b""),
            (6, 0, b"data", stored),
        ],
        [leaf for mine in leaves for leaf in mine],
    )


def assemble(sections, leaves, more=b""):
    """A packed file: sections are kind, codec, name, plain bytes."""
    names = b"".join(s[2] for s in sections)
    end = 128 + 48 * len(sections) + len(names)
    table = body = b""
    for kind, codec, name, plain in sections:
        content = zlib.compress(plain) if codec == 1 else plain
        gap = -end % (4096 if kind == 6 else 8)
        table += struct.pack(
            "<IIQQQIIQ", kind, codec, end + gap, len(content), len(plain),
            zlib.crc32(content), len(name), 0,
        )
        body += bytes(gap) + content
        end += gap + len(content)
    table += names
    root = phipack.root_of(sections[0][3], sections[1][3], leaves)
    header = b"PHIPACK\x1a" + struct.pack(
        "<HHIQII32sI", 1, 3, 1 << 20, end + len(more), len(sections),
        len(names), root, zlib.crc32(table),
    )
    header += bytes(56)
    header += struct.pack("<I", zlib.crc32(header))
    return header + table + body + more


def key(name, kind, value):
    return string(name) + struct.pack("<I", kind) + value


def tensor_info(name=b"a", shape=(32,), kind=0, offset=0):
    form = f"<I{len(shape)}QIQ"
    return string(name) + struct.pack(form, len(shape), *shape, kind, offset)


def gguf_head(keys=(), tensors=None, version=3, counts=None, more=b""):
    tensors = tensors or [tensor_info()]
    counts = counts or (len(tensors), len(keys))
    data = b"GGUF" + struct.pack("<IQQ", version, *counts)
    data += b"".join(keys) + b"".join(tensors)
    return data + bytes(-len(data) % 32) + more


def array(kind, count, values):
    return struct.pack("<IQ", kind, count) + values


def forged_heads():
    """Heads, and whether the document allows them. All stand for 128 bytes."""
    one, u32 = struct.pack("<I", 1), phipack.U32
    yield gguf_head(), True
    yield gguf_head(version=2), True
    for version in (0, 1, 4, 3 << 24):
        yield gguf_head(version=version), False
    yield gguf_head(counts=(1000001, 0)), False
    yield gguf_head(counts=(1, 1000001)), False
    yield gguf_head(more=bytes(32)), False
    yield gguf_head()[:-1] + b"\1", False
    yield gguf_head()[:-1], False
    for n, good in ((8, True), (4, False), (65536, True), (96, False),
                    (0, False), (131072, False)):
        value = key(b"general.alignment", u32, struct.pack("<I", n))
        forged = gguf_head([value])
        if good:
            length = 24 + len(value) + len(tensor_info())
            forged = forged[:length] + bytes(-length % n)
        yield forged, good
    wide = key(b"general.alignment", 10, struct.pack("<Q", 32))
    yield gguf_head([wide]), False
    for name, good in ((b"", False), (b"k", True), (b"k" * 65535, True),
                       (b"k" * 65536, False), (b"a b~", True),
                       (b"k\n", False), (b"\x7f", False), (b"\xc3\xa4", False)):
        yield gguf_head([key(name, u32, one)]), good
    yield gguf_head([key(b"k", u32, one)] * 2), False
    for kind, value, good in (
        (7, b"\1", True), (7, b"\2", False), (13, one, False),
        (8, string(b"\xff\0"), True), (9, array(7, 2, b"\1\0"), True),
        (9, array(7, 2, b"\1\2"), False), (9, array(9, 0, b""), False),
        (9, array(13, 0, b""), False), (9, array(8, 1, string(b"x")), True),
        (9, array(10, 1 << 61, b""), False), (8, b"\xff" * 8, False),
    ):
        yield gguf_head([key(b"k", kind, value)]), good
    for name, good in ((b"", False), (b"a" * 1024, True), (b"a" * 1025, False),
                       (b"\0", False), (b"\xff\n", True)):
        yield gguf_head(tensors=[tensor_info(name)]), good
    for shape, kind, good in (
        ((), 27, False), ((4, 2, 2, 2), 0, True), ((1, 1, 1, 1, 32), 0, False),
        ((0,), 0, False), ((32, 0), 0, False), ((64,), 1, True),
        ((33,), 2, False), ((32,), 4, False), ((32,), 36, False),
        ((32,), 43, False), ((1 << 63, 1 << 63), 0, False),
    ):
        yield gguf_head(tensors=[tensor_info(shape=shape, kind=kind)]), good
    yield gguf_head(tensors=[tensor_info(offset=32)]), False
    yield gguf_head(tensors=[tensor_info(), tensor_info(offset=128)]), False


def origin(file=0, place=5, name=b"w", file_name=b"m.safetensors", count=1):
    data = struct.pack("<II", 1, len(file_name)) + file_name
    return data + struct.pack("<IIQI", count, file, place, len(name)) + name


def forged_sections():
    """Sections before the data, and whether the document allows them."""
    for codec, kind in itertools.product((0, 2, 1 << 31), (5, 0x80000000)):
        yield (kind, codec, b"files/a", b"x"), codec == 0
    for content, good in (
        (origin(), True),
        (origin(file=1), False),
        (origin(file=phipack.NO_FILE), False),
        (origin(file=phipack.NO_FILE, place=0, name=b""), True),
        (origin(place=(1 << 64) - 1, name=b""), True),
        (origin(name=b"w" * 1024), True),
        (origin(name=b"w" * 1025), False),
        (origin(name=b"w\0"), False),
        (origin(file_name=b"m" * 243 + b".safetensors"), True),
        (origin(file_name=b"m" * 255), False),
        (origin(file_name=b"m" * 244 + b".safetensors"), False),
        (origin(file_name=b".m.safetensors"), False),
        (origin(file_name=b"a/m.safetensors"), False),
        (origin(count=0), False),
        (origin() + b"\0", False),
    ):
        yield (4, 0, b"origin", content), good


def pack_forged(forged, more=b""):
    """A packed file of a head that need not be one, and 128 bytes."""
    data = bytes(range(128))
    leaf = hashlib.sha256(b"\0" + data).digest()
    chunks = struct.pack("<II", 128, zlib.crc32(data)) + leaf
    tensors = struct.pack("<QII", len(forged) + 128, 1, 0)
    tensors += struct.pack("<QQIIII", 0, 128, 0, 0, 1, 0)
    sections = [
        (1, 0, b"head", forged),
        (2, 0, b"tensors", tensors),
        (3, 0, b"chunks", chunks),
        (6, 0, b"data", data),
    ]
    return assemble(sections, [leaf], more)


def pack_plain(infos, lengths, panel_rows):
    """A packed file of tensors that are listed by `infos`, of one chunk each
    and all small, or one; all zeros."""
    forged = gguf_head(tensors=infos)
    entries, chunks, leaves, data = b"", b"", [], b""
    for n in lengths:
        data += bytes(-len(data) % 64)
        leaves.append(hashlib.sha256(b"\0" + bytes(n)).digest())
        chunks += struct.pack("<II", n, zlib.crc32(bytes(n))) + leaves[-1]
        entries += struct.pack("<QQIIII", len(data), n, panel_rows, 0, 1, 0)
        data += bytes(n)
    listed = struct.pack("<QII", len(forged) + len(data), len(lengths), 0)
    sections = [
        (1, 0, b"head", forged),
        (2, 0, b"tensors", listed + entries),
        (3, 0, b"chunks", chunks),
        (6, 0, b"data", data),
    ]
    return assemble(sections, leaves)


def check_plain(checks, phiconv):
    """Names that are there twice, and rows that are too long for panels."""
    cases = [
        (pack_plain([tensor_info(b"a"), tensor_info(name, offset=128)],
                    [128, 128], 0), what)
        for name, what in ((b"b", None), (b"a", "is there twice"))
    ]
    for columns, what in ((16384, None), (16385, "rows that long")):
        info = tensor_info(shape=(columns, 1))
        cases.append((pack_plain([info], [columns * 4], 16), what))
    for i, (data, what) in enumerate(cases):
        found = verdict(data)
        right = found is None if what is None else found and what in found
        checks.that(right, f"plain file {i}: {found}, not {what}")
        if phiconv:
            code, _ = verified(phiconv, data)
            checks.equal(code, 3 if what else 0, f"plain file {i}: phiconv")


def check_forged(checks, phiconv):
    """Checksums and root are right, what they are of is not."""
    for i, (forged, good) in enumerate(forged_heads()):
        data = pack_forged(forged)
        found = verdict(data)
        checks.that((found is None) == good, f"forged head {i}: {found}")
        if phiconv:
            code, _ = verified(phiconv, data)
            checks.equal(code, 0 if good else 3, f"forged head {i}: phiconv")
    for more in (b"\0", bytes(4096)):
        found = verdict(pack_forged(gguf_head(), more))
        checks.that(found is not None, f"{len(more)} bytes after the data")
    pack = phipack.check_bytes(pack_forged(gguf_head()))
    leaves = [c.leaf for mine in pack.chunks for c in mine]
    before = [(s.kind, 0, s.name, pack.plain(s)) for s in pack.sections]
    for section, good in forged_sections():
        data = assemble(before[:-1] + [section] + before[-1:], leaves)
        found = verdict(data)
        checks.that((found is None) == good, f"forged {section}: {found}")
        if phiconv:
            code, _ = verified(phiconv, data)
            checks.equal(code, 0 if good else 3, f"forged {section}: phiconv")


def check_every_type(checks, phiconv, source):
    """What phiconv packs is unpacked here, and the other way round."""
    rng = random.Random(1)
    source = phipack.check_bytes(source).head_bytes
    head, data = gguf_of_types(source, rng)
    other = pack_another_way(head, data, rng)
    # A GGUF file may end without padding, this one does.
    gguf = head + data
    gguf = gguf[: phipack.check_bytes(other).gguf_length]
    same = decoded_gguf(phipack.check_bytes(other)) == gguf
    checks.that(same, "another writer's file: GGUF file")
    if phiconv is None:
        return
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "other.phipack"
        path.write_bytes(other)
        run(phiconv, "verify", "-q", path)
        found = run(phiconv, "extract", "-q", path, "gguf")
        checks.that(found == gguf, "another writer's file: GGUF by phiconv")
        gguf = b"".join(model_of_types(rng))
        plain = Path(work) / "types.gguf"
        plain.write_bytes(gguf)
        for option in ([], ["--pack-planes"]):
            packed = Path(work) / f"types{len(option)}.phipack"
            run(phiconv, "quantize", "-q", plain, *option, "-t",
                f"pack:copy={packed}")
            pack = phipack.check_bytes(packed.read_bytes())
            for t, p in zip(pack.head.tensors, pack.places):
                rows = 16 if t.elements == 1 else 32
                looked_up = t.name == b"token_embd.weight"
                if len(t.dimensions) != 2 or t.type in CARRIED or looked_up:
                    rows = 0
                checks.equal(p.panel_rows, rows, f"every type: {t.place}")
            planes = any(p.codec for p in pack.places)
            checks.equal(planes, bool(option), "every type: byte planes")
            same = decoded_gguf(pack) == gguf
            checks.that(same, f"every type: GGUF file {option}")
            back = Path(work) / "back.gguf"
            run(phiconv, "quantize", "-qf", packed, "-t", f"copy={back}")
            same = back.read_bytes() == gguf
            checks.that(same, f"every type: back again {option}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("document", type=Path)
    parser.add_argument("golden", type=Path)
    parser.add_argument("--malformed", type=Path)
    parser.add_argument("--phiconv", type=lambda p: str(Path(p).resolve()))
    args = parser.parse_args()
    checks = Checks(args.phiconv)
    files = {p: p.read_bytes() for p in sorted(args.golden.glob("*.phipack"))}
    sound = 0
    for path, data in files.items():
        found = verdict(data)
        checks.that(found is None, f"{path.name}: {found}")
        sound += found is None
    if sound < max(4, len(files)):
        raise SystemExit(f"{sound} of {len(files)} golden files are sound")
    small = files[args.golden / DAMAGED]
    check_document(checks, args.document.read_text(encoding="utf-8"), small)
    for path, data in files.items():
        every = 1 if path.name == DAMAGED else len(data) // 150
        check_damage(checks, path.name, data, every)
        check_lengths(checks, path.name, data)
    check_sealed(checks, DAMAGED, small)
    check_forged(checks, args.phiconv)
    check_plain(checks, args.phiconv)
    if args.malformed:
        check_cases(checks, args.malformed)
    if args.phiconv:
        for path, data in files.items():
            check_with_phiconv(checks, args.phiconv, path, data)
        check_folder(checks, args.phiconv, args.golden / "folder.phipack")
    check_every_type(checks, args.phiconv, small)
    if args.phiconv:
        print(f"phiconv was asked of {checks.asked} damaged files")
    print(f"{len(files)} files, {checks.count} checks, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reader of packed files, written from formats/PACK.md alone.

  phipack.py check FILE...           every check of the document
  phipack.py list FILE               header, section table, tensors
  phipack.py extract FILE SECTION    one section, inflated, to standard output
  phipack.py gguf FILE OUT.gguf      the GGUF file that it stands for
  phipack.py folder FILE OUT         the folder that it came from: tensors in
                                     safetensors files, and the other files

The exit code is 0, 1 if a file is rejected, 2 if an argument is wrong. All
commands check the whole file first. Numbers in brackets are sections of the
document. It needs nothing but Python's own library, and is for reading: it is
slow, and never has more than one section or one tensor in memory.
"""
import hashlib
import io
import json
import os
import struct
import sys
import zlib
from typing import NamedTuple

CHUNK = 1 << 20
SMALL = 65536
PAGE = 4096
NO_FILE = 0xFFFFFFFF
OTHER_KINDS = 0x80000000  # [11] from here on kinds are ignored

MAX_SECTIONS = 65535  # [12]
MAX_NAMES = 1 << 24
MAX_PLAIN = 1 << 28
MAX_COUNT = 1000000
MAX_NAME = 1024
MAX_KEY = 65535

SHARD = b".safetensors"  # [4, 10] how files of weights end, and no others

# [4] Kinds: the name, and the codecs that are allowed.
HEAD, TENSORS, CHUNKS, ORIGIN, FILE, DATA = 1, 2, 3, 4, 5, 6
KINDS = {
    HEAD: (b"head", (0, 1)),
    TENSORS: (b"tensors", (0, 1)),
    CHUNKS: (b"chunks", (0,)),
    ORIGIN: (b"origin", (0, 1)),
    FILE: (b"files/", (0, 1)),
    DATA: (b"data", (0,)),
}
NEEDED = (HEAD, TENSORS, CHUNKS, DATA)

# [5] Types: name, elements a block, bytes a block.
TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
PLANES = ("F16", "BF16", "F32")  # [7.3] types that codec 1 is for
FLOATS = PLANES  # [10] types of a folder, in safetensors' names too

# [5] Values of keys: struct's letter; strings and arrays are apart.
SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
BOOL, STRING, ARRAY, U32 = 7, 8, 9, 4
NUMBERS = {letter: struct.Struct("<" + letter) for letter in "BbHhIif?Qqd"}


class Rejected(Exception):
    """A file is not what the document says: the place, and what is wrong."""

    def __init__(self, place, what):
        super().__init__(f"{place}: {what}")


def require(condition, place, what):
    if not condition:
        raise Rejected(place, what)


def align(x, n):
    return (x + n - 1) // n * n


def shown(name):
    """A name from a file, for a terminal."""
    return repr(name.decode("utf-8", "backslashreplace"))


class Cursor:
    """Takes fields from bytes, never more than there are."""

    def __init__(self, data, place):
        self.data, self.at, self.place = data, 0, place

    def take(self, n):
        start, left = self.at, len(self.data) - self.at
        if n > left:
            raise Rejected(self.place, f"{n} bytes where {left} are left")
        self.at += n
        return self.data[start : start + n]

    def number(self, letter):
        form = NUMBERS[letter]
        return form.unpack(self.take(form.size))[0]

    def string(self, length):
        return self.take(self.number(length))


# ---- header and section table [3, 4] -----------------------------------------


class Header(NamedTuple):
    magic: bytes
    major: int
    minor: int
    flags: int
    length: int
    sections: int
    names: int
    root: bytes
    table_crc: int
    zero: bytes
    crc: int


HEADER = struct.Struct("<8sHHIQII32sI56sI")


class Section(NamedTuple):
    kind: int
    codec: int
    offset: int
    stored: int
    plain: int
    crc: int
    name: bytes

    @property
    def end(self):
        return self.offset + self.stored

    @property
    def place(self):
        return f"section {shown(self.name)}"


ENTRY = struct.Struct("<IIQQQIIQ")


def read_header(data):
    """The header of its 128 bytes."""
    require(len(data) == HEADER.size, "header", f"{len(data)} bytes of 128")
    header = Header(*HEADER.unpack(data))
    require(header.magic == b"PHIPACK\x1a", "header", "no packed file")
    require(header.crc == zlib.crc32(data[:124]), "header", "CRC-32")
    require(header.major == 1, "header", f"version {header.major}")
    require(header.flags & 0xFFFF == 0, "header", f"flags {header.flags:#x}")
    require(4 <= header.sections <= MAX_SECTIONS, "header", "sections")
    require(header.names <= MAX_NAMES, "header", "length of the names")
    require(not any(header.zero), "header", "bytes 68 to 123 are not zero")
    return header


def name_is_good(name):
    """[4] What a file of a folder may be called."""
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return (
        1 <= len(name) <= 255
        and not name.startswith(b".")
        and b"/" not in name
        and all(b >= 0x20 and b != 0x7F for b in name)
    )


def side_name_is_good(name):
    """[4] One beside the weights."""
    endings = (SHARD, b".index.json")
    return name_is_good(name) and not name.endswith(endings)


def shard_name_is_good(name):
    """[10] One of weights."""
    good = name_is_good(name) and name.endswith(SHARD)
    return good and b"\\" not in name


def check_entry(s):
    """[4, 12] What an entry may say, whatever comes before it."""
    require(s.codec in (0, 1), s.place, f"codec {s.codec}")
    if s.codec == 0:
        require(s.plain == s.stored, s.place, "lengths differ, codec 0")
    else:
        require(s.plain <= 1032 * s.stored + 64, s.place, "plain length")
    if s.kind not in (TENSORS, CHUNKS, DATA):  # their lengths follow
        require(max(s.plain, s.stored) <= MAX_PLAIN, s.place, "too long")
    if s.kind >= OTHER_KINDS:
        return
    require(s.kind in KINDS, s.place, f"kind {s.kind}")
    name, codecs = KINDS[s.kind]
    require(s.codec in codecs, s.place, f"codec {s.codec}")
    if s.kind == FILE:
        good = s.name.startswith(name) and side_name_is_good(s.name[6:])
        require(good, s.place, "name of a file")
    else:
        require(s.name == name, s.place, f"name of kind {s.kind}")


def rank(kind):
    """[4, 11] Where a kind's sections come: the data is last."""
    return (kind == DATA, kind)


def read_table(header, data):
    """The sections, of the bytes from 128 on."""
    size = ENTRY.size * header.sections
    length = size + header.names
    require(len(data) == length, "section table", "is cut off")
    require(zlib.crc32(data) == header.table_crc, "section table", "CRC-32")
    sections = []
    at, end = size, HEADER.size + length
    for i in range(header.sections):
        place = f"section table, entry {i}"
        *fields, name_length, zero = ENTRY.unpack_from(data, i * ENTRY.size)
        require(zero == 0, place, "bytes 40 to 47 are not zero")
        require(1 <= name_length <= 261, place, "length of the name")
        require(at + name_length <= length, place, "name")
        s = Section(*fields, data[at : at + name_length])
        at += name_length
        require(0 not in s.name, place, "NUL in the name")
        check_entry(s)
        offset = align(end, PAGE if s.kind == DATA else 8)
        require(s.offset == offset, s.place, f"is at {s.offset}, not {offset}")
        end = s.end
        if sections:
            last = sections[-1]
            require(rank(last.kind) <= rank(s.kind), s.place, "order")
            once = s.kind != FILE and s.kind < OTHER_KINDS
            require(not once or s.kind != last.kind, s.place, "is there twice")
            if s.kind == last.kind == FILE:
                require(last.name < s.name, s.place, "order of names")
        sections.append(s)
    require(at == length, "section table", "length of the names")
    for kind in NEEDED:
        there = any(s.kind == kind for s in sections)
        require(there, "section table", f"no section of kind {kind}")
    require(end == header.length, "header", "length of the file")
    return sections


# ---- head [5] ----------------------------------------------------------------


class Tensor(NamedTuple):
    name: bytes
    dimensions: tuple
    type: str
    elements: int  # of a block
    block: int  # its bytes
    offset: int  # in GGUF's data

    @property
    def columns(self):
        return self.dimensions[0] if self.dimensions else 1

    @property
    def rows(self):
        rows = 1
        for n in self.dimensions[1:]:
            rows *= n
        return rows

    @property
    def row_length(self):
        return self.columns // self.elements * self.block

    @property
    def length(self):
        return self.rows * self.row_length

    @property
    def place(self):
        return f"tensor {shown(self.name)}"


class Head(NamedTuple):
    alignment: int
    keys: dict  # of scalars and strings; of an array its type and length
    tensors: list


def read_value(cursor, kind):
    place = cursor.place
    if kind == STRING:
        return bytes(cursor.string("Q"))
    if kind == ARRAY:
        of, count = cursor.number("I"), cursor.number("Q")
        require(of in SCALARS or of == STRING, place, f"array of type {of}")
        if of == STRING:
            for _ in range(count):
                cursor.string("Q")
        else:
            values = cursor.take(count * NUMBERS[SCALARS[of]].size)
            ones = values.count(b"\0") + values.count(b"\1")
            require(of != BOOL or ones == count, place, "bool")
        return (of, count)
    require(kind in SCALARS, place, f"value of type {kind}")
    if kind == BOOL:
        value = cursor.number("B")
        require(value <= 1, place, f"bool {value}")
        return bool(value)
    return cursor.number(SCALARS[kind])


def read_tensor_info(cursor):
    name = bytes(cursor.string("Q"))
    require(1 <= len(name) <= MAX_NAME, cursor.place, "a tensor's name")
    require(0 not in name, cursor.place, "NUL in a tensor's name")
    place = f"head, tensor {shown(name)}"
    rank_ = cursor.number("I")
    require(rank_ <= 4, place, f"rank {rank_}")
    dimensions = tuple(cursor.number("Q") for _ in range(rank_))
    require(all(n >= 1 for n in dimensions), place, "a dimension of 0")
    kind = cursor.number("I")
    require(kind in TYPES, place, f"type {kind}")
    tensor = Tensor(name, dimensions, *TYPES[kind], cursor.number("Q"))
    whole = tensor.columns % tensor.elements == 0
    require(whole, place, f"{tensor.columns} columns of {tensor.type}")
    return tensor


def read_head(data):
    cursor = Cursor(data, "head")
    require(cursor.take(4) == b"GGUF", "head", "magic")
    version = cursor.number("I")
    require(version in (2, 3), "head", f"version {version}")
    tensor_count, key_count = cursor.number("Q"), cursor.number("Q")
    require(tensor_count <= MAX_COUNT, "head", f"{tensor_count} tensors")
    require(key_count <= MAX_COUNT, "head", f"{key_count} keys")
    keys, alignment = {}, 32
    for i in range(key_count):
        cursor.place = f"head, key {i}"
        key = bytes(cursor.string("Q"))
        good = 1 <= len(key) <= MAX_KEY and all(32 <= b <= 126 for b in key)
        require(good, cursor.place, "name")
        cursor.place = f"head, key {shown(key)}"
        require(key not in keys, cursor.place, "is there twice")
        kind = cursor.number("I")
        keys[key] = read_value(cursor, kind)
        if key == b"general.alignment":
            require(kind == U32, cursor.place, f"type {kind}")
            alignment = keys[key]
            good = 8 <= alignment <= 65536 and alignment & (alignment - 1) == 0
            require(good, cursor.place, f"{alignment}")
    tensors, names, offset = [], set(), 0
    for i in range(tensor_count):
        cursor.place = f"head, tensor {i}"
        tensor = read_tensor_info(cursor)
        place = f"head, tensor {shown(tensor.name)}"
        require(tensor.name not in names, place, "is there twice")
        names.add(tensor.name)
        require(tensor.offset == offset, place, f"offset {tensor.offset}")
        offset += align(tensor.length, alignment)
        tensors.append(tensor)
    cursor.place = "head, padding"
    padding = cursor.take(align(cursor.at, alignment) - cursor.at)
    require(not any(padding), "head", "padding is not zero")
    require(cursor.at == len(data), "head", "is longer than its contents")
    return Head(alignment, keys, tensors)


# ---- tensors, chunks, origin [6, 8, 10] --------------------------------------


class Place(NamedTuple):
    """Where a tensor is, and how it is arranged."""

    offset: int
    stored: int
    panel_rows: int
    codec: int
    chunks: int
    zero: int


PLACE = struct.Struct("<QQIIII")


def check_place(tensor, p):
    place = tensor.place
    require(p.zero == 0, place, "bytes 28 to 31 are not zero")
    require(p.codec in (0, 1), place, f"codec {p.codec}")
    if p.codec == 1:
        allowed = tensor.type in PLANES and tensor.length >= SMALL
        require(allowed, place, f"byte planes of {tensor.type}")
    else:
        require(p.stored == tensor.length, place, f"{p.stored} bytes")
    if p.panel_rows != 0:
        panel = 16 if tensor.elements == 1 else 32
        require(p.panel_rows == panel, place, f"panels of {p.panel_rows}")
        require(len(tensor.dimensions) == 2, place, "panels, not of rank 2")
        fits = panel * tensor.row_length <= CHUNK
        require(fits, place, "panels of rows that long")
    chunks = align(tensor.length, CHUNK) // CHUNK
    require(p.chunks == chunks, place, f"{p.chunks} chunks")


def data_order(tensors):
    """[7.1] Tensors in the order of the data, and what each is aligned to."""
    small = [i for i, t in enumerate(tensors) if t.length < SMALL]
    large = [i for i, t in enumerate(tensors) if t.length >= SMALL]
    return [(i, 64) for i in small] + [(i, PAGE) for i in large]


def read_tensors(data, head, head_length, data_length):
    """The places of all tensors, and the length of the GGUF file."""
    n = len(head.tensors)
    require(len(data) == 16 + 32 * n, "tensors", f"{len(data)} bytes")
    gguf_length, count, zero = struct.unpack_from("<QII", data)
    require(count == n, "tensors", f"{count} tensors")
    require(zero == 0, "tensors", "bytes 12 to 15 are not zero")
    end = head_length
    if head.tensors:
        last = head.tensors[-1]
        end += last.offset + last.length
    good = end <= gguf_length <= align(end, head.alignment)
    require(good, "tensors", f"a GGUF file of {gguf_length} bytes")
    places = [Place(*p) for p in PLACE.iter_unpack(data[16:])]
    for tensor, p in zip(head.tensors, places):
        check_place(tensor, p)
    end = 0
    for i, n in data_order(head.tensors):
        place, at = head.tensors[i].place, align(end, n)
        offset = places[i].offset
        require(offset == at, place, f"is at {offset} of the data, not {at}")
        end = at + places[i].stored
    require(end == data_length, "section 'data'", "length")
    return gguf_length, places


class Chunk(NamedTuple):
    stored: int
    crc: int
    leaf: bytes


CHUNK_ENTRY = struct.Struct("<II32s")


def chunk_lengths(tensor):
    """The lengths of a tensor's chunks of arranged bytes."""
    for at in range(0, tensor.length, CHUNK):
        yield min(CHUNK, tensor.length - at)


def read_chunks(data, tensors, places):
    """Of each tensor, its chunks."""
    count = sum(p.chunks for p in places)
    length = CHUNK_ENTRY.size * count
    require(len(data) == length, "chunks", f"{len(data)} bytes, not {length}")
    entries = CHUNK_ENTRY.iter_unpack(data)
    chunks = []
    for tensor, p in zip(tensors, places):
        mine = []
        for j, n in enumerate(chunk_lengths(tensor)):
            chunk = Chunk(*next(entries))
            place = f"{tensor.place}, chunk {j}"
            good = 1 <= chunk.stored <= n if p.codec else chunk.stored == n
            require(good, place, f"stored length {chunk.stored}")
            mine.append(chunk)
        require(sum(c.stored for c in mine) == p.stored, tensor.place,
                f"{p.stored} bytes")
        chunks.append(mine)
    return chunks


class Origin(NamedTuple):
    files: list
    tensors: list  # of each the file, the place, and the name


def read_origin(data, count):
    cursor = Cursor(data, "section 'origin'")
    place = cursor.place
    file_count = cursor.number("I")
    files = []
    for _ in range(file_count):
        files.append(bytes(cursor.string("I")))
        require(shard_name_is_good(files[-1]), place, "name of a file")
    require(len(set(files)) == len(files), place, "names of files")
    require(cursor.number("I") == count, place, "number of tensors")
    tensors = []
    for i in range(count):
        place = f"{cursor.place}, tensor {i}"
        file, at = cursor.number("I"), cursor.number("Q")
        name = bytes(cursor.string("I"))
        good = len(name) <= MAX_NAME and 0 not in name
        require(good, place, "name")
        if file == NO_FILE:
            require(at == 0, place, f"in no file at {at}")
        else:
            require(file < file_count, place, f"file {file}")
        tensors.append((file, at, name))
    require(cursor.at == len(data), cursor.place, "has bytes after its end")
    return Origin(files, tensors)


# ---- bytes -------------------------------------------------------------------


def inflate(stored, length, place):
    """One zlib stream that is all of `stored` and gives `length` bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(stored, length + 1)
    except zlib.error as e:
        raise Rejected(place, f"zlib stream: {e}") from None
    good = stream.eof and not stream.unused_data and len(plain) == length
    require(good, place, "zlib stream has another length")
    return plain


def join_planes(planes, width):
    """[7.3] Elements of their byte planes."""
    m = len(planes) // width
    plain = bytearray(len(planes))
    for j in range(width):
        plain[j::width] = planes[j * m : (j + 1) * m]
    return bytes(plain)


def rows_of_panel(panel, n, blocks, size):
    """[7.2] The n rows of a panel, one after the other."""
    rows = bytearray(len(panel))
    width = blocks * size
    for i in range(n):
        at = i * width
        if size < blocks:  # byte by byte of the block: fewer, longer steps
            for k in range(size):
                rows[at + k : at + width : size] = panel[
                    i * size + k :: n * size
                ]
        else:
            for b in range(blocks):
                start = (b * n + i) * size
                rows[at + b * size : at + (b + 1) * size] = panel[
                    start : start + size
                ]
    return rows


def rows_of_panels(arranged, tensor, panel_rows):
    """[7.2] A tensor's bytes in GGUF of its arranged bytes."""
    if panel_rows == 0:
        return arranged
    plain = bytearray()
    blocks = tensor.columns // tensor.elements
    for first in range(0, tensor.rows, panel_rows):
        n = min(panel_rows, tensor.rows - first)
        at = first * tensor.row_length
        panel = arranged[at : at + n * tensor.row_length]
        plain += rows_of_panel(panel, n, blocks, tensor.block)
    return bytes(plain)


def tree_root(leaves):
    """[9] The root of a tree of hashes."""
    n = len(leaves)
    if n == 1:
        return leaves[0]
    k = 1 << ((n - 1).bit_length() - 1)
    both = tree_root(leaves[:k]) + tree_root(leaves[k:])
    return hashlib.sha256(b"\1" + both).digest()


def root_of(head, tensors, leaves):
    """[9] The root of the plain bytes of two sections and chunks' leaves."""
    first = [hashlib.sha256(b"\0" + plain).digest() for plain in (head, tensors)]
    return tree_root(first + leaves)


# ---- the whole ---------------------------------------------------------------


class Pack:
    """A packed file. Opening it is steps 1 to 4 of section 13."""

    def __init__(self, file):
        self.file = file
        length = file.seek(0, io.SEEK_END)
        self.header = read_header(self.read(0, min(length, HEADER.size)))
        require(self.header.length == length, "header",
                f"{self.header.length} bytes, and the file has {length}")
        size = ENTRY.size * self.header.sections + self.header.names
        require(HEADER.size + size <= length, "section table", "is cut off")
        table = self.read(HEADER.size, size)
        self.sections = read_table(self.header, table)
        end = HEADER.size + size
        for s in self.sections:
            self.check_gap(end, s.offset, f"gap before {s.place}")
            if s.kind != DATA:
                require(self.crc(s) == s.crc, s.place, "CRC-32")
            end = s.end
        self.read_sections()

    def read_sections(self):
        self.data = self.sections[-1]
        self.head_bytes = self.plain(self.section(b"head"))
        self.head = read_head(self.head_bytes)
        tensors = self.section(b"tensors")
        wanted = 16 + 32 * len(self.head.tensors)
        require(tensors.plain == wanted, tensors.place, "plain length")
        self.tensors_bytes = self.plain(tensors)
        self.gguf_length, self.places = read_tensors(
            self.tensors_bytes, self.head, len(self.head_bytes),
            self.data.stored,
        )
        self.chunks = read_chunks(
            self.plain(self.section(b"chunks")), self.head.tensors, self.places
        )
        self.origin = None
        for s in self.sections:
            if s.kind == ORIGIN:
                count = len(self.head.tensors)
                self.origin = read_origin(self.plain(s), count)
            elif s.codec == 1 and (s.kind == FILE or s.kind >= OTHER_KINDS):
                self.plain(s)

    def read(self, at, n):
        self.file.seek(at)
        data = self.file.read(n)
        require(len(data) == n, f"byte {at}", "the file has become shorter")
        return data

    def pieces(self, at, end):
        for start in range(at, end, CHUNK):
            yield self.read(start, min(CHUNK, end - start))

    def crc(self, section):
        crc = 0
        for piece in self.pieces(section.offset, section.end):
            crc = zlib.crc32(piece, crc)
        return crc

    def check_gap(self, at, end, place):
        require(not any(self.read(at, end - at)), place, "is not zero")

    def section(self, name):
        for s in self.sections:
            if s.name == name:
                return s
        raise KeyError(name)

    def plain(self, section):
        """A section's plain bytes."""
        stored = self.read(section.offset, section.stored)
        if section.codec == 0:
            return stored
        return inflate(stored, section.plain, section.place)

    def arranged(self, i):
        """The arranged bytes of tensor i, chunk by chunk, checked."""
        tensor, p = self.head.tensors[i], self.places[i]
        at = self.data.offset + p.offset
        lengths = chunk_lengths(tensor)
        for j, (chunk, n) in enumerate(zip(self.chunks[i], lengths)):
            place = f"{tensor.place}, chunk {j}"
            stored = self.read(at, chunk.stored)
            at += chunk.stored
            require(zlib.crc32(stored) == chunk.crc, place, "CRC-32")
            leaf = hashlib.sha256(b"\0" + stored).digest()
            require(leaf == chunk.leaf, place, "SHA-256")
            if p.codec == 1 and chunk.stored < n:
                planes = inflate(stored, n, place)
                yield join_planes(planes, tensor.block)
            else:
                yield stored

    def tensor(self, i):
        """The bytes of tensor i as GGUF has them."""
        return rows_of_panels(
            b"".join(self.arranged(i)),
            self.head.tensors[i],
            self.places[i].panel_rows,
        )

    def check(self):
        """Step 5 of section 13: all of the data, and the root."""
        end = self.data.offset
        for i, _ in data_order(self.head.tensors):
            place = f"gap before {self.head.tensors[i].place}"
            offset = self.data.offset + self.places[i].offset
            self.check_gap(end, offset, place)
            end = offset + self.places[i].stored
            for _ in self.arranged(i):
                pass
        require(self.crc(self.data) == self.data.crc, self.data.place, "CRC-32")
        leaves = [c.leaf for chunks in self.chunks for c in chunks]
        root = root_of(self.head_bytes, self.tensors_bytes, leaves)
        require(root == self.header.root, "header", "root")

    def gguf(self):
        """The GGUF file, in pieces."""
        yield self.head_bytes
        at = 0
        for i, tensor in enumerate(self.head.tensors):
            yield bytes(tensor.offset - at)
            yield self.tensor(i)
            at = tensor.offset + tensor.length
        yield bytes(self.gguf_length - len(self.head_bytes) - at)


    def safetensors(self, file):
        """A file of the folder, in pieces: its tensors in their order."""
        entries = {}
        mine, at = [], 0
        seen = set()
        for i, (number, place, name) in enumerate(self.origin.tensors):
            # Tied tensors that are still floats of one type are one.
            tied = (place, self.head.tensors[i].type)
            if number == file and tied not in seen:
                mine.append((place, i, name))
                seen.add(tied)
        for _, i, name in sorted(mine):
            t = self.head.tensors[i]
            try:
                name = name.decode()
            except UnicodeDecodeError:
                raise Rejected(t.place, "name in the folder") from None
            require(t.type in FLOATS, t.place, f"{t.type} is of no folder")
            require(name not in entries, t.place, f"two are named {name!r}")
            entries[name] = {
                "dtype": t.type,
                "shape": t.dimensions[::-1],
                "data_offsets": [at, at + t.length],
            }
            at += t.length
        head = json.dumps(entries).encode()
        head += b" " * (-len(head) % 8)
        yield struct.pack("<Q", len(head)) + head
        for _, i, _ in sorted(mine):
            yield self.tensor(i)

    def folder(self):
        """Names and pieces of the files of the folder [10]."""
        require(self.origin, "section table", "there is no origin")
        for file, name in enumerate(self.origin.files):
            yield name, self.safetensors(file)
        for s in self.sections:
            if s.kind == FILE:
                yield s.name[6:], [self.plain(s)]


def check_bytes(data):
    """All checks of a file in memory."""
    pack = Pack(io.BytesIO(data))
    pack.check()
    return pack


# ---- commands ----------------------------------------------------------------


def list_pack(pack):
    h = pack.header
    print(f"version {h.major}.{h.minor}, {h.length} bytes, flags {h.flags:#x}")
    print(f"root {h.root.hex()}")
    print("   kind codec     offset     stored      plain   CRC-32 name")
    for s in pack.sections:
        print(f"{s.kind:7} {s.codec:5} {s.offset:10} {s.stored:10} "
              f"{s.plain:10} {s.crc:08x} {shown(s.name)}")
    print(f"GGUF file of {pack.gguf_length} bytes, {len(pack.head.keys)} keys")
    print("     offset     stored panels planes chunks type    name")
    for t, p in zip(pack.head.tensors, pack.places):
        print(f"{p.offset:11} {p.stored:10} {p.panel_rows:6} {p.codec:6} "
              f"{p.chunks:6} {t.type:7} {shown(t.name)} {t.dimensions}")
    for file, at, name in pack.origin.tensors if pack.origin else ():
        where = "" if file == NO_FILE else shown(pack.origin.files[file])
        print(f"origin {shown(name)}: {where} {at}")


def write_file(path, pieces):
    """A whole file, or none."""
    part = os.fsencode(path) + b".part"
    with open(part, "wb") as f:
        for piece in pieces:
            f.write(piece)
    os.replace(part, path)


def write_folder(path, files):
    os.mkdir(path)
    for name, pieces in files:
        target = os.path.join(os.fsencode(path), name)
        if os.path.lexists(target):
            raise Rejected("origin", f"two files are named {shown(name)}")
        write_file(target, pieces)


def main(arguments):
    wanted = {"check": None, "list": 1, "extract": 2, "gguf": 2, "folder": 2}
    command, *rest = arguments or [""]
    if command not in wanted or not rest or (
        len(rest) != (wanted[command] or len(rest))
    ):
        print(__doc__, file=sys.stderr)
        return 2
    if command != "check":
        rest, target = rest[:1], rest[1:]
    failed = 0
    for path in rest:
        try:
            with open(path, "rb") as f:
                pack = Pack(f)
                pack.check()
                if command == "check":
                    print(f"{path}: {pack.header.root.hex()}")
                elif command == "list":
                    list_pack(pack)
                elif command == "gguf":
                    write_file(target[0], pack.gguf())
                elif command == "folder":
                    write_folder(target[0], pack.folder())
                else:
                    section = pack.section(os.fsencode(target[0]))
                    sys.stdout.buffer.write(pack.plain(section))
        except KeyError:
            print(f"{path}: no section {target[0]!r}", file=sys.stderr)
            return 2
        except (OSError, Rejected) as e:
            print(f"{path}: {e}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

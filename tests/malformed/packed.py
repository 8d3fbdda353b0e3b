# SPDX-License-Identifier: MIT
"""Packed files taken apart into sections, and put together again."""

import struct
import zlib

HEAD, TENSORS, CHUNKS, ORIGIN, FILE, DATA = range(1, 7)


def align(n, to):
    return -(-n // to) * to


def sections(content):
    """[kind, codec, stored bytes, plain length, name] of a sound file."""
    n, = struct.unpack_from("<I", content, 24)
    name = 128 + 48 * n
    out = []
    for i in range(n):
        kind, codec, at, stored, plain, _, length = struct.unpack_from(
            "<IIQQQII", content, 128 + 48 * i)
        out.append([kind, codec, content[at:at + stored], plain,
                    content[name:name + length]])
        name += length
    return out


def build(parts, major=1, minor=0, flags=0, root=bytes(32), entry=None,
          header=None, length=None, names=None, zero=bytes(56)):
    """entry(i, fields) and header(bytes) may change what is written."""
    text = b"".join(p[4] for p in parts) if names is None else names
    at = 128 + 48 * len(parts) + len(text)
    table, body = bytearray(), bytearray()
    first = at
    for i, (kind, codec, stored, plain, name) in enumerate(parts):
        pad = align(at, 4096 if kind == DATA else 8) - at
        at += pad
        fields = [kind, codec, at, len(stored), plain, zlib.crc32(stored),
                  len(name), 0]
        if entry is not None:
            entry(i, fields)
        table += struct.pack("<IIQQQIIQ", *fields)
        body += bytes(pad) + stored
        at += len(stored)
    assert first + len(body) == at
    table += text
    top = b"PHIPACK\x1a" + struct.pack(
        "<HHIQII", major, minor, flags, at if length is None else length,
        len(parts), len(text)) + root + struct.pack(
            "<I", zlib.crc32(table)) + zero
    if header is not None:
        top = header(top)
    return top + struct.pack("<I", zlib.crc32(top)) + table + body

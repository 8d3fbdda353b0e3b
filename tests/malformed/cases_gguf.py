# SPDX-License-Identifier: MIT
"""GGUF models, whole and split, importance matrices of both forms, texts."""

import struct

import tiny
from case import (ACCEPTED, EVALUATE, QUANTIZE, REFUSED, USAGE, add, gguf,
                  imatrix)
from tiny import (ARRAY, BOOL, F32, F64, I8, I16, I32, I64, STRING, U8, U16,
                  U32, U64)

KEYS = tiny.gguf_keys()
ENTRIES = tiny.gguf_entries()
ALL = tiny.gguf_file()
TOP = (1 << 64) - 1


def refuse(name, content, says, **more):
    gguf("gg-" + name, content, REFUSED, says, **more)


def accept(name, content, **more):
    gguf("gg-ok-" + name, content, ACCEPTED, **more)


def keys(**changes):
    """The keys, some (by name, "_" for ".") replaced; None takes away."""
    out = []
    changes = {k.replace("__", "."): v for k, v in changes.items()}
    for key, kind, value in KEYS:
        if key in changes:
            change = changes.pop(key)
            if change is not None:
                out.append((key, *change))
        else:
            out.append((key, kind, value))
    return out + [(k, *v) for k, v in changes.items()]


accept("plain", ALL)
accept("version-2", tiny.gguf_file(version=2))
for align in (8, 64, 4096, 65536):
    accept("align-%d" % align, tiny.gguf_file(
        KEYS + [("general.alignment", U32, align)], align=align))
gguf("gg-ok-engine", ALL, ACCEPTED, args=EVALUATE)

# --- cut short, too long, other files --------------------------------------

refuse("empty", b"", "is empty, expected a GGUF file")
for n in (1, 2, 3):
    refuse("cut-%d" % n, ALL[:n], "begins with the bytes")
for n in (4, 5, 7, 8, 12, 15, 16, 20, 23):
    refuse("cut-%d" % n, ALL[:n], ".*at byte .*")
DATA = len(ALL) - sum(len(e[3]) for e in ENTRIES)
for n in list(range(24, 96, 4)) + [200, 500, 1000, 3000, 5000, DATA - 400,
                                   DATA - 40]:
    refuse("cut-%d" % n, ALL[:n], ".*(left|bytes follow|at byte|but the file)")
for n in (DATA + 1, DATA + 1000, len(ALL) - 1000, len(ALL) - 33):
    refuse("cut-data-%d" % (n - DATA), ALL[:n],
           r'tensor ".*": its \d+ bytes end at byte \d+, but the file has %d'
           % n)
for n in (1, 32, 100000):
    refuse("longer-%d" % n, ALL + bytes(n), "has %d bytes, expected it to end "
           "after the last tensor" % (len(ALL) + n))
for name, content, says in [
        ("lfs", b"version https://git-lfs.github.com/spec/v1\n",
         "is a Git LFS pointer"),
        ("zip", b"PK\3\4" + bytes(60), "is a zip archive"),
        ("pickle", b"\x80\2" + bytes(60), "is a PyTorch pickle"),
        ("ggml", b"lmgg" + bytes(60), "is a ggml file, older than GGUF"),
        ("ggjt", b"tjgg" + bytes(60), "is a ggml file, older than GGUF"),
        ("safetensors", tiny.model()["model.safetensors"],
         "is a safetensors file, expected a GGUF"),
        ("json", b'{"a": 1}', "is JSON"),
        ("text", b"hello, world", "begins with the bytes"),
        ("lower", b"gguf" + ALL[4:], "begins with the bytes"),
        ("backwards", b"FUGG" + ALL[4:], "begins with the bytes"),
        ("zeros", bytes(4096), "begins with the bytes 00")]:
    refuse("other-" + name, content, says)
for version in (0, 1, 4, 5, 255, 0x7fffffff, 0xffffffff):
    refuse("version-%d" % version, tiny.gguf_file(version=version),
           "is GGUF version %d" % version)
for version in (0x02000000, 0x03000000):
    refuse("big-endian-%d" % (version >> 24),
           tiny.gguf_file(version=version), "is a big-endian GGUF file")

# --- counts ----------------------------------------------------------------

for i, n in enumerate([len(ENTRIES) + 1, 10000, 1 << 32, 1 << 62, 1 << 63,
                       TOP // 24 + 1, TOP]):
    refuse("tensors-%d" % i, tiny.gguf_file(ntensors=n),
           r"tensor 33: name is empty" if i == 0 else
           "number of tensors at byte 8 is %d, too many for the" % n)
    # The table of tensors is read as keys, where there may be so many.
    refuse("keys-%d" % i, tiny.gguf_file(nkeys=n),
           r"key 19: key at byte \d+ is \d+ bytes long but only" if i < 2 else
           "number of keys at byte 16 is %d, too many for the" % n)
refuse("tensors-less", tiny.gguf_file(ntensors=len(ENTRIES) - 1),
       "has .* bytes, expected it to end after the last tensor")
refuse("tensors-none", tiny.gguf_file(ntensors=0),
       r"has \d+ bytes, expected it to end after the keys at byte \d+")
# A key's length is read as a tensor's.
refuse("keys-less", tiny.gguf_file(nkeys=len(KEYS) - 1),
       r'tensor "tokenizer\.ggml\.eos_token_id": has 2\^63 elements or more')
refuse("nothing", b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
       r'key "general\.architecture": is missing, expected a string')


def counted(ntensors, nkeys, size):
    """The head of a file that is long enough to be believed."""
    def make(path):
        with open(path, "wb") as f:
            f.write(b"GGUF" + struct.pack("<IQQ", 3, ntensors, nkeys))
            f.truncate(size)
    return make


MILLION = 1000000
refuse("tensors-over", counted(MILLION + 1, 0, 1 << 30),
       "number of tensors is 1000001, expected at most 1000000")
refuse("keys-over", counted(0, MILLION + 1, 1 << 30),
       "number of keys is 1000001, expected at most 1000000")
refuse("tensors-at", counted(MILLION, 0, 1 << 30),
       "tensor 0: name is empty")
refuse("keys-at", counted(0, MILLION, 1 << 30), 'key 0 "": is empty, expected')


def many_keys(n):
    """Keys enough to make whoever searches them one by one stand still."""
    def make(path):
        extra = b"".join(tiny.gguf_key("k%06d" % i, U8, 1) for i in range(n))
        with open(path, "wb") as f:
            f.write(tiny.gguf_file(nkeys=len(KEYS) + n, raw_keys=extra))
    return make


accept("keys-at", many_keys(MILLION - len(KEYS)), seconds=10,
       args=QUANTIZE + ["--max-memory", "1G"])
refuse("keys-one-over", many_keys(MILLION - len(KEYS) + 1),
       "number of keys is 1000001, expected at most 1000000")



def long_model(n):
    """A GGUF file of n layers: a tensor of a layer has one element, so that of
    an output most is padding."""
    one = struct.pack("<f", 1)
    some = []
    for name, dims, _, _ in ENTRIES:
        if not name.startswith("blk."):
            rows = dims[-1] if name[:7] in ("token_e", "output.") else 1
            some.append((name, [1] * (len(dims) - 1) + [rows], 0,
                         one * rows))
    at = sum(-(-len(e[3]) // 32) * 32 for e in some)
    names = [(e[0][5:], len(e[1])) for e in ENTRIES
             if e[0].startswith("blk.0.")]
    raw = [tiny.gguf_tensor("blk.%d%s" % (layer, name), [1] * rank, 0,
                            at + 32 * (len(names) * layer + i))
           for layer in range(n) for i, (name, rank) in enumerate(names)]
    ones = [(key, kind, 1 if key.startswith("phi2.") and kind == U32
             else value) for key, kind, value in KEYS]
    counted = [(key, kind, n if key == "phi2.block_count" else value)
               for key, kind, value in ones]
    return tiny.gguf_file(counted, some, ntensors=len(some) + len(raw),
                          raw_tensors=b"".join(raw),
                          tail=(one + bytes(28)) * len(raw))


def many_layers(n):
    """As long a Phi as there is."""
    def make(path):
        with open(path, "wb") as f:
            f.write(long_model(n))
    return make


def many_tensors(n):
    """What no Phi has."""
    def make(path):
        at = sum(-(-len(e[3]) // 32) * 32 for e in ENTRIES)
        extra = b"".join(tiny.gguf_tensor("t%06d" % i, [1], 0, at + 32 * i)
                         for i in range(n))
        with open(path, "wb") as f:
            f.write(tiny.gguf_file(ntensors=len(ENTRIES) + n,
                                   raw_tensors=extra, tail=bytes(32 * n)))
    return make


# 200,000 tensors.
COPY = ["quantize", "-q", "-j", "1", "--max-memory", "1G", "-t"]
accept("tensors-200000", many_layers(12500), seconds=10,
       args=COPY + ["copy=out.gguf"])
accept("tensors-packed", many_layers(12500), seconds=10,
       args=COPY + ["pack:copy=out.phipack"])
refuse("tensors-strange", many_tensors(200000),
       r'tensor "t000000": has no place in', seconds=10,
       args=QUANTIZE + ["--max-memory", "1G"])
add("gg-tensors-export", ["export", "-q", "in.gguf", "-o", "out"],
    {"in.gguf": many_tensors(200000)}, REFUSED, 'in.gguf: tensor "t000000": has no ',
    seconds=10)

# --- keys ------------------------------------------------------------------


def bad_key(name, raw, says, **more):
    refuse("key-" + name, tiny.gguf_file(nkeys=len(KEYS) + 1, raw_keys=raw,
                                         **more), says)


bad_key("empty", tiny.gguf_key("", U8, 1), r'key \d+ "": is empty, expected')
for i, key in enumerate([b"a\0b", b"\xff", b"caf\xc3\xa9", b"\x1b[31m",
                         b"a\nb"]):
    bad_key("text-%d" % i, tiny.gguf_key(key, U8, 1),
            r'key \d+ ".*": has a character that is not printable ASCII')
bad_key("twice", tiny.gguf_key("general.name", STRING, "b"),
        'key "general.name": is there twice')
accept("key-65535", tiny.gguf_file(KEYS + [("k" * 65535, U8, 1)]))
bad_key("65536", tiny.gguf_key("k" * 65536, U8, 1),
        r"key \d+: key at byte \d+ is 65536 bytes long, expected at most 65535")
for i, n in enumerate([1 << 31, 1 << 32, 1 << 62, 1 << 63, TOP - 1, TOP]):
    long = r"at byte \d+ is %d bytes long but only \d+ are left" % n
    many = r"number of elements at byte \d+ is %d, too many for the \d+" % n
    bad_key("length-%d" % i, struct.pack("<Q", n) + b"abc",
            r"key \d+: key " + long)
    bad_key("string-%d" % i, tiny.gguf_string("k") + struct.pack(
        "<IQ", STRING, n) + b"abc", 'key "k": string ' + long)
    bad_key("array-%d" % i, tiny.gguf_string("k") + struct.pack(
        "<IIQ", ARRAY, U8, n) + b"abc", 'key "k": ' + many)
    bad_key("strings-%d" % i, tiny.gguf_string("k") + struct.pack(
        "<IIQ", ARRAY, STRING, n) + bytes(64), 'key "k": ' + many)
    bad_key("doubles-%d" % i, tiny.gguf_string("k") + struct.pack(
        "<IIQ", ARRAY, F64, n) + bytes(64), 'key "k": ' + many)
    bad_key("inner-%d" % i, tiny.gguf_string("k") + struct.pack(
        "<IIQQ", ARRAY, STRING, 2, n) + b"abc",
        'key "k": element 0 of 2: string ' + long)
for kind in (13, 14, 255, 1 << 16, (1 << 32) - 1):
    bad_key("type-%d" % kind, tiny.gguf_string("k") + struct.pack(
        "<I", kind) + bytes(8),
        'key "k": type of the value is %d, expected 0 to 12' % kind)
    bad_key("of-%d" % kind, tiny.gguf_string("k") + struct.pack(
        "<IIQ", ARRAY, kind, 1) + bytes(8), 'key "k": type of the array.s '
        "elements is %d, expected 0 to 12" % kind)
bad_key("arrays", tiny.gguf_string("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1)
        + bytes(8), 'key "k": is an array of arrays')
bad_key("nested", tiny.gguf_string("k") + struct.pack("<I", ARRAY) +
        struct.pack("<IQ", ARRAY, 1) * 100000, 'key "k": is an array of')
for value in (2, 127, 255):
    bad_key("bool-%d" % value, tiny.gguf_string("k") +
            struct.pack("<IB", BOOL, value),
        'key "k": is a bool of %d, expected 0 or 1' % value)
bad_key("bools", tiny.gguf_key("k", ARRAY, (BOOL, [0, 1, 2])),
        'key "k": element 2 of 3: is a bool of 2')

for i, (kind, value) in enumerate([(U32, 0), (U32, 1), (U32, 4), (U32, 12),
                                   (U32, 33), (U32, 131072), (U32, 1 << 30),
                                   (U32, 1 << 31), (I32, 32), (U64, 32),
                                   (U16, 32), (STRING, "32"), (F32, 32.0),
                                   (ARRAY, (U32, [32])), (BOOL, 1)]):
    refuse("alignment-%d" % i, tiny.gguf_file(
        KEYS + [("general.alignment", kind, value)]),
        'key "general.alignment": is ')

# --- tensors ---------------------------------------------------------------


def bad_tensor(name, raw, says):
    refuse("tensor-" + name, tiny.gguf_file(
        ntensors=len(ENTRIES) + 1, raw_tensors=raw), says)


AT = sum(-(-len(e[3]) // 32) * 32 for e in ENTRIES)
bad_tensor("empty-name", tiny.gguf_tensor("", [1], 0, AT),
           r"tensor \d+: name is empty")
bad_tensor("nul-name", tiny.gguf_tensor("a\0b", [1], 0, AT),
           r"tensor \d+: name has a NUL")
bad_tensor("twice", tiny.gguf_tensor("output.weight", [1], 0, AT),
           r'tensor "?.*output.weight": is there twice')
for n in (1025, 65536):
    bad_tensor("name-%d" % n, tiny.gguf_tensor("x" * n, [1], 0, AT),
               r"tensor \d+: name at byte \d+ is %d bytes long, expected at "
               "most 1024" % n)
bad_tensor("name-1024", tiny.gguf_tensor("x" * 1024, [1], 0, AT),
           r'tensor "x{128}": its 4 bytes end at byte \d+, but the file')
for i, n in enumerate([1 << 31, 1 << 63, TOP]):
    bad_tensor("length-%d" % i, struct.pack("<Q", n) + b"abc",
               r"tensor \d+: name at byte \d+ is %d bytes long but only" % n)
for rank in (5, 6, 255, 1 << 31, (1 << 32) - 1):
    bad_tensor("rank-%d" % rank, tiny.gguf_string("x") + struct.pack(
        "<I", rank) + bytes(64), r'tensor "x": has %d dimensions, expected at '
        "most 4" % rank)
for i, dims in enumerate([[0], [1, 0], [0, 0, 0, 0], [1 << 63], [TOP],
                          [1, 1, 1, TOP]]):
    bad_tensor("dimension-%d" % i, tiny.gguf_tensor("x", dims, 0, AT),
               r'tensor "x": dimension \d is \d+, expected 1 to')
for i, dims in enumerate([[1 << 32, 1 << 31], [1 << 62, 2],
                          [1 << 16] * 4, [(1 << 63) - 1, 3],
                          [(1 << 32) + 1, (1 << 32) - 1]]):
    bad_tensor("overflow-%d" % i, tiny.gguf_tensor("x", dims, 0, AT),
               r'tensor "x": has 2\^63 elements or more')
for i, (dims, kind) in enumerate([([(1 << 63) - 1], 0), ([1 << 61], 28), ([1 << 60], 0),
                                  ([1 << 62], 1), ([1 << 62, 1], 0)]):
    bad_tensor("bytes-%d" % i, tiny.gguf_tensor("x", dims, kind, AT),
               'tensor "x": has .* elements of type .*, too many')
for i, dims in enumerate([[1 << 40], [1 << 20, 1 << 20], [1 << 30]]):
    bad_tensor("size-%d" % i, tiny.gguf_tensor("x", dims, 0, AT),
               r'tensor "x": (its \d+ bytes end at byte|ends beyond)')
for kind in (4, 5, 31, 32, 33, 36, 37, 38, 43, 99, 1 << 31, (1 << 32) - 1):
    bad_tensor("type-%d" % kind, tiny.gguf_tensor("x", [32], kind, AT),
               r'tensor "x": is of type %d, which' % kind)
for kind, cols in [(2, 31), (2, 33), (8, 1), (12, 32), (12, 255), (14, 257),
                   (20, 16)]:
    bad_tensor("block-%d-%d" % (kind, cols),
               tiny.gguf_tensor("x", [cols], kind, AT),
               r'tensor "x": has rows of %d elements of type' % cols)
for i, at in enumerate([0, 32, AT - 32, AT + 32, AT + 1, AT - 1, 1 << 62,
                        1 << 63, TOP, TOP - 31]):
    bad_tensor("offset-%d" % i, tiny.gguf_tensor("x", [8], 0, at),
               r'tensor "x": offset is %d, expected %d' % (at, AT))
bad_tensor("without-data", tiny.gguf_tensor("x", [8], 0, AT),
           'tensor "x": its')


def entries(**changes):
    out = []
    for e in ENTRIES:
        out.append(changes.get(e[0].replace(".", "_"), e))
    return [e for e in out if e is not None]


# What a model lacks, or has too much, is neither computed with nor converted.
READERS = [("gg-engine-", EVALUATE), ("gg-tensor-", QUANTIZE),
           ("gg-copy-", COPY + ["copy=out.gguf"]),
           ("gg-pack-", COPY + ["pack:copy=out.phipack"]),
           ("gg-plan-", QUANTIZE + ["--dry-run"])]


def tensors(name, some, says):
    for reader, args in READERS:
        gguf(reader + name, tiny.gguf_file(entries=some), REFUSED, says,
             args=args)


# A head without a weight is the embedding, and then may lack its bias.
for name, left in [("tied", ["output.weight"]),
                   ("tied-no-bias", ["output.weight", "output.bias"])]:
    accept(name, tiny.gguf_file(entries=[e for e in ENTRIES
                                         if e[0] not in left]))
for i, e in enumerate(ENTRIES):
    if e[0] != "output.weight":
        tensors("missing-%02d" % i, ENTRIES[:i] + ENTRIES[i + 1:],
                'tensor "%s": is missing, expected' % e[0].replace(".", r"\."))
for i, (dims, data) in enumerate([([32], bytes(128)), ([128], bytes(512)),
                                  ([64, 2], bytes(512)),
                                  ([1, 64], bytes(256))]):
    tensors("shape-%d" % i, entries(
        output_norm_weight=("output_norm.weight", dims, 0, data)),
        r'tensor "output_norm\.weight": has shape .*, expected \[64\] by')
for i, name in enumerate(["foo.weight", "blk.2.attn_q.weight",
                          "blk.2.ffn_up.weight", "blk.0.attn_gate.weight",
                          "blk.00.ffn_up.weight", "rope_freqs.weight"]):
    tensors("stranger-%d" % i, ENTRIES + [(name, [64, 64], 1, bytes(8192))],
            'tensor "%s": has no place in' % name.replace(".", r"\."))
tensors("twice-qkv", ENTRIES + [("blk.1.attn_qkv.weight", [64, 192], 1,
                                 bytes(24576))],
        r'tensor "blk\.1\.attn_q\.weight": has no place in')
gguf("gg-engine-type", tiny.gguf_file(entries=entries(
    output_norm_weight=("output_norm.weight", [64], 26, bytes(256)))),
    REFUSED, r'tensor "output_norm\.weight": type I32 cannot be computed with',
    args=EVALUATE)
for name, bits in [("nan", 0x7fc00000), ("infinity", 0x7f800000),
                   ("signalling", 0x7f800001), ("minus", 0xff800000)]:
    refuse("value-" + name, tiny.gguf_file(entries=entries(
        output_norm_weight=("output_norm.weight", [64], 0,
                            struct.pack("<64I", *[0] * 63, bits)))),
        r'tensor "output_norm\.weight": (NaN|-?infinity) at row 0, column 63, '
        "expected finite")

# --- what the engine and the tokenizer make of the keys --------------------


def engine(name, says, code=REFUSED, **changes):
    gguf("gk-" + name, tiny.gguf_file(keys(**changes)), code, says,
         args=EVALUATE)


HPARAMS = ["phi2.embedding_length", "phi2.feed_forward_length",
           "phi2.block_count", "phi2.attention.head_count",
           "phi2.rope.dimension_count"]
for key in HPARAMS:
    for name, value in [("0", (U32, 0)), ("minus", (I32, -1)),
                        ("text", (STRING, "64")), ("float", (F32, 64.0)),
                        ("array", (ARRAY, (U32, [64, 64]))),
                        ("huge", (U32, (1 << 32) - 1)),
                        ("wide", (U64, 1 << 63)), ("bool", (BOOL, 1)),
                        ("odd", (U32, 7))]:
        engine("%s-%s" % (key.split(".", 1)[1], name),
               '(key ".*":? is .*, expected |tensor ".*"(: .*, expected| is '
               "missing)|.* do not divide into|.* layers, but only)",
               **{key.replace(".", "__"): value})
for key in HPARAMS + ["phi2.attention.layer_norm_epsilon",
                      "general.architecture", "tokenizer.ggml.model",
                      "tokenizer.ggml.tokens", "tokenizer.ggml.token_type",
                      "tokenizer.ggml.merges", "tokenizer.ggml.pre"]:
    if key != "phi2.rope.dimension_count":
        engine("no-" + key, 'key "%s": is missing' % key,
               **{key.replace(".", "__"): None})
for i, value in enumerate([(STRING, "llama"), (STRING, ""), (STRING, "phi3"),
                           (U32, 1), (STRING, "\x1b[31m")]):
    engine("architecture-%d" % i, '(key "general.architecture": is of type '
           'uint32, expected a string|architecture ".*" is not supported)',
           general__architecture=value)
for i, value in enumerate([(F32, 1.5), (F32, -1.0), (F32, float("nan")),
                           (F32, float("inf")), (STRING, "x")]):
    engine("epsilon-%d" % i,
           'key "phi2.attention.layer_norm_epsilon":? is',
           phi2__attention__layer_norm_epsilon=value)
for i, value in enumerate([(F32, 0.0), (F32, -1.0), (F32, float("nan")),
                           (F32, float("inf"))]):
    engine("theta-%d" % i, 'key "phi2.rope.freq_base" is',
           phi2__rope__freq_base=value)
WORDS = dict((k, v) for k, _, v in KEYS)["tokenizer.ggml.tokens"][1]
TYPES = dict((k, v) for k, _, v in KEYS)["tokenizer.ggml.token_type"][1]
for i, (value, says) in enumerate([
        ((STRING, "x"), 's": is of type string, expected an array'),
        ((ARRAY, (U32, [1])), 's": is an array of uint32, expected of string'),
        ((ARRAY, (STRING, [])), 's": has 0 entries, expected 1 to 16777216'),
        ((ARRAY, (STRING, WORDS[:-1])), '_type": has 272 entries, expected one '
         "for each of 271 tokens"),
        ((ARRAY, (STRING, WORDS + ["x"])), '_type": has 272 entries, expected '
         "one for each of 273 tokens"),
        ((ARRAY, (STRING, WORDS[:-1] + [WORDS[0]])),
         's": entry 271 ".*": is entry 0 already'),
        ((ARRAY, (STRING, WORDS[:-1] + [b"\xff"])),
         r's": entry 271 "\\xff": is not valid UTF-8'),
        ((ARRAY, (STRING, WORDS[:-1] + ["x" * 65537])),
         's": entry 271 "x+": is of 65537 bytes, expected at most 65536')]):
    engine("tokens-%d" % i, 'key "tokenizer.ggml.token' + says,
           tokenizer__ggml__tokens=value)
for i, (value, says) in enumerate([
        ((ARRAY, (U8, TYPES)), "is an array of uint8, expected of int32"),
        ((ARRAY, (U32, TYPES)), "is an array of uint32, expected of int32"),
        ((ARRAY, (I32, TYPES[:-1])), "has 271 entries, expected one for each"),
        ((ARRAY, (I32, [])), "has 0 entries, expected one for each of 272"),
        ((ARRAY, (I32, TYPES[:-1] + [0])), "entry 271 is 0, expected 1 to 5"),
        ((ARRAY, (I32, TYPES[:-1] + [7])), "entry 271 is 7, expected 1 to 5"),
        ((ARRAY, (I32, TYPES[:-1] + [-1])), "entry 271 is -1, expected 1 to 5"),
        ((ARRAY, (F32, [1.0] * 272)), "is an array of float32, expected of"),
        ((I32, 1), "is of type int32, expected an array")]):
    engine("types-%d" % i, 'key "tokenizer.ggml.token_type": ' + says,
           tokenizer__ggml__token_type=value)
for i, line in enumerate(["h", "", " ", "h ", " e", "h  e", "h e l",
                          "zz e", "h zz", "h q", "h e", b"\xff e",
                          "x" * 100000]):
    says = "expected two parts with one space between them"
    if 7 <= i < 12:
        says = "the same pair is merge 0 already" if line == "h e" else \
            '".*" is not in the vocabulary'
    engine("merge-%02d" % i,
           'key "tokenizer.ggml.merges": entry 4 ".*": ' + says,
           tokenizer__ggml__merges=(ARRAY, (STRING, [
               "%s %s" % m for m in tiny.MERGES] + [line])))
for key in ("bos", "eos", "unknown", "padding", "seperator", "mask", "cls"):
    for name, value in [("over", (U32, 272)), ("top", (U32, 0xffffffff)),
                        ("minus", (I32, -1)), ("text", (STRING, "x"))]:
        engine("id-%s-%s" % (key, name),
               'key "tokenizer.ggml.%s_token_id": is' % key,
               **{"tokenizer__ggml__%s_token_id" % key: value})
for i, value in enumerate([(STRING, "llama"), (STRING, ""), (U32, 1)]):
    engine("model-%d" % i, 'key "tokenizer.ggml.model": is',
           tokenizer__ggml__model=value)
for i, value in enumerate([(STRING, "llama-bpe"), (STRING, ""),
                           (STRING, "\x1b[31m"), (U32, 1)]):
    engine("pre-%d" % i, 'key "tokenizer.ggml.pre": is',
           tokenizer__ggml__pre=value)
# Rows without a token are legal; tokens without a row while no text has them.
engine("ok-small-vocabulary", "", ACCEPTED, tokenizer__ggml__tokens=(
    ARRAY, (STRING, WORDS[:262])), tokenizer__ggml__token_type=(
    ARRAY, (I32, TYPES[:262])))
BIGGER = ["hello" + str(i) for i in range(8)]
engine("ok-large-vocabulary", "", ACCEPTED, tokenizer__ggml__tokens=(
    ARRAY, (STRING, WORDS + BIGGER)), tokenizer__ggml__token_type=(
    ARRAY, (I32, TYPES + [1] * 8)))
engine("token-without-row", "the tokenizer gives token 272, but the embedding "
       "has 272 rows", tokenizer__ggml__tokens=(
    ARRAY, (STRING, WORDS + ["hel"])), tokenizer__ggml__token_type=(
    ARRAY, (I32, TYPES + [4])))

# --- split files -----------------------------------------------------------

PART = "in-%05d-of-%05d.gguf"


def part(no, count, some, total, more=(), with_keys=True):
    base = KEYS if with_keys else []
    return tiny.gguf_file(base + [("split.no", U16, no),
                                  ("split.count", U16, count),
                                  ("split.tensors.count", I32, total)] +
                          list(more), entries=some)


HALF = len(ENTRIES) // 2
ONE = part(0, 2, ENTRIES[:HALF], len(ENTRIES))
TWO = part(1, 2, ENTRIES[HALF:], len(ENTRIES), with_keys=False)


def split(name, files, code, says="", first=PART % (1, 2)):
    add("sp-" + name, QUANTIZE + [first], files, code, says)


F1, F2 = PART % (1, 2), PART % (2, 2)
split("ok", {F1: ONE, F2: TWO}, ACCEPTED)
split("missing", {F1: ONE}, REFUSED, F2 + ": is missing, expected part 2")
split("second", {F1: ONE, F2: TWO}, USAGE, F2 + ": is part 2 of 2", first=F2)
split("name", {"x.gguf": ONE}, REFUSED, r"x\.gguf: is part 1 of 2 of a split",
      first="x.gguf")
split("cut", {F1: ONE, F2: TWO[:-33]}, REFUSED, F2 +
      r': tensor ".*": its \d+ bytes end at byte \d+, but the file has')
split("empty", {F1: ONE, F2: b""}, REFUSED, F2 + ": is empty")
split("same", {F1: ONE, F2: ONE}, REFUSED, F2 + ": split.no is 0")
for name, two, says in [
        ("no", part(2, 3, ENTRIES[HALF:], 34, with_keys=False), "split.no is"),
        ("count", part(1, 3, ENTRIES[HALF:], 34, with_keys=False),
         "split.no is"),
        ("total", part(1, 2, ENTRIES[HALF:], 7, with_keys=False),
         "split.no is"),
        ("keys", part(1, 2, ENTRIES[HALF:], len(ENTRIES),
                      [("stranger", U8, 1)], False), 'key "stranger": is not'),
        ("twice", part(1, 2, ENTRIES[HALF - 1:-1], len(ENTRIES),
                       with_keys=False), 'tensor ".*": is in an earlier')]:
    split("other-" + name, {F1: ONE, F2: two}, REFUSED, F2 + ": " + says)
split("total", {F1: part(0, 2, ENTRIES[:HALF], 7),
                F2: part(1, 2, ENTRIES[HALF:], 7, with_keys=False)}, REFUSED,
      F1 + r': key "split\.tensors\.count": is 7, expected')
for i, (key, kind, value, says) in enumerate([
        ("split.count", U32, 65536, "is 65536, expected 0 to 65535"),
        ("split.count", STRING, "2", "is of type string, expected an integer"),
        ("split.count", I32, -2, "is -2, expected 0 to 65535"),
        ("split.no", U16, 9, r"is 9, expected less than split\.count, 0"),
        ("split.tensors.count", I64, -1, "is -1, expected 0 to 2147483647")]):
    refuse("split-%d" % i, tiny.gguf_file(KEYS + [(key, kind, value)]),
           'key "%s": %s' % (key, says))
split("65535", {PART % (1, 65535): part(0, 65535, ENTRIES, len(ENTRIES))},
      REFUSED, PART % (2, 65535) + ": is missing", first=PART % (1, 65535))


def keys_in_both(path):
    """Every key of the second part is to be found in the first."""
    n = 200000
    extra = [("k%06d" % i, U8, 1) for i in range(n)]
    first = path.endswith(F1)
    with open(path, "wb") as f:
        f.write(part(0, 2, ENTRIES[:HALF], len(ENTRIES), extra) if first else
                part(1, 2, ENTRIES[HALF:], len(ENTRIES), extra, False))


add("sp-ok-many-keys", QUANTIZE + ["--max-memory", "1G", F1],
    {F1: keys_in_both, F2: keys_in_both}, ACCEPTED)

# --- importance matrices ---------------------------------------------------

IKEYS = tiny.imatrix_keys()
IENTRIES = tiny.imatrix_entries()
IMATRIX = tiny.gguf_file(IKEYS, IENTRIES)
LEGACY = tiny.legacy_file()
imatrix("im-ok", IMATRIX, ACCEPTED)
imatrix("im-ok-legacy", LEGACY, ACCEPTED)
imatrix("im-ok-legacy-short", tiny.legacy_file(tail=b""), ACCEPTED)
for n, says in [
        *[(n, "has %d bytes, expected an importance matrix of 4 to" % n)
          for n in (0, 1, 3)],
        (4, "version at byte 4 needs 4 bytes but only 0 are left"),
        (8, "number of tensors at byte 8 needs 8 bytes but only 0 are left"),
        *[(n, "number of tensors at byte 8 is 24, too many for the %d bytes" %
           (n - 16)) for n in (23, 24, 30, 100)],
        *[(n, r'tensor ".*": its 256 bytes end at byte \d+, but the file has '
           "%d bytes" % n) for n in (len(IMATRIX) // 2, len(IMATRIX) - 33)]]:
    imatrix("im-cut-%d" % n, IMATRIX[:n], REFUSED, says)
LAST = len(LEGACY) - len("text.txt")
for n, says in [
        *[(n, "number of entries at byte 0 is 12, but only %d bytes follow" %
           (n - 4)) for n in range(5, 40, 3)],
        (len(LEGACY) // 2, r"entry 6: length of the name at byte \d+ is 19, "
         "but only 2 bytes follow"),
        *[(LAST + n, r"length of the data set's name at byte \d+ is 8, but "
           "only %d bytes follow" % n) for n in (7, 0)]]:
    imatrix("im-legacy-cut-%d" % n, LEGACY[:n], REFUSED, says)
imatrix("im-longer", IMATRIX + bytes(64), REFUSED, "has .* bytes, expected")
imatrix("im-legacy-longer", LEGACY + b"x", REFUSED,
        "has 1 bytes more than its data at byte %d" % len(LEGACY))
for key, _, _ in IKEYS[1:]:
    imatrix("im-no-" + key, tiny.gguf_file(
        [k for k in IKEYS if k[0] != key], IENTRIES), REFUSED,
        'key "%s": is missing' % key)
imatrix("im-model", ALL, REFUSED, 'key "imatrix.datasets": is missing')
for i, (key, kind, value) in enumerate([
        ("general.type", STRING, "model"), ("general.type", U32, 1),
        ("imatrix.chunk_count", STRING, "x"),
        ("imatrix.chunk_count", I32, -1),
        ("imatrix.chunk_count", U64, 1 << 40),
        ("imatrix.chunk_size", F32, 1.0),
        ("imatrix.datasets", STRING, "x"),
        ("imatrix.datasets", ARRAY, (U8, [1]))]):
    imatrix("im-key-%d" % i, tiny.gguf_file(
        [k for k in IKEYS if k[0] != key] + [(key, kind, value)], IENTRIES),
        REFUSED, 'key "%s": is' % key)


def sums(name, says, values=None, counts=None, dims=None, code=REFUSED):
    first = IENTRIES[0][0]
    values = [1.0] * 64 if values is None else values
    counts = [4.0] if counts is None else counts
    some = [(first, dims or [len(values), 1], 0, tiny.floats(values)),
            (IENTRIES[1][0], [1, len(counts)], 0, tiny.floats(counts))]
    imatrix("im-" + name, tiny.gguf_file(IKEYS, some + IENTRIES[2:]), code,
            says)


BAD = [("nan", float("nan")), ("infinity", float("inf")),
       ("minus-infinity", float("-inf")), ("minus", -1.0)]
for name, value in BAD:
    sums("sum-" + name, '.*blk.0.attn_q.weight', [1.0] * 63 + [value])
    sums("count-" + name, '.*blk.0.attn_q.weight', counts=[value])
sums("counts-3", '.*blk.0.attn_q.weight', counts=[1.0] * 3)
sums("columns-32", '.*blk.0.attn_q.weight', [1.0] * 32)
sums("columns-128", '.*blk.0.attn_q.weight', [1.0] * 128)
sums("ok-count-0", "", counts=[0.0], code=ACCEPTED)
imatrix("im-no-counts", tiny.gguf_file(IKEYS, IENTRIES[:1] + IENTRIES[2:]),
        REFUSED, r'tensor "blk\.0\.attn_q\.weight\.in_sum2": there is no')
imatrix("im-no-sums", tiny.gguf_file(IKEYS, IENTRIES[1:]), REFUSED,
        r'tensor "blk\.0\.attn_q\.weight\.counts": there is no')
imatrix("im-type", tiny.gguf_file(IKEYS, [
    (IENTRIES[0][0], [64, 1], 1, bytes(128))] + IENTRIES[1:]), REFUSED,
    r'tensor ".*": is of type F16, expected F32')
imatrix("im-empty", tiny.gguf_file(IKEYS, []), REFUSED,
        r"has no entries, expected tensors NAME\.in_sum2 and NAME\.counts")
MISSED = r'has no entry for tensor "blk\.0\.attn_q\.weight"'
imatrix("im-one-missing", tiny.gguf_file(IKEYS, IENTRIES[2:]), REFUSED, MISSED)


def number(n, least):
    """What is said of a number that is too small, or of too many."""
    return " at byte \\d+ is %d, %s" % (
        n, "expected at least %d" % least if n < least else
        r"but only \d+ bytes follow")


for n in (-1, 0, 1 << 30, (1 << 31) - 1, -(1 << 31)):
    imatrix("im-legacy-entries-%d" % n, tiny.legacy_file(n=n), REFUSED,
            "number of entries" + number(n, 1))
NAME = tiny.imatrix_names()[0]
REST = [tiny.legacy_entry(name, [1.0] * 64)
        for name in tiny.imatrix_names()[1:]]


def legacy(name, entry, says, code=REFUSED):
    imatrix("im-legacy-" + name, tiny.legacy_file([entry] + REST), code, says)


legacy("ok", tiny.legacy_entry(NAME, [1.0] * 64), "", ACCEPTED)
for n in (-1, 0, 1 << 20, (1 << 31) - 1, -(1 << 31)):
    legacy("nname-%d" % n, tiny.legacy_entry(NAME, [1.0] * 64, nname=n),
           "entry 0: length of the name" + number(n, 1))
    legacy("nvalues-%d" % n, tiny.legacy_entry(NAME, [1.0] * 64, nvalues=n),
           "entry 0: number of values" + number(n, 1))
for n in (-1, -(1 << 31)):
    legacy("calls-%d" % n, tiny.legacy_entry(NAME, [1.0] * 64, calls=n),
           "entry 0: number of calls" + number(n, 0))
legacy("ok-calls-0", tiny.legacy_entry(NAME, [1.0] * 64, calls=0), "",
       ACCEPTED)
legacy("name-nul", tiny.legacy_entry("a\0b", [1.0] * 64),
       'entry 0: entry "a": name has a NUL in it, expected the name of a')
legacy("name-controls", tiny.legacy_entry("\x1b[31m\n", [1.0] * 64), MISSED)
legacy("twice", tiny.legacy_entry(tiny.imatrix_names()[1], [1.0] * 64),
       'entry 1: entry ".*": is there twice, expected once')
for name, value in BAD:
    legacy("value-" + name, tiny.legacy_entry(NAME, [1.0] * 63 + [value]),
           'entry 0: entry ".*": sum 63 is (nan|-?inf|-1), expected a finite')
for i, (tail, says) in enumerate([
        (struct.pack("<i", -1), "number of chunks" + number(-1, 0)),
        (struct.pack("<ii", 1, -1),
         "length of the data set's name" + number(-1, 0)),
        (struct.pack("<ii", 1, 100) + b"x",
         "length of the data set's name" + number(100, 0)),
        (b"\1", r"number of chunks at byte \d+ needs 4 bytes but only 1 are"),
        (struct.pack("<ii", 1, 1) + b"xy",
         r"has 1 bytes more than its data at byte \d+")]):
    imatrix("im-legacy-tail-%d" % i, tiny.legacy_file(tail=tail), REFUSED,
            says)
imatrix("im-ok-legacy-tail", tiny.legacy_file(tail=struct.pack("<i", 7)),
        ACCEPTED)
imatrix("im-size", counted(0, 0, (256 << 20) + 1), REFUSED,
        "has 268435457 bytes, .*268435456")

# --- texts -----------------------------------------------------------------

TOKENIZE = ["tokenize", "model", "--count", "-f", "in.txt"]


def text(name, content, code, says="", **more):
    add("tx-" + name, TOKENIZE, {"in.txt": content}, code,
        r"in\.txt: " + says if says else "", **more)


for i, content in enumerate([b"\xff", b"abc\x80", b"\xc0\x80", b"\xed\xa0\x80",
                             b"\xf4\x90\x80\x80", b"\xe2\x82", b"a" * 70000 +
                             b"\xff", b"\xf0\x9f\x98", b"\xfe\xff\0a",
                             bytes(range(256))]):
    text("not-utf8-%d" % i, content, REFUSED, ".*(UTF-8|byte)")
for i, content in enumerate([b"", b"\0" * 1000, b"\n", b"\xef\xbb\xbfhello",
                             b"\x1b[31m", b"<|endoftext|>" * 1000,
                             "\u202e\u200d\U0010ffff".encode(),
                             "e\u0301".encode() * 1000]):
    text("ok-%d" % i, content, ACCEPTED)
# Linear in time: no run of anything is dear.
for name, unit in [("letters", b"a"), ("he", b"he"), ("blanks", b" "),
                   ("lines", b"\n"), ("digits", b"7"), ("marks", b"!"),
                   ("apostrophes", b"'"), ("quotes", b"'l"),
                   ("mixed", b" \n"), ("nuls", b"\0"),
                   ("added", b"<|endoftext|"), ("two-blanks", b"   "),
                   ("emoji", "\U0001f600".encode()),
                   ("accents", "\u00e9".encode())]:
    text("ok-long-" + name, unit * ((1 << 21) // len(unit)), ACCEPTED)

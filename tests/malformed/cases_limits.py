# SPDX-License-Identifier: MIT
"""What docs/limits.md promises and no other file has cases for: at each limit
and one past it. At a limit that no data backs something else is missed."""

import json
import struct
import zlib

import cases_pack
import tiny
from case import (ACCEPTED, MEMORY, REFUSED, add, gguf, imatrix,
                  model, single, words)
from cases_adapter import (CONFIG, PREFIX, adapter, config as adapter_config,
                           tensor, weights)
from cases_gguf import engine, text
from cases_model import config
from packed import FILE, build
from tiny import ARRAY, STRING, U32

MIB = 1 << 20


def sparse(head, size):
    """Zeros take no room, and no time to write."""
    def make(path):
        with open(path, "wb") as f:
            f.write(head)
            f.truncate(size)
    return make


# --- GGUF ------------------------------------------------------------------

for key, limit, says in [
        ("embedding_length", 1 << 18,
         r'tensor ".*": has shape .*, expected \[272, 262144\] by'),
        ("feed_forward_length", 1 << 18,
         r'tensor ".*": has shape .*, expected \[262144, 64\] by'),
        ("block_count", 4096, "4096 layers, but only 33 tensors"),
        ("attention.head_count", 1 << 18, ".* do not divide into"),
        ("context_length", 1 << 24, "")]:
    name = "phi2__" + key.replace(".", "__")
    engine("%s-at" % key, says, ACCEPTED if says == "" else REFUSED,
           **{name: (U32, limit)})
    engine("%s-over" % key, 'key "phi2.%s": is %d, expected .*%d$' % (
        key, limit + 1, limit), **{name: (U32, limit + 1)})

SOUND = tiny.gguf_keys()


def changed(key, kind, value):
    return [(k, kind, value) if k == key else (k, t, v) for k, t, v in SOUND]


# The rules of a recipe count layers and heads.
RULES = ["quantize", "-q", "-j", "1", "-t", "q4_k_m=out.gguf"]
for key, says in [
        ("block_count", "1048576 layers, but only 33 tensors"),
        ("attention.head_count", "64 .* do not divide into 1048576 heads")]:
    gguf("gk-recipe-%s-at" % key, tiny.gguf_file(changed(
        "phi2." + key, U32, 1 << 20)), REFUSED, says, args=RULES)
    gguf("gk-recipe-%s-over" % key, tiny.gguf_file(changed(
        "phi2." + key, U32, (1 << 20) + 1)), REFUSED,
        'key "phi2.%s": is 1048577, expected .*1048576$' % key, args=RULES)

WORDS = dict((k, v) for k, _, v in SOUND)["tokenizer.ggml.tokens"][1]
engine("ok-token-65536", "", ACCEPTED, tokenizer__ggml__tokens=(
    ARRAY, (STRING, WORDS[:-1] + ["x" * 65536])))
engine("token-65537", 'key "tokenizer.ggml.tokens": .* of 65537 bytes, '
       "expected at most 65536", tokenizer__ggml__tokens=(
           ARRAY, (STRING, WORDS[:-1] + ["x" * 65537])))


gguf("gg-tensor-rank-4", tiny.gguf_file(
    ntensors=len(tiny.gguf_entries()) + 1,
    raw_tensors=tiny.gguf_tensor("x", [1, 1, 1, 1], 0, 1 << 40)), REFUSED,
    'tensor "x": offset is ')

for name, value in [("below", 4), ("over", 131072)]:
    gguf("gg-align-" + name, tiny.gguf_file(SOUND + [
        ("general.alignment", U32, value)]), REFUSED,
        'key "general.alignment": is %d, expected a power of two from 8 to '
        "65536$" % value)

# A string that ends where a header must, and one byte behind that.
HEAD = (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + tiny.gguf_string("k") +
        struct.pack("<I", STRING))
LEFT = 256 * MIB - len(HEAD) - 8
for name, n, says in [
        ("at", LEFT, ".* needs .* bytes but only 0 are left"),
        ("over", LEFT + 1, ".* is %d bytes long but only %d are left" % (
            LEFT + 1, LEFT))]:
    gguf("gg-header-" + name, sparse(HEAD + struct.pack("<Q", n), 300 * MIB),
         REFUSED, says + " of the 268435456 that a header may have",
         mebibytes=512)

imatrix("im-size-at", sparse(b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
                             256 * MIB), REFUSED,
        "has 268435456 bytes, expected it to end")

# --- a folder --------------------------------------------------------------

for key, low, high in [("layer_norm_eps", 1e-12, 0.1),
                       ("rope_theta", 1, 1e12)]:
    for name, value in [("least", low), ("most", high)]:
        config("ok-%s-%s" % (key, name), "", ACCEPTED, **{key: value})
    for name, value in [("below", low * 0.99), ("over", high * 1.01)]:
        config("%s-%s" % (key, name), 'key "%s": is .*, expected a number '
               "%s$" % (key, words("%g to %g" % (low, high))), **{key: value})
config("ok-factor-65536", "", ACCEPTED,
       rope_scaling={"type": "linear", "factor": 65536})
config("factor-65537", 'key "rope_scaling.factor": is 65537, expected a '
       "number 1 to 65536", rope_scaling={"type": "linear", "factor": 65537})

# An integer at the limit goes on to where its size is looked at.
HEADER = tiny.st_header(tiny.tensors())
DATA = b"".join(data for _, _, data in tiny.tensors().values())
FIRST = sorted(HEADER)[0]
for name, value, says in [
        ("at", (1 << 53) - 1, r'tensor ".*": data_offsets hold 544 bytes, but '
         r"shape \[9007199254740991\] of F16 needs"),
        ("over", 1 << 53, r"header: key .*shape\[0\].*: is 9007199254740992, "
         "expected an integer .* 9007199254740991")]:
    header = {k: dict(v) for k, v in HEADER.items()}
    header[FIRST]["shape"] = [value]
    single("st-integer-" + name, "model.safetensors",
           tiny.st_pack(header, DATA), REFUSED, says)

TEMPLATE = 4 * MIB
single("ct-ok-size-at", "chat_template.jinja", b"x" * TEMPLATE, ACCEPTED)
single("ct-size-over", "chat_template.jinja", b"x" * (TEMPLATE + 1), REFUSED,
       "has 4194305 bytes, the limit is 4194304")


def named_template(n):
    return json.dumps({**tiny.tokenizer_config(), "chat_template": [
        {"name": "default", "template": "x"},
        {"name": "n" * n, "template": "y"}]}).encode()


single("ct-ok-name-64", "tokenizer_config.json", named_template(64), ACCEPTED)
single("ct-name-65", "tokenizer_config.json", named_template(65), REFUSED,
       ".*of a chat template has more than 64 characters")

config("heads-at", 'key "num_attention_heads": is 65536, expected a divisor',
       num_attention_heads=65536, num_key_value_heads=65536)
# It is looked at where the card does not name one.
for name, size, code, says in [
        ("ok-size-at", MIB, ACCEPTED, ""),
        ("size-over", MIB + 1, REFUSED,
         "has 1048577 bytes, the limit is 1048576")]:
    model("li-" + name, {"README.md": b"", "LICENSE": b"x" * size}, code,
          "LICENSE", says)

# --- what inspect shows of a configuration ---------------------------------


def inspected(name, more, code, says="", **limits):
    content = {**tiny.CONFIG, **more}
    add("in-" + name, ["inspect", "--json", "model"],
        {"model/config.json": json.dumps(content).encode()}, code,
        says and r"model/config\.json: " + says, **limits)


def nested(n):
    """Members of an object that holds n - 1 others, one inside the other."""
    return {"a": nested(n - 1)} if n > 0 else 1


inspected("ok-levels-16", {"architectures": ["Other"], **nested(16)}, ACCEPTED)
inspected("levels-17", {"architectures": ["Other"], **nested(17)}, REFUSED,
          "key .*: is 16 levels deep, expected fewer")
inspected("ok-values-4000", {"architectures": ["Other"], "id2label": {
    str(i): "x" for i in range(4000)}}, ACCEPTED)
for name, n, code in [("ok-values-4096", 4096, ACCEPTED),
                      ("values-4097", 4097, REFUSED)]:
    add("in-" + name, ["inspect", "--json", "x.safetensors"],
        {"x.safetensors": tiny.st_pack({
            "__metadata__": {str(i): "x" for i in range(n)},
            **HEADER}, DATA)}, code,
        "" if code == ACCEPTED else r"x\.safetensors: .*is one value too "
        "many, the limit is 4096")

# --- adapters --------------------------------------------------------------

UNNAMED = (r'adapter/adapter_model\.safetensors: tensor ".*": target_modules '
           "does not name its module")


def limit(name, key, at, over, says, at_says=UNNAMED):
    """At the limit the configuration is read, and does not fit the tensors."""
    value = {**CONFIG, **at}
    adapter("cf-%s-at" % name, {
        "adapter_config.json": json.dumps(value).encode()}, REFUSED, at_says)
    adapter_config("%s-over" % name, 'key "%s.*": %s' % (key, says), **over)


limit("r", "r", {"r": 65536}, {"r": 65537},
      "is 65537, expected an integer 1 to 65536",
      r'adapter/adapter_model\.safetensors: tensor ".*": has shape \[2, 64\], '
      r"expected \[65536, 64\]")
for name, rank, says in [("at", 65536, "has shape"),
                         ("over", 65537, "rank 65537, expected an integer "
                          "from 1 to 65536")]:
    adapter("rank-pattern-" + name, {"adapter_config.json": json.dumps(
        {**CONFIG, "rank_pattern": {"q_proj": rank}}).encode()}, REFUSED,
        "adapter.*: (module|tensor) \".*\": " + says)
adapter("cf-ok-pattern", {"adapter_config.json": json.dumps(
    {**CONFIG, "target_modules": r".*\.(q_proj|fc1)"}).encode()}, ACCEPTED)
# As many steps as would take for ever.
SLOW = "(?:[a-z.0-9_]|[a-z]|e)*(?:[a-z.0-9_]|[a-z]|e)*[XY]"
adapter("cf-steps", {"adapter_config.json": json.dumps(
    {**CONFIG, "target_modules": SLOW}).encode()}, REFUSED,
    'adapter: pattern ".*": takes more than 1000000 steps on')
# Each of them just within that, and together they took hours. They are long,
# so that it takes fewer steps to come to the limit.
adapter("cf-work", {"adapter_config.json": json.dumps(
    {**CONFIG, "modules_to_save": [
        "%d?(?:%s)%s" % (i, ".?" * 17, "[XYZ]" * 5)
        for i in range(900)]}).encode()},
    REFUSED, 'adapter: pattern ".*": all patterns together take more than '
    "100000000 steps, this one on")
# Names alone, and with others.
NAMES = ["m%d" % i for i in range(16384)]
FEW = ["q_proj", "fc1"]
adapter("cf-ok-names-16384", {"adapter_config.json": json.dumps(
    {**CONFIG, "target_modules": FEW + NAMES[:8190], "rank_pattern": {
        n: 2 for n in NAMES[8192:]}}).encode()}, ACCEPTED)
for name, value, place in [
        ("target", {"target_modules": FEW + NAMES[:16383]},
         r"target_modules\[16384\]"),
        ("excluded", {"exclude_modules": NAMES}, r"exclude_modules\[16382\]"),
        ("saved", {"modules_to_save": NAMES}, r"modules_to_save\[16382\]"),
        ("layers", {"layers_to_transform": list(range(16384))},
         r"layers_to_transform\[16382\]"),
        ("layer-patterns", {"layers_to_transform": [0],
                            "layers_pattern": NAMES},
         r"layers_pattern\[16381\]"),
        ("ranks", {"rank_pattern": {n: 2 for n in NAMES}},
         r"rank_pattern\.m16382"),
        ("alphas", {"alpha_pattern": {n: 2 for n in NAMES}},
         r"alpha_pattern\.m16382"),
        ("tokens", {"trainable_token_indices": {n: [0] for n in NAMES}},
         r"trainable_token_indices\.m16382")]:
    adapter_config("names-" + name, 'key "%s": is one name, pattern or layer '
                   "too many, the limit is 16384" % place, **value)
for name, n, code in [("ok-patterns-1024", 1024, ACCEPTED),
                      ("patterns-1025", 1025, REFUSED)]:
    adapter_config(name, "" if code == ACCEPTED else
                   r'key "rank_pattern\..*1024": is one pattern too many that '
                   "is no plain name, the limit is 1024", code,
                   rank_pattern={"(m)%d" % i: 2 for i in range(n)},
                   alpha_pattern={m: 4 for m in NAMES[:1024]})
limit("pattern-bytes", "target_modules", {"target_modules": "a" * 4096},
      {"target_modules": "a" * 4097},
      ".*the pattern has 4097 bytes, the limit is 4096")
limit("layer", "layers_to_transform", {"layers_to_transform": [1000000]},
      {"layers_to_transform": [1000001]}, "is 1000001, expected .*1000000")
limit("token", "trainable_token_indices",
      {"trainable_token_indices": [16777215]},
      {"trainable_token_indices": [16777216]},
      "is 16777216, expected .*16777215",
      r'adapter: module "model\.embed_tokens": has no trainable_tokens_delta')
for name, layer, says in [
        ("at", 1000000, "the base has no tensor of that module"),
        ("over", 1000001, "its module is not one of a Phi")]:
    key = PREFIX + "model.layers.%d.mlp.fc1.lora_A.weight" % layer
    weights("layer-" + name, r"adapter/adapter_model\.safetensors: tensor "
            '"%s": %s' % (words(key), says), {key: tensor(2, tiny.HIDDEN)})

# --- texts -----------------------------------------------------------------

# At the limit it is memory that there is too little of.
add("tx-size-at", ["tokenize", "model", "--count", "-f", "in.txt"],
    {"in.txt": sparse(b"", 1 << 32)}, MEMORY,
    "out of memory: 4294967297 times 1 bytes")
text("size-over", sparse(b"", (1 << 32) + 1), REFUSED,
     "has 4294967297 bytes, the limit is 4294967296")

# --- packed files ----------------------------------------------------------


def packed(change):
    """Makes what is large only where it is wanted."""
    def make(path):
        with open(path, "wb") as f:
            f.write(build(change(), root=cases_pack.ROOT))
    return make


def full_table():
    """As many sections as there may be, with all the names they may have."""
    known = cases_pack.PARTS
    n = 65535 - len(known)
    left = (1 << 24) - sum(len(p[4]) for p in known)
    more = [[0x80000001, 0, b"", 0, b"n" * (left // n + (i < left % n))]
            for i in range(n)]
    return known[:-1] + more + known[-1:]


def large_file():
    """256 MiB of zeros, as a stream of as many times 1 MiB."""
    one = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = one.compress(bytes(MIB)) + one.flush(zlib.Z_FULL_FLUSH)
    size = 256 * MIB
    stream = (b"\x78\xda" + part * 256 + b"\x03\x00" +
              struct.pack(">HH", size % 65521, 1))
    known = cases_pack.PARTS
    return known[:-1] + [[FILE, 1, stream, size, b"files/zeros"]] + \
        known[-1:]


for name, change in [("table-at", full_table), ("plain-at", large_file)]:
    add("pk-ok-" + name, cases_pack.VERIFY + ["in.phipack"],
        {"in.phipack": packed(change)}, ACCEPTED)

# --- changed metadata ------------------------------------------------------

for name, size, code, says in [
        ("ok-value-at", 4 * MIB, ACCEPTED, ""),
        ("value-over", 4 * MIB + 1, REFUSED,
         r"value\.txt: has 4194305 bytes, the limit is 4194304")]:
    add("md-" + name, ["set-metadata", "-q", "in.gguf", "--from-file",
                       "x.note=value.txt"],
        {"in.gguf": tiny.gguf_file(), "value.txt": b"x" * size}, code, says)

# SPDX-License-Identifier: MIT
"""Adapters that are wrong: the configuration, the tensors, and what they say
of the sound model."""

import json
import struct

import tiny
from case import ACCEPTED, QUANTIZE, REFUSED, USAGE, add, words

CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4,
          "target_modules": ["q_proj", "fc1"]}
PREFIX = "base_model.model."


def values(n, value=0.01):
    return struct.pack("<%df" % n, *[value] * n)


def tensor(*shape):
    return ("F32", list(shape), values(tiny.count(shape)))


def layers(modules=("self_attn.q_proj", "mlp.fc1"), rank=2):
    """A and B of the modules in each layer."""
    sizes = {"self_attn.q_proj": (tiny.HIDDEN, tiny.HIDDEN),
             "mlp.fc1": (tiny.INNER, tiny.HIDDEN)}
    out = {}
    for i in range(tiny.LAYERS):
        for name in modules:
            path = PREFIX + "model.layers.%d.%s" % (i, name)
            rows, columns = sizes[name]
            out[path + ".lora_A.weight"] = tensor(rank, columns)
            out[path + ".lora_B.weight"] = tensor(rows, rank)
    return out


def adapter(name, files, code, says="", more=(), **limits):
    content = {"adapter_config.json": json.dumps(CONFIG).encode(),
               "adapter_model.safetensors": tiny.st_file(layers())}
    content.update(files)
    add("ad-" + name, QUANTIZE + ["model", "--lora", "adapter", *more],
        {"adapter/" + k: v for k, v in content.items() if v is not ...},
        code, says, **limits)


def config(name, says, code=REFUSED, **changes):
    value = {**CONFIG, **changes}
    value = {k: v for k, v in value.items() if v is not ...}
    adapter("cf-" + name,
            {"adapter_config.json": json.dumps(value).encode()}, code,
            says and r"adapter/adapter_config\.json: " + says)


def weights(name, says, changes, code=REFUSED, base=None):
    value = {**(layers() if base is None else base), **changes}
    value = {k: v for k, v in value.items() if v is not ...}
    adapter("st-" + name,
            {"adapter_model.safetensors": tiny.st_file(value)}, code, says)


adapter("ok", {}, ACCEPTED)

# --- files -----------------------------------------------------------------

adapter("no-config", {"adapter_config.json": ...}, REFUSED,
        r"adapter: has no adapter_config\.json")
adapter("no-weights", {"adapter_model.safetensors": ...}, REFUSED,
        r"adapter: has no adapter_model\.safetensors")
adapter("pickle", {"adapter_model.safetensors": ...,
                   "adapter_model.bin": b"\x80\x02}q\x00."}, REFUSED,
        r"adapter: has no adapter_model\.safetensors")
adapter("empty-weights", {"adapter_model.safetensors": b""}, REFUSED,
        r"adapter/adapter_model\.safetensors: has 0 bytes, expected at least 8")
adapter("no-tensors", {"adapter_model.safetensors": tiny.st_pack({}, b"")},
        REFUSED, r"adapter/adapter_model\.safetensors: holds no tensor, "
        "expected those of an adapter")
adapter("truncated", {"adapter_model.safetensors":
                      tiny.st_file(layers())[:-1]}, REFUSED,
        r"adapter/adapter_model\.safetensors: tensor \".*\": its data ends at "
        r"byte \d+, but the file has \d+ bytes")
adapter("long-header", {"adapter_model.safetensors":
                        struct.pack("<Q", 1 << 62) + b"{}"}, REFUSED,
        r"adapter/adapter_model\.safetensors: the header has "
        r"4611686018427387904 bytes \(at byte 0\), the limit is 100000000")
adapter("same-twice", {}, USAGE, r"adapter: is the same adapter as adapter",
        more=["--lora", "adapter"])
adapter("not-json", {"adapter_config.json": b"{"}, REFUSED,
        r"adapter/adapter_config\.json: at byte 1 .*: the text ends, expected "
        "a key")
adapter("array", {"adapter_config.json": b"[]"}, REFUSED,
        r"adapter/adapter_config\.json: is an array, expected an object")
adapter("key-twice", {"adapter_config.json":
                      json.dumps(CONFIG)[:-1].encode() + b', "r": 2}'},
        REFUSED, r'adapter/adapter_config\.json: key "r": is there twice')
add("ad-is-a-model", QUANTIZE + ["model", "--lora", "model"], {}, REFUSED,
    r"model: has no adapter_config\.json")
add("ad-none", QUANTIZE + ["model", "--lora", "nothing"], {}, 4,
    "nothing: cannot be opened: No such file")

# --- the configuration -----------------------------------------------------

for name, value in [("0", 0), ("minus", -1), ("fraction", 2.5),
                    ("text", "2"), ("huge", 1 << 40)]:
    config("r-" + name, 'key "r": is .*, expected an integer 1 to 65536',
           r=value)
for name, value in [("text", "4"), ("array", [4]), ("huge", 10 ** 50)]:
    config("alpha-" + name, 'key "lora_alpha": is .*, expected a number',
           lora_alpha=value)
for key in ("use_rslora", "use_dora", "fan_in_fan_out", "lora_bias"):
    for name, value in [("number", 1), ("text", "true"), ("array", [])]:
        config("%s-%s" % (key, name), 'key "%s": is .*, expected true or false'
               % key, **{key: value})
config("bias-word", 'key "bias": "some", expected none, all or', bias="some")
config("bias-number", 'key "bias": is 1, expected a string', bias=1)
config("type", 'key "peft_type": "IA3" is no LoRA', peft_type="IA3")
config("type-none", 'key "peft_type": is missing', peft_type=...)
config("unknown", 'key "use_magic": cannot be merged: a key that is not known',
       use_magic=True)
for key, value in [("alora_invocation_tokens", [1]),
                   ("arrow_config", {"a": 1}),
                   ("layer_replication", [[0, 1]]), ("use_qalora", True),
                   ("target_parameters", ["a"]),
                   ("megatron_config", {"a": 1})]:
    config(key, 'key "%s": cannot be merged: ' % key, **{key: value})
for init in ("pissa", "olora", "pissa_niter_4", "corda", "loftq"):
    config("init-" + init, 'key "init_lora_weights": cannot be merged: "%s" '
           "may have trained against a changed base" % init,
           init_lora_weights=init)
TARGETS = 'key "target_modules": '
for name, value, says in [
        ("number", 1, TARGETS + "is 1, expected an array"),
        ("object", {}, TARGETS + "is an object, expected an array"),
        ("mixed", ["q_proj", 1],
         r'key "target_modules\[1\]": is 1, expected a string'),
        ("bad-pattern", "(q_proj",
         TARGETS + "no pattern: missing closing parenthesis"),
        ("python", "(?P<a>q)(?P=a)",
         TARGETS + "the pattern has a group at byte 8, which is not"),
        ("long", "a" * 5000,
         TARGETS + "the pattern has 5000 bytes, the limit is 4096"),
        ("deep", "(" * 3000,
         TARGETS + "no pattern: parentheses are too deeply nested")]:
    config("targets-" + name, says, target_modules=value)
for key in ("rank_pattern", "alpha_pattern"):
    config(key + "-array", 'key "%s": is an array, expected an object' % key,
           **{key: [1]})
    config(key + "-text", r'key "%s\.q_proj": is a string, expected a number'
           % key, **{key: {"q_proj": "2"}})
    config(key + "-pattern", r'key "%s\.\(": no pattern: missing' % key,
           **{key: {"(": 2}})
config("layers-text", 'key "layers_to_transform": is a string, expected an '
       "array", layers_to_transform="0")
for name, value in [("minus", -1), ("huge", 1 << 40)]:
    config("layers-" + name, r'key "layers_to_transform\[0\]": is %d, expected '
           "an integer 0 to" % value, layers_to_transform=[value])
adapter("cf-layers-no-number", {"adapter_config.json": json.dumps(
    {**CONFIG, "layers_to_transform": [0], "layers_pattern": "|x"}).encode()},
    REFUSED, r'adapter: pattern "\|x": is in "model\.layers\.0\..*" without '
    "the number of a layer")
config("tokens-text", 'key "trainable_token_indices": is a string, expected '
       "an object", trainable_token_indices="1")
config("tokens-minus", r'key "trainable_token_indices\[0\]": is -1, '
       "expected an integer 0 to", trainable_token_indices=[-1])
config("save-number", r'key "modules_to_save\[0\]": is 1, expected a string',
       modules_to_save=[1])

# --- what it says of the model ---------------------------------------------

FILE = r"adapter/adapter_model\.safetensors: "
Q = PREFIX + "model.layers.0.self_attn.q_proj"


def about(key):
    return FILE + 'tensor "%s": ' % words(key)


adapter("names-nothing", {"adapter_config.json": json.dumps(
    {**CONFIG, "target_modules": ["w_proj"]}).encode()}, REFUSED,
    FILE + 'tensor ".*": target_modules does not name its module')
weights("half", r"adapter: module .*: has no lora_B",
        {Q + ".lora_B.weight": ...})
weights("layer-missing", r"adapter: module .*: has no lora_A", {},
        base={k: v for k, v in layers().items() if "layers.0" in k})
weights("layer-beyond", about(PREFIX + "model.layers.2.mlp.fc1.lora_A.weight") +
        "the base has no tensor of that module",
        {PREFIX + "model.layers.2.mlp.fc1.lora_A.weight":
         tensor(2, tiny.HIDDEN)})
weights("layer-huge", about(PREFIX + "model.layers.%d.mlp.fc1.lora_A.weight"
                            % (1 << 70)) + "its module is not one of a Phi",
        {PREFIX + "model.layers.%d.mlp.fc1.lora_A.weight" % (1 << 70):
         tensor(2, tiny.HIDDEN)})
weights("extra", about(PREFIX + "model.layers.0.mlp.fc2.lora_A.weight") +
        "target_modules does not name its module",
        {PREFIX + "model.layers.0.mlp.fc2.lora_A.weight":
         tensor(2, tiny.INNER)})
weights("foreign", about("hello") + "is no part of a LoRA adapter",
        {"hello": tensor(2)})
weights("rank", about(Q + ".lora_A.weight") + "has shape",
        {Q + ".lora_A.weight": tensor(3, tiny.HIDDEN)})
weights("columns", about(Q + ".lora_A.weight") + "has shape",
        {Q + ".lora_A.weight": tensor(2, tiny.HIDDEN + 1)})
weights("rows", about(Q + ".lora_B.weight") + "has shape",
        {Q + ".lora_B.weight": tensor(tiny.HIDDEN - 1, 2)})
weights("transposed", about(Q + ".lora_B.weight") + "has shape",
        {Q + ".lora_B.weight": tensor(2, tiny.HIDDEN)})
weights("vector", about(Q + ".lora_A.weight") +
        r"has shape \[128\], expected a matrix",
        {Q + ".lora_A.weight": tensor(2 * tiny.HIDDEN)})
weights("cube", about(Q + ".lora_A.weight") +
        r"has shape \[1, 2, 64\], expected a matrix",
        {Q + ".lora_A.weight": tensor(1, 2, tiny.HIDDEN)})
weights("integers", about(Q + ".lora_A.weight") + "is I32, expected F32, F16",
        {Q + ".lora_A.weight": ("I32", [2, tiny.HIDDEN],
                                bytes(8 * tiny.HIDDEN))})
for name, value in [("nan", float("nan")), ("infinite", float("inf"))]:
    weights(name, about(Q + ".lora_A.weight") + ".* at row 0, column 0",
            {Q + ".lora_A.weight": ("F32", [2, tiny.HIDDEN], values(
                2 * tiny.HIDDEN, value))})
weights("too-large", r"model/model\.safetensors: tensor \"model\.layers\.0\."
        "self_attn.q_proj.weight\": .*after the merge",
        {Q + ".lora_A.weight": ("F32", [2, tiny.HIDDEN], values(
            2 * tiny.HIDDEN, 1e30)),
         Q + ".lora_B.weight": ("F32", [tiny.HIDDEN, 2], values(
             2 * tiny.HIDDEN, 1e30))})
weights("magnitude", about(Q + ".lora_magnitude_vector") + "use_dora is false",
        {Q + ".lora_magnitude_vector": tensor(tiny.HIDDEN)})
weights("tokens", FILE + "tensor .*: trainable_token_indices does not name its "
        "module",
        {PREFIX + "model.embed_tokens.token_adapter.trainable_tokens_delta":
         tensor(1, tiny.HIDDEN)})
weights("key-long", FILE + 'tensor "a{128}": its name has 4000 bytes, the '
        "limit is 1024", {"a" * 4000: tensor(1)})
weights("key-control", about(r"a\x1b[31m\x0a") + "is no part of a LoRA adapter",
        {"a\x1b[31m\n": tensor(1)})
# What a module in modules_to_save took the place of may be kept, too.
HEAD = {PREFIX + "lm_head.modules_to_save.weight":
        tensor(tiny.VOCAB, tiny.HIDDEN),
        PREFIX + "lm_head.modules_to_save.bias": tensor(tiny.VOCAB)}
ORIGINAL = {PREFIX + "lm_head.original_module.weight":
            tensor(tiny.VOCAB, tiny.HIDDEN),
            PREFIX + "lm_head.original_module.bias": tensor(tiny.VOCAB)}
adapter("ok-saved", {
    "adapter_config.json": json.dumps(
        {**CONFIG, "modules_to_save": ["lm_head"]}).encode(),
    "adapter_model.safetensors": tiny.st_file(
        {**layers(), **HEAD, **ORIGINAL})}, ACCEPTED)
weights("original", FILE + ".*modules_to_save", ORIGINAL)

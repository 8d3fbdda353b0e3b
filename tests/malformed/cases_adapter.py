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
        r"adapter/adapter_model\.safetensors: ")
adapter("no-tensors", {"adapter_model.safetensors": tiny.st_pack({}, b"")},
        REFUSED, r"adapter/adapter_model\.safetensors: ")
adapter("truncated", {"adapter_model.safetensors":
                      tiny.st_file(layers())[:-1]}, REFUSED,
        r"adapter/adapter_model\.safetensors: ")
adapter("long-header", {"adapter_model.safetensors":
                        struct.pack("<Q", 1 << 62) + b"{}"}, REFUSED,
        r"adapter/adapter_model\.safetensors: ")
adapter("same-twice", {}, USAGE, r"adapter: is the same adapter as adapter",
        more=["--lora", "adapter"])
adapter("not-json", {"adapter_config.json": b"{"}, REFUSED,
        r"adapter/adapter_config\.json: ")
adapter("array", {"adapter_config.json": b"[]"}, REFUSED,
        r"adapter/adapter_config\.json: ")
adapter("key-twice", {"adapter_config.json":
                      json.dumps(CONFIG)[:-1].encode() + b', "r": 2}'},
        REFUSED, r"adapter/adapter_config\.json: ")
add("ad-is-a-model", QUANTIZE + ["model", "--lora", "model"], {}, REFUSED,
    r"model: has no adapter_config\.json")
add("ad-none", QUANTIZE + ["model", "--lora", "nothing"], {}, 4, "nothing: ")

# --- the configuration -----------------------------------------------------

for name, value in [("0", 0), ("minus", -1), ("fraction", 2.5),
                    ("text", "2"), ("huge", 1 << 40)]:
    config("r-" + name, 'key "r": is ', r=value)
for name, value in [("text", "4"), ("array", [4]), ("huge", 10 ** 50)]:
    config("alpha-" + name, 'key "lora_alpha": is ', lora_alpha=value)
for key in ("use_rslora", "use_dora", "fan_in_fan_out", "lora_bias"):
    for name, value in [("number", 1), ("text", "true"), ("array", [])]:
        config("%s-%s" % (key, name), 'key "%s": is ' % key, **{key: value})
config("bias-word", 'key "bias": ', bias="some")
config("bias-number", 'key "bias": ', bias=1)
config("type", 'key "peft_type": "IA3"', peft_type="IA3")
config("type-none", ".*peft_type", peft_type=...)
config("unknown", 'key "use_magic"', use_magic=True)
for key, value in [("alora_invocation_tokens", [1]),
                   ("arrow_config", {"a": 1}),
                   ("layer_replication", [[0, 1]]), ("use_qalora", True),
                   ("target_parameters", ["a"]),
                   ("megatron_config", {"a": 1})]:
    config(key, 'key "%s": ' % key, **{key: value})
for init in ("pissa", "olora", "pissa_niter_4", "corda", "loftq"):
    config("init-" + init, 'key "init_lora_weights"', init_lora_weights=init)
for name, value in [("number", 1), ("object", {}), ("mixed", ["q_proj", 1]),
                    ("bad-pattern", "(q_proj"), ("python", "(?P<a>q)(?P=a)"),
                    ("long", "a" * 5000)]:
    config("targets-" + name, 'key "target_modules', target_modules=value)
config("targets-deep", 'key "target_modules', target_modules="(" * 3000)
for key in ("rank_pattern", "alpha_pattern"):
    config(key + "-array", 'key "%s": is ' % key, **{key: [1]})
    config(key + "-text", 'key "%s' % key, **{key: {"q_proj": "2"}})
    config(key + "-pattern", 'key "%s' % key, **{key: {"(": 2}})
config("layers-text", 'key "layers_to_transform', layers_to_transform="0")
config("layers-minus", 'key "layers_to_transform', layers_to_transform=[-1])
config("layers-huge", 'key "layers_to_transform',
       layers_to_transform=[1 << 40])
config("tokens-text", 'key "trainable_token_indices',
       trainable_token_indices="1")
config("tokens-minus", 'key "trainable_token_indices',
       trainable_token_indices=[-1])
config("save-number", 'key "modules_to_save', modules_to_save=[1])

# --- what it says of the model ---------------------------------------------

FILE = r"adapter/adapter_model\.safetensors: "
Q = PREFIX + "model.layers.0.self_attn.q_proj"


def about(key):
    return FILE + 'tensor "%s": ' % words(key)


adapter("names-nothing", {"adapter_config.json": json.dumps(
    {**CONFIG, "target_modules": ["w_proj"]}).encode()}, REFUSED, "adapter")
weights("half", r"adapter: module .*: has no lora_B",
        {Q + ".lora_B.weight": ...})
weights("layer-missing", r"adapter: module .*: has no lora_A", {},
        base={k: v for k, v in layers().items() if "layers.0" in k})
weights("layer-beyond", about(PREFIX + "model.layers.2.mlp.fc1.lora_A.weight"),
        {PREFIX + "model.layers.2.mlp.fc1.lora_A.weight":
         tensor(2, tiny.HIDDEN)})
weights("layer-huge", about(PREFIX + "model.layers.%d.mlp.fc1.lora_A.weight"
                            % (1 << 70)),
        {PREFIX + "model.layers.%d.mlp.fc1.lora_A.weight" % (1 << 70):
         tensor(2, tiny.HIDDEN)})
weights("extra", about(PREFIX + "model.layers.0.mlp.fc2.lora_A.weight"),
        {PREFIX + "model.layers.0.mlp.fc2.lora_A.weight":
         tensor(2, tiny.INNER)})
weights("foreign", about("hello"), {"hello": tensor(2)})
weights("rank", about(Q + ".lora_A.weight") + "has shape",
        {Q + ".lora_A.weight": tensor(3, tiny.HIDDEN)})
weights("columns", about(Q + ".lora_A.weight") + "has shape",
        {Q + ".lora_A.weight": tensor(2, tiny.HIDDEN + 1)})
weights("rows", about(Q + ".lora_B.weight") + "has shape",
        {Q + ".lora_B.weight": tensor(tiny.HIDDEN - 1, 2)})
weights("transposed", about(Q + ".lora_B.weight") + "has shape",
        {Q + ".lora_B.weight": tensor(2, tiny.HIDDEN)})
weights("vector", about(Q + ".lora_A.weight"),
        {Q + ".lora_A.weight": tensor(2 * tiny.HIDDEN)})
weights("cube", about(Q + ".lora_A.weight"),
        {Q + ".lora_A.weight": tensor(1, 2, tiny.HIDDEN)})
weights("integers", about(Q + ".lora_A.weight"),
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
weights("tokens", FILE + ".*",
        {PREFIX + "model.embed_tokens.token_adapter.trainable_tokens_delta":
         tensor(1, tiny.HIDDEN)})
weights("key-long", FILE + ".*", {"a" * 4000: tensor(1)})
weights("key-control", FILE + ".*", {"a\x1b[31m\n": tensor(1)})
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

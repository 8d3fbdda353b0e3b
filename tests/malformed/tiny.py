# SPDX-License-Identifier: MIT
"""A Phi of 50,000 weights, and writers that do as they are told.

The writers take what they are given, so that cases can hand them sizes,
types and names that no honest program would write.
"""

import json
import struct

HIDDEN, INNER, LAYERS, HEADS, VOCAB = 64, 64, 2, 2, 272

CONFIG = {
    "architectures": ["PhiForCausalLM"],
    "model_type": "phi",
    "hidden_act": "gelu_new",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 128,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": HEADS,
    "partial_rotary_factor": 0.5,
    "qk_layernorm": False,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "bos_token_id": 260,
    "eos_token_id": 260,
    "vocab_size": VOCAB,
}


def byte_characters():
    """GPT-2's character for each byte."""
    out = []
    extra = 0
    for b in range(256):
        if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE:
            out.append(chr(b))
        else:
            out.append(chr(256 + extra))
            extra += 1
    return out


def vocabulary():
    words = byte_characters() + ["he", "ll", "hell", "\u0120t"]
    return {w: i for i, w in enumerate(words)}


MERGES = [("h", "e"), ("l", "l"), ("he", "ll"), ("\u0120", "t")]
END = "<|endoftext|>"


def added_token(number, text, special=False, **more):
    return {"id": number, "content": text, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": not special,
            "special": special, **more}


def tokenizer():
    byte_level = {"type": "ByteLevel", "add_prefix_space": False,
                  "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(260, END, True),
                         added_token(261, "  ")],
        "normalizer": None,
        "pre_tokenizer": dict(byte_level),
        "post_processor": dict(byte_level),
        "decoder": dict(byte_level),
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None,
            "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": False, "byte_fallback": False,
            "vocab": vocabulary(),
            "merges": [list(m) for m in MERGES],
        },
    }


def tokenizer_config():
    return {"add_prefix_space": False, "bos_token": END, "eos_token": END,
            "unk_token": END, "tokenizer_class": "CodeGenTokenizer",
            "added_tokens_decoder": {
                "260": {"content": END, "special": True},
                "261": {"content": "  ", "special": False}}}


def merges_text():
    return "#version: 0.2\n" + "".join("%s %s\n" % m for m in MERGES)


def shapes():
    """Names of the checkpoint and their shapes, in its order."""
    out = [("model.embed_tokens.weight", (VOCAB, HIDDEN))]
    for i in range(LAYERS):
        at = "model.layers.%d." % i
        for part in ("q_proj", "k_proj", "v_proj", "dense"):
            out.append((at + "self_attn.%s.weight" % part, (HIDDEN, HIDDEN)))
            out.append((at + "self_attn.%s.bias" % part, (HIDDEN,)))
        out.append((at + "mlp.fc1.weight", (INNER, HIDDEN)))
        out.append((at + "mlp.fc1.bias", (INNER,)))
        out.append((at + "mlp.fc2.weight", (HIDDEN, INNER)))
        out.append((at + "mlp.fc2.bias", (HIDDEN,)))
        out.append((at + "input_layernorm.weight", (HIDDEN,)))
        out.append((at + "input_layernorm.bias", (HIDDEN,)))
    out.append(("model.final_layernorm.weight", (HIDDEN,)))
    out.append(("model.final_layernorm.bias", (HIDDEN,)))
    out.append(("lm_head.weight", (VOCAB, HIDDEN)))
    out.append(("lm_head.bias", (VOCAB,)))
    return out


def count(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def weights(name, shape):
    """F16: small values that differ from tensor to tensor."""
    n = count(shape)
    seed = sum(name.encode())
    scale = 1 / 4 if len(shape) == 1 else 1 / 16
    unit = [struct.pack("<e", ((i * 37 + seed) % 101 - 50) / 50 * scale)
            for i in range(101)]
    return b"".join(unit[i % 101] for i in range(n))


def tensors():
    return {name: ("F16", list(shape), weights(name, shape))
            for name, shape in shapes()}


def st_header(entries, start=0):
    """entries: name -> (dtype, shape, data); the header's dictionary."""
    out, at = {}, start
    for name, (dtype, shape, data) in entries.items():
        out[name] = {"dtype": dtype, "shape": shape,
                     "data_offsets": [at, at + len(data)]}
        at += len(data)
    return out


def st_pack(header, data, pad=b""):
    """header: a dictionary, or its text as bytes."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
    header += pad
    return struct.pack("<Q", len(header)) + header + data


def st_file(entries):
    return st_pack(st_header(entries),
                   b"".join(e[2] for e in entries.values()))


def model():
    """The files of a sound model in one safetensors file."""
    def text(value):
        return json.dumps(value, indent=1).encode()

    return {
        "config.json": text(CONFIG),
        "model.safetensors": st_file(tensors()),
        "tokenizer.json": text(tokenizer()),
        "tokenizer_config.json": text(tokenizer_config()),
        "special_tokens_map.json": text({"bos_token": END, "eos_token": END}),
        "added_tokens.json": text({END: 260, "  ": 261}),
        "vocab.json": text(vocabulary()),
        "merges.txt": merges_text().encode(),
        "generation_config.json": text({"bos_token_id": 260,
                                        "eos_token_id": 260,
                                        "temperature": 0.7}),
        "README.md": b"---\nlicense: mit\nlanguage:\n- en\n---\n# A card\n",
    }


SHARDS = ["model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"


def sharded():
    """The same in two shards; the index as a dictionary, last."""
    entries = list(tensors().items())
    half = len(entries) // 2
    parts = [dict(entries[:half]), dict(entries[half:])]
    files = model()
    del files["model.safetensors"]
    weight_map = {}
    total = 0
    for shard, part in zip(SHARDS, parts):
        files[shard] = st_file(part)
        for name, (_, _, data) in part.items():
            weight_map[name] = shard
            total += len(data)
    return files, {"metadata": {"total_size": total},
                   "weight_map": weight_map}


# --- GGUF ------------------------------------------------------------------

(U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64,
 F64) = range(13)
FORMATS = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i",
           F32: "<f", BOOL: "<B", U64: "<Q", I64: "<q", F64: "<d"}


def gguf_string(text):
    if isinstance(text, str):
        text = text.encode()
    return struct.pack("<Q", len(text)) + text


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_string(value)
    if kind == ARRAY:
        of, items = value
        return struct.pack("<IQ", of, len(items)) + b"".join(
            gguf_value(of, v) for v in items)
    return struct.pack(FORMATS[kind], value)


def gguf_key(key, kind, value):
    return gguf_string(key) + struct.pack("<I", kind) + gguf_value(kind,
                                                                   value)


def gguf_tensor(name, dims, kind, offset):
    """dims: contiguous first."""
    return (gguf_string(name) + struct.pack("<I", len(dims)) +
            b"".join(struct.pack("<Q", d) for d in dims) +
            struct.pack("<IQ", kind, offset))


def gguf_names():
    """Checkpoint name -> GGUF name."""
    out = {"model.embed_tokens.weight": "token_embd.weight",
           "model.final_layernorm.weight": "output_norm.weight",
           "model.final_layernorm.bias": "output_norm.bias",
           "lm_head.weight": "output.weight", "lm_head.bias": "output.bias"}
    parts = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.dense": "attn_output",
             "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
             "input_layernorm": "attn_norm"}
    for i in range(LAYERS):
        for hf, gg in parts.items():
            for end in ("weight", "bias"):
                out["model.layers.%d.%s.%s" % (i, hf, end)] = \
                    "blk.%d.%s.%s" % (i, gg, end)
    return out


def f16_to_f32(data):
    return b"".join(struct.pack("<f", v[0])
                    for v in struct.iter_unpack("<e", data))


def gguf_keys():
    words = list(vocabulary()) + [END, "  "]
    words += ["[PAD%d]" % i for i in range(len(words), VOCAB)]
    types = [1] * 260 + [3, 4] + [5] * (VOCAB - 262)
    return [
        ("general.architecture", STRING, "phi2"),
        ("general.name", STRING, "tiny"),
        ("phi2.context_length", U32, 128),
        ("phi2.embedding_length", U32, HIDDEN),
        ("phi2.feed_forward_length", U32, INNER),
        ("phi2.block_count", U32, LAYERS),
        ("phi2.attention.head_count", U32, HEADS),
        ("phi2.attention.head_count_kv", U32, HEADS),
        ("phi2.attention.layer_norm_epsilon", F32, 1e-5),
        ("phi2.rope.dimension_count", U32, 16),
        ("general.file_type", U32, 1),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "phi-2"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, words)),
        ("tokenizer.ggml.token_type", ARRAY, (I32, types)),
        ("tokenizer.ggml.merges", ARRAY,
         (STRING, ["%s %s" % m for m in MERGES])),
        ("tokenizer.ggml.bos_token_id", U32, 260),
        ("tokenizer.ggml.eos_token_id", U32, 260),
    ]


def gguf_entries():
    """(name, dims, type, data): matrices in F16, vectors in F32."""
    names = gguf_names()
    out = []
    for name, (_, shape, data) in tensors().items():
        if len(shape) == 1:
            out.append((names[name], [shape[0]], 0, f16_to_f32(data)))
        else:
            out.append((names[name], shape[::-1], 1, data))
    return out


def gguf_file(keys=None, entries=None, align=32, version=3, magic=b"GGUF",
              nkeys=None, ntensors=None, raw_keys=b"", raw_tensors=b"",
              tail=b""):
    """raw_keys and raw_tensors are put behind the honest ones."""
    keys = gguf_keys() if keys is None else keys
    entries = gguf_entries() if entries is None else entries
    data = bytearray()  # which grows in place
    table = bytearray()
    for name, dims, kind, content in entries:
        table += gguf_tensor(name, dims, kind, len(data))
        data += content + b"\0" * (-len(content) % align)
    head = magic + struct.pack(
        "<IQQ", version,
        len(entries) if ntensors is None else ntensors,
        len(keys) if nkeys is None else nkeys)
    head += b"".join(gguf_key(*k) for k in keys) + raw_keys
    head += table + raw_tensors
    head += b"\0" * (-len(head) % align)
    return head + bytes(data) + tail


# --- importance matrices ---------------------------------------------------

def imatrix_names():
    return [n for n in gguf_names().values()
            if n.startswith("blk.") and n.endswith(".weight") and
            "norm" not in n]


def imatrix_keys():
    return [("general.type", STRING, "imatrix"),
            ("imatrix.datasets", ARRAY, (STRING, ["text.txt"])),
            ("imatrix.chunk_count", U32, 4),
            ("imatrix.chunk_size", U32, 512)]


def floats(values):
    return struct.pack("<%df" % len(values), *values)


def imatrix_entries():
    out = []
    for name in imatrix_names():
        out.append((name + ".in_sum2", [HIDDEN, 1], 0,
                    floats([1 + i % 7 for i in range(HIDDEN)])))
        out.append((name + ".counts", [1, 1], 0, floats([4])))
    return out


def legacy_entry(name, values, calls=4, nname=None, nvalues=None):
    if isinstance(name, str):
        name = name.encode()
    return (struct.pack("<i", len(name) if nname is None else nname) + name +
            struct.pack("<ii", calls,
                        len(values) if nvalues is None else nvalues) +
            floats(values))


def legacy_file(entries=None, n=None, tail=None):
    if entries is None:
        entries = [legacy_entry(name, [1 + i % 7 for i in range(HIDDEN)])
                   for name in imatrix_names()]
    if tail is None:
        tail = struct.pack("<ii", 4, 8) + b"text.txt"
    return struct.pack("<i", len(entries) if n is None else n) + \
        b"".join(entries) + tail

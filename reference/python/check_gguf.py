#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a Phi GGUF against the Hugging Face folder that it was made from,
with the `gguf` package as the reader.

  check_gguf.py FILE.gguf --source HF_DIR [--adapter DIR] [--text FILE]

Metadata: keys, types and values follow from config.json and the tokenizer.
Tokens, token types and merges are equal to the tokenizer's; with --text, a
tokenizer rebuilt from the GGUF alone gives the same ids.

Tensors: F32 equals the source; F16 and BF16 are the source rounded to nearest
even; Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 have the bytes of the package's own
quantizers (not after an importance matrix: --imatrix says so); for these and
Q6_K every quant is the nearest one that the block's stored scale offers.
With --adapter the source is the merged model, and bytes are not compared,
because two float32 matrix products may round differently.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, GGUFValueType, LlamaFileType, quants

import phi_reference as ref

UINT32, FLOAT32 = GGUFValueType.UINT32, GGUFValueType.FLOAT32
STRING, BOOL = GGUFValueType.STRING, GGUFValueType.BOOL
INT32, ARRAY = GGUFValueType.INT32, GGUFValueType.ARRAY

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5

# Relative to the largest weight: what the order of summation may change in a
# float32 product of an adapter's matrices.
MERGE_NOISE = 2.0**-20

# gguf-py takes the sign of a block whose only values are -0 from them, the C
# quantizers do not; no other difference is known.
BYTES_BY_PACKAGE = (Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1)


# ---- source -----------------------------------------------------------------


def source_tensors(folder, adapter):
    """HF names to float32 arrays; float16, bfloat16 and float32 are exact."""
    import torch

    if adapter is not None:
        state = ref.load_model(folder, adapter).state_dict()
        return {k: v.numpy() for k, v in state.items()}
    from safetensors import safe_open

    index = folder / "model.safetensors.index.json"
    if index.exists():
        weight_map = json.loads(index.read_text())["weight_map"]
        files = sorted(set(weight_map.values()))
    else:
        files = sorted(p.name for p in folder.glob("model*.safetensors"))
    tensors = {}
    for name in files:
        with safe_open(folder / name, "pt") as f:
            for key in f.keys():
                tensors[key] = f.get_tensor(key).to(torch.float32).numpy()
    return tensors


PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.dense": "attn_output",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
    # The names of the models' first publication.
    "ln": "attn_norm",
    "mixer.Wqkv": "attn_qkv",
    "mixer.out_proj": "attn_output",
}
WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.final_layernorm": "output_norm",
    "lm_head": "output",
    "transformer.embd.wte": "token_embd",
    "lm_head.ln": "output_norm",
    "lm_head.linear": "output",
}


def gguf_name(name):
    stem, _, suffix = name.rpartition(".")
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{suffix}"
    for prefix in ("model.layers.", "transformer.h."):
        if stem.startswith(prefix):
            layer, _, part = stem[len(prefix) :].partition(".")
            if part in PARTS:
                return f"blk.{layer}.{PARTS[part]}.{suffix}"
    return None


def expected_tensors(tensors, names_in_file):
    """GGUF names to arrays.  A fused Wqkv (rows of q, then k, then v) may be
    carried whole or split."""
    expected = {}
    for name, array in tensors.items():
        if name.endswith(("inv_freq", ".attention.bias", "masked_bias")):
            continue
        mapped = gguf_name(name)
        if mapped is None:
            raise SystemExit(f"{name}: no GGUF name known")
        if ".attn_qkv." in mapped and mapped not in names_in_file:
            for part, rows in zip("qkv", np.split(array, 3)):
                key = mapped.replace("attn_qkv", f"attn_{part}")
                expected[key] = rows
        else:
            expected[mapped] = array
    return expected


# ---- metadata ---------------------------------------------------------------


def check_key(checks, reader, key, kind, value):
    field = reader.fields.get(key)
    if not checks.that(field is not None, f"{key}: missing"):
        return
    checks.equal(field.types[0].name, kind.name, f"{key}: type")
    if kind == FLOAT32:
        value = float(np.float32(value))
    checks.equal(field.contents(), value, key)


def first_of(config, *keys, default=None):
    for key in keys:
        if config.get(key) is not None:
            return config[key]
    return default


def check_hyperparameters(checks, reader, config):
    rope = config.get("rope_parameters") or {}
    theta = first_of(rope, "rope_theta") or config.get("rope_theta", 10000.0)
    factor = first_of(rope, "partial_rotary_factor") or config.get(
        "partial_rotary_factor", 0.5
    )
    heads = first_of(config, "num_attention_heads", "n_head", default=32)
    embd = first_of(config, "hidden_size", "n_embd", default=2048)
    for key, kind, value in (
        ("general.architecture", STRING, "phi2"),
        ("general.type", STRING, "model"),
        ("general.quantization_version", UINT32, 2),
        (
            "phi2.context_length",
            UINT32,
            first_of(
                config,
                "n_positions",
                "max_position_embeddings",
                default=2048,
            ),
        ),
        ("phi2.embedding_length", UINT32, embd),
        (
            "phi2.feed_forward_length",
            UINT32,
            first_of(config, "intermediate_size", "n_inner", default=4 * embd),
        ),
        (
            "phi2.block_count",
            UINT32,
            first_of(config, "num_hidden_layers", "n_layer", default=24),
        ),
        ("phi2.attention.head_count", UINT32, heads),
        (
            "phi2.attention.head_count_kv",
            UINT32,
            first_of(config, "num_key_value_heads", "n_head_kv", default=heads),
        ),
        (
            "phi2.attention.layer_norm_epsilon",
            FLOAT32,
            first_of(
                config, "layer_norm_epsilon", "layer_norm_eps", default=1e-5
            ),
        ),
        (
            "phi2.rope.dimension_count",
            UINT32,
            first_of(config, "rotary_dim", default=int(embd // heads * factor)),
        ),
        ("phi2.rope.freq_base", FLOAT32, theta),
    ):
        check_key(checks, reader, key, kind, value)


def check_general(checks, reader, folder):
    """The name is free, but must be there; license and tags are the card's."""
    name = reader.fields.get("general.name")
    checks.that(
        name is not None and name.contents() != "", "general.name: missing"
    )
    card = folder / "README.md"
    if not card.exists() or not card.read_text().startswith("---\n"):
        return
    import yaml

    front = yaml.safe_load(card.read_text().split("---\n")[1])
    if isinstance(front.get("license"), str):
        check_key(checks, reader, "general.license", STRING, front["license"])
    if front.get("tags"):
        check_key(checks, reader, "general.tags", ARRAY, front["tags"])
    if front.get("language"):
        language = front["language"]
        language = [language] if isinstance(language, str) else language
        check_key(checks, reader, "general.languages", ARRAY, language)


def check_vocabulary(checks, reader, folder, config):
    description = ref.tokenizer_description(folder)
    size = config.get("vocab_size", 51200)
    tokens = [f"[PAD{i}]" for i in range(size)]
    types = [UNUSED] * size
    for token, number in description["model"]["vocab"].items():
        tokens[number] = token
        types[number] = NORMAL
    for added in description["added_tokens"]:
        text = added["content"]
        control = added["special"] or (
            text.startswith("<|") and text.endswith("|>")
        )
        if not control:
            text = text.replace("\u2581", " ")
        tokens[added["id"]] = text
        types[added["id"]] = CONTROL if control else USER_DEFINED
    merges = [
        m if isinstance(m, str) else " ".join(p.replace(" ", "Ġ") for p in m)
        for m in description["model"]["merges"]
    ]

    for key, kind, expected in (
        ("tokens", STRING, tokens),
        ("token_type", INT32, types),
        ("merges", STRING, merges),
    ):
        key = f"tokenizer.ggml.{key}"
        field = reader.fields.get(key)
        if not checks.that(field is not None, f"{key}: missing"):
            continue
        checks.equal(
            [t.name for t in field.types], ["ARRAY", kind.name], f"{key}: type"
        )
        found = field.contents()
        checks.equal(len(found), len(expected), f"{key}: length")
        for i, (a, b) in enumerate(zip(found, expected)):
            checks.that(a == b, f"{key}[{i}]: {a!r}, expected {b!r}")
    return description


def check_special_tokens(checks, reader, folder, config, description):
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    by_text = {t["content"]: t["id"] for t in description["added_tokens"]}
    for name, key in (
        ("bos", "bos"),
        ("eos", "eos"),
        ("unk", "unknown"),
        ("pad", "padding"),
    ):
        token = settings.get(f"{name}_token")
        if isinstance(token, dict):
            token = token.get("content")
        number = by_text.get(token, config.get(f"{name}_token_id"))
        key = f"tokenizer.ggml.{key}_token_id"
        if number is None:
            checks.that(key not in reader.fields, f"{key}: not expected")
        else:
            check_key(checks, reader, key, UINT32, number)
    check_key(checks, reader, "tokenizer.ggml.model", STRING, "gpt2")
    check_key(checks, reader, "tokenizer.ggml.pre", STRING, "phi-2")
    check_key(
        checks,
        reader,
        "tokenizer.ggml.add_bos_token",
        BOOL,
        bool(settings.get("add_bos_token", False)),
    )


def check_text(checks, reader, folder, path):
    """Ids by a tokenizer that knows nothing but the GGUF."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    def field(key):
        return reader.fields[f"tokenizer.ggml.{key}"].contents()

    tokens, types = field("tokens"), field("token_type")
    merges = [tuple(m.split(" ")) for m in field("merges")]
    kept = (NORMAL, UNKNOWN, CONTROL)
    vocab = {t: i for i, t in enumerate(tokens) if types[i] in kept}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    # add_tokens numbers from the end of the vocabulary, so compare by text.
    user = [t for i, t in enumerate(tokens) if types[i] == USER_DEFINED]
    tokenizer.add_tokens([AddedToken(t, normalized=True) for t in user])
    number = {t: i for i, t in enumerate(tokens)}
    text = ref.read_text(path)
    found = tokenizer.encode(text, add_special_tokens=False).tokens
    expected = ref.encode(ref.load_tokenizer(folder, special=False), text)
    checks.equal(
        [number[t] for t in found], expected, f"ids of {Path(path).name}"
    )


# ---- tensors ----------------------------------------------------------------


def halves(data, at):
    """The binary16 numbers at byte `at` of each block."""
    return (
        np.ascontiguousarray(data[:, at : at + 2])
        .view(np.float16)
        .astype(np.float64)
    )


def grid(kind, data):
    """Of each value: the step between quants, the least and the largest value
    that the block's stored fields offer, and how far the quantizer's unrounded
    fields may be off the stored ones, in steps."""
    ulp = 2.0**-11
    data = data.reshape(-1, quants.GGML_QUANT_SIZES[kind][1])
    if kind == Type.Q6_K:
        scales = data[:, 192:208].view(np.int8).astype(np.float64)
        step = np.repeat(halves(data, 208) * scales, 16, axis=1)
        ends = np.sort(np.stack([-32 * step, 31 * step]), axis=0)
        return np.abs(step), ends[0], ends[1], 0.0
    d = halves(data, 0)
    low, high, has_minimum = {
        Type.Q8_0: (-127, 127, False),
        Type.Q4_0: (-8, 7, False),
        Type.Q5_0: (-16, 15, False),
        Type.Q4_1: (0, 15, True),
        Type.Q5_1: (0, 31, True),
    }[kind]
    minimum = halves(data, 2) if has_minimum else np.zeros_like(d)
    ends = np.sort(np.stack([minimum + low * d, minimum + high * d]), axis=0)
    reach = max(-low, high) * ulp
    # The minimum is rounded by itself: add its rounding, as steps.
    with np.errstate(divide="ignore", invalid="ignore"):
        extra = np.where(d != 0, np.abs(minimum * ulp / d), 0.0)
    return np.abs(d), ends[0], ends[1], reach + extra


def check_quants(checks, name, kind, data, found, expected, slack):
    step, low, high, reach = grid(kind, data)
    shape = (step.shape[0], -1)
    x = expected.astype(np.float64).reshape(shape)
    y = found.astype(np.float64).reshape(shape)
    # Rounding of the quotient and of the dequantized value to float32, and of
    # a scale to a subnormal half.
    rounding = np.maximum(np.abs(low), np.abs(high)) * 2.0**-23 + 2.0**-25
    rounding += slack
    near = np.abs(x - y) <= step * (0.5 + reach + 2.0**-20) + rounding
    clipped = ((y <= low) & (x <= y + slack)) | (
        (y >= high) & (x >= y - slack)
    )
    bad = ~(near | clipped | (step == 0))
    checks.that(
        not bad.any(), f"{name}: {int(bad.sum())} quants are not the nearest"
    )


def check_tensor(checks, tensor, expected, exact, imatrix):
    name, kind = tensor.name, tensor.tensor_type
    shape = tuple(int(n) for n in reversed(tensor.shape))
    if not checks.equal(shape, expected.shape, f"{name}: shape"):
        return
    if expected.ndim == 1 or not name.endswith(".weight"):
        checks.equal(kind.name, "F32", f"{name}: type")

    if kind in (Type.F32, Type.F16, Type.BF16):
        data = np.ascontiguousarray(tensor.data)
        if kind == Type.F32:
            wanted = expected
        elif kind == Type.F16:
            wanted = expected.astype(np.float16)
        else:
            wanted = quants.quantize(expected, Type.BF16)
        if exact:
            checks.that(
                data.tobytes() == np.ascontiguousarray(wanted).tobytes(),
                f"{name}: {kind.name} values differ from the source",
            )
        else:
            unit = {Type.F32: 0.0, Type.F16: 2.0**-11}.get(kind, 2.0**-8)
            a = quants.dequantize(tensor.data, kind).astype(np.float64)
            scale = np.abs(expected).max()
            checks.that(
                np.abs(a - expected).max() <= scale * (unit + MERGE_NOISE),
                f"{name}: {kind.name} values differ from the merged source",
            )
        return

    found = quants.dequantize(tensor.data, kind).reshape(expected.shape)
    checks.that(bool(np.isfinite(found).all()), f"{name}: not finite")
    if kind in BYTES_BY_PACKAGE and exact and not imatrix:
        wanted = quants.quantize(expected, kind)
        checks.that(
            np.ascontiguousarray(tensor.data).tobytes() == wanted.tobytes(),
            f"{name}: {kind.name} bytes differ from gguf's",
        )
    if kind in BYTES_BY_PACKAGE + (Type.Q6_K,):
        data = np.ascontiguousarray(tensor.data)
        slack = 0.0 if exact else float(np.abs(expected).max()) * MERGE_NOISE
        check_quants(checks, name, kind, data, found, expected, slack)
    else:
        print(f"{name}: {kind.name}: quants not judged, only the error below")


def check_tensors(checks, reader, folder, adapter, imatrix):
    source = source_tensors(folder, adapter)
    names = {t.name for t in reader.tensors}
    expected = expected_tensors(source, names)
    checks.equal(sorted(names), sorted(expected), "tensor names")
    kinds = {}
    error = power = 0.0
    for tensor in reader.tensors:
        if tensor.name not in expected:
            continue
        array = expected[tensor.name]
        check_tensor(checks, tensor, array, adapter is None, imatrix)
        kinds[tensor.tensor_type] = kinds.get(tensor.tensor_type, 0) + 1
        if array.ndim > 1:
            y = quants.dequantize(tensor.data, tensor.tensor_type)
            y = y.reshape(array.shape).astype(np.float64)
            error += float(((y - array) ** 2).sum())
            power += float((array.astype(np.float64) ** 2).sum())
    print(
        "tensors:",
        ", ".join(f"{n} {k.name}" for k, n in sorted(kinds.items())),
    )
    print(f"error of the matrices, relative to their size: "
          f"{(error / power) ** 0.5:.3e}")
    return kinds


def check_file_type(checks, reader, kinds):
    field = reader.fields.get("general.file_type")
    if not checks.that(field is not None, "general.file_type: missing"):
        return
    checks.equal(field.types[0].name, "UINT32", "general.file_type: type")
    name = LlamaFileType(field.contents()).name
    name = name.replace("MOSTLY_", "").replace("ALL_", "")
    base = name if name[-2:] not in ("_S", "_M", "_L") else name[:-2]
    checks.that(
        Type[base] in kinds, f"general.file_type {name}: no tensor is {base}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument(
        "--imatrix",
        action="store_true",
        help="the file was made with an importance matrix",
    )
    args = parser.parse_args()

    checks = ref.Checks()
    reader = GGUFReader(args.file)
    config = json.loads((args.source / "config.json").read_text())
    check_hyperparameters(checks, reader, config)
    check_general(checks, reader, args.source)
    description = check_vocabulary(checks, reader, args.source, config)
    check_special_tokens(checks, reader, args.source, config, description)
    if args.text is not None:
        check_text(checks, reader, args.source, args.text)
    kinds = check_tensors(
        checks, reader, args.source, args.adapter, args.imatrix
    )
    check_file_type(checks, reader, kinds)
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())

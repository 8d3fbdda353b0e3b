# SPDX-License-Identifier: MIT
"""What the reference scripts share: the published model code, run slowly.

Models run in float32 on the CPU from float32 copies of the weights, with the
plain ("eager") attention, so that the numbers depend on nothing but the
weights and the arithmetic.  Perplexity is llama-perplexity's: one trailing
newline is removed from the text, windows of n_ctx tokens are evaluated alone,
the second half of each is scored, what does not fill a window is left out,
and no BOS is added.
"""
import hashlib
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "reference" / "sample"
MODEL = SAMPLE / "phi-openstax"
ADAPTERS = SAMPLE / "adapters"
PRIMER = SAMPLE / "text" / "primer.txt"


class Checks:
    """Counts comparisons, prints the failed ones, and knows the exit code."""

    def __init__(self):
        self.done = 0
        self.failed = 0

    def that(self, passed, message):
        self.done += 1
        if not passed:
            self.failed += 1
            if self.failed <= 40:
                print(f"FAIL {message}")
        return passed

    def equal(self, found, expected, what):
        return self.that(
            found == expected and type(found) is type(expected),
            f"{what}: found {found!r}, expected {expected!r}",
        )

    def exit_code(self):
        print(f"{self.done} checks, {self.failed} failed")
        return 1 if self.failed or not self.done else 0


# ---- tokens -----------------------------------------------------------------


def tokenizer_description(folder):
    """The folder's tokenizer.json as an object, made up from vocab.json,
    merges.txt and added_tokens.json where there is none."""
    folder = Path(folder)
    path = folder / "tokenizer.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [m for m in lines if m and not m.startswith("#version")]
    extra = {}
    if (folder / "added_tokens.json").exists():
        text = (folder / "added_tokens.json").read_text(encoding="utf-8")
        extra = json.loads(text)
    if "<|endoftext|>" in vocab:
        extra["<|endoftext|>"] = vocab["<|endoftext|>"]
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": text != "<|endoftext|>",
                "special": text == "<|endoftext|>",
            }
            for text, number in sorted(extra.items(), key=lambda x: x[1])
        ],
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    }


def load_tokenizer(folder, special=True):
    """With special=False the special tokens are ordinary text, as they are
    for llama-perplexity."""
    from tokenizers import Tokenizer

    description = tokenizer_description(folder)
    if not special:
        description["added_tokens"] = [
            t for t in description["added_tokens"] if not t["special"]
        ]
    return Tokenizer.from_str(json.dumps(description))


def read_text(path):
    data = Path(path).read_bytes().decode("utf-8")
    return data[:-1] if data.endswith("\n") else data


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def ids_digest(ids):
    """SHA-256 over the ids as little-endian 32-bit words."""
    data = b"".join(i.to_bytes(4, "little") for i in ids)
    return hashlib.sha256(data).hexdigest()


# ---- models -----------------------------------------------------------------


def load_model(folder, adapter=None, dtype=None):
    """The model, with an adapter merged into its weights where one is given."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype or torch.float32,
        attn_implementation="eager",
        trust_remote_code=False,
    )
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model.eval()


def exact(model):
    """The model in float64, angles of RoPE included.  Those, transformers
    computes in float32 whatever the model's type, which at position 511 is
    3e-5 of a radian off and moves the sample's logits by 3e-5."""
    import torch

    config = model.config
    rope = config.rope_parameters
    head_dim = config.hidden_size // config.num_attention_heads
    n = int(head_dim * rope["partial_rotary_factor"])
    turns = torch.arange(0, n, 2, dtype=torch.float64) / -n
    turns = float(rope["rope_theta"]) ** turns
    if rope["rope_type"] == "linear":
        turns = turns / rope["factor"]
    elif rope["rope_type"] != "default":
        raise ValueError(f"rope_type {rope['rope_type']} is not known here")

    def forward(x, position_ids):
        angles = position_ids[..., None].double() * turns
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    model = model.double()
    model.model.rotary_emb.forward = forward
    return model


def logits(model, ids):
    """Logits of one window at positions 0..len-1, (len, vocabulary)."""
    import torch

    with torch.inference_mode():
        return model(torch.tensor([ids]), use_cache=False).logits[0]


def perplexity(model, ids, n_ctx, max_windows=None):
    """One sum of -ln p for each window; logits in the model's type, the
    softmax in double."""
    import torch

    count = len(ids) // n_ctx
    if max_windows is not None:
        count = min(count, max_windows)
    first = n_ctx // 2
    sums = []
    for w in range(count):
        window = ids[w * n_ctx : (w + 1) * n_ctx]
        rows = logits(model, window)[first : n_ctx - 1].double()
        targets = torch.tensor(window[first + 1 :])
        picked = rows.gather(1, targets[:, None])[:, 0]
        sums.append(float((rows.logsumexp(1) - picked).sum()))
    scored = count * (n_ctx - 1 - first)
    mean = sum(sums) / scored if scored else float("nan")
    return {
        "n_ctx": n_ctx,
        "chunks": count,
        "scored": scored,
        "nll_sum_per_chunk": sums,
        "mean_nll": mean,
        "ppl": float(torch.tensor(mean, dtype=torch.float64).exp()),
    }


def versions():
    from importlib.metadata import version

    names = ("torch", "transformers", "peft", "tokenizers", "safetensors")
    return {name: version(name).split("+")[0] for name in names}

# SPDX-License-Identifier: MIT
"""GGUF files and packed files that no sound folder can be made of."""

import tiny
from case import REFUSED, gguf

KEYS = tiny.gguf_keys()
ENTRIES = tiny.gguf_entries()
EXPORT = ["export", "-q", "-o", "out"]
U32, F32, BOOL, STRING, ARRAY = (tiny.U32, tiny.F32, tiny.BOOL, tiny.STRING,
                                 tiny.ARRAY)


def refuse(name, says, keys=(), entries=ENTRIES, change=None):
    """change: name -> what replaces the key's value."""
    all_keys = [(key, kind, (change or {}).get(key, value))
                for key, kind, value in KEYS] + list(keys)
    gguf("ex-" + name, tiny.gguf_file(all_keys, entries), REFUSED, says,
         args=EXPORT)


# --- tensors ----------------------------------------------------------------

for missing in ("token_embd.weight", "blk.0.attn_norm.bias",
                "blk.1.ffn_up.weight", "blk.1.attn_k.bias", "output.bias",
                "output_norm.weight"):
    refuse("missing-" + missing, '(tensor )?"%s"(: is missing|)' % missing,
           entries=[e for e in ENTRIES if e[0] != missing])
HIDDEN = tiny.HIDDEN
FUSED = [("blk.0.attn_qkv.weight", [HIDDEN, 3 * HIDDEN], 1,
          bytes(6 * HIDDEN * HIDDEN)),
         ("blk.0.attn_qkv.bias", [3 * HIDDEN], 0, bytes(12 * HIDDEN))]
refuse("fused-too", r'tensor "blk\.0\.attn_q\.weight": is there for itself and '
       "in attn_qkv, expected once", entries=ENTRIES + FUSED)
refuse("fused-first", r'tensor "blk\.0\.attn_q\.weight": is there for itself '
       "and in attn_qkv, expected once", entries=FUSED + ENTRIES)
refuse("fused-half", r'tensor "blk\.0\.attn_q\.bias": is missing',
       entries=[e for e in ENTRIES
                if not e[0].startswith(("blk.0.attn_q.", "blk.0.attn_k.",
                                        "blk.0.attn_v."))] + FUSED[:1])

# --- tokenizer --------------------------------------------------------------

MERGES = ["%s %s" % m for m in tiny.MERGES]
for i, merge in enumerate(["he zz", "zz he", "q u", "[PAD262] he",
                           tiny.END + " he"]):
    refuse("merge-%d" % i, "merge 4: is .*, expected two tokens of the "
           "vocabulary that make a third",
           change={"tokenizer.ggml.merges": (STRING, MERGES + [merge])})
for key in ("eot_token_id", "eom_token_id", "fim_pre_token_id",
            "fim_suf_token_id", "prefix_token_id"):
    refuse("key-" + key, 'key "tokenizer.ggml.%s": has no place in' % key,
           [("tokenizer.ggml." + key, U32, 261)])
refuse("key-other", r'key "tokenizer\.huggingface\.json": has no place in',
       [("tokenizer.huggingface.json", STRING, "{}")])
for key in ("add_bos_token", "remove_extra_whitespaces"):
    refuse("flag-" + key, 'key "tokenizer.ggml.%s": is true' % key,
           [("tokenizer.ggml." + key, BOOL, 1)])
TEMPLATE = "tokenizer.chat_template"
refuse("template-nul", 'key "%s": is no text in UTF-8' % TEMPLATE,
       [(TEMPLATE, STRING, "abc\0def")])
refuse("template-bytes", 'key "%s": is no text in UTF-8' % TEMPLATE,
       [(TEMPLATE, STRING, b"abc\xff")])
refuse("template-named", r'key "%s\.tool": several chat templates' % TEMPLATE,
       [(TEMPLATE + ".tool", STRING, "x")])

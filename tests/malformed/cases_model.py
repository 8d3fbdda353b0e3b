# SPDX-License-Identifier: MIT
"""config.json, the tokenizer's files, the card and other files of a folder:
well-formed, and wrong in what they say."""

import json

import tiny
from case import ACCEPTED, REFUSED, model, single, words


def dump(value):
    return json.dumps(value).encode()


# --- config.json -----------------------------------------------------------


def config(name, says, code=REFUSED, **changes):
    value = {**tiny.CONFIG, **changes}
    value = {k: v for k, v in value.items() if v is not ...}
    single("cf-" + name, "config.json", dump(value), code, says)


SIZES = ["hidden_size", "intermediate_size", "num_hidden_layers",
         "num_attention_heads", "num_key_value_heads",
         "max_position_embeddings", "vocab_size"]
for key in SIZES:
    for name, value in [("0", 0), ("minus", -1), ("fraction", 64.5),
                        ("float", 64.0), ("text", "64"), ("bool", True),
                        ("array", [64]), ("object", {}), ("huge", 1 << 40),
                        ("wrap", (1 << 64) + 64), ("digits", 10 ** 40)]:
        config("%s-%s" % (key, name), 'key "%s": is .*, expected an integer'
               % key, **{key: value})
for key, limit in [("hidden_size", 1048576), ("intermediate_size", 1048576),
                   ("num_hidden_layers", 4096),
                   ("num_attention_heads", 65536),
                   ("num_key_value_heads", 65536),
                   ("max_position_embeddings", 1 << 30),
                   ("vocab_size", 1 << 24)]:
    config("%s-over" % key, 'key "%s": is %d, expected an integer 1 to %d'
           % (key, limit + 1, limit), **{key: limit + 1})
config("ok-context-limit", "", ACCEPTED, max_position_embeddings=1 << 30)
# At a limit that no data backs the weights are the next thing to be missed.
for key, says in [("hidden_size", "has shape"),
                  ("intermediate_size", "has shape"),
                  ("vocab_size", "has shape")]:
    limit = 1 << 24 if key == "vocab_size" else 1048576
    model("cf-%s-at" % key, {"config.json": dump(
        {**tiny.CONFIG, key: limit})}, REFUSED, "model.safetensors",
        'tensor ".*": ' + says)
model("cf-layers-at", {"config.json": dump(
    {**tiny.CONFIG, "num_hidden_layers": 4096})}, REFUSED, "",
    r'tensor "model\.layers\.2\..*": is missing, expected with shape')
for layers, where, says in [
        (1, "model.safetensors", 'tensor "model.*": is of layer 1, expected 0 '
         "to 0: num_hidden_layers is 1"),
        (3, "", r'tensor "model\.layers\.2.*": is missing, expected with')]:
    model("cf-layers-%d" % layers, {"config.json": dump(
        {**tiny.CONFIG, "num_hidden_layers": layers})}, REFUSED, where, says)
config("heads-3", 'key "num_attention_heads": is 3, expected a divisor of '
       "hidden_size 64", num_attention_heads=3, num_key_value_heads=3)
config("kv-heads", 'key "num_key_value_heads": is 3, expected a divisor',
       num_attention_heads=4, num_key_value_heads=3)
config("head-dim", 'key "head_dim": is 16, expected hidden_size',
       head_dim=16)
config("ok-head-dim", "", ACCEPTED, head_dim=32)
for i, value in enumerate(["relu", "gelu", "silu", "", "GELU_NEW",
                           "gelu_new\x1b[0m", "x" * 100000]):
    config("activation-%d" % i, 'key "hidden_act": is ".*", expected '
           '"gelu_new"', hidden_act=value)
for i, value in enumerate([1, [], {}, True]):
    config("activation-kind-%d" % i, 'key "hidden_act": is .*, expected a '
           "string", hidden_act=value)
for i, value in enumerate([["Phi3ForCausalLM"], ["LlamaForCausalLM"], [""],
                           ["PhiForCausalLM", "PhiModel"], ["phi"]]):
    config("architecture-%d" % i, r'key "architectures\[\d\]": is ".*", '
           'expected "PhiForCausalLM"', architectures=value)
for i, value in enumerate([1, "PhiForCausalLM", {}, True]):
    config("architectures-kind-%d" % i, 'key "architectures": is .*, '
           "expected an array", architectures=value)
config("architecture-number", r'key "architectures\[0\]": is 1, expected a '
       "string", architectures=[1])
for i, value in enumerate(["phi3", "llama", "", "PHI"]):
    config("type-%d" % i, 'key "model_type": is ".*", expected "phi"',
           model_type=value)
config("no-architecture", 'key "architectures": is missing',
       architectures=..., model_type=...)
for key in ("layer_norm_eps", "rope_theta", "partial_rotary_factor"):
    for name, value in [("text", "1"), ("null-text", "null"), ("bool", True),
                        ("array", [1]), ("object", {}), ("minus", -1),
                        ("huge", 1e300), ("nan-text", "NaN")]:
        config("%s-%s" % (key, name), 'key "%s": is .*, expected a number'
               % key, **{key: value})
config("eps-0", 'key "layer_norm_eps": is 0, expected a number',
       layer_norm_eps=0)
config("theta-0", 'key "rope_theta": is 0, expected a number', rope_theta=0)
config("rotary-0", "key .*rotary.*: makes 0 rotary dimensions", partial_rotary_factor=0)
config("rotary-odd", "key .*rotary.*: .*even",
       partial_rotary_factor=0.1)
config("two-values", 'key "layer_norm_epsilon": is .*, but "layer_norm_eps" '
       "is .*, expected the same", layer_norm_epsilon=1e-6)
config("two-sizes", 'key "n_embd": is 128, but "hidden_size" is 64, '
       "expected the same", n_embd=128)
config("ok-two-sizes", "", ACCEPTED, n_embd=64, rotary_dim=16)
for i, (name, value) in enumerate([("attention_sinks", 4), ("x", "y"),
                                   ("moe", [1]), ("sliding_window", 64),
                                   ("", 1), ("\x1b]0;t\x07", 1),
                                   ("k" * 100000, 1),
                                   ("num_experts", {"a": 1})]):
    config("stranger-%d" % i, 'key ".*": is .*: phiconv does not know this',
           **{name: value})
config("ok-switched-off", "", ACCEPTED, sliding_window=None, moe=False,
       experts=[], gate={}, way="")
config("quantized", 'key "quantization_config": the checkpoint is quantized '
       r'\(quant_method "gptq"\)', quantization_config={
           "quant_method": "gptq", "bits": 4})
config("quantized-kind", 'key "quantization_config": is "?a? ?string"?.*, '
       "expected an object", quantization_config="gptq")
for i, value in enumerate([{"type": "yarn", "factor": 2},
                           {"rope_type": "longrope"}, {"type": "dynamic"}]):
    config("rope-%d" % i, r'key "rope_scaling\..*type": is ".*", expected '
           '"default" or "linear"', rope_scaling=value)
for i, value in enumerate([{"type": "linear", "factor": 0},
                           {"type": "linear", "factor": 0.5},
                           {"type": "linear", "factor": 65537},
                           {"type": "linear", "factor": "2"},
                           {"type": "linear"}]):
    config("rope-factor-%d" % i, r'key "rope_scaling\.factor": is (.*, expected '
           "a number 1 to 65536|missing, expected a number for linear)",
           rope_scaling=value)
for i, value in enumerate([1, "linear", []]):
    config("rope-kind-%d" % i, 'key "rope_scaling": is .*, expected an '
           "object", rope_scaling=value)
config("rope-stranger", r'key "rope_scaling\.beta": is .*: phiconv does not',
       rope_scaling={"type": "linear", "factor": 2, "beta": 1})
config("ok-rope", "", ACCEPTED,
       rope_scaling={"type": "linear", "factor": 2.0})
for key in ("tie_word_embeddings", "qk_layernorm"):
    for i, value in enumerate([1, "true", [True], {}]):
        config("%s-kind-%d" % (key, i), 'key "%s": is .*, expected '
               % key, **{key: value})
model("cf-tied", {"config.json": dump(
    {**tiny.CONFIG, "tie_word_embeddings": True})}, REFUSED,
    "model.safetensors", r'tensor "lm_head\.weight": differs from ".*", '
    "expected the same: tie_word_embeddings is true")
model("cf-norms", {"config.json": dump({**tiny.CONFIG,
                                        "qk_layernorm": True})}, REFUSED, "",
      'tensor "model.*layernorm.*": is missing')
for key in ("bos_token_id", "eos_token_id"):
    # Where the tokenizer's files say nothing, it is the config that says.
    for i, value in enumerate([272, 1 << 31, 1 << 32, 1 << 53, -1, 1.5, "x",
                               {}]):
        model("cf-%s-%d" % (key, i), {
            "config.json": dump({**tiny.CONFIG, key: value}),
            "tokenizer_config.json": None, "special_tokens_map.json": None},
            REFUSED, "config.json",
            'key "%s": is .*, expected an integer 0 to 271' % key)

# --- tokenizer.json --------------------------------------------------------


def tokenizer(name, change, says, code=REFUSED, files=None,
              where="tokenizer.json", **more):
    value = tiny.tokenizer()
    change(value)
    # Its twins say the same of the vocabulary: they would object first.
    model("tk-" + name, {"tokenizer.json": dump(value), "vocab.json": None,
                         "merges.txt": None, "added_tokens.json": None,
                         "tokenizer_config.json": None, **(files or {})},
          code, where, says, **more)


def put(*path):
    """put(a, b, value): value becomes member b of a."""
    def change(tree):
        for key in path[:-2]:
            tree = tree[key]
        if path[-1] is ...:
            del tree[path[-2]]
        else:
            tree[path[-2]] = path[-1]
    return change


tokenizer("ok", lambda t: None, "", ACCEPTED)
# Without a type it is a BPE, which lacks its words.
UNSUPPORTED = (r'key "(%s": is of type ".*", supported is "|'
               r'%s\.vocab": is missing)')
WRONG = {"gone": 'key "(%s|%s)": is missing',
         "null": 'key "(%s|%s)": is null, expected an object',
         "text": 'key "(%s|%s)": is a string, expected an object',
         "array": 'key "(%s|%s)": is an array, expected an object',
         "empty": UNSUPPORTED, "type": UNSUPPORTED, "type-kind": UNSUPPORTED}
for key in ("model", "pre_tokenizer", "decoder"):
    for name, value in [("gone", ...), ("null", None), ("text", "x"),
                        ("array", []), ("empty", {}),
                        ("type", {"type": "Unigram"}),
                        ("type-kind", {"type": 1})]:
        # Decoding is nothing that GGUF could say: only a wrong one counts.
        ok = key == "decoder" and value in (..., None)
        tokenizer("%s-%s" % (key, name), put(key, value),
                  "" if ok else WRONG[name] % (key, key),
                  ACCEPTED if ok else REFUSED)
for kind in ("NFC", "Lowercase", "Replace", "Sequence"):
    tokenizer("normalizer-" + kind, put("normalizer", {"type": kind}),
              'key "normalizer.*": is')
for key in ("vocab", "merges"):
    for name, value in [("gone", ...), ("null", None), ("text", "x"),
                        ("number", 1)]:
        tokenizer("%s-%s" % (key, name), put("model", key, value),
                  r'key "model\.%s": is' % key)
for i, pattern in enumerate(["\\p{N}{1,3}", "(a+)+$", "((((", "x" * 100000,
                             "\\p{L}+(?=\\x1b)", ""]):
    tokenizer("split-%d" % i, put("pre_tokenizer", {
        "type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern},
             "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False,
             "trim_offsets": True, "use_regex": False}]}),
        r'key "pre_tokenizer\..*\.Regex": is .*, supported is GPT-2')
for key, value in [("dropout", 0.1), ("continuing_subword_prefix", "##"),
                   ("end_of_word_suffix", "</w>"), ("ignore_merges", True),
                   ("byte_fallback", True)]:
    tokenizer("bpe-" + key, put("model", key, value),
              'key "model": has ' + key)
tokenizer("prefix-space", put("pre_tokenizer", "add_prefix_space", True),
          'key "pre_tokenizer": has add_prefix_space, supported is false')
for i, number in enumerate([-1, 1.5, "1", None, [], True, 1 << 32, 1 << 53,
                            1 << 64]):
    tokenizer("id-kind-%d" % i, put("model", "vocab", "he", number),
              r'key "model\.vocab\.he": is .*, expected an integer')
for i, number in enumerate([272, 1 << 16, (1 << 32) - 1]):
    tokenizer("id-%d" % i, put("model", "vocab", "he", number),
              r'key "model\.vocab\.he": token "he" has id %d, but the model '
              "has 272 rows" % number)
tokenizer("id-twice", put("model", "vocab", "he", 0),
          'key "model.vocab.he": tokens ".*" and "he" both have id 0')
tokenizer("token-empty", put("model", "vocab", "", 265),
          'key "model.vocab.*": a token without text')
tokenizer("token-65536", put("model", "vocab", "x" * 65537, 265),
          "key .*: a token of 65537 bytes, the limit is 65536")
tokenizer("ok-token-65536", lambda t: t["model"]["vocab"].update(
    {"x" * 65536: t["model"]["vocab"].pop("hell")}) or
    t["model"]["merges"].pop(2), "", ACCEPTED)
# Without weights nothing backs config.json's vocab_size: this made strings for
# 16 million rows, 2.3 GB of them.
ALONE = ["tokenize", "--count", "-f", "text.txt"]
ROWS = {"config.json": dump({**tiny.CONFIG, "vocab_size": 1 << 24})}
model("tk-ok-rows", {**ROWS, "model.safetensors": None}, ACCEPTED, args=ALONE)
# Nor does an id. There are 261 tokens here.
for name, number, says in [
        ("ok-alone-at", 261 + 65535, ""),
        ("alone-over", 261 + 65536, r'key "model\.vocab\.zz": token "zz" has id '
         "65797, but there are 261 tokens; without weights the limit is 65536"),
        ("alone-last", (1 << 24) - 1, r'key "model\.vocab\.zz": token "zz" has '
         "id 16777215, but there are 261 tokens"),
        ("alone-rows", 1 << 24, r'key "model\.vocab\.zz": token "zz" has id '
         "16777216, but the model has 16777216 rows")]:
    tokenizer(name, lambda t: t["model"]["vocab"].update({"zz": number}) or
              t["added_tokens"].clear(), says, REFUSED if says else ACCEPTED,
              {**ROWS, "special_tokens_map.json": None}, args=ALONE)
# The end of a text may be a row that no token has.
model("tk-ok-alone-role", {
    "config.json": dump({**tiny.CONFIG, "eos_token_id": 271}),
    "tokenizer_config.json": None, "special_tokens_map.json": None},
    ACCEPTED, args=ALONE)
tokenizer("no-byte", lambda t: t["model"]["vocab"].update(
    {"xx": t["model"]["vocab"].pop("\u0100")}), "byte 0x00 has no token")
tokenizer("vocab-empty", put("model", "vocab", {}), r'key "added_tokens\[0\]": '
          r'token ".*" has id 260, but Hugging Face\S* tokenizers give it 1')
BLANK = 'is ".*", expected two parts and a blank'
for i, (merge, says) in enumerate([
        (["h"], "has 1 parts, expected 2"),
        (["h", "e", "l"], "has 3 parts, expected 2"),
        ([], "has 0 parts, expected 2"), ("he", BLANK), ("h  e", BLANK),
        ("h ", BLANK), (" h", BLANK), ("", BLANK),
        (["h", 1], "is 1, expected a string"),
        ([None, "e"], "is null, expected a string"),
        (1, "is 1, expected an array"), (None, "is null, expected an array"),
        ({}, "is an object, expected an array"),
        (["h", ""], 'is "", expected text without blanks'),
        (["", ""], 'is "", expected text without blanks')]):
    tokenizer("merge-%02d" % i, lambda t, m=merge:
              t["model"]["merges"].append(m),
              r'key "model\.merges\[4\](\[[01]\])?": ' + says)
for i, merge in enumerate([["q", "zz"], ["zz", "q"], ["h", "q"],
                           ["he", "he"], ["\u0400", "a"]]):
    tokenizer("merge-unknown-%d" % i, lambda t, m=merge:
              t["model"]["merges"].append(m),
              'merge 4: ".*" is not in the vocabulary')
tokenizer("merge-twice", lambda t: t["model"]["merges"].append(["h", "e"]),
          'merge 4: "h" and "e" twice')
for i, added in enumerate([1, "x", None, [], True]):
    tokenizer("added-kind-%d" % i, put("added_tokens", [added]),
              r'key "added_tokens\[0\]": is .*, expected an object')
NUMBER = r'\.id": is .*, expected an integer 0 to 4294967295'
WORD = r'\.content": is .*, expected a string'
CARRIED = '": token ".*" has %s, which GGUF cannot carry'
NEXT = '": token ".*" has id %d, but Hugging Face.* give it 260, the next free'
for i, (change, says) in enumerate([
        ({"id": 272}, '": token ".*" has id 272, but the model has 272 rows'),
        ({"id": -1}, NUMBER), ({"id": "260"}, NUMBER), ({"id": None}, NUMBER),
        ({"id": 1 << 32}, NUMBER), ({"content": ""}, '": a token without text'),
        ({"content": 1}, WORD), ({"content": None}, WORD),
        ({"content": "\u2581"}, r'": token ".*" holds U\+2581, which'),
        ({"lstrip": True}, CARRIED % "lstrip"),
        ({"rstrip": True}, CARRIED % "rstrip"),
        ({"single_word": True}, CARRIED % "single_word"),
        ({"lstrip": 1}, r'\.lstrip": is 1, expected true or false'),
        ({"special": "yes"}, r'\.special": is a string, expected true or'),
        ({"content": "x" * 65537},
         '": a token of 65537 bytes, the limit is 65536'),
        ({"id": 269}, NEXT % 269), ({"id": 5}, NEXT % 5)]):
    tokenizer("added-%02d" % i, put("added_tokens", [
        {**tiny.added_token(260, tiny.END, True), **change}]),
        r'key "added_tokens\[0\]' + says)
tokenizer("added-twice", lambda t: t["added_tokens"].append(
    tiny.added_token(262, tiny.END)), 'key "added_tokens.2.": token ".*" is '
    "added twice")
tokenizer("added-array", put("added_tokens", {}),
          'key "added_tokens": is .*, expected an array')
END = r"\.special_tokens\.<\|endoftext\|>"
OTHERS = END + r'\.ids": puts other tokens than that of the text'
for i, (processor, says) in enumerate([
        ({"type": "BertProcessing"},
         '": is of type "BertProcessing", supported are'),
        ({"type": "TemplateProcessing", "single": 1},
         r'\.single": is 1, expected an array'),
        ({"type": "TemplateProcessing", "single": [1], "pair": [],
          "special_tokens": {}},
         r'\.single": is a template other than "bos text eos"'),
        ({"type": "Sequence", "processors": 1},
         r'\.processors": is 1, expected an array'),
        *[({"type": "TemplateProcessing", "pair": [],
            "single": [{"SpecialToken": {"id": tiny.END, "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": special}, says)
          for special, says in [
              ({}, '": names the special token ".*", expected it in'),
              ({tiny.END: 1}, END + '": is 1, expected an object'),
              ({tiny.END: {"ids": 260}},
               END + r'\.ids": is 260, expected an array'),
              ({tiny.END: {"ids": ["260"]}},
               END + r'\.ids\[0\]": is a string, expected an integer'),
              ({tiny.END: {"ids": [5]}}, OTHERS),
              ({tiny.END: {"ids": [260, 260]}}, OTHERS)]]]):
    tokenizer("processor-%d" % i, put("post_processor", processor),
              'key "post_processor' + says)

# --- vocab.json and merges.txt ---------------------------------------------


def vocab(name, files, says, code=REFUSED, where="vocab.json"):
    model("vb-" + name, {"tokenizer.json": None, **files}, code, where, says)


WORDS = tiny.vocabulary()
vocab("ok", {}, "", ACCEPTED)
for i, (key, value, says) in enumerate([
        ("he", 272, "has id 272, but the model has 272 rows"),
        ("he", -1, "is -1, expected an integer"),
        ("he", "1", "is a string, expected an integer"),
        ("he", 0, "both have id 0"), ("", 265, "a token without text"),
        ("he", 1.5, "is 1.5, expected an integer")]):
    vocab("entry-%d" % i, {"vocab.json": dump({**WORDS, key: value})},
          'key "%s": .*%s' % (key, says))
vocab("other", {"vocab.json": dump({**WORDS, "zz": 262}),
                "tokenizer.json": dump(tiny.tokenizer())},
      'token "zz" has id 262, but model/tokenizer.json does not have it')
vocab("other-id", {"vocab.json": dump({**WORDS, "he": 270}),
                   "tokenizer.json": dump(tiny.tokenizer())},
      'token "he" has id 270, but 256 in model/tokenizer.json')
MERGES = tiny.merges_text()
UNKNOWN = '".*" is not in the vocabulary'
for i, (line, says) in enumerate([
        ("h", BLANK), ("h e l", BLANK), ("h  e", BLANK), (" h e", BLANK),
        ("h e ", BLANK), ("zz q", UNKNOWN), ("h q", UNKNOWN),
        ("h e", '"h" and "e" twice'), ("\x1b[31m a", UNKNOWN),
        ("\xff \xfe", UNKNOWN), ("x" * 100000, BLANK), ("he he", UNKNOWN)]):
    vocab("merge-%02d" % i,
          {"merges.txt": MERGES.encode() + line.encode("latin-1") + b"\n"},
          "line 6: " + says, where="merges.txt")
vocab("merges-binary", {"merges.txt": bytes(range(256)) * 16},
      "line 1: " + BLANK, where="merges.txt")
vocab("merges-nul", {"merges.txt": MERGES.encode() + b"h\0 e\n"},
      "line 6: " + UNKNOWN, where="merges.txt")
vocab("ok-merges-crlf", {"merges.txt": MERGES.replace("\n", "\r\n").encode()},
      "", ACCEPTED)
vocab("ok-merges-cut", {"merges.txt": MERGES.rstrip("\n").encode()}, "",
      ACCEPTED)
vocab("ok-merges-plain", {"merges.txt":
                          MERGES.split("\n", 1)[1].encode()}, "", ACCEPTED)
vocab("fewer-merges", {"merges.txt": MERGES[:MERGES.rindex("\u0120")]
                       .encode(),
                       "tokenizer.json": dump(tiny.tokenizer())},
      "has 3 merges, but model/tokenizer.json has 4", where="merges.txt")
vocab("other-merges", {"merges.txt": MERGES.replace("l l", "l e").encode(),
                       "tokenizer.json": dump(tiny.tokenizer())},
      "line 3: " + UNKNOWN, where="merges.txt")

# --- the files about special tokens ----------------------------------------


def options(name, says, code=REFUSED, **changes):
    single("tc-" + name, "tokenizer_config.json",
           dump({**tiny.tokenizer_config(), **changes}), code, says)


options("prefix-space", "has add_prefix_space true", add_prefix_space=True)
options("prefix-kind", 'key "add_prefix_space": is', add_prefix_space=1)
for i, value in enumerate(["zz", "<|x|>", "\x1b[31m", "x" * 10000]):
    model("tc-eos-%d" % i, {
        "tokenizer_config.json": dump({**tiny.tokenizer_config(),
                                       "eos_token": value})},
        REFUSED, "special_tokens_map.json", 'key "eos_token": is ".*", but')
for i, value in enumerate([1, True, [], {"content": 1}]):
    options("eos-kind-%d" % i, r'key "eos_token(\.content)?": is .*, expected '
            "a string", eos_token=value)
for i, value in enumerate([[], "x", 1]):
    options("decoder-kind-%d" % i, 'key "added_tokens_decoder": is .*, '
            "expected an object", added_tokens_decoder=value)
for i, (key, value) in enumerate([
        ("x", {"content": "a"}), ("-1", {"content": "a"}),
        ("1e3", {"content": "a"}), ("", {"content": "a"}),
        ("99999999999", {"content": "a"}), ("260", 1), ("260", {}),
        ("260", {"content": 1}), ("272", {"content": "a"}),
        ("4294967556", {"content": "a"})]):
    options("decoder-%d" % i,
            r'(key "added_tokens_decoder\.|token "260" has id 1, but)',
            added_tokens_decoder={key: value})
options("decoder-other", 'token "zz" has id 262, but',
        added_tokens_decoder={"262": {"content": "zz"}})
for i, value in enumerate([1, True, {"a": 1}, [1], [{"name": 1}]]):
    options("template-kind-%d" % i, r'key "chat_template(\[0\](\.name)?)?": is '
            ".*, expected an? (string|object)", chat_template=value)
# Never rendered: what would be a bomb elsewhere is bytes here.
for i, value in enumerate(["{% for i in range(10**9) %}{% endfor %}",
                           "{{ ''.__class__.__mro__[1].__subclasses__() }}",
                           "{{" * 100000, "\x1b[31m{{ x }}"]):
    options("ok-template-%d" % i, "", ACCEPTED, chat_template=value)
single("tc-ok-jinja", "chat_template.jinja", b"{{ 7 * 7 }}\n", ACCEPTED)
# An old template in tokenizer_config.json was taken for the new file's.
for name, value, code, says in [
        ("ok-null", None, ACCEPTED, ""), ("ok-same", "{{ 7 }}", ACCEPTED, ""),
        ("other", "{{ 6 }}", REFUSED, 'template "default" differs from that of '
         'key "chat_template" of model/tokenizer_config.json')]:
    model("tc-two-templates-" + name, {
        "chat_template.jinja": b"{{ 7 }}", "tokenizer_config.json": dump(
            {**tiny.tokenizer_config(), "chat_template": value})},
        code, "chat_template.jinja" if says else "", says)
single("tc-jinja-bytes", "chat_template.jinja", b"\xff\xfe{{ }}", REFUSED,
       ".*UTF-8")
for i, value in enumerate([1, [], {"content": 2}, True]):
    single("sm-kind-%d" % i, "special_tokens_map.json",
           dump({"eos_token": value}), REFUSED,
           r'key "eos_token(\.content)?": is .*, expected a string')
single("sm-unknown", "special_tokens_map.json", dump({"eos_token": "zz"}),
       REFUSED, 'key "eos_token": is "zz", but ".*" in')
for i, (value, says) in enumerate([
        ({"zz": 262}, 'token "zz" has id 262, but'),
        ({tiny.END: 3, "  ": 261}, "has id 3, but 260 in"),
        ({tiny.END: 260, "  ": 272}, "has id 272, but the model has"),
        ({tiny.END: 260, "  ": "x"}, 'key "  ": is a string')]):
    single("at-%d" % i, "added_tokens.json", dump(value), REFUSED,
           ".*" + words(says))

# --- the card and the rest -------------------------------------------------


def card(name, text, says="", code=REFUSED):
    single("rm-" + name, "README.md", text if isinstance(text, bytes)
           else ("---\n" + text + "\n---\n").encode(), code, says)


for i, text in enumerate([b"", b"# Title\n", b"---", b"---\n---\n",
                          b"--\nlicense: mit\n--\n", bytes(100),
                          b"\xff\xfe---\n", b"x" * 5000000]):
    card("ok-%d" % i, text, code=ACCEPTED)
ANCHOR = "YAML anchors and aliases are not read here"
RESERVED = "unquoted text begins with a reserved character"
for i, (text, says) in enumerate([
        ("*a", ANCHOR), ("&a mit", ANCHOR),
        ("!!str x", "YAML tags are not read here"),
        ("[mit", "a bracket is not closed"),
        ("{a: b", "a bracket is not closed"), ('"mit', "a quote is not closed"),
        ("'mit", "a quote is not closed"), ("@x", RESERVED), ("`x", RESERVED),
        ('"\\x1"', r"a \\ escape has too few digits"),
        ('"\\ud800"', r"a \\ escape is no character"), ("%x", RESERVED),
        ("mit\nlicense: mit", "is given on line 2 already")]):
    card("field-%02d" % i, "license: " + text, 'line [23]: "license": ' + says)
card("ok-not-closed", b"---\nlicense: mit\n", code=ACCEPTED)
NESTED = 'line 2: "license": values are nested more than 16 deep'
card("deep", "license: " + "[" * 5000 + "]" * 5000, NESTED)
card("deep-map", "license: " + "{a: " * 5000, NESTED)
card("ok-list", "license: [a, b]", code=ACCEPTED)
card("bytes", b"---\nlicense: \xff\xfe\n---\n",
     "line 2: front matter is not UTF-8")
card("ok-unread", "widget: *broken\nlicense: mit", code=ACCEPTED)
for i, (key, value) in enumerate([("temperature", "hot"),
                                  ("temperature", []), ("top_k", 1.5),
                                  ("top_p", "x"), ("top_p", {}),
                                  ("top_k", 1 << 60), ("min_p", [1])]):
    single("gc-%d" % i, "generation_config.json", dump({key: value}), REFUSED,
           'key "%s": is' % key)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/tokenizer-cases.json: tricky texts and their ids.

  make_tokenizer_cases.py MODEL [--check] FILE

MODEL is the folder of the tokenizer. The ids are those of the Hugging Face
tokenizers library; "plain" are those with special tokens as ordinary text,
where they differ. With --check, FILE is compared instead of written.
"""
import argparse
import json
import random
import sys
from pathlib import Path

import tokenizers

BY_HAND = (
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\t", "\t\n", " \n", "\n ",
    "\r\n", "\r\n\r\n", "\r", "\v\f", "\x1c\x1d\x1e\x1f", "\x7f", "\x01",
    "Hello world", " Hello world", "Hello  world", "Hello   world ",
    "Hello, world!", "hello\nworld", "hello \n world", "hello\n  world",
    "HELLO WoRlD", "can't won't I'll we've you're he'd I'm it's",
    "CAN'T WON'T I'LL", "'s't're've'm'll'd", "'' 's '' ''s", "' s", "'\u017f",
    "'lls 'reve", "''''", "l'\u00e9t\u00e9", "\u2019s \u2019t",
    "a1b2c3", "1a 2b", "123 456,789.00", " 1", "  1", "\u00b2\u00b3\u00b9",
    "\u00bd cup", "\u2167 \u2180", "\u2460\u2461", "\u0664\u0662",
    "\u0967\u0968", "\U0001d7d8\U0001d7ff", "\u4e00\u4e8c\u4e09", "\u3007",
    "x=y+z;", "f(x) = a_1*x^2", "/* C */ int i;", "http://a.b/c?d=e&f#g",
    "...", " ...", "  ...", "... ...", "!?", "-- --", "_a_b_", "$5.00",
    "if x:\n    return x\n\telse\n\t\tpass\n", "\t\ta\t\t\tb\t",
    "\u00a0", "a\u00a0b", " \u00a0 b", "\u00a0 b", "a \u00a0", "\u0085x",
    "a\u0085\u0085b", "\u1680x\u1680", "\u180ex \u180e", "\u180e\u180e",
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200ax",
    "\u2028a\u2029", "\u202fx", "\u205fx", "\u3000x\u3000\u3000", "a\u200bb",
    "\u200b", "\u200c\u200d", "\u2060", "\ufeffa", "a\u00adb", " \u00ad",
    "e\u0301", " \u0301", "\u0301a", "a\u0301\u0302\u0303b", "\u20dd",
    "\u0e01\u0e33\u0e31", "\u0915\u094d\u0937\u093f", "\u1780\u17b6\u1793",
    "\u0130\u0131\u1e9e\u00df", "\ufb01\ufb02", "\u01c5", "\u02b0\u02bc",
    "\u00aa\u00ba", "\u2102\u2115", "\u24b6\u24d0", "\U0001f130",
    "\u043f\u0440\u0438\u0432\u0435\u0442", "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 \u0661", "\u3053\u3093\u306b\u3061\u306f",
    "\u4f60\u597d \u4e16\u754c", "\uc548\ub155", "\u1112\u1161\u11ab",
    "\U00020000\U0002a6d6", "\U0001f999", " \U0001f999", "\U0001f468\u200d"
    "\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f",
    "\u0378", "a\u0378b", " \u0378", "\U000e0001", "\ue000", "\U0010fffd",
    "\ufffd", "\ufffe\uffff", "\U0010ffff",
    # Assigned after Unicode 14: letters, then numbers.
    "a\u1c89b", "\ua7cb\ua7da", "\U000105c0 \U00010d4a", "a\U00031350b",
    "\U0002ebf0\U0002ee5d", "\U00011f04x", "a\U0001e4d0", "\U00016d40 1",
    "1\U00010d40", "\U000116d0\U00011bf0", "1\U0001ccf02", "a\U0001e5f1",
    "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|",
    "<|endoftext|><|endoftext|>", "<<|endoftext|>>", "<|<|endoftext|>",
    "  <|endoftext|>\t\t", "<|ENDOFTEXT|>", "'<|endoftext|>s",
    " " * 4, " " * 30, " " * 31, " " * 32, " " * 33, " " * 62, " " * 100 + "x",
    "\t" * 8, "\t" * 9, "\t" * 10, "\t" * 19, " \t  \t\t   \t\t\t",
    "a" + " " * 5 + "b" + " " * 31 + "c", "\n" * 40, "\n \n  \n   \n",
    "\u00a0" * 40, "a" * 100, "ab" * 60, "the" * 40, "0" * 60, "." * 70,
    "=" * 33 + "\n", "antidisestablishmentarianism", "\u0120the\u010a",
    "\u0120", "\u00c4\u00a0", "\u0143", "pneumono" * 20, "aAbBcC" * 10,
)  # fmt: skip

PARTS = (
    "a", "Z", "the", " of", "1", "20", ".", ",", "'", "'s", "'ll", " ", "  ",
    "   ", "\n", "\t", "\t\t", "\r\n", "\u00a0", "\u2003", "\u3000", "\u180e",
    "\u00e9", "e\u0301", "\u0416", "\u4e2d", "\u0e33", "\u00bd", "\u0664",
    "\U0001f999", "\u200d", "\u0378", "\U00031350", "\U00010d40", "\u1c89",
    "<|endoftext|>", "<|", "\ufeff", "\u00ad",
)  # fmt: skip


def texts():
    rng = random.Random(20250101)
    made = [
        "".join(rng.choice(PARTS) for _ in range(rng.randrange(3, 24)))
        for _ in range(60)
    ]
    return list(BY_HAND) + made


def cases(tokenizer):
    for text in texts():
        tokenizer.encode_special_tokens = False
        case = {
            "text": text,
            "ids": tokenizer.encode(text, add_special_tokens=False).ids,
        }
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        if plain != case["ids"]:
            case["plain"] = plain
        yield json.dumps(case, ensure_ascii=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()

    path = args.model / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    text = (
        '{"made_with": "tokenizers %s",\n "cases": [\n  %s\n ]\n}\n'
        % (tokenizers.__version__, ",\n  ".join(cases(tokenizer)))
    )  # fmt: skip
    if not args.check:
        args.file.write_text(text, encoding="ascii")
        return 0
    same = args.file.read_text(encoding="ascii") == text
    print(f"{len(texts())} cases, {'no difference' if same else 'different'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

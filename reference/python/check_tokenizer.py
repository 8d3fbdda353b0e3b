#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks phiconv's tokenizer against the Hugging Face tokenizers library.

  check_tokenizer.py PHICONV MODEL [--cases N] [--seed N] [--data DIR]
                     [FILE...]

Runs `phiconv tokenize MODEL -f FILE` (ids on one line), with and without
--special (special tokens of the text are matched, as the library does, or are
ordinary text), on random Unicode strings, on the given files, and with
--data on every text whose ids are hashed in DIR/goldens/tokens.json.
"""
import argparse
import json
import lzma
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import phi_reference as ref

# Ranges of code points, each with what makes it worth trying.
ALPHABETS = (
    (0x20, 0x7E),  # ASCII
    (0x09, 0x0D),  # tabs and line ends
    (0x00, 0x1F),  # controls
    (0x80, 0xFF),  # Latin-1: C1 controls, NEL, NBSP, soft hyphen, digits
    (0x100, 0x24F),  # two-byte letters
    (0x300, 0x36F),  # combining marks: neither letter nor number
    (0x370, 0x5FF),  # Greek, Cyrillic, Hebrew
    (0x600, 0x6FF),  # Arabic with its digits
    (0x900, 0x97F),  # Devanagari: letters, marks and digits mixed
    (0x1680, 0x1680),  # Ogham space mark
    (0x180E, 0x180E),  # once white space, not any more
    (0x2000, 0x206F),  # spaces, joiners, directions
    (0x2070, 0x218F),  # superscripts, currency, Roman numerals
    (0x2460, 0x24FF),  # circled digits
    (0x3000, 0x30FF),  # ideographic space, kana
    (0x4E00, 0x9FFF),  # Han
    (0xAC00, 0xD7A3),  # Hangul
    (0xE000, 0xE0FF),  # private use: not assigned
    (0xFE00, 0xFEFF),  # variation selectors, byte order mark
    (0xFFF0, 0xFFFF),  # replacement character, noncharacters
    (0x10000, 0x100FF),  # four-byte letters
    (0x1D7CE, 0x1D7FF),  # four-byte digits
    (0x1F300, 0x1F6FF),  # emoji
    (0x1FB00, 0x1FBFF),  # a recent block
    (0xE0000, 0xE01EF),  # tags
)
SNIPPETS = (
    "'s 't 're 've 'm 'll 'd", "'S 'RE", "''", " '", "'lll", "<|endoftext|>",
    "<|endoftext|", "<|", "  ", "   ", " " * 31, " " * 33, "\t\t", "\t" * 10,
    "\n\n", " \n", "\n ", "\r\n", "a", "1", "!", "\u00a0", "\u2028", "\u0085",
    "e\u0301", "\u200d", "\u0130", "\u1e9e", "x" * 40, "0" * 20,
)  # fmt: skip


def random_text(rng):
    pieces = []
    for _ in range(rng.choice((0, 1, 2, 3, 5, 10, 40, 200))):
        if rng.random() < 0.4:
            pieces.append(rng.choice(SNIPPETS))
            continue
        low, high = rng.choice(ALPHABETS)
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            pieces.append(chr(rng.randint(low, high)))
            if rng.random() < 0.2:
                pieces.append(rng.choice((" ", "  ", "\n", "\t")))
    return "".join(pieces)


def run_phiconv(args, path, special):
    command = [str(args.phiconv), "tokenize", str(args.model), "-f", str(path)]
    if special:
        command.append("--special")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    return [int(word) for word in done.stdout.split()]


def first_difference(a, b):
    if isinstance(a, str):
        return a
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return f"id {i}: found {a[i:i + 6]}, expected {b[i:i + 6]}"
    return f"found {len(a)} ids, expected {len(b)}"


def check_text(checks, args, tokenizers, path, text, what):
    for special, tokenizer in tokenizers.items():
        expected = ref.encode(tokenizer, text)
        found = run_phiconv(args, path, special)
        mode = " --special" if special else ""
        checks.that(
            found == expected,
            f"{what}{mode}: {first_difference(found, expected)}",
        )


def check_goldens(checks, args, folder):
    """Texts too long to print are compared by count, hash and first ids."""
    goldens = json.loads((args.data / "goldens" / "tokens.json").read_text())
    description = ref.tokenizer_description(args.model)
    seen = 0
    for name, texts in goldens["tokenizers"].items():
        other = ref.tokenizer_description(args.data / name)
        if other["model"]["vocab"] != description["model"]["vocab"]:
            continue
        for text, golden in texts.items():
            packed = args.data / "corpus" / f"{text}.xz"
            plain = args.data / "sample" / "text" / text
            path = folder / text
            if packed.exists():
                path.write_bytes(lzma.decompress(packed.read_bytes()))
            else:
                path = plain
            ids = run_phiconv(args, path, True)
            if not checks.that(isinstance(ids, list), f"{text}: {ids}"):
                continue
            found = {
                "count": len(ids),
                "sha256": ref.ids_digest(ids),
                "first": ids[: len(golden["first"])],
            }
            checks.equal(found, golden, text)
            seen += 1
    print(f"{seen} texts compared with tokens.json")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phiconv", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    args = parser.parse_intermixed_args()

    checks = ref.Checks()
    tokenizers = {
        special: ref.load_tokenizer(args.model, special)
        for special in (True, False)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "case.txt"
        for case in range(args.cases):
            text = random_text(random.Random(f"{args.seed}:{case}"))
            path.write_bytes(text.encode("utf-8"))
            what = f"--seed {args.seed} case {case}"
            check_text(checks, args, tokenizers, path, text, what)
        for file in args.files:
            text = file.read_bytes().decode("utf-8")
            check_text(checks, args, tokenizers, file, text, file.name)
        if args.data is not None:
            check_goldens(checks, args, folder)
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())

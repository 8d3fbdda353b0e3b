# SPDX-License-Identifier: MIT
"""Logits files that are wrong, as the reference of eval-ppl."""

import math
import re
import struct

import tiny
from case import ACCEPTED, REFUSED, USAGE, add

CTX, WINDOWS = 8, 2
VOCAB = tiny.CONFIG["vocab_size"]
ROWS = CTX - 1 - CTX // 2
EVALUATE = ["eval-ppl", "-q", "-j", "1", "model", "-r", "base.logits"]
NAN, INF = float("nan"), float("inf")


def head(n_ctx=CTX, n_vocab=VOCAB, n_chunk=WINDOWS, magic=b"_logits_"):
    return magic + struct.pack("<3I", n_ctx, n_vocab, n_chunk)


def tokens(n=CTX * WINDOWS, **changes):
    ids = [1 + i % 7 for i in range(n)]
    for at, value in changes.items():
        ids[int(at[1:])] = value
    return struct.pack("<%dI" % n, *ids)


def row(scale=0.0, least=-math.log(VOCAB), q=None, n=VOCAB):
    values = q if q is not None else [0] * n
    return struct.pack("<ff%dH" % (n + n % 2), scale, least,
                       *values, *[0] * (n % 2))


def sound(at=None, other=None, ids=None):
    """A uniform distribution everywhere, but for row `at`."""
    rows = [row()] * (ROWS * WINDOWS)
    if at is not None:
        rows[at] = other
    return head() + (ids or tokens()) + b"".join(rows)


def logits(name, content, code, says="", args=(), **more):
    add("lo-" + name, EVALUATE + list(args), {"base.logits": content}, code,
        says and r"base\.logits: " + says, **more)


# One token of probability 1, the others 16 below it, at a real file's edge.
PEAK = row(16 / 65535, -16.0, [65535] + [0] * (VOCAB - 1))

logits("ok", sound(), ACCEPTED)
logits("ok-peak", sound(2, PEAK), ACCEPTED)
logits("ok-n_ctx-4", head(4) + tokens(4 * WINDOWS) + row() * WINDOWS, ACCEPTED)
logits("ok-one-window", head(n_chunk=1) + tokens(CTX) + row() * ROWS, ACCEPTED)

# --- the head --------------------------------------------------------------

# What has not the magic is taken for a model.
logits("magic", sound().replace(b"_logits_", b"_logitz_"), REFUSED,
       "begins with the bytes 5f 6c 6f 67", ["-f", "text.txt", "-c", "8"])
add("lo-no-text", EVALUATE, {"base.logits": b"_logitz_"}, USAGE,
    "no text: -f TEXT, or a logits file")
logits("only-magic", b"_logits_", REFUSED, "has 8 bytes, expected at least 20")
logits("head-cut", head()[:19], REFUSED, "has 19 bytes, expected at least 20")
for _name, _value in (("zero", 0), ("three", 3), ("over", (1 << 20) + 1),
                      ("negative", 0xffffffff), ("sign", 0x80000000)):
    logits("n_ctx-" + _name, head(n_ctx=_value) + sound()[20:], REFUSED,
           r"n_ctx is -?\d+, expected 4 to 1048576")
for _name, _value in (("zero", 0), ("over", (1 << 24) + 1),
                      ("negative", 0xffffffff)):
    logits("n_vocab-" + _name, head(n_vocab=_value) + sound()[20:], REFUSED,
           r"n_vocab is -?\d+, expected 1 to 16777216")
for _name, _value in (("zero", 0), ("over", (1 << 26) // CTX + 1),
                      ("negative", 0xffffffff), ("sign", 0x80000000)):
    logits("n_chunk-" + _name, head(n_chunk=_value) + sound()[20:], REFUSED,
           r"n_chunk is -?\d+, expected 1 to 8388608, for 67108864 "
           "tokens at most")
# Everything at its limit: the sizes are beyond 64 bits' halves, not beyond.
logits("all-at", head(1 << 20, 1 << 24, 64) + sound()[20:], REFUSED,
       r"has \d+ bytes, expected \d{16} for 64 windows of 1048576 tokens")
logits("n_chunk-at", head(n_chunk=(1 << 26) // CTX) + sound()[20:], REFUSED,
       r"has \d+ bytes, expected \d+ for 8388608 windows")

# --- sizes -----------------------------------------------------------------

logits("tokens-cut", sound()[:30], REFUSED, "has 30 bytes, expected")
logits("rows-missing", sound()[:20 + 4 * CTX * WINDOWS], REFUSED,
       r"has \d+ bytes, expected")
logits("cut", sound()[:-1], REFUSED, r"has \d+ bytes, expected")
logits("longer", sound() + b"\0", REFUSED, r"has \d+ bytes, expected")
logits("a-window-more", head(n_chunk=WINDOWS + 1) + sound()[20:], REFUSED,
       r"has \d+ bytes, expected \d+ for 3 windows of 8 tokens")
logits("other-ctx", head(n_ctx=7) + sound()[20:], REFUSED,
       r"has \d+ bytes, expected")

# --- tokens ----------------------------------------------------------------

logits("token-past", sound(ids=tokens(i11=VOCAB)), REFUSED,
       "window 1, position 3: token %d, expected one below %d" %
       (VOCAB, VOCAB))
logits("token-negative", sound(ids=tokens(i0=0xffffffff)), REFUSED,
       "window 0, position 0: token 4294967295")
logits("other-text", sound(), REFUSED,
       "is of another text than text.txt, or of another tokenizer: window 0, "
       "position 0", ["-f", "text.txt"])
logits("other-vocabulary", head(n_vocab=VOCAB - 2) + tokens() +
       row(n=VOCAB - 2) * (ROWS * WINDOWS), REFUSED,
       "a vocabulary of %d, but model has %d" % (VOCAB - 2, VOCAB))
logits("odd-vocabulary", head(n_vocab=VOCAB - 1) + tokens() +
       row(n=VOCAB - 1) * (ROWS * WINDOWS), REFUSED,
       "a vocabulary of %d, but model has %d" % (VOCAB - 1, VOCAB))

# --- rows ------------------------------------------------------------------

for _name, _scale, _least in (
        ("scale-nan", NAN, -5.0), ("scale-inf", INF, -5.0),
        ("scale-negative", -1e-4, -5.0), ("least-nan", 0.0, NAN),
        ("least-inf", 0.0, INF), ("least-minus-inf", 1e-4, -INF),
        ("both-inf", INF, -INF), ("above-one", 1e-3, -5.0),
        ("least-above", 0.0, 0.5)):
    logits(_name, sound(4, row(_scale, _least)), REFUSED,
           r"window 1, position 5: scale \S+ and least log-probability \S+, "
           "expected finite")
for _name, _row in (
        ("sum-zero", row(0.0, -1000.0)), ("sum-half", row(0.0, -6.3)),
        ("sum-many", row(0.0, 0.0)), ("sum-tiny", row(1e-38, -3.0e38)),
        ("sum-flip", row(16 / 65535, -16.0, [65535 - 4096] +
                         [0] * (VOCAB - 1)))):
    logits(_name, sound(3, _row), REFUSED,
           r"window 1, position 4: the probabilities make \S+, expected 1, "
           r"give or take 0\.01")
for _name, _make in (("least", 0.991), ("most", 1.009), ("below", 0.989),
                     ("over", 1.011)):
    _sound = _name in ("least", "most")
    logits(("ok-sum-" if _sound else "sum-") + _name,
           sound(3, row(0.0, math.log(_make / VOCAB))),
           ACCEPTED if _sound else REFUSED,
           "" if _sound else r"window 1, position 4: the probabilities make "
           r"%s\d*, expected 1, give or take 0\.01" % re.escape(str(_make)))
# What is not looked at may be what it likes.
logits("ok-unused", sound(4, row(NAN, NAN)), ACCEPTED, args=["--chunks", "1"])

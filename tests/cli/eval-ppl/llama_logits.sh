# A file that llama-perplexity wrote (commit d32676d77: -m f16.gguf -f TEXT -c 8
# --chunks 2 --kl-divergence-base llama.logits; its own estimate is in the
# first line below), read, and beside it what we write of the same model.
ln -s "$SAMPLE" m
ln -s "$ROOT/tests/golden/llama.logits" llama.logits
echo "PPL = 76.1120 +/- 70.06274"
$PHICONV eval-ppl m -r llama.logits -f "$TEXT"
$PHICONV eval-ppl m -f "$TEXT" -c 8 --chunks 2 --save-logits own.logits -q
python3 - <<'EOF'
import struct
a, b = (open(name, "rb").read() for name in ("llama.logits", "own.logits"))
n_ctx, n_vocab, n_chunk = struct.unpack_from("<3i", a, 8)
at = 20 + 4 * n_ctx * n_chunk
print("sizes", len(a) == len(b), "heads and tokens", a[:at] == b[:at])
worst = 0
while at < len(a):
    rows = [struct.unpack_from("<ff%dH" % n_vocab, f, at) for f in (a, b)]
    ln_p = [[q * row[0] + row[1] for q in row[2:]] for row in rows]
    worst = max([worst] + [abs(x - y) for x, y in zip(*ln_p)])
    at += 8 + 2 * n_vocab
# Its products are of 16 bits.
print("ln p of all tokens within 0.01" if worst < 0.01 else worst)
EOF

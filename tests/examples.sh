#!/usr/bin/env bash
# Runs the examples of docs/examples on the sample model.
#
#   tests/examples.sh INSPECT QUANTIZE
set -euo pipefail

sample=$(cd "$(dirname "$0")/../reference/sample" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
inspect=$(realpath "$1")
quantize=$(realpath "$2")
cd "$work"

fail() {
    echo "examples: $*"
    exit 1
}

"$inspect" "$sample/phi-openstax" >list
grep -q '^general.architecture: phi2$' list || fail "no architecture"
[ "$(grep -c '^blk\.' list)" = 56 ] || fail "not all tensors are listed"
"$inspect" missing 2>err && fail "a missing model is no error"
grep -q 'missing' err || fail "the message does not name the file"

run() { # TYPE FILE MAX-KLD
    "$quantize" "$sample/phi-openstax" "$sample/adapters/physics" "$1" "$2" \
        "$sample/text/physics.txt" "$3"
}
run q8_0 a.gguf 0.01 >out 2>err || fail "q8_0 lost too much: $(cat out)"
grep -q '^quantize: done$' err || fail "no progress was told"
grep -Eq '^perplexity [0-9.]+, mean KL divergence 0\.000' out ||
    fail "strange numbers: $(cat out)"
"$inspect" a.gguf | grep -q '^blk.0.attn_q.weight  *Q8_0  *256 256$' ||
    fail "not quantized"
run q2_k b.gguf 0.001 >out 2>err && fail "q2_k lost too little: $(cat out)"
run q4_0 a.gguf 1 >out 2>err && fail "a file was replaced without a word"
grep -q 'exists already' err || fail "strange message: $(cat err)"
run q9 c.gguf 1 >out 2>err && fail "an unknown type is no error"
[ ! -e c.gguf ] || fail "a file is left behind"
echo "examples: all well"

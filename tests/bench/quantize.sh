#!/usr/bin/env bash
# Times `phiconv quantize` of a model to each type, in turns with another
# quantizer if one is given, and prints a row for each run: seconds on the
# wall, of processor time, and the peak of resident memory.
#
#   tests/bench/quantize.sh PHICONV MODEL [LLAMA_QUANTIZE F16.gguf]
#   RUNS=3 TYPES="q4_0 q8_0" THREADS=2 tests/bench/quantize.sh ...
set -euo pipefail

if [ $# -ne 2 ] && [ $# -ne 4 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
phiconv=$1
model=$2
other=${3-}
gguf=${4-}
runs=${RUNS-3}
threads=${THREADS-$(nproc)}
types=${TYPES-q8_0 q4_0 q6_k q5_k_m q4_k_m q3_k_m q2_k iq4_nl iq4_xs}
out=$(mktemp -d "${TMPDIR-/tmp}/phiconv-bench.XXXXXX")
trap 'rm -rf "$out"' EXIT

# timed NAME COMMAND...: one row; the outputs go before the next run.
timed()
{
    local name=$1

    shift
    /usr/bin/time -o "$out/time" -f '%e %U %S %M' "$@" >"$out/log" 2>&1
    read -r wall user sys peak <"$out/time"
    printf '%-36s %8.2f %8.2f %8.2f %7d\n' "$name" "$wall" "$user" "$sys" \
        $((peak / 1024))
    rm -f "$out"/*.gguf
}

printf '%-36s %8s %8s %8s %7s\n' run wall user sys 'RSS MiB'
cat "$model"/*.safetensors >/dev/null
for ((run = 0; run < runs; run++)); do
    for t in $types; do
        q=("$phiconv" quantize "$model" -q -j "$threads")
        timed "phiconv $t" "${q[@]}" -t "$t=$out/o.gguf"
        timed "phiconv $t --no-provenance" "${q[@]}" -t "$t=$out/o.gguf" \
            --no-provenance
        [ -z "$other" ] ||
            timed "other $t" "$other" "$gguf" "$out/o.gguf" "$t" "$threads"
    done
    timed 'phiconv q8_0 q4_k_m q4_0' "${q[@]}" -t "q8_0=$out/a.gguf" \
        -t "q4_k_m=$out/b.gguf" -t "q4_0=$out/c.gguf"
    timed 'phiconv q8_0 q4_k_m q4_0 --no-prov.' "${q[@]}" --no-provenance \
        -t "q8_0=$out/a.gguf" -t "q4_k_m=$out/b.gguf" -t "q4_0=$out/c.gguf"
done

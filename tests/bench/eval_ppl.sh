#!/usr/bin/env bash
# Times `phiconv eval-ppl` of a model in each type, in turns with other programs
# that take llama-perplexity's options, and prints a row for each run: tokens a
# second, seconds of processor time, the peak of resident memory, perplexity.
# Then the medians, and how many times as fast phiconv is as each of the others.
#
#   tests/bench/eval_ppl.sh PHICONV MODEL TEXT [OTHER...]
#   RUNS=3 TYPES="q4_0 f16" ACTS="exact fast" THREADS=2 CTX=512 CHUNKS=8 \
#       tests/bench/eval_ppl.sh ...
#
# OTHER is a command with options of its own, "llama-perplexity -fa off". MODEL
# is quantized to each type with --pure; files that are in FILES already are
# used, and left there. phiconv's rate has all of its work but opening files;
# the others' is the one that they print for evaluating the text, which leaves
# out loading, tokens and scores.
set -euo pipefail

if [ $# -lt 3 ]; then
    sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
phiconv=$1
model=$2
text=$3
shift 3
runs=${RUNS-3}
threads=${THREADS-$(nproc)}
types=${TYPES-q4_0 q8_0 q4_k_m q5_k_m q6_k iq4_xs f16 bf16}
acts=${ACTS-exact fast}
ctx=${CTX-512}
chunks=${CHUNKS-8}
work=$(mktemp -d "${TMPDIR-/tmp}/phiconv-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
files=${FILES-$work}

# timed TYPE WHO COMMAND...: one row. The program must have said its rate.
timed()
{
    local type=$1 who=$2 user sys peak rate ppl

    shift 2
    if ! /usr/bin/time -o "$work/time" -f '%U %S %M' "$@" \
        >"$work/log" 2>&1 </dev/null; then
        tail -n 3 "$work/log" >&2
        echo "$type $who: failed" >&2
        return
    fi
    read -r user sys peak <"$work/time"
    rate=$(sed -nE 's/.*"tokens_per_second":([0-9.]+).*/\1/p
        s/.*prompt eval time.*, *([0-9.]+) tokens per second.*/\1/p' \
        "$work/log" | head -n 1)
    ppl=$(sed -nE 's/.*"ppl":([0-9.]+).*/\1/p
        s/.*Final estimate: PPL.* = ([0-9.]+) .*/\1/p' "$work/log" |
        head -n 1)
    if [ -z "$rate" ]; then
        echo "$type $who: says no rate" >&2
        return
    fi
    printf '%-8s %-24s %9.2f %9.2f %8d  %.6s\n' "$type" "$who" "$rate" \
        "$(awk "BEGIN { print $user + $sys }")" $((peak / 1024)) "$ppl"
    printf '%s\t%s\t%s\n' "$type" "$who" "$rate" >>"$work/rows"
}

for t in $types; do
    [ -e "$files/$t.gguf" ] ||
        "$phiconv" quantize "$model" -q --pure -t "$t=$files/$t.gguf"
done
printf '%-8s %-24s %9s %9s %8s  %s\n' type program tokens/s 'cpu s' 'RSS MiB' \
    ppl
for ((run = 0; run < runs; run++)); do
    for t in $types; do
        cat "$files/$t.gguf" >/dev/null
        for act in $acts; do
            timed "$t" "phiconv-$act" "$phiconv" eval-ppl "$files/$t.gguf" \
                -f "$text" -c "$ctx" --chunks "$chunks" -j "$threads" \
                --act "$act" --json --progress none
            # Floats are computed one way.
            [[ $t != *f16 && $t != f32 ]] || break
        done
        n=0
        for other in "$@"; do
            n=$((n + 1))
            # shellcheck disable=SC2086 # a command with options
            timed "$t" "other-$n" $other -m "$files/$t.gguf" -f "$text" \
                -c "$ctx" --chunks "$chunks" -t "$threads"
        done
    done
done

echo
n=0
for other in "$@"; do
    n=$((n + 1))
    echo "other-$n: ${other##*/}"
done
awk -F '\t' -v types="$types" -v acts="$acts" -v others=$# '
    function median(key,    i, j, n, v, x) {
        n = split(rates[key], v, " ")
        for (i = 2; i <= n; i++) {
            x = v[i]
            for (j = i - 1; j > 0 && v[j] + 0 > x + 0; j--) v[j + 1] = v[j]
            v[j + 1] = x
        }
        if (n == 0) return 0
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    { rates[$1 " " $2] = rates[$1 " " $2] " " $3 }
    END {
        ntypes = split(types, type, " ")
        nacts = split(acts, act, " ")
        line = sprintf("%-8s", "type")
        for (a = 1; a <= nacts; a++) line = line sprintf(" %9s", act[a])
        for (o = 1; o <= others; o++) {
            line = line sprintf(" %9s", "other-" o)
            for (a = 1; a <= nacts; a++)
                line = line sprintf(" %8s", "x " act[a])
        }
        print line
        for (t = 1; t <= ntypes; t++) {
            line = sprintf("%-8s", type[t])
            for (a = 1; a <= nacts; a++) {
                own[a] = median(type[t] " phiconv-" act[a])
                line = line sprintf(" %9s", own[a] ? \
                    sprintf("%.1f", own[a]) : "-")
            }
            for (o = 1; o <= others; o++) {
                m = median(type[t] " other-" o)
                line = line sprintf(" %9s", m ? sprintf("%.1f", m) : "-")
                for (a = 1; a <= nacts; a++)
                    line = line sprintf(" %8s", m && own[a] ? \
                        sprintf("%.2f", own[a] / m) : "-")
            }
            print line
        }
    }' "$work/rows"

# Every type of block as integers: exact is within 2e-5 of the reference, on
# so short a text, fast within 2e-3, and both are something else than it.
types="q8_0 q6_k q5_1 q5_k_m q4_1 q4_k_m iq4_nl iq4_xs q3_k_m q2_k"
outputs=()
for type in $types; do
    outputs+=(-t "$type=$type.gguf")
done
$PHICONV quantize "$SAMPLE" -q --pure "${outputs[@]}"
# Floats and blocks in one sum: attention's output and the second half of the
# feed-forward network.
$PHICONV quantize "$SAMPLE" -q -t q4_0=mixed.gguf \
    --tensor-type attn_output=f16 --tensor-type ffn_up=f16
for act in ref exact fast; do
    # shellcheck disable=SC2086 # a list
    $PHICONV eval-ppl $(printf '%s.gguf ' $types mixed) -f "$TEXT" -c 128 \
        --chunks 4 --act $act --json | grep -o '"ppl":[0-9.]*' |
        cut -d : -f 2 >$act
done
paste -d ' ' ref exact fast | awk '
    function off(x, y) { return x > y ? x / y - 1 : y / x - 1 }
    $1 == $2 || $1 == $3 || off($1, $2) > 2e-5 || off($1, $3) > 2e-3 {
        print "line " NR ": " $0
    }
    END { print NR " files" }'

# Every file type from one read; the types of the tensors that differ.
types="f32 f16 bf16 q8_0 q6_k q5_k_m q5_k_s q5_1 q5_0 q4_k_m q4_k_s iq4_nl
    iq4_xs q4_1 q4_0 q3_k_l q3_k_m q3_k_s q2_k tq2_0 tq1_0 copy"
args=()
for t in $types; do args+=(-t "$t=$t.gguf"); done
$PHICONV quantize "$SAMPLE" "${args[@]}"
# Other names for three of them; a number is no name.
$PHICONV quantize "$SAMPLE" -t Q4_K=a.gguf -t q5_k=b.gguf -t q3_K=c.gguf -q
cmp a.gguf q4_k_m.gguf && cmp b.gguf q5_k_m.gguf && cmp c.gguf q3_k_m.gguf
for t in q4_k_m q3_k_m q2_k tq1_0; do
    echo "== $t"
    $PHICONV quantize "$SAMPLE" -t $t -n |
        awk '/^(output|token|blk.*(v|output|down)).*weight/ && !/norm/ {
            print $1, $6 }'
done

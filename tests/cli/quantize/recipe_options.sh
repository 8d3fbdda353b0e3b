# What decides the type of a tensor, and in which order.
plan() {
    echo "== $*"
    $PHICONV quantize "$SAMPLE" -n "$@" | grep -E 'weight .* (-|--[a-z-]+)$|  --|more bits|output ten' |
        sed -E 's/ +/ /g'
}
plan -t q4_k_m --tensor-type 'blk\.[01]\.ffn_DOWN=q8_0' \
    --tensor-type ffn_down=q6_k --tensor-type 'attn_(q|k)\.=iq4_nl'
plan -t q4_0 --tensor-type '^token=f16' --output-tensor-type q8_0
plan -t q4_0 --tensor-type weight=q5_1 --token-embedding-type q6_k --pure
plan -t q4_0 --leave-output-tensor
plan -t f16 --token-embedding-type Q8_0
# Rules do not count tensors that an option has decided.
plan -t q4_k_m --tensor-type 'blk\.0\.attn_v=q4_k'
# One output may take what another has no use for.
$PHICONV quantize "$SAMPLE" -n -t f16 -t q4_0 --tensor-type attn_v=q8_0 |
    grep -E '^blk.0.attn_v.weight' | sed -E 's/ +/ /g'

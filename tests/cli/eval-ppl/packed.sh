# The digits of a packed file are those of the GGUF file, at every level.
set -e
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=a.gguf -t pack:q4_k_m=a.phipack \
    -t q3_k_m=b.gguf -t pack:q3_k_m=b.phipack -t f16=c.gguf \
    -t pack:f16=c.phipack
ppl() {
    $PHICONV eval-ppl "$@" -f "$TEXT" -c 64 --chunks 2 --json |
        grep -o '"ppl":[0-9.]*' | uniq
}
ppl a.gguf a.phipack
ppl a.phipack --verify
ppl b.gguf b.phipack --act fast
ppl a.gguf a.phipack --act ref
ppl a.gguf a.phipack --cpu scalar
ppl c.gguf c.phipack
ppl c.phipack -j 1
# With an adapter, which leaves some tensors as they lie.
ppl a.gguf a.phipack --lora "$ROOT/reference/sample/adapters/physics"
ppl c.phipack c.gguf --lora "$ROOT/reference/sample/adapters/physics-head"

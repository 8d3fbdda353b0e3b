# A float GGUF gives the same file as the folder it came from.
quantize() {
    $PHICONV quantize "$@" -q --no-provenance
}
quantize "$SAMPLE" -t f32=f32.gguf -t f16=f16.gguf -t q5_1=want.gguf
quantize f32.gguf -t q5_1=a.gguf && cmp a.gguf want.gguf && echo same
quantize f16.gguf -t q5_1=b.gguf && cmp b.gguf want.gguf && echo same

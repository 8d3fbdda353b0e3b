# A float GGUF gives the same file as the folder it came from.
$PHICONV quantize "$SAMPLE" -t f32=f32.gguf -t f16=f16.gguf -t q5_1=want.gguf -q
$PHICONV quantize f32.gguf -t q5_1=a.gguf -q && cmp a.gguf want.gguf && echo same
$PHICONV quantize f16.gguf -t q5_1=b.gguf -q && cmp b.gguf want.gguf && echo same

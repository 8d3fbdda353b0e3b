# Float types that do not hold what the source has; --strict says so at once.
$PHICONV quantize "$SAMPLE" -q -t f32=f32.gguf -t f16=f16.gguf -t q4_0=q4_0.gguf \
    --strict
try() {
    $PHICONV quantize "$@" --strict -q
    echo "code $?"
}
try "$SAMPLE" -t bf16=a.gguf
try "$SAMPLE" -t q4_0=a.gguf --tensor-type attn_v=bf16
try f32.gguf -t q4_0=a.gguf -t f16=b.gguf
try q4_0.gguf -t f16=a.gguf --allow-requantize
try q4_0.gguf -t f32=a.gguf --allow-requantize
ls -A

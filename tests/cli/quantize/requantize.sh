# What is quantized already changes its type on demand only.
$PHICONV quantize "$SAMPLE" -q -t q8_0=q8_0.gguf -t q4_k_m=q4_k_m.gguf \
    --no-provenance
$PHICONV quantize q8_0.gguf -q -t q4_0=a.gguf
echo "code $?"
$PHICONV quantize q8_0.gguf -t q4_0=a.gguf --allow-requantize
$PHICONV quantize q4_k_m.gguf -q -t f16=b.gguf --allow-requantize
# Copies are not changes.
$PHICONV quantize q4_k_m.gguf -q -t copy=c.gguf --no-provenance
cmp q4_k_m.gguf c.gguf
$PHICONV quantize q8_0.gguf -q -t q8_0=d.gguf --no-provenance
cmp q8_0.gguf d.gguf
$PHICONV quantize a.gguf -q -t q4_0=e.gguf --output-tensor-type q8_0
echo "code $?"
ls -A

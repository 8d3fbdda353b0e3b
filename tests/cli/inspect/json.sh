# The object that other programs read.
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=k.gguf --no-provenance
$PHICONV inspect k.gguf --json --hash >j
head -c 1100 j
echo
grep -o '"tokenizer.ggml.merges":\[.\{20\}' j
grep -o '"tensors":\[{"name.\{300\}' j
tail -c 82 j | cut -c 1-10

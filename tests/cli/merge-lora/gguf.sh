# From GGUF and to GGUF: the same tensors as by way of a folder.
cp -r "$ROOT/reference/sample/adapters" A
$PHICONV quantize "$SAMPLE" -t f16=base.gguf -q --no-provenance
$PHICONV quantize "$SAMPLE" --lora A/physics -t f16=want.gguf -q \
    --no-provenance
$PHICONV merge-lora base.gguf A/physics -o got.gguf --no-provenance |
    tail -n 2
cmp want.gguf got.gguf && echo same
$PHICONV merge-lora "$SAMPLE" A/physics -o got.gguf --no-provenance -qf
cmp want.gguf got.gguf && echo same
# A quantized base is asked for by name.
$PHICONV quantize "$SAMPLE" -t q8_0=q8.gguf -q
$PHICONV merge-lora q8.gguf A/physics -o no.gguf
$PHICONV merge-lora q8.gguf A/physics -o yes.gguf --dequantize-base |
    tail -n 1
$PHICONV merge-lora q8.gguf A/physics -o yes --dequantize-base | tail -n 1
# What a file says of its adapters.
$PHICONV inspect yes.gguf --metadata | grep phiconv.adapter |
    sed 's/[0-9a-f]\{64\}/HASH/'
sha256sum <"A/physics/adapter_model.safetensors" | cut -c-64 >sum
$PHICONV inspect yes.gguf --metadata | grep -c -f sum
ls

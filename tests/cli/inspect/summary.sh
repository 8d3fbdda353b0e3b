# What each kind of model is, in a page.
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=k.gguf
ln -s "$SAMPLE" model
ln -s "$ROOT/reference/sample/adapters/physics-dora" adapter
$PHICONV inspect model
$PHICONV inspect k.gguf
$PHICONV inspect adapter
$PHICONV inspect adapter/adapter_model.safetensors
for f in gguf dat; do
    $PHICONV inspect "$ROOT/tests/golden/imatrix.$f" | sed "s|^/.*/||"
done

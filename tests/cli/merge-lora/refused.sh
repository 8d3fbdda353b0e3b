# One line each, exit code 3, and nothing is written.
cp -r "$ROOT/reference/sample/adapters" A
try() {
    $PHICONV merge-lora "$@"
    echo "exit code $?"
}
mkdir empty pickle
try "$SAMPLE" empty -o out
cp "A/physics/adapter_config.json" pickle
echo bad >pickle/adapter_model.bin
try "$SAMPLE" pickle -o out
try "$SAMPLE" "$SAMPLE" -o out
try A/physics A/physics -o out
# A key that nothing uses, alone and allowed.
cp -r A/physics unused
sed -i 's/"fc1"/"fc9"/' unused/adapter_config.json
try "$SAMPLE" unused -o out
try "$SAMPLE" unused -o out --allow-unused 'mlp[.]fc1' --dry-run | tail -n 5
try "$SAMPLE" unused -o out --allow-unused '['
# Half an adapter.
cp -r A/physics half
sed -i 's/layers.1.mlp.fc2.lora_B/layers.1.mlp.fc2.lora_C/' \
    half/adapter_model.safetensors
try "$SAMPLE" half -o out
# Too large for F16, named with the value; F32 holds it.
try "$SAMPLE" A/physics:1e8 -o out
try "$SAMPLE" A/physics:1e8 -o out --dtype f32 -q
rm -r out
try "$SAMPLE" A/physics:1e60 -o out --dtype f32
# What is asked for and cannot be.
sed 's/"peft_type": "LORA"/"peft_type": "IA3"/' \
    "A/physics/adapter_config.json" >pickle/adapter_config.json
cp "A/physics/adapter_model.safetensors" pickle
try "$SAMPLE" pickle -o out
rm -r A
ls

# Adapters that no base can take were healthy: 0 errors here, and exit code 3 of
# merge-lora.
adapters=$ROOT/reference/sample/adapters
broken() { # NAME ADAPTER SED-COMMAND, of its configuration
    rm -rf a && cp -r "$adapters/$2" a && chmod -R u+w a
    sed -i "$3" a/adapter_config.json
    echo "== $1"
    $PHICONV doctor a --no-weights
    echo "code $?"
    $PHICONV merge-lora "$SAMPLE" a -o out.gguf --dry-run -q 2>/dev/null
    echo "merge-lora: code $?"
}
broken "another kind" physics 's/"LORA"/"IA3"/'
broken "another base" physics \
    's/"init_lora_weights": true/"init_lora_weights": "pissa"/'
broken "not always on" physics \
    's/"alora_invocation_tokens": null/"alora_invocation_tokens": [5]/'
broken "no module" physics 's/"fc1"/"nonexistent"/'
broken "rank" physics 's/"r": 8/"r": 4/'
broken "pattern" physics-rslora 's/"rank_pattern": {/&"k_proj|fc1": 3,/'
broken "no magnitudes" physics 's/"use_dora": false/"use_dora": true/'
broken "saved" physics-head 's/"final_layernorm"/"lm_head"/'
broken "sound" physics-head 's/"r": 4/"r": 4 /'
echo "== no module of a Phi"
rm -r a && cp -r "$adapters/physics" a && chmod -R u+w a
LC_ALL=C sed -i 's/layers.1.mlp.fc2.lora/layers.1.mlp.fc7.lora/g' \
    a/adapter_model.safetensors
$PHICONV doctor a
echo "code $?"

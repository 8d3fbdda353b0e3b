# Adapters that no base can take, and a model that GGUF has no place for, were
# healthy: 0 errors here, and exit code 3 of merge-lora and quantize.
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

echo "== norms of queries and keys"
cp -r "$SAMPLE" m && chmod -R u+w m
sed -i 's/"qk_layernorm": false/"qk_layernorm": true/' m/config.json
shard=model-00003-of-00003.safetensors
head='' list='' at=0
for layer in 0 1 2 3; do
    for part in q_layernorm.weight q_layernorm.bias k_layernorm.weight \
        k_layernorm.bias; do
        name=model.layers.$layer.self_attn.$part
        head+=",\"$name\":{\"dtype\":\"F16\",\"shape\":[32],"
        head+="\"data_offsets\":[$at,$((at + 64))]}"
        list+="\"$name\": \"$shard\","
        at=$((at + 64))
    done
done
head="{${head#,}}"
sed -i "s/\"weight_map\": {/&$list/" m/model.safetensors.index.json
{
    # shellcheck disable=SC2059 # the bytes of the length
    printf "$(printf '\\x%02x\\x%02x' $((${#head} % 256)) $((${#head} / 256)))"
    head -c 6 /dev/zero
    printf '%s' "$head"
    head -c $at /dev/zero
} >m/$shard
$PHICONV doctor m --no-weights
echo "code $?"
$PHICONV quantize m -t f32=out.gguf -q 2>/dev/null
echo "quantize: code $?"

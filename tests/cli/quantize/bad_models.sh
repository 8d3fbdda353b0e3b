# What is wrong with a folder is said in one line, with exit code 3.
fresh() {
    rm -rf m && cp -r "$SAMPLE" m && chmod -R u+w m
}
try() {
    $PHICONV quantize m -q -t q4_0=a.gguf
    echo "code $?"
    ls -A
}
echo "-- a missing shard"
fresh && rm m/model-00002-of-00002.safetensors && try
echo "-- a shard cut short"
fresh && truncate -s -1 m/model-00002-of-00002.safetensors && try
echo "-- a shard that is a pointer"
fresh && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' \
    >m/model-00001-of-00002.safetensors && try
echo "-- a key twice"
fresh && sed -i 's/{/{"vocab_size": 2048,/' m/config.json && try
echo "-- an unknown activation"
fresh && sed -i 's/gelu_new/relu/' m/config.json && try
echo "-- another architecture"
fresh && sed -i 's/PhiForCausalLM/Phi3ForCausalLM/' m/config.json && try
echo "-- an unknown key"
fresh && sed -i 's/{/{"attention_sinks": 4,/' m/config.json && try
echo "-- a shape that is not the config's"
fresh && sed -i 's/"intermediate_size": 1024/"intermediate_size": 1056/' \
    m/config.json && try
echo "-- a tensor that the index does not know"
fresh && sed -i '/"lm_head.bias"/d' m/model.safetensors.index.json && try
echo "-- a shard outside the folder"
fresh && sed -i 's|"model-00002|"../model-00002|' \
    m/model.safetensors.index.json && try
echo "-- nothing there"
rm -rf m && try
echo "-- an empty folder"
mkdir m && try

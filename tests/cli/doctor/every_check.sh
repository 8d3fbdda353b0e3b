# Every row of the table of checks finds what it is for: one thing is broken at
# a time, and the finding is printed. The list at the end is that of --checks.
shard1=m/model-00001-of-00002.safetensors
shard2=m/model-00002-of-00002.safetensors
index=m/model.safetensors.index.json
adapters=$ROOT/reference/sample/adapters
fresh() {
    rm -rf m && cp -r "${1:-$SAMPLE}" m && chmod -R u+w m
}
# found ID: what the check says of m, and the exit code
found() {
    $PHICONV doctor m >out
    echo "$?" >code
    echo "== $1: code $(cat code)"
    grep -A 1 "^[a-z]* $1: " out || cat out
    echo "$1" >>ids
}
# place FILE TENSOR: its offset in the file, and its bytes
place() {
    $PHICONV inspect "$1" --tensors |
        awk -v n="$2" '$1 == n { print $(NF - 1), $(NF - 2) }'
}
# zeros FILE OFFSET BYTES
zeros() {
    head -c "$3" /dev/zero | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
rename() { # OLD NEW, of the same length, in shard 2 and in the index
    LC_ALL=C sed -i "s/\"$1\"/\"$2\"/" $shard2 $index
}

fresh && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' \
    >$shard1 && found lfs-pointer
fresh && ln -sf nowhere m/tokenizer.json && found broken-link
fresh && echo '{' >m/generation_config.json && found json
fresh && rm $shard1 $shard2 $index && found no-weights
: >m/pytorch_model.bin && found pickle-only
fresh && : >m/pytorch_model.bin && found pickle
fresh && rm $index && found no-index
fresh && echo '{}' >$index && found index
fresh && cp $shard1 m/model.safetensors && found two-models
fresh && rm $shard2 && found shard-missing
fresh && truncate -s -1 $shard2 && found shard-broken
fresh && cp $shard1 m/model-00003-of-00003.safetensors && found shard-extra
fresh && sed -i '/"lm_head.bias"/d' $index && found tensor-not-indexed
fresh && sed -i 's/"lm_head.bias"/"lm_head.more"/' $index &&
    found tensor-not-there
fresh && sed -i '/"lm_head.bias"/s/00002-of/00001-of/' $index &&
    found tensor-elsewhere
fresh && cp $shard2 m/b.safetensors &&
    sed -i '/"lm_head.bias"/s/model.*safetensors/b.safetensors/' $index &&
    found tensor-twice
fresh && rm m/config.json && found config-missing
fresh && sed -i 's/gelu_new/relu/' m/config.json && found config
fresh && rename lm_head.bias lm_he.qzeros && sed -i \
    's/{/{"quantization_config": {"quant_method": "gptq"},/' m/config.json &&
    found quantized
fresh && rename lm_head.bias lm_he.lora_A && found adapter-inside
fresh && cp "$adapters/physics/adapter_model.safetensors" m &&
    found adapter-beside
fresh "$adapters/physics" && sed -i '/"r":/d' m/adapter_config.json &&
    found adapter-config
fresh "$adapters/physics" && LC_ALL=C sed -i 's/fc1.lora_B/fc1.lora_C/' \
    m/adapter_model.safetensors && found adapter-pair
fresh "$adapters/physics"
b=base_model.model.model.layers.0.mlp.fc1.lora_B.weight
# shellcheck disable=SC2046 # two words on purpose, here and below
zeros m/adapter_model.safetensors $(place m/adapter_model.safetensors $b) &&
    found adapter-untrained
fresh && LC_ALL=C sed -i \
    's/"model.layers.0.mlp.fc1.bias"/"transformer.h0.mlp.fc1.bias"/' \
    $shard1 $index && found old-names
fresh && LC_ALL=C sed -i 's/"F16"/"I16"/' $shard2 && found integers
fresh && sed -i 's/"num_hidden_layers": 4/"num_hidden_layers": 5/' \
    m/config.json && found tensor-missing
fresh && sed -i 's/"num_hidden_layers": 4/"num_hidden_layers": 3/' \
    m/config.json && found tensor-unknown
fresh && sed -i 's/"intermediate_size": 1024/"intermediate_size": 1056/' \
    m/config.json && found tensor-shape
fresh && sed -i 's/"vocab_size": 2048/"vocab_size": 2049/' m/config.json &&
    echo '{"<|new|>": 2052}' >m/added_tokens.json && found vocab-rows
fresh && rm m/tokenizer* m/vocab.json m/added_tokens.json && found tokenizer
fresh && echo '{"eos_token_id": [1999, 99999]}' >m/generation_config.json &&
    found token-range
fresh && echo '{"eos_token": {"content": "<|im_end|>"}}' \
    >m/special_tokens_map.json && found token-unknown
fresh && echo '{"eos_token_id": 5}' >m/generation_config.json &&
    found token-conflict
fresh && echo '{"<|im_end|>": 2047}' >m/added_tokens.json && sed -i \
    's/{/{"chat_template": "{{ m }}<|im_end|>",/' m/tokenizer_config.json &&
    found chat-end
fresh && echo '{"<|im_end|>": 2047}' >m/added_tokens.json &&
    echo '{{ m }}<|im_end|>' >m/chat_template.jinja && found chat-end
# The old one was taken without a word.
fresh && sed -i 's/{/{"chat_template": "{{ old }}",/' m/tokenizer_config.json &&
    echo '{{ new }}' >m/chat_template.jinja && found chat-template
fresh && sed -i 5d m/merges.txt && found refused

e=$(place $shard1 model.embed_tokens.weight)
at=${e% *}
patch() { # ELEMENT BYTES, of the embedding
    printf '%b' "$2" | dd of=$shard1 bs=1 conv=notrunc status=none \
        seek=$((at + 2 * $1))
}
fresh && patch 1041 '\x01\x7e' && found nan
fresh && patch 0 '\x00\xfc' && found infinite
fresh && zeros $shard1 $((at + 512 * 5)) 512 && found constant-rows
fresh && tail -c +$((at + 1 + 512 * 7)) $shard1 | head -c 512 >row &&
    dd if=row of=$shard1 bs=1 conv=notrunc status=none \
        seek=$((at + 512 * 9)) && found same-rows
fresh && zeros $shard1 \
    $(place $shard1 model.layers.0.self_attn.k_proj.weight) && found constant
$PHICONV export "$SAMPLE" --dtype f32 -q -o f32 && fresh f32
e=$(place m/model.safetensors lm_head.weight)
printf '\x00\x50\xc3\x47' | dd of=m/model.safetensors bs=1 conv=notrunc \
    status=none seek=$((${e% *} + 4 * 300)) && found f16-range

fresh && rm m/README.md && found card-missing
fresh && sed -i 's/^license:.*/license: {a: b}/' m/README.md && found card
fresh && sed -i '/^license:/d' m/README.md && rm -f m/LICENSE &&
    found card-license
fresh && found card-base
$PHICONV doctor --checks | awk '{ print $2 }' | sort | diff - <(sort -u ids) &&
    echo "all of --checks"

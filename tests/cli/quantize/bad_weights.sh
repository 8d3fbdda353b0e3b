# NaN, infinity, and a weight beyond f16, each named by its place.
shard=m/model-00001-of-00002.safetensors
fresh() {
    rm -rf m && cp -r "$SAMPLE" m && chmod -R u+w m
    header=$(od -An -t u8 -N 8 $shard | tr -d ' ')
}
# patch ELEMENT BYTES: element of the first tensor, model.embed_tokens.weight
patch() {
    printf '%b' "$2" | dd of=$shard bs=1 conv=notrunc status=none \
        seek=$((8 + header + 2 * $1))
}
try() {
    $PHICONV quantize "$1" -q -t "$2=a.gguf"
    echo "code $?"
    ls -A
}
fresh && patch 1041 '\x01\x7e' && try m q4_0
fresh && patch 0 '\x00\xfc' && try m f16
fresh && patch 300 '\xff\x7b' && try m q8_0

# A model that lacks a tensor, or has one that no Phi has, becomes nothing:
# whatever is made of it, in one file, in parts, packed.
cp -r "$ROOT/reference/sample/adapters" A
$PHICONV quantize "$SAMPLE" -t f16=f16.gguf -q --no-provenance
# rename OLD NEW FILE: a tensor of the same length of name, in FILE.
rename() {
    cp f16.gguf "$3"
    at=$(grep -obUaF "$1" "$3" | head -n 1 | cut -d : -f 1)
    printf %s "$2" | dd of="$3" bs=1 seek="$at" conv=notrunc status=none
}
rename blk.1.ffn_up.weight blk.4.ffn_up.weight beyond.gguf
rename token_embd.weight token_more.weight table.gguf
rename blk.2.attn_k.bias blk.2.attn_x.bias other.gguf
try() {
    $PHICONV "$@" -q
    echo "$1: code $?"
}
for f in beyond table other; do
    try quantize $f.gguf -t q4_0=out.gguf
    try quantize $f.gguf -t copy=out.gguf --dry-run
    try quantize $f.gguf -t pack:q8_0=out.phipack
    try quantize $f.gguf -t q8_0=out.gguf --split-max-tensors 9
    try quantize $f.gguf --lora A/physics -t q8_0=out.gguf
    try merge-lora $f.gguf A/physics -o out.gguf
    try merge-lora $f.gguf A/physics -o out
    try export $f.gguf -o out
done
ls

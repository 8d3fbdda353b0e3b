# Types that nothing here computes with: carried as they are, packed and back;
# where values are asked for, the tensor and its type are refused by name.
set -e
$PHICONV quantize "$SAMPLE" -q -t tq2_0=a.gguf --tensor-type ffn_up=q3_k
# as NAME NUMBER: the tensor's type in the head, after the name, the number of
# dimensions and two of them. Blocks of the same size: IQ2_XXS for TQ2_0, IQ3_S
# for Q3_K, I32 for F32 (a vector).
as() {
    at=$(grep -obUaF "$1" a.gguf | head -n 1 | cut -d : -f 1)
    at=$((at + ${#1} + 4 + 8 * $3))
    printf "\\x$(printf %02x "$2")\0\0\0" |
        dd of=a.gguf bs=1 seek=$at conv=notrunc status=none
}
as blk.0.ffn_down.weight 16 2
as blk.1.ffn_up.weight 21 2
as blk.2.ffn_down.bias 26 1
$PHICONV quantize a.gguf -q -t pack=a.phipack
$PHICONV verify -q a.phipack && echo sound
$PHICONV inspect a.phipack -t | grep -oE 'blk.*(IQ2_XXS|IQ3_S|I32) +[0-9]+'
$PHICONV quantize a.phipack -q -t copy=b.gguf && cmp a.gguf b.gguf
$PHICONV extract a.phipack -q gguf -o c.gguf && cmp a.gguf c.gguf
# GGUF to GGUF: tensors in another order, the same tensors.
$PHICONV quantize a.gguf -q -t copy=d.gguf
$PHICONV inspect a.gguf --compare d.gguf | tail -n 1
# Neither file is computed with.
try() {
    $PHICONV "$@" && exit 1
    echo "code $?"
}
try eval-ppl a.gguf -f "$TEXT"
try eval-ppl a.phipack -f "$TEXT"
try quantize a.phipack -t q4_0=e.gguf --allow-requantize
try export a.phipack --dequantize -o x
ls

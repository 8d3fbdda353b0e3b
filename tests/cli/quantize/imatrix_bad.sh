# Matrices that are none, or not for this model: one line, nothing written.
golden=$ROOT/tests/golden
try() {
    $PHICONV quantize "$SAMPLE" -q -t q8_0=a.gguf -t q4_0=b.gguf --imatrix "$1"
    echo "code $?"
}
le32() { printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' \
    $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }
entry() { # name, calls, values..., each as 32 bits
    le32 ${#1} && printf %s "$1" && le32 "$2" && le32 $(($# - 2))
    for v in "${@:3}"; do le32 "$v"; done
}
one=$((0x3f800000))
try missing.dat
: >empty.dat && try empty.dat
try "$TEXT"
try "$SAMPLE/config.json"
$PHICONV quantize "$SAMPLE" -q -t q4_0=model.gguf && try model.gguf
head -c 37000 "$golden/imatrix.dat" >short.dat && try short.dat
head -c 30000 "$golden/imatrix.gguf" >short.gguf && try short.gguf
{ cat "$golden/imatrix.dat" && echo more; } >long.dat && try long.dat
{ le32 0; } >none.dat && try none.dat
{ le32 1 && entry other.weight 1 $one; } >other.dat && try other.dat
{ le32 1 && entry blk.0.attn_k.weight 1 $one $one; } >width.dat && try width.dat
{ le32 1 && entry blk.0.attn_q.weight 1 $((0x7fc00000)); } >nan.dat && try nan.dat
{ le32 1 && entry blk.0.attn_q.weight 1 $((0xbf800000)); } >minus.dat && try minus.dat
{ le32 1 && entry blk.0.attn_q.weight $((0xffffffff)) $one; } >calls.dat &&
    try calls.dat
{ le32 2 && entry a 1 $one && entry a 1 $one; } >twice.dat && try twice.dat
# The first of 24 entries is gone: blk.0.attn_k.weight, 19 + 3 * 4 + 1024 bytes.
{ le32 23 && tail -c +1060 "$golden/imatrix.dat"; } >missing.dat && try missing.dat
ls -A

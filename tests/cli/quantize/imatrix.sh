# An importance matrix, in both forms: other bytes, other types, four keys.
golden=$ROOT/tests/golden
cp "$golden"/imatrix.{gguf,dat} .
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -t q2_k_s=b.gguf --imatrix imatrix.gguf
$PHICONV quantize "$SAMPLE" -q -t q4_0=c.gguf --imatrix imatrix.dat
strings -n 8 a.gguf | grep -A1 -E 'imatrix|calibration'
cmp a.gguf c.gguf # but for the file's name and hash
$PHICONV quantize "$SAMPLE" -n -t q4_0 --imatrix imatrix.dat |
    sed -n -E 's/ +/ /g; /weight|tensor/p' | head -n 12
$PHICONV quantize "$SAMPLE" -n -t q4_0 --imatrix imatrix.dat --json |
    grep -o -E '"imatrix":.*"chunks":[0-9]+|"name":"(token|blk.0.attn_k.w)[^}]*'
# Where it says nothing, it is said.
$PHICONV quantize "$SAMPLE" -t q8_0=d.gguf --imatrix imatrix.gguf
# It is not to be written over.
$PHICONV quantize "$SAMPLE" -t q4_0=imatrix.dat --imatrix imatrix.dat --force
echo "code $?"
cmp imatrix.dat "$golden/imatrix.dat"

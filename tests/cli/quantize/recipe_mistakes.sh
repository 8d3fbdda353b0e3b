# Options for types that are wrong or decide nothing: exit code 2, no file.
try() {
    $PHICONV quantize "$SAMPLE" -q -t q4_k_m=a.gguf "$@"
    echo "code $?"
}
try --tensor-type attn_v
try --tensor-type =q8_0
try --tensor-type attn_v=
try --tensor-type attn_v=q4_k_m
try --tensor-type attn_v=i32
try --tensor-type 'attn_(v=q8_0'
try --tensor-type '*=q8_0'
try --tensor-type '\Dttn=q8_0'
try --tensor-type '(?<=a)ttn=q8_0'
try --tensor-type 'attn_{2=q8_0'
try --tensor-type attn_vv=q8_0
try --tensor-type attn_norm=q8_0
try --tensor-type attn=q8_0 --tensor-type attn_v=q6_k
try --tensor-type '^output\.w=q8_0' --output-tensor-type q6_k
try --output-tensor-type q4_k_m
try --token-embedding-type nonsense
try --leave-output-tensor --output-tensor-type q8_0
$PHICONV quantize "$SAMPLE" -q -t f16=a.gguf --tensor-type attn_v=q8_0
echo "code $?"
$PHICONV quantize "$SAMPLE" -q -t copy=a.gguf --token-embedding-type q8_0
echo "code $?"
$PHICONV quantize "$SAMPLE" -q -t q2_k_s=a.gguf
echo "code $?"
ls -A

try() {
    $PHICONV bench "$@"
    echo "code $?"
}
try -k gemm_i9
try -k 'vec.*' -k 'vec.tanh'
try -k model.f32
try -f "$TEXT"
try --seconds 0
try --seconds nan
try --seconds 1e9
try --cpu avx9000
try --chunks 1
try "$SAMPLE" "$SAMPLE"
try nothing.gguf
head -c 300 "$TEXT" >short.txt
try "$SAMPLE" -f short.txt
try "$SAMPLE" -f nothing.txt

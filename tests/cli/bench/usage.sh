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
# A context that is longer than the model's, before anything is measured.
short=(--seconds 0.001 -j 1 --progress plain)
try -c 2049 -k peak.f32 -k 'model.*' "${short[@]}"
try -c 513 -k peak.f32 "${short[@]}" "$SAMPLE"

# Every level that the processor has writes the same files; others are refused.
try() {
    # shellcheck disable=SC2086 # several words, or none
    $PHICONV quantize "$SAMPLE" $types -q "$@"
    code=$?
}
types="-t q8_0=a.gguf"
try --cpu avx9000
echo "code $code"
try --cpu ''
echo "code $code"
PHICONV_CPU=AVX2 try
echo "code $code"
ls -A

# The list in the error is of this processor.
levels=$($PHICONV quantize "$SAMPLE" -t q8_0=a.gguf --cpu avx9000 2>&1 |
    sed -n 's/.*expected one of //p' | tr -d ,)
# In an emulator that is known; for others test_cpu_levels knows it.
[ "$levels" = "${PHI_TEST_LEVELS:-$levels}" ] || echo "levels: $levels"
for level in $levels; do
    types=
    for t in f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0; do
        types="$types -t $t=$t.gguf"
    done
    try -f --cpu "$level"
    [ $code = 0 ] || echo "--cpu $level: code $code"
    sha256sum ./*.gguf >"$level.sums"
    PHICONV_CPU=$level try -f -j 1
    sha256sum ./*.gguf | cmp - "$level.sums" ||
        echo "PHICONV_CPU=$level differs from --cpu $level"
    cmp scalar.sums "$level.sums"
done
wc -l <scalar.sums
# The option goes before the variable.
PHICONV_CPU=none try -f --cpu scalar
echo "code $code"

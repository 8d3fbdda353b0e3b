# What could not be removed when the output was closed, but can be at the end, is
# not removed without a word.
if [ -n "${WRAPPER:-}" ]; then
    echo "skipped: another program makes the calls"
    exit 77
fi
if ! strace -qq true 2>/dev/null; then
    echo "skipped: no strace here, or no leave to trace"
    exit 77
fi
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
quantize() {
    strace -f -qq -o log -e trace=fsync,unlinkat \
        -e inject=fsync:error=EIO:when=1 -e inject=unlinkat:error=EIO:when=1 \
        $PHICONV quantize "$SAMPLE" -t q4_0 -o a.gguf "$@" 2>&1 >/dev/null |
        sed "s/[0-9a-f]\{16\}/RANDOM/"
    echo "code ${PIPESTATUS[0]}"
    ls -A
}
quantize --no-provenance
quantize -q

# What could not be removed when the output was closed, but can be at the end, is
# not removed without a word.
# shellcheck source=tests/cli/under_strace.sh
. "$ROOT/tests/cli/under_strace.sh"
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

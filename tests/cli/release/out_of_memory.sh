# Each of the first allocations fails in turn: exit code 5, and a line says so.
if [ -z "${FAIL_ALLOC:-}" ] || [ -n "${WRAPPER:-}" ]; then
    echo "skipped: needs FAIL_ALLOC (see tests/CMakeLists.txt), no WRAPPER"
    exit 77
fi
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
try() { # K ARGUMENTS...
    local k=$1 code
    shift
    FAIL_ALLOC_AT=$k LD_PRELOAD=$FAIL_ALLOC $PHICONV "$@" -q 2>err
    code=$?
    [ $code = 5 ] || echo "allocation $k: exit code $code"
    [[ $(grep -v note: err | head -n 1) == phiconv:*"out of memory"* ]] ||
        echo "allocation $k: $(cat err)"
}
for k in $(seq 12) $(seq 40 150 1500); do
    try $k release "$SAMPLE" -t q4_0 -e text.txt -c 64 --chunks 2 --gate-on mean \
        -o out
done
ls -A
$PHICONV release "$SAMPLE" -t q4_0 -e text.txt -c 64 --chunks 2 \
    --gate-on mean -q -o out
for k in $(seq 30) $(seq 40 100 700); do
    try $k verify-release out --source "$SAMPLE"
done

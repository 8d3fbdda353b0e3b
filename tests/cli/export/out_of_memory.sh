# Each of the first allocations fails in turn: exit code 5, and a line says so.
if [ -z "${FAIL_ALLOC:-}" ] || [ -n "${WRAPPER:-}" ]; then
    echo "skipped: needs FAIL_ALLOC (see tests/CMakeLists.txt), no WRAPPER"
    exit 77
fi
$PHICONV quantize "$SAMPLE" -q -t f16=a.gguf
for model in "$SAMPLE" a.gguf; do
    for k in $(seq 30) $(seq 40 100 800); do
        FAIL_ALLOC_AT=$k LD_PRELOAD=$FAIL_ALLOC $PHICONV export "$model" \
            --dtype f32 --max-shard-size 3M -o out -q 2>err
        code=$?
        [ $code = 5 ] || echo "allocation $k: exit code $code"
        [[ $(head -n 1 err) == phiconv:*"out of memory"* ]] ||
            echo "allocation $k: $(cat err)"
    done
done
ls -A

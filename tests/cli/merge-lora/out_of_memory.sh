# Each of the first allocations fails in turn: exit code 5, and a line says so.
if [ -z "${FAIL_ALLOC:-}" ] || [ -n "${WRAPPER:-}" ]; then
    echo "skipped: needs FAIL_ALLOC (see tests/CMakeLists.txt), no WRAPPER"
    exit 77
fi
cp -r "$ROOT/reference/sample/adapters" A
$PHICONV quantize "$SAMPLE" -q -t f16=a.gguf
for k in $(seq 1 7 200) $(seq 200 150 2400); do
    for model in "$SAMPLE" a.gguf; do
        FAIL_ALLOC_AT=$k LD_PRELOAD=$FAIL_ALLOC $PHICONV merge-lora "$model" \
            A/physics-dora A/physics-embed -o out -q 2>err
        code=$?
        [ $code = 5 ] || echo "allocation $k: exit code $code"
        [[ $(head -n 1 err) == phiconv:*"out of memory"* ]] ||
            echo "allocation $k: $(cat err)"
    done
done
ls -A

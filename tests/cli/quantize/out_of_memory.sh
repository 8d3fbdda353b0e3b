# Each of the first allocations fails in turn: exit code 5, and a line says so.
if [ -z "${FAIL_ALLOC:-}" ] || [ -n "${WRAPPER:-}" ]; then
    echo "skipped: needs FAIL_ALLOC (see tests/CMakeLists.txt), no WRAPPER"
    exit 77
fi
for k in $(seq 40); do
    FAIL_ALLOC_AT=$k LD_PRELOAD=$FAIL_ALLOC $PHICONV quantize "$SAMPLE" \
        -t q4_0=a.gguf -t q8_0=b.gguf --tensor-type "attn_v|k=f16" -q 2>err
    code=$?
    [ $code = 5 ] || echo "allocation $k: exit code $code"
    [[ $(head -n 1 err) == phiconv:*"out of memory"* ]] ||
        echo "allocation $k: $(cat err)"
done
ls -A

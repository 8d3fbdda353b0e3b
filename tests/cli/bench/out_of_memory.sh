# Each allocation fails in turn, until there are no more: exit code 5, and a
# line says so.
if [ -z "${FAIL_ALLOC:-}" ] || [ -n "${WRAPPER:-}" ]; then
    echo "skipped: needs FAIL_ALLOC (see tests/CMakeLists.txt), no WRAPPER"
    exit 77
fi
code=5
for k in $(seq 60); do
    FAIL_ALLOC_AT=$k LD_PRELOAD=$FAIL_ALLOC $PHICONV bench -k vec.kld \
        -k lora -k gemm_f32 --seconds 0.000001 -j 2 --cpu scalar \
        >out 2>err
    code=$?
    [ $code != 0 ] || break
    [ $code = 5 ] || echo "allocation $k: exit code $code"
    [[ $(head -n 1 err) == phiconv:*"out of memory"* ]] ||
        echo "allocation $k: $(cat err)"
done
echo "$code, after more than $((k > 15 ? 15 : k)) allocations"

# Mistakes on the command line.
try() {
    $PHICONV export "$@"
    echo "code $?"
}
try "$SAMPLE"
try "$SAMPLE" -o ''
try "$SAMPLE" -o out --dtype fp16
try "$SAMPLE" -o out --dtype int8
try "$SAMPLE" -o out --max-shard-size 0
try -o out
try a b -o out
ls -A

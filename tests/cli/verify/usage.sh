# What cannot be verified.
try() {
    $PHICONV verify "$@"
    echo "code $?"
}
try
try "$SAMPLE"
try none.phipack
printf 'GGUF1234' >a.gguf
try a.gguf
for range in 5 5- 5-5 9-5 x-5 1-2x 99999999999999999999-5; do
    try a.gguf --range $range
done

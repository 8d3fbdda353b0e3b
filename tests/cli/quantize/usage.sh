# Each is a mistake in the command line: one line, a hint, exit code 2.
try() {
    $PHICONV quantize "$@"
    echo "code $?"
}
try
try "$SAMPLE"
try "$SAMPLE" -t q4_0
try "$SAMPLE" -t q4-0=a.gguf
try "$SAMPLE" -t nonsense=a.gguf
try "$SAMPLE" -t q4_0=
try "$SAMPLE" -t q4_0=a -t q8_0=b -o c
try "$SAMPLE" other -t q4_0=a
try "$SAMPLE" -t q4_0=a -j 0
try "$SAMPLE" -t q4_0=a -j x
try "$SAMPLE" -t q4_0=a --progress loud
try "$SAMPLE" -t q4_0=a --forse
try "$SAMPLE" -t q4_0=a -q -v
try "$SAMPLE" -t
ls -A

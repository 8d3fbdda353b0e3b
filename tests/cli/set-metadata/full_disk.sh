# A disk that is full of what a killed run left: the next run has it back
# before it asks for room. It took its own lock for another run's.
if ! unshare -rm true 2>/dev/null; then
    echo "skipped: no user namespaces here"
    exit 77
fi
$PHICONV quantize "$SAMPLE" -q -t q4_0=m.gguf
mkdir small
export size=$(($(stat -c %s m.gguf) / 1024))
unshare -rm bash -c '
    mount -t tmpfs -o size=$((size * 5 / 2))k none small || exit 77
    cp m.gguf small
    cp m.gguf small/.m.gguf.0123456789abcdef.tmp
    change="'"$PHICONV"' set-metadata small/m.gguf --rewrite"
    $change --dry-run
    ls -A small
    $change general.name=New
    echo "code $?"
    ls -A small
    # Of somebody who is writing it is no word, and there is no room.
    cp m.gguf small/.m.gguf.0123456789abcdef.tmp
    ( flock 9; $change; echo "code $?" ) 9<small/.m.gguf.0123456789abcdef.tmp
    ls -A small
'

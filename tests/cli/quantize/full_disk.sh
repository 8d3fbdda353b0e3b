# A disk without room is noticed before anything is written: for one output,
# and for two of which each would fit.
mkdir small
if ! unshare -rm true 2>/dev/null; then
    echo "skipped: no user namespaces here"
    exit 77
fi
unshare -rm bash -c '
    mount -t tmpfs -o size=2M none small || exit 77
    echo old >small/a.gguf
    '"$PHICONV"' quantize "$SAMPLE" -q --force -t q8_0=small/a.gguf
    echo "code $?"
    mount -t tmpfs -o size=8M none small || exit 77
    echo old >small/a.gguf
    '"$PHICONV"' quantize "$SAMPLE" -q --force -t q8_0=small/a.gguf \
        -t q5_0=else.gguf -t q8_0=small/b.gguf
    echo "code $?"
    cat small/a.gguf
    ls -A small .
'

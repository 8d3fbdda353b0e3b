# A disk without room is noticed before anything is written.
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
    cat small/a.gguf
    ls -A small
'

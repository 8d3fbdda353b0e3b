# A disk without room: nothing of the release is left, what was there stays.
mkdir small
if ! unshare -rm true 2>/dev/null; then
    echo "skipped: no user namespaces here"
    exit 77
fi
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
unshare -rm bash -c '
    mount -t tmpfs -o size=6M none small || exit 77
    release="'"$PHICONV"' release $SAMPLE -e text.txt -c 16 --chunks 8 -q -o small/out"
    $release -t q4_0
    cp -r small/out old
    $release -t q8_0 --force
    echo "code $?"
    diff -r small/out old && ls -A small
    # Room for the model, not for what is beside it.
    mount -t tmpfs -o size=2568k none small || exit 77
    $release -t q4_0
    echo "code $?"
    ls -A small
'

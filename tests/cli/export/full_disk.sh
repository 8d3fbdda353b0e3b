# A limit on the size of files: what was there stays.
mkdir out && echo old >out/config.json
(
    ulimit -f 1000
    $PHICONV export "$SAMPLE" -q --dtype f32 -o out --force
    echo "code $?"
)
cat out/config.json && ls -A . out

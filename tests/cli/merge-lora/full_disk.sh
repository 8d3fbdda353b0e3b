# A limit on the size of files: what was there stays.
cp -r "$ROOT/reference/sample/adapters/physics" A
mkdir out && echo old >out/config.json
echo old >out.gguf
for to in out out.gguf; do
    (
        ulimit -f 1000
        $PHICONV merge-lora "$SAMPLE" A -q --dtype f32 -o $to --force
        echo "code $?"
    )
done
cat out/config.json out.gguf && ls -A . out

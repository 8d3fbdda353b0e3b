# The same values are equal, whatever holds them; the exit code says so.
$PHICONV quantize "$SAMPLE" -q -t f16=f16.gguf -t f32=f32.gguf -t q8_0=q8.gguf
ln -s "$SAMPLE" model
$PHICONV inspect model --compare f16.gguf
echo "code $?"
$PHICONV inspect --compare f32.gguf model -q
echo "code $?"
$PHICONV inspect --compare model q8.gguf -j 1 >one
echo "code $?"
$PHICONV inspect model --compare=q8.gguf -j 3 >three
cmp one three && head -n 8 one && tail -n 1 one
$PHICONV inspect q8.gguf --compare model | sed -n '1,2p'
$PHICONV inspect q8.gguf --compare f16.gguf --metadata | sed -n '4,9p'
$PHICONV inspect "$ROOT/tests/golden/imatrix.gguf" \
    --compare "$ROOT/tests/golden/imatrix.dat" | tail -n 1
$PHICONV inspect model --compare f16.gguf --json >json && head -c 1000 json
# Another model, and a value that was changed.
cp -r "$SAMPLE" changed && chmod -R u+w changed
printf '\x00\x3c' | dd of=changed/model-00002-of-00002.safetensors bs=1 \
    seek=20000 conv=notrunc status=none
echo
$PHICONV inspect model --compare changed
echo "code $?"
ln -s "$ROOT/reference/sample/adapters/physics" adapter
$PHICONV inspect adapter \
    --compare "$ROOT/reference/sample/adapters/physics-f16" | sed -n '3,6p;$p'
$PHICONV inspect model --compare nothing
echo "code $?"
# Keys of other values, or of the same in another type.
cp q8.gguf other.gguf && $PHICONV set-metadata -q q8.gguf \
    x.same:u8=7 x.type:u32=3 'x.texts:strings=[]' x.text:string=3 x.value:i64=-1
$PHICONV set-metadata -q other.gguf \
    x.same:u8=7 x.type:i64=3 'x.texts:strings=[]' x.text:u8=3 x.value:i64=-2
$PHICONV inspect q8.gguf --compare other.gguf --metadata

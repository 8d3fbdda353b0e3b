# What cannot be written is refused, and nothing is left behind.
cp -r "$SAMPLE" in && chmod -R u+w in
f=in/model-00001-of-00002.safetensors
# Some bytes into the data: an infinity, in F16.
printf '\x00\x7c' | dd of=$f bs=1 seek=100000 conv=notrunc status=none
$PHICONV export in -o out -j 1
echo "code $?"
cp "$SAMPLE/model-00001-of-00002.safetensors" $f
$PHICONV export in --dtype f32 -q -o f32
# 100000 in F32 is too large for F16.
f=f32/model.safetensors
printf '\x00\x50\xc3\x47' | dd of=$f bs=1 seek=100000 conv=notrunc status=none
$PHICONV export f32 --dtype f16 -o out -j 1
echo "code $?"
$PHICONV export f32 --dtype bf16 -o out -q -j 1
echo "code $?"
rm -r out
truncate -s -1 $f
$PHICONV export f32 -o out
echo "code $?"
ls -A

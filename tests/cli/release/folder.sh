# From the sample and an adapter to a folder that is verified, also against its
# source; with one byte changed it is refused.
ln -s "$SAMPLE" m
ln -s "$ROOT/reference/sample/adapters/physics" physics
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
release() {
    $PHICONV release m --lora physics -t q8_0 -t q4_0=small -e text.txt -c 128 --chunks 4 \
        --max-kld 0.02 --base-model openstax/phi "$@"
}
release -o out
ls -A
ls out
cat out/README.md
(cd out && sha256sum -c SHA256SUMS)
$PHICONV verify-release out --source m --lora physics
# Two runs make the same bytes, whatever the machine.
release -q -o again -j 1 --cpu scalar
diff -r out again && echo same
SOURCE_DATE_EPOCH=1700000000 release -q -o dated
diff out/manifest.json dated/manifest.json | grep '^[<>]'
# Nothing is called what its base is: by itself, and with a name of its own.
$PHICONV inspect out/*-small.gguf --metadata | grep '^general\.\(name\|base\)'
release -q -o named --name Mine
$PHICONV inspect named/Mine-small.gguf --metadata |
    grep '^general\.\(name\|base\)'
$PHICONV verify-release named --source m --lora physics | tail -n 1
# One byte, anywhere.
for name in Phi-Openstax-physics-small.gguf README.md LICENSE report.html; do
    cp -r out flipped
    printf '\377' | dd of=flipped/$name bs=1 seek=100 conv=notrunc status=none
    $PHICONV verify-release flipped
    echo "code $?"
    rm -r flipped
done

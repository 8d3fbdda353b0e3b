# Against the source: the same inputs, no others, and every difference named.
ln -s "$SAMPLE" m
ln -s "$ROOT/reference/sample/adapters/physics" physics
ln -s "$ROOT/reference/sample/adapters/physics-dora" dora
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
ln -s "$ROOT/tests/golden/imatrix.gguf" imatrix.gguf
ln -s "$ROOT/tests/golden/imatrix.dat" imatrix.dat
printf '%s\n' 'q4_k_m tensor:ffn_up=q6_k output:q8_0' 'iq4_nl=flat pure' >r
$PHICONV release m --recipe r --imatrix imatrix.gguf -e text.txt -c 64 --chunks 8 \
    --lora physics:0.5 --lora dora -q -o out
# Defect: the command to check it with had no factor, and found differences.
grep 'verify-release . --source' out/README.md
check() {
    $PHICONV verify-release out --source "$@"
    echo "code $?"
}
all=(--imatrix imatrix.gguf --lora physics:0.5 --lora dora)
check m "${all[@]}"
check m "${all[@]}" -j 1 --cpu scalar --max-memory 24M | tail -n 3
check m "${all[@]}" --json
check m --imatrix imatrix.gguf
check m --lora physics:0.5 --lora dora
check m --imatrix imatrix.gguf --lora dora --lora physics:0.5
check m --imatrix imatrix.gguf --lora physics --lora dora
check m --imatrix imatrix.dat --lora physics:0.5 --lora dora | head -n 2
# What an adapter's folder is called now does not count.
ln -s "$(realpath physics)" elsewhere
check m --imatrix imatrix.gguf --lora elsewhere:0.5 --lora dora | tail -n 2
# Another checkpoint, of which one weight is another.
cp -r m/ other
chmod u+w other/*
printf '\1' | dd of=other/model-00002-of-00002.safetensors bs=1 seek=3000000 \
    conv=notrunc status=none
check other "${all[@]}"
# What was quantized is no source.
check out/Phi-Openstax-physics-dora-flat.gguf "${all[@]}"

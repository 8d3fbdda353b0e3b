# What would break the file, or is a slip, is refused and changes nothing.
$PHICONV quantize "$SAMPLE" -q -t q4_0=m.gguf
cp m.gguf old.gguf
try() {
    $PHICONV set-metadata "$@"
    echo "code $?"
}
exec 2>&1
try m.gguf
try m.gguf general.architecture=llama
try m.gguf general.alignment=64
try m.gguf general.file_type=1
try m.gguf split.count=2
try m.gguf phiconv.version=9
try m.gguf phi2.block_count=3
try m.gguf 'tokenizer.ggml.tokens=["a"]'
try m.gguf -d tokenizer.ggml.merges
try m.gguf phi2.rope.freq_base=3
try m.gguf --force phi2.rope.freq_base=0
try m.gguf --force phi2.rope.freq_base=nan
try m.gguf --force phi2.rope.dimension_count=34
try m.gguf -d phi2.rope.dimension_count
try m.gguf --force phi2.context_length=-1
try m.gguf --force tokenizer.ggml.eos_token_id=2048
try m.gguf --force tokenizer.ggml.eos_token_id:string=2
try m.gguf --force tokenizer.ggml.add_bos_token=yes
try m.gguf general.nane=x
try m.gguf x.count=3
try m.gguf x.flag=true
try m.gguf x.y:u23=3
try m.gguf x.y:u8=256
try m.gguf x.y:i8=-129
try m.gguf x.y:f32=1e99
try m.gguf x.y:f32=1e-50
try m.gguf x.y:f64=-1e-400
try m.gguf -n -q x.y:f32=1e-45 x.z:f64=1e-50 x.w:f32=0e-99 x.v:f32=-0.0
try m.gguf x.y:strings=a
try m.gguf 'x.y:strings=[1]'
try m.gguf $'x.\xc3\xa9=1'
try m.gguf $'x.y=\xff'
try m.gguf =1
try m.gguf -d general.nam
try m.gguf -d x
try m.gguf --from-file x.y=missing
head -c 4194305 /dev/zero | tr '\0' a >long
try m.gguf --from-file x.y=long
head -c 4194304 long >fits
try m.gguf --from-file x.y=fits -q -n
try "$SAMPLE" general.name=x
try missing.gguf general.name=x
ln -s m.gguf link.gguf
try link.gguf general.name=x
cmp m.gguf old.gguf && echo untouched

# What a file says of where it comes from: version, recipe, hashes of files.
keys() {
    strings -n 3 "$1" | sed -n '/^phiconv\.version/,/ggml.tokens/p' |
        grep -v 'ggml.tokens'
}
for f in "$SAMPLE"/*.safetensors; do sha256sum <"$f" | cut -c-64; done >hashes
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=a.gguf -t q8_0=b.gguf
keys a.gguf | sed 's/^[0-9]*\.[0-9]*\.[0-9]*/VERSION/' |
    awk 'NR == FNR { h[$1] = FNR; next } { for (k in h) sub(k, "HASH" h[k]) }
        { sub(/@$/, ""); print }' hashes -
# In any number of threads and with little memory, the same file.
for n in 1 2 3 8; do
    $PHICONV quantize "$SAMPLE" -q -t q4_k_m=c.gguf -j $n --force
    cmp a.gguf c.gguf
done
# A GGUF's own keys give way to those of the new file.
sum=$(sha256sum <b.gguf | cut -c-64)
$PHICONV quantize b.gguf -q -t q4_0=d.gguf --allow-requantize --pure \
    --tensor-type 'FFN_down=Q5_0' --output-tensor-type q6_K
keys d.gguf | grep -c -i safetensors
keys d.gguf | grep -A1 -E 'recipe|files' | tr -d '-'
grep -c -a "$sum" d.gguf
# Without: whole files can be compared, and nothing is left of the old keys.
$PHICONV quantize "$SAMPLE" -q -t q8_0=want.gguf --no-provenance
$PHICONV quantize b.gguf -q -t copy=e.gguf --no-provenance
grep -c -a phiconv want.gguf
cmp want.gguf e.gguf && echo same

# Hashes are those of the bytes in the file, and the digest is what the help
# page says; neither depends on threads, order or file.
$PHICONV quantize "$SAMPLE" -q -t q4_0=a.gguf
$PHICONV quantize "$SAMPLE" -q -t q4_0=s.gguf --split-max-size 1M
$PHICONV inspect a.gguf -t --hash -j 1 >one
$PHICONV inspect a.gguf -t --hash -j 3 >three
cmp one three && tail -n 1 one
$PHICONV inspect s-00001-of-00003.gguf --hash --json |
    grep -o '"digest":"[0-9a-f]*"'
# tensor, shape, type, bytes, offset, SHA-256, file
sed 's/ x /,/' one | awk 'NR > 1 && NF == 7' | LC_ALL=C sort >tensors
while read -r name shape type bytes offset hash file; do
    got=$(tail -c +$((offset + 1)) "$file" | head -c "$bytes" | sha256sum)
    [ "${got%% *}" = "$hash" ] || echo "$name: $got"
    echo "${#name} $name $type $shape $hash"
done <tensors >lines
wc -l <lines
sha256sum <lines

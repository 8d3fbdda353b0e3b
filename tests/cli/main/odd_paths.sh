# Names are bytes: what a terminal would act on is escaped in messages.
convert() {
    $PHICONV quantize -q "$@"
    echo "code $?"
}
name=$(printf 'a b\n\tc\033[31m\303\251\377')
cp -r "$SAMPLE" "$name"
convert "$name" -t q4_0="$name/$name.gguf"
convert "$name" -t q4_0="$name/$name.gguf" 2>&1
$PHICONV inspect "$name/$name.gguf" | head -n 1
$PHICONV inspect --json "$name/$name.gguf" | grep -o '"path":"[^"]*"' |
    cat -A
# What other commands say of files and folders.
odd=$(printf 'o\033[31m\377')
$PHICONV quantize "$name" -q -t q4_0="$odd.gguf" -t pack:f16="$odd.phipack" \
    --pack-planes
$PHICONV quantize "$name" -f -t pack="$odd.phipack" --pack-planes | tail -n 1
$PHICONV set-metadata "$odd.gguf" x:u8=1 --dry-run | tail -n 1
$PHICONV bench "$odd.gguf" -k model.exact -c 4 -j 1 | tail -n 1
$PHICONV release "$name" -t q4_0 -e "$TEXT" -c 16 --chunks 2 -o "$odd" \
    --gate-on mean 2>/dev/null | tail -n 1
$PHICONV release "$name" -t q4_0 -e "$TEXT" -c 16 --chunks 2 -o "$odd" -q \
    --max-kld 0 --keep-failed -f 2>&1 | tail -n 1
$PHICONV verify-release "$odd" | tail -n 1
# Dashes.
mv "$name" ./-q
convert -t q4_0=-x.gguf -- -q
convert -- -t 2>&1
# As long as the system takes, and longer.
part=$(printf 'd%.0s' $(seq 200))
long=.
for _ in $(seq 18); do
    long=$long/$part
done
mkdir -p "$long"
convert -t q4_0="$long/x.gguf" ./-q
cmp ./-x.gguf "$long/x.gguf"
convert -t q4_0="$long/$part/$part/$part/x.gguf" ./-q 2>&1 | cut -c 1-40
convert -t q4_0="$part$part.gguf" ./-q 2>&1 | grep -o "[^/]*$"
# A folder that is no more; a program before ours may be a shell script, which
# says so too.
home=$PWD
mkdir gone
cd gone && rmdir ../gone
{
    convert "$SAMPLE" -t q4_0=x.gguf
    convert "$SAMPLE" -t q4_0="$home/y.gguf"
} 2>&1 | grep -v '^sh: .*getcwd'
cmp "$home/-x.gguf" "$home/y.gguf"

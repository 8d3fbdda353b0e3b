# A run that was stopped, anywhere, goes on to the same digits.
$PHICONV quantize "$SAMPLE" -t q4_0=a.gguf -t q8_0=b.gguf -q
run() {
    $PHICONV eval-ppl a.gguf b.gguf -r "$SAMPLE" -f "$TEXT" -c 64 "$@"
}
run --chunks 24 --json | sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+//g' \
    >want
same() {
    run --chunks 24 --json --journal j "$@" |
        sed -E 's/"(seconds|tokens_per_second)":[0-9.e+-]+//g' | cmp - want &&
        echo same
}
run --chunks 5 -q --journal j
same
same -j 3
# Rates are of what was computed now: 8 windows of 3 models; then nothing.
for chunks in 4 12 12; do
    run --chunks $chunks --journal rate --json --progress json >out 2>progress
    grep -o '"done":[0-9]*,"total":[0-9]*' progress | tail -n 1
    python3 -c 'import json
d = json.load(open("out"))
print(round(d["tokens_per_second"] * d["seconds"]))'
done
rm rate out progress
# Killed at several moments.
rm j
exec 3>&2 2>/dev/null # the shell says that they were killed
for delay in 0.02 0.05 0.1 0.2; do
    # In the foreground: timeout waits until it is gone, and its lock.
    timeout --foreground -s KILL $delay $PHICONV eval-ppl a.gguf b.gguf \
        -r "$SAMPLE" -f "$TEXT" -c 64 --chunks 24 -q --journal j
done
exec 2>&3
same -q
# Cut off within a record; a flipped bit; zeros at the end.
size=$(wc -c <j)
head -c $((size - 1000)) j >k && mv k j
same -q
printf 'X' | dd of=j bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
same -q
[ "$(wc -c <j)" = "$size" ] && echo whole
head -c 50000 /dev/zero >>j
same -q
# What a power cut can leave of one that was just begun.
head -c 83 /dev/zero >j
same -q
head -c 84 /dev/zero >zeros
run --journal zeros
echo "code $?"
# Of something else, or none at all.
run --chunks 24 --journal j --act fast
echo "code $?"
$PHICONV eval-ppl a.gguf -f "$TEXT" -c 64 --chunks 24 --journal j
echo "code $?"
# The same models, but the last of them as the reference, have other numbers.
cp j was
$PHICONV eval-ppl a.gguf b.gguf "$SAMPLE" -f "$TEXT" -c 64 --chunks 24 \
    --journal j
echo "code $?"
cmp j was && rm was
echo "dear diary" >diary
run --journal diary
echo "code $?"
run --journal b.gguf
echo "code $?"
cat diary
ls
# Beside the model's files: what eval-ppl does not read is no input.
cp -r "$SAMPLE" m && chmod -R u+w m
for _ in 1 2; do
    $PHICONV eval-ppl m -f "$TEXT" -c 64 --chunks 2 -q --journal m/j.journal \
        --report m/r.html --force
    echo "code $?"
done

# No more outputs, and no longer names, than verify-release takes.
ln -s "$SAMPLE" m
letters() {
    head -c "$1" /dev/zero | tr '\0' a
}
try() {
    $PHICONV release m -n "$@" | tail -n 1
    echo "code ${PIPESTATUS[0]}"
}
for n in 64 65; do
    types=()
    for i in $(seq $n); do types+=(-t "tq1_0=L$i"); done
    try "${types[@]}"
done
# A name of 96 letters, a dash, the label and .gguf; a part has 15 bytes more.
for n in 98 99; do
    try --name "$(letters 96)" -t "q4_0=$(letters $n)"
done
for n in 83 84; do
    try --name "$(letters 96)" -t "q4_0=$(letters $n)" --split-max-tensors 40
done
for n in 200 201; do
    try -t "q4_0=$(letters $n)"
    try --name "$(letters $n)" -t q4_0
done
$PHICONV release m --name "$(letters 96)" -t "q4_0=$(letters 83)" -q -o out \
    -e "$TEXT" -c 128 --chunks 2 --gate-on mean --split-max-tensors 40
echo "code $?"
$PHICONV verify-release out -q
echo "code $?"

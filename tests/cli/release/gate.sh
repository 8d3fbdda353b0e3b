# A gate that fails: no folder, exit code 1. --keep-failed shows why.
ln -s "$SAMPLE" m
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
cat >bad.txt <<'END'
# Two bits are not enough here.
q8_0
q2_k=tiny tensor:ffn_(up|down)=q2_k embedding:q2_k
END
try() {
    $PHICONV release m --recipe bad.txt -e text.txt -c 64 --chunks 8 -o out "$@"
    echo "code $?"
    ls -A
}
try --max-kld 0.02
try --max-kld 0.02 -q --keep-failed
grep failed out.failed/README.md out.failed/report.html
$PHICONV verify-release out.failed
echo "code $?"
# The kept one is not replaced without being asked; and a good one is not
# replaced by a bad one.
try --max-kld 0.02 -q --keep-failed
try --max-kld 0.5 -q
try --max-kld 0.02 -q --keep-failed --force
$PHICONV verify-release out | tail -n 1
# Without a gate there is one.
$PHICONV release m -t tq1_0 -e text.txt -c 64 --chunks 8 -o other
echo "code $?"
# What a sequential test has decided was judged by that.
$PHICONV release m -t q8_0 -e text.txt -c 16 --chunks 60 --max-ppl-ratio 1.1 \
    --min-same-top 0.95 --early-stop --gate-on mean -q -o early
sed -n '/^## Gates/,/^Judged/p' early/README.md
# A single window has no interval, which is said first; a value can be judged.
$PHICONV release m -t q8_0 -e text.txt -c 4 --chunks 1 --max-ppl-ratio 1.1 \
    -q -o one
echo "code $?"
$PHICONV release m -t q8_0 -e text.txt -c 4 --chunks 1 --max-ppl-ratio 1.1 \
    --gate-on mean -q -o one
sed -n '/^| the source/p;/^| \[/p;/^Judged/p' one/README.md
$PHICONV verify-release one | tail -n 1

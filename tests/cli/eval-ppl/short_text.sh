# What few predictions cannot say passes no gate by luck.
ln -s "$SAMPLE" m
$PHICONV quantize m -t q6_k=q6.gguf -q
try() {
    $PHICONV eval-ppl q6.gguf -r m -f "$TEXT" -c 4 "$@"
    echo "code $?"
}
# 16 of 16: with a share of 0.9 that happens in one of five texts.
try --chunks 16 --min-same-top 0.99 -q
try --chunks 16 --min-same-top 0.8 -q
# Windows that are all alike decide nothing until there are many.
try --chunks 400 --min-same-top 0.9999 --early-stop -q
try --chunks 400 --min-same-top 0.8 --early-stop | sed 1,3d
# One window says nothing of how they differ, and nothing is computed.
try --chunks 1 --max-ppl-ratio 1.02 --max-kld 0.1 --min-same-top 0.2
$PHICONV eval-ppl m -f "$TEXT" -c 4 --chunks 1 --save-logits one.logits -q
$PHICONV eval-ppl q6.gguf -r one.logits --min-same-top 0.2
echo "code $?"
$PHICONV eval-ppl q6.gguf -r one.logits --min-same-top 0.2 --gate-on mean -q
echo "code $?"
# Two do.
try --chunks 2 --max-ppl-ratio 1.02 --max-kld 0.1 --min-same-top 0.2
# The error of a single prediction is not known.
try --chunks 1 --max-ppl-ratio 1.02 --max-kld 0.1 --gate-on mean \
    --report one.html --junit one.xml
grep -c '<td>-</td>' one.html
grep -c 'nan' one.html one.xml
try --chunks 1 --max-ppl-ratio 1.02 --gate-on mean --json >one.json
grep -oE '"(ppl_error|kld_error|same_top_error|bound)":[^,]*' one.json

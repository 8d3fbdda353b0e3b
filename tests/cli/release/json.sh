# --json prints the manifest, all of it; of a refused release too.
ln -s "$SAMPLE" m
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
$PHICONV release m -t q4_0 -e text.txt -c 16 --chunks 8 -o out --json >printed 2>notes
cmp printed out/manifest.json && cat notes
show() {
    python3 -c '
import json, sys
m = json.load(open(sys.argv[1]))
def keys(v, at=""):
    if isinstance(v, dict):
        for k, x in v.items():
            keys(x, at + "." + k)
    elif isinstance(v, list):
        for x in v[:1]:
            keys(x, at + "[]")
    else:
        print(at[1:], type(v).__name__)
keys(m)' "$1"
}
show printed
$PHICONV release m -t q4_0 -e text.txt -c 16 --chunks 8 -o bad --max-kld 0 --json \
    >printed 2>notes
echo "code $?"
show printed | grep -E '^(gates|passed|files)'
cat notes
# Of what would be made, as quantize says it; or not a word.
$PHICONV release m -t q4_0 -n --json 2>/dev/null >printed
show printed | grep -E '^(schema|dry_run|outputs..\.(files|type|bytes))'
$PHICONV release m -t q4_0 -n -q

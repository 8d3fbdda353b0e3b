# What a broken model gets is told as it is: a large number whole, and what is
# too large for a double as infinite, which passes no gate.
ln -s "$SAMPLE" m
python3 - "$SAMPLE" <<'EOF'
import json, pathlib, shutil, struct, sys
for name, bias in ("large", 500), ("huge", 60000):
    shutil.copytree(sys.argv[1], name)
    # One token that is all but certain, everywhere.
    for path in pathlib.Path(name).glob("*.safetensors"):
        data = bytearray(path.read_bytes())
        n = struct.unpack_from("<Q", data)[0]
        entry = json.loads(data[8 : 8 + n]).get("lm_head.bias")
        if entry:
            at = 8 + n + entry["data_offsets"][0]
            struct.pack_into("<e", data, at, bias)
            path.write_bytes(data)
EOF
try() {
    $PHICONV eval-ppl "$1" -r m -f "$TEXT" -c 16 --chunks 2 "${@:2}"
    echo "code $?"
}
try large --max-ppl-ratio 2 --report large.html --json >large.json
python3 - <<'EOF'
import json, re
want = json.loads(open("large.json").read().split("\ncode")[0])["models"][0]
got = re.search("<td>([0-9]{200,}[.][0-9]*)</td>", open("large.html").read())
print(want["ppl"], float(got[1]) == want["ppl"])
EOF
try huge --max-ppl-ratio 2 --report huge.html
grep -o "<td>huge</td>.*" huge.html
try huge --json | grep -oE '"ppl(_error)?":[^,]*' | head -n 2

# Runs at once, one after the other or not at all: a run that is in the way of
# another says so, and what a run that ended well has set stays.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
$PHICONV quantize "$SAMPLE" -q -t q4_0=m.gguf
cp m.gguf old.gguf
# While somebody has the lock, nothing is read: half of it may be changed.
python3 - <<'EOF'
import fcntl, os, subprocess
program = os.environ["PHICONV"].split()
with open("m.gguf", "rb") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    with open("m.gguf", "r+b") as g:
        g.seek(24)
        g.write(b"\xff" * 8)
    for words in ["general.name=x"], ["general.name=x", "-n"], ["--rewrite"]:
        done = subprocess.run(program + ["set-metadata", "m.gguf"] + words)
        print(words, done.returncode, flush=True)
EOF
cp old.gguf m.gguf
python3 - <<'EOF'
import json, os, re, subprocess
program = os.environ["PHICONV"].split()
OUTCOMES = (r"phiconv: m\.gguf: (another process is changing it"
            r"|was replaced meanwhile)\n")
kept = {}
for number in range(2 if os.environ.get("WRAPPER") else 24):
    way = ["--rewrite"] if number % 4 == 3 else []
    keys = ["x.k%d" % i for i in range(8)]
    runs = [subprocess.Popen(
        program + ["set-metadata", "-q", "m.gguf", "%s:string=v%d" % (key, number)] +
        way, stderr=subprocess.PIPE, text=True) for key in keys]
    ends = [(run.communicate()[1], run.returncode) for run in runs]
    for key, (err, code) in zip(keys, ends):
        if code == 0:
            kept[key] = "v%d" % number
        elif code != 4 or not re.fullmatch(OUTCOMES, err):
            print(number, key, code, err)
    if all(code for _, code in ends):
        print(number, "nobody did it")
    shown = json.loads(subprocess.run(
        program + ["inspect", "m.gguf", "--metadata", "--json"],
        stdout=subprocess.PIPE, check=True).stdout)
    found = {key: value for key, value in shown["metadata"].items()
             if key.startswith("x.")}
    if found != kept:
        print(number, "has", found, "expected", kept)
EOF
$PHICONV inspect m.gguf --hash --json | grep -o '"digest":"[^"]*"' >new
$PHICONV inspect old.gguf --hash --json | grep -o '"digest":"[^"]*"' | cmp - new
ls -A

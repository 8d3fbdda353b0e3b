# Values that are empty on both sides have no bytes to point at; and keys that
# one side lacks.
PYTHONPATH=$ROOT/tests/malformed python3 - <<'EOF'
import tiny
for name, mine in [("a.gguf", "p"), ("b.gguf", "q")]:
    keys = tiny.gguf_keys() + [("x.both", tiny.STRING, ""),
                               ("x.only." + mine, tiny.STRING, "")]
    with open(name, "wb") as f:
        f.write(tiny.gguf_file(keys))
EOF
$PHICONV inspect a.gguf --compare b.gguf --metadata
$PHICONV inspect a.gguf --metadata | grep '^x'

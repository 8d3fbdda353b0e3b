# An adapter of another fine-tune has the same shapes, and was merged without a
# word. Names of paths, the Hub and GGUF are compared as far as they go.
cp -r "$ROOT/reference/sample/adapters/physics-f16" A && chmod -R u+w A
made_for() { # NAME BASE
    sed -i "s|\"base_model_name_or_path\": .*|\"base_model_name_or_path\": $1,|" \
        A/adapter_config.json
    echo "$1"
    $PHICONV merge-lora "$2" A -o out --dry-run --json 2>&1 >json |
        sed 's/^/    /'
    grep -o '"made_for":.*"other_base":[a-z]*' json
}
for name in '"phi-openstax"' '"org/Phi_OpenStax"' '"../models/phi-openstax/"' \
    '"/c/models--org--phi-openstax/snapshots/0123"' \
    '"C:\\\\models\\\\phi-openstax"' null '""' '"./"' 7 \
    '"microsoft/phi-2"' '"/c/models--microsoft--phi-2/snapshots/0123"' \
    '"phi\\u001b-openstax-chat"'; do
    made_for "$name" "$SAMPLE"
done
echo "== what the base was made from, and where it lies"
cp -r "$SAMPLE" m && chmod -R u+w m
sed -i 's/^license:/base_model: microsoft\/phi-2\n&/' m/README.md
made_for '"/models/phi-2"' m
sed -i '/^base_model/d; s/^license:/model_name: Mine\n&/' m/README.md
made_for '"phi-openstax"' m
made_for '"local/m"' m
made_for '"local/n"' m
$PHICONV quantize m -t f32=m.gguf -q
made_for '"Mine"' m.gguf
made_for '"m"' m.gguf
made_for '"phi-openstax"' m.gguf
echo "== other commands"
$PHICONV quantize m.gguf --lora A -t f16=out.gguf -n >/dev/null
$PHICONV quantize m.gguf --lora A -t f16=out.gguf -n -q
$PHICONV eval-ppl m.gguf --lora A -f "$TEXT" -c 32 --chunks 1 >/dev/null
echo "== GGUF adapters"
adapter() { # KEY=TEXT...
    python3 - "$ROOT/tests/malformed" "$@" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import tiny
keys = [("general.type", tiny.STRING, "adapter"),
        ("general.architecture", tiny.STRING, "phi2"),
        ("adapter.type", tiny.STRING, "lora"),
        ("adapter.lora.alpha", tiny.F32, 4.0)]
keys += [("general.base_model.0." + k, tiny.STRING, v)
         for k, v in (word.split("=") for word in sys.argv[2:])]
name = "blk.0.ffn_up.weight.lora_"
with open("a.gguf", "wb") as f:
    f.write(tiny.gguf_file(keys, [
        (name + "a", [256, 1], 0, b"\0\0\0\x3c" * 256),
        (name + "b", [1, 1024], 0, b"\0\0\0\x3c" * 1024)]))
END
    echo "$*"
    $PHICONV merge-lora "$SAMPLE" a.gguf -o out -n 2>&1 >/dev/null
}
adapter
adapter "name=Phi Openstax"
adapter "name=Phi 2"
adapter "name=Phi 2" repo_url=https://huggingface.co/microsoft/phi-openstax
adapter "name=Phi Openstax" repo_url=https://huggingface.co/microsoft/phi-2

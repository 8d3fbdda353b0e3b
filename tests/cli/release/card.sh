# A card of what the source says; nothing that it says leaves its place.
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
cp -r "$SAMPLE" m
cat >m/README.md <<'END'
---
model_name: "A *fine* model | <b> [x](y) `z`"
license: [other, no]
license_name: "my: own"
license_link: LICENSE
language: [no, en]
base_model: microsoft/phi-2
tags: [gguf, "two words", "- x"]
---
END
mv m/LICENSE m/Licence.md && echo note >m/NOTICE
$PHICONV release m -t q8_0 -e text.txt -c 16 --chunks 8 -q -o out
ls out
sed -n '1,/^## Files/p' out/README.md
$PHICONV verify-release out -q
echo "code $?"
# Text that begins a line, or is none for YAML and XML.
front() {
    printf -- '---\nmodel_name: "%s"\nlicense: "%s"\ntags: ["x%by"]\n---\n' \
        "$1" "$2" '\xef\xbf\xbf' >m/README.md
}
hostile() {
    front "$@"
    $PHICONV release m -t q8_0 -e text.txt -c 16 --chunks 2 -q -f -o out
    sed -n '/^# /p; /^Quantized files/p; /, as the source/p' out/README.md
}
hostile '~~struck~~ out' '~~~ mit'
hostile '- item' '+ item'
hostile '1. one' '23) two'
hostile '=== 1.5' '--- '
hostile ' :-: $x$' '    code'
hostile 'http://a.b www.a.b Www.c C:x 1.0' '> quote # 1'
sed -n '/^tags:/,/^library/p' out/README.md
LC_ALL=C grep -c $'\xef\xbf\xbf' out/README.md

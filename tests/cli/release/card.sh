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

# All that is wrong is said at once, the worst first, in text and as JSON; the
# result does not depend on threads, and nothing is printed as it is.
cp -r "$SAMPLE" m && chmod -R u+w m
rm m/model-00001-of-00002.safetensors m/README.md
echo '{"eos_token_id": 5}' >m/generation_config.json
printf '{"eos_token": "\\u001b[2J"}' >m/special_tokens_map.json
$PHICONV doctor m -j 1 >one
echo "code $?"
$PHICONV doctor m -j 3 | cmp - one && cat one
$PHICONV doctor m -q
$PHICONV doctor m --json
$PHICONV doctor --checks --json >json && head -c 250 json && echo
# Folders where files should be.
for file in config.json model-00002-of-00002.safetensors; do
    rm -r m && cp -r "$SAMPLE" m && chmod -R u+w m
    rm "m/$file" && mkdir "m/$file"
    $PHICONV doctor m
    echo "code $?"
done

# Packed files among the outputs: named, measured, checked, made again.
ln -s "$SAMPLE" m
$PHICONV release m -t q4_0 -t pack:q4_0 -e "$SAMPLE/../text/physics.txt" -c 256 --chunks 2 --gate-on mean -q -o out 2>/dev/null
echo "code $?"
ls out
$PHICONV extract out/Phi-Openstax-Q4_0.phipack gguf -o back.gguf
cmp back.gguf out/Phi-Openstax-Q4_0.gguf && echo same
$PHICONV verify-release out --source m
echo "code $?"
$PHICONV release m -t pack -e "$SAMPLE/../text/physics.txt" -c 256 --chunks 2 -q -o copy 2>/dev/null
echo "code $?"
ls copy
grep -A4 '^```sh' copy/README.md | head -n 5
$PHICONV verify-release copy --source m
echo "code $?"

# Little memory changes nothing in the file; too little is refused with what
# would do, and that is true.
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=want.gguf -t f16=want-f16.gguf
for wrong in 0 12x 5MM -3M 99999999999G; do
    $PHICONV quantize "$SAMPLE" -q -t q8_0=a.gguf --max-memory "$wrong"
    echo "code $?"
done
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=a.gguf -t f16=b.gguf \
    --max-memory 1000K 2>err
echo "code $?"
ls -A
enough=$(sed -n 's/.*this job takes \([0-9]*\)M$/\1/p' err)
sed 's/[0-9]*M$/N/' err
# A sanitizer's shadow memory grows from run to run.
$PHICONV quantize "$SAMPLE" -q -t q4_k_m=a.gguf -t f16=b.gguf \
    --max-memory $((enough + enough / 8))M
cmp a.gguf want.gguf && cmp b.gguf want-f16.gguf

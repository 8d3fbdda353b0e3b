# Keys that other programs read; times are left out.
$PHICONV bench "$SAMPLE" -f "$TEXT" -c 16 -k gemm_i8.q4_0.fast -k gemm_f32 \
    -k model.f32 --seconds 0.001 -j 2 --cpu scalar --json >out
sed -E 's/"machine":"[^"]*"/"machine":""/
    s/"(median|low|high|best|of_peak|runs)":[0-9.e+-]+/"\1":0/g' out
# One thread has nothing to be compared with.
$PHICONV bench -k lora --seconds 0.001 -j 1 --json | grep -o '"all":null' |
    sort | uniq -c

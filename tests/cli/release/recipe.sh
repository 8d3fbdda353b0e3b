# A recipe's lines, and what is wrong with them.
ln -s "$SAMPLE" m
try() {
    printf '%b' "$1" >r
    $PHICONV release m --recipe r -n -o out | sed -n '/^file /,$p' 
    echo "code ${PIPESTATUS[0]}"
}
try 'q4_k_m=best  tensor:ffn_down=q6_k\ttensor:attn_v=q8_0 output:f16 # all\r\n'
try 'q4_0 pure\n\n# none\nq4_0=kept leave-output\n'
try ''
try '# nothing\n'
try 'q4_0\nq4_0 pure\n'
try 'q4_0 smooth\n'
try 'q4_0 tensor:ffn\n'
try 'q4_0 tensor:ffn=q9\n'
try 'q4_0 tensor:(=q8_0\n'
try 'q4_0\nq4_1 tensor:nothing=q8_0\n'
try 'q4_0 embedding:q8\n'
try 'q4\n'
try 'q8_0\n\nq4_0 pure\npack:q4\n'
try '# first\nq4_0=a/b\n'
try 'q4_0 embedding:q8_0 embedding:q6_k\n'
try 'q4_0 output:q8_0 pure output:q8_0\n'
try 'q4_0\0'
for n in 64 65; do
    try "$(for i in $(seq $n); do echo "q4_0=a$i"; done)" | tail -n 1
done
for n in 65536 65537; do
    head -c $n /dev/zero | tr '\0' '#' >long
    $PHICONV release m --recipe long -n -o out
    echo "code $?"
done

# A release is the same bytes whatever the C library makes of the processor:
# its logarithms and powers have other last bits without fused products.
ln -s "$SAMPLE" m
make() {
    $PHICONV release m -t q5_k_s -t q4_0 --eval "$TEXT" -c 16 --chunks 63 \
        --max-ppl-ratio 2 --base-model a/b -q -o "$1"
}
make one
GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX2_Usable,-FMA_Usable \
    make two
diff -r one two && echo same

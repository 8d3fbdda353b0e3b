# Packed files: in the same read as GGUF, and back byte for byte.
set -e
ln -s "$SAMPLE" m
$PHICONV quantize m -t q4_0=a.gguf -t pack:q4_0=a.phipack \
    -t q4_k_m=k.gguf -t pack=c.phipack
# A packed file is the GGUF file that it stands for.
$PHICONV quantize a.phipack -q -t copy=b.gguf
cmp a.gguf b.gguf && echo "q4_0: the same file"
$PHICONV quantize k.gguf -q -t pack=k.phipack
$PHICONV quantize k.phipack -q -t pack:copy=k2.phipack -t copy=k2.gguf
cmp k.phipack k2.phipack && cmp k.gguf k2.gguf && echo "q4_k_m: the same files"
# What is made of it is what is made of the GGUF file.
$PHICONV quantize m -q -t f16=f.gguf -t pack:f16=f.phipack
$PHICONV quantize f.gguf -q -t q5_k_m=1.gguf --no-provenance
$PHICONV quantize f.phipack -q -t q5_k_m=2.gguf --no-provenance
cmp 1.gguf 2.gguf && echo "q5_k_m: the same file"
# Any number of threads, any memory: the same bytes.
$PHICONV quantize m -q -j 1 --max-memory 256M --cpu scalar -t pack:q4_0=d.phipack
cmp a.phipack d.phipack && echo "one thread: the same file"
# A folder's tensors and files come back as export writes the folder itself.
$PHICONV export m -q -o x
$PHICONV export c.phipack -q -o y
diff -r x y && echo "folder: the same files"
$PHICONV inspect m --compare c.phipack | tail -n 1

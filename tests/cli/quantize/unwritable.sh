# No folder, a folder as file, a file as folder, a limit on the size.
try() {
    $PHICONV quantize "$SAMPLE" -q -t q8_0="$1"
    echo "code $?"
}
mkdir folder && echo x >file
try none/a.gguf
try folder
try file/a.gguf
echo old >a.gguf
(
    ulimit -f 1000
    $PHICONV quantize "$SAMPLE" -q --force -t q8_0=a.gguf
    echo "code $?"
)
cat a.gguf && ls -A

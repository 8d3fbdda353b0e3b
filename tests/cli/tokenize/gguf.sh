# The same ids from a folder and from the file made of it.
$PHICONV quantize "$SAMPLE" -q -t q8_0 -o model.gguf >log || cat log
$PHICONV tokenize model.gguf -f "$TEXT" >from_file &&
    $PHICONV tokenize "$SAMPLE" -f "$TEXT" >from_folder &&
    cmp from_file from_folder && wc -w <from_file

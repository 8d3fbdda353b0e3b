# What is no release, and mistakes.
try() {
    $PHICONV verify-release "$@"
    echo "code $?"
}
mkdir empty
touch file
try
try a b
try empty
try file
try none
try "$SAMPLE"
try empty --lora physics
try empty --imatrix file
try empty --source m --lora :1
try empty --gpg-key none
try empty --minisign-key none

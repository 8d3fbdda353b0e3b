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
try empty --max-memory 1G
try empty --source m --lora :1
try empty --gpg-key none
try empty --minisign-key none
# A name that a terminal would act on.
mkdir "$(printf 'a\033[31m')"
for name in a*; do
    printf '%064d  gone\n' 0 >"$name/SHA256SUMS"
    try "$name"
done

# Mistakes are told before anything is written.
ln -s "$SAMPLE" m
ln -s "$ROOT/reference/sample/text/physics.txt" text.txt
mkdir there && touch there/file
try() {
    $PHICONV release m -c 256 "$@"
    echo "code $?"
}
try -t q8_0 -o out
try -t q8_0 -e text.txt
try -o out -e text.txt
try -o out -e text.txt -t q8_0 --recipe r
try -o out -e text.txt -t q8-0
try -o out -e text.txt -t q8_0 -t q8_0
try -o out -e text.txt -t q8_0 -t q4_0=Q8_0
try -o out -e text.txt -t q8_0=../up
try -o out -e text.txt -t q8_0 --name 'a/b'
try -o out -e text.txt -t q8_0 --name -a
try -o out -e text.txt -t q8_0 --base-model phi
try -o out -e text.txt -t q8_0 --base-model 'a/b) [x](y'
try -o out -e text.txt -t q8_0 --gate-on median
try -o out -e text.txt -t q8_0 --max-kld x
try -o there -e text.txt -t q8_0
try -o there -e text.txt -t q8_0 --force
try -o no/where -e text.txt -t q8_0
try -o out -e none.txt -t q8_0
try -o out -e text.txt -t q8_0 -c 512 --chunks 1 --imatrix none
echo short >short.txt
try -o out -e short.txt -t q8_0
SOURCE_DATE_EPOCH=now try -o out -e text.txt -t q8_0
ls -A

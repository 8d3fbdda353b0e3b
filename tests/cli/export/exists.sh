# What is there stays, unless it is replaced, and then as a whole.
try() {
    $PHICONV export "$SAMPLE" -q "$@"
    echo "code $?"
}
mkdir out && echo old >out/config.json && echo old >out/notes.txt
try -o out
try -o out/ --force
[ ! -e out/notes.txt ] && diff -r "$SAMPLE" out && echo replaced
mkdir other && echo mine >other/thesis.txt
try -o other --force
mkdir out/sub
try -o out --force
echo x >file
try -o file --force
ln -s other link
try -o link --force
try -o none/out
cp -r "$SAMPLE" in
try -o in --force
(cd in && try -o . --force)
$PHICONV export in -q -o in --force
echo "code $?"
diff -r "$SAMPLE" in && ls -A

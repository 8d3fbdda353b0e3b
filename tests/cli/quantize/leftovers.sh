# What a run that was killed had left of the same output is removed, and the
# next run says so. What a run is using, other outputs' files and what holds an
# old folder stay.
quantize() {
    $PHICONV quantize "$SAMPLE" -t q4_0 -o a.gguf -q --no-provenance "$@"
}
left=.a.gguf.0123456789abcdef
mkdir $left.tmp
echo x >$left.tmp/part
echo x >.a.gguf.fedcba9876543210.tmp
echo x >$left.old
echo x >.b.gguf.0123456789abcdef.tmp
echo x >.a.gguf.0123456789abcde.tmp
ln -s nowhere .a.gguf.00000000deadbeef.tmp
$PHICONV quantize "$SAMPLE" -t q4_0 -o a.gguf --no-provenance 2>err >/dev/null
sort err
ls -A
echo "# in use"
rm -f .a* .b* err
echo x >$left.tmp
(
    flock 9
    quantize --force
) 9<$left.tmp
ls -A
quantize --force
ls -A
echo "# a dry run removes nothing, one that is refused does"
echo x >$left.tmp
quantize --force --dry-run
ls -A
quantize
echo "code $?"
ls -A
echo "# folders, with a slash at the end"
mkdir .e.0123456789abcdef.tmp
echo x >.e.0123456789abcdef.tmp/config.json
$PHICONV export a.gguf -o e/ --dequantize 2>&1 >/dev/null
ls -A

# What killed runs left of the folder is removed or named before it is begun, a
# folder that DIR.failed held among it: that one was passed over.
mkdir out
echo x >.out.0123456789abcdef.tmp
echo x >.out.0123456789abcdef.old
echo x >.out.failed.0123456789abcdef.old
for more in "" --keep-failed; do
    $PHICONV release "$SAMPLE" -t q4_0 -e "$TEXT" -o out --base-model a/b $more \
        2>err
    echo "code $?"
    sort err
done
rm err
ls -A

# A licence at the largest size that is carried over, and one past it.
cp -r "$SAMPLE" m
chmod -R u+w m
for n in 16777216 16777217; do
    truncate -s $n m/LICENSE
    $PHICONV release m -t q8_0 -e "$SAMPLE/../text/physics.txt" -c 256 --chunks 2 -q -f -o out
    echo "code $?"
done
stat -c %s out/LICENSE

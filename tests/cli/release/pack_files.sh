# A packed file that is published has what export copies, from a folder and
# from another packed file; what it has not is said.
cp -r "$SAMPLE" m
chmod -R u+w m
echo "of nobody else" >m/notes.csv
$PHICONV quantize m -q -t pack:q8_0=a.phipack
for source in m a.phipack; do
    $PHICONV release $source -t pack:copy -e "$TEXT" -c 64 --chunks 2 \
        --max-ppl-ratio 2 -o r --force 2>&1 | grep note
    $PHICONV extract a.phipack | grep -c csv
    $PHICONV extract r/*.phipack | grep csv
    $PHICONV verify-release r --source $source -q
    echo "code $?"
done

# What is not copied is told; links out of the folder are refused.
mkdir in && cp "$SAMPLE"/* in && mkdir in/.git in/runs
touch in/.gitattributes in/optimizer.pt in/pytorch_model.bin in/modeling_phi.py
$PHICONV export in -q -o quiet && ls -A quiet
$PHICONV export in -o out -v
$PHICONV export in -o json --json | grep -o '"left":.*'
echo secret >secret.txt && ln -s ../secret.txt in/note.txt
$PHICONV export in -o link
echo "code $?"
ls -A

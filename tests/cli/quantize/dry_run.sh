# The whole plan, and nothing written.
$PHICONV quantize "$SAMPLE" -t q4_0 --dry-run
ls -A

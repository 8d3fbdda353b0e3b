# A result that was not printed is a failure, not a success.
$PHICONV --version >/dev/full
echo "full: $?"
$PHICONV --version >&-
echo "closed: $?"

$PHICONV tokenize "$SAMPLE"

$PHICONV tokenize "$SAMPLE" -f nowhere.txt

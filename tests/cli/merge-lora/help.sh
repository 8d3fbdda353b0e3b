$PHICONV merge-lora --help

"""The reader's pages: what there is to read, signing up, confirming, leaving, and coming back."""

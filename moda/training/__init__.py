"""Corpus, data set and training loop of moda-lite; never imported by the app (floor 5)."""

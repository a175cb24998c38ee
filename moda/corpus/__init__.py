"""Training corpora: made (synthetic) and read off footage."""

"""Neural voices that run on the CPU without the internet: Piper's joe and Kokoro's five speakers."""

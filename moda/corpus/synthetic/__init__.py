"""Synthetic talkers: voices with exact phoneme times, articulation, behaviour and styles."""

"""Measures of one clip, of its motion or its pixels, and of sets of clips."""

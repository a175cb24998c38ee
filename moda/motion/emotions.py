"""MoDA's emotion classes: their names, in the order of the published embedding."""

from __future__ import annotations

CLASSES = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "none")
"""Index i is row i of the emotion embedding (arXiv 2507.03256 and its checkpoint); the last is the trained null."""
NEUTRAL, NONE = CLASSES.index("neutral"), CLASSES.index("none")
FELT = CLASSES[:NONE]
"""What can be felt: every class but the null."""

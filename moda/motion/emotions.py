"""MoDA's emotion classes: their names, in the order of the published embedding."""

from __future__ import annotations

CLASSES = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "none")
"""Index i is row i of the emotion embedding (arXiv 2507.03256 and its checkpoint); the last is the trained null."""
NEUTRAL, NONE = CLASSES.index("neutral"), CLASSES.index("none")
FELT = CLASSES[:NONE]
"""What can be felt: every class but the null."""
NAMES = {
    "anger": "angry anger ang mad furious",
    "contempt": "contempt contemptuous con scornful",
    "disgust": "disgust disgusted dis",
    "fear": "fear fearful fea afraid scared",
    "happiness": "happiness happy hap joy joyful amused",
    "neutral": "neutral neu calm",
    "sadness": "sadness sad",
    "surprise": "surprise surprised sur",
    "none": "none unlabelled unknown",
}
"""How data sets call the nine classes."""
CLASS_OF = {word: name for name, words in NAMES.items() for word in words.split()}


def class_of(label: str) -> str | None:
    """The class that a label names, case and spaces forgiven, or None."""
    return CLASS_OF.get(label.strip().casefold())

"""Emotion by free text: "quietly amused, a bit nervous" -> weights over MoDA's eight classes and none.

Two readers work together. `emotion_text` knows emotion words, degree words and negation; all-MiniLM-L6-v2 compares
whatever else is said with prototype sentences (`prototypes`). The emotion that is meant is then mixed with neutral
according to how strong it is: "annoyed" is less anger and more neutral than "furious".
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

import numpy as np

from moda.conditions import emotion_times, prototypes
from moda.conditions.emotion_text import Reading, read
from moda.conditions.emotion_words import OPPOSITES
from moda.errors import BadText
from moda.motion.emotions import CLASSES, FELT, NEUTRAL, NONE

MAX_CHARACTERS = 500
MAX_TIMED_CHARACTERS = 2000
MAX_INTENSITY = 1.5
PLAIN_SHARE = 0.88  # of the class at intensity 1; the rest is neutral, which leaves room for "furious"
BLEND_SECONDS = 0.5  # length of the raised cosine between two timed emotions

NO_EMOTION = frozenset(
    ("", "none", "none.", "null", "nothing", "any", "auto", "unspecified", "no preference", "-", "n/a")
)

# Calibration, on the tuning half of tests/conditions/prompts.tsv.
KERNEL, RIDGE = 3.0, 0.1  # leave-one-out over the prototypes
SHARPNESS = 5.5  # of the softmax over the classes: least leave-one-out cross entropy
LEVEL_TEMPERATURE = 0.06  # how local the intensity of the prototypes is read
UNSURE_BELOW, SURE_ABOVE = 0.26, 0.42  # cosine to the nearest prototypes
CLEAR_CLASS = 0.5  # weight of the first class from which the reading counts as clear
ASK_BELOW = 0.45  # confidence under which the hint is given

UNSURE_HINT = (
    "Not sure what this means, so the face stays close to neutral; try English words such as "
    '"angry", "quietly amused" or "very sad", or "none".'
)


@dataclass(frozen=True, eq=False)
class Emotion:
    """What a prompt means.

    mixture: (9,) float32 over `CLASSES`, >= 0, sum 1: what the network is given.
    intensity: 0 to 1.5; 1 is the plain word. Up to 1.5 it moves weight from neutral to the emotion.
    confidence: 0 to 1; below 0.45 there is a `hint`.
    dominant: the class that is meant most, whatever its intensity ("a bit angry" is anger).
    hint: one sentence for the person when the text was not understood, else None.
    """

    mixture: np.ndarray
    intensity: float
    confidence: float
    dominant: str
    hint: str | None
    text: str

    @property
    def label(self) -> str:
        """The mixture in words for a person, strongest first: "happiness 41 %, neutral 38 %, fear 21 %"."""
        order = np.argsort(-self.mixture, kind="stable")
        parts = [f"{CLASSES[i]} {100 * self.mixture[i]:.0f} %" for i in order if self.mixture[i] >= 0.05]
        return ", ".join(parts)

    @property
    def strength(self) -> float:
        """Same number as `intensity`."""
        return self.intensity


def understand(text: str) -> Emotion:
    """Free English text -> Emotion. Raises BadText above 500 characters or when it is not text.

    Empty text and "none" give class none; a bare class name in any case gives exactly that class.
    """
    if not isinstance(text, str):
        raise BadText(f"An emotion must be given as text, not as {type(text).__name__}.")
    if len(text) > MAX_CHARACTERS:
        raise BadText(f"The emotion text has {len(text)} characters; describe the emotion in at most {MAX_CHARACTERS}.")
    name = text.strip().casefold()
    if name in NO_EMOTION:
        return _named("none", text)
    name = name.strip(".!?\"' ")
    if name in CLASSES:
        return _named(name, text)
    return _understand_text(text)


def is_timed(text: str) -> bool:
    """Whether a text gives times ("0-3s neutral; 3s- delighted")."""
    return emotion_times.is_timed(text)


def explain(text: str) -> tuple[str, ...]:
    """How a text, with or without times, was understood: one sentence a stretch, the hint where it was not."""
    if not is_timed(text):
        stretches = [("", understand(text))]
    else:
        stretches = [(f"{span.when}: ", understand(span.text or "")) for span in emotion_times.parse(text)]
    return tuple(when + (meant.hint or f"understood as {meant.label}.") for when, meant in stretches)


def emotion_track(text: str, frames: int, fps: float = 25.0) -> np.ndarray:
    """A text, with or without times -> (frames, 9) float32, each row a mixture.

    Times may be seconds ("0-3s", "2.5s-") or clock times ("0:05-0:10"). Neighbours blend over 0.5 s (raised
    cosine, centred on the border; less where a stretch is shorter); outside all given times it is neutral.
    Raises BadText for overlaps, unreadable times, or an end before its start.
    """
    if frames < 0 or not fps > 0:
        raise ValueError(f"frames must be >= 0 and fps > 0, got {frames} and {fps}")
    if not is_timed(text):
        return np.repeat(understand(text).mixture[None], frames, axis=0)
    if len(text) > MAX_TIMED_CHARACTERS:
        raise BadText(f"The timed emotion text has {len(text)} characters; use at most {MAX_TIMED_CHARACTERS}.")
    spans = emotion_times.parse(text)
    now = (np.arange(frames) + 0.5) / fps
    track = np.zeros((frames, len(CLASSES)), dtype=np.float64)
    for span in emotion_times.filled(spans):
        mixture = understand(span.text).mixture if span.text is not None else _one_hot("neutral")
        track += emotion_times.weight(span, now, BLEND_SECONDS)[:, None] * mixture
    track /= track.sum(axis=1, keepdims=True)
    return track.astype(np.float32)


def check_times(text: str, seconds: float) -> None:
    """Raises BadText where a part of a timed text starts after the end of a speech of so many seconds."""
    for span in emotion_times.parse(text) if is_timed(text) else ():
        if span.start >= seconds:
            raise BadText(
                f"The emotion {span.text!r} starts at {span.start:g} s and the speech ends at {seconds:.1f} s: give "
                "it an earlier time."
            )


def _one_hot(name: str) -> np.ndarray:
    mixture = np.zeros(len(CLASSES), dtype=np.float32)
    mixture[CLASSES.index(name)] = 1.0
    return mixture


def _named(name: str, text: str) -> Emotion:
    return Emotion(_one_hot(name), 1.0, 1.0, name, None, text)


def _understand_text(text: str) -> Emotion:
    reading = read(text)
    if not reading.rest and not reading.hits:
        return _unsure(text)
    word_core, word_intensity = _from_words(reading)
    if reading.words and not (reading.hits and reading.coverage == 1.0):
        core, intensity, confidence = _from_meaning(reading)
        confidence *= _english(text)
        intensity *= reading.degree
    else:
        core, intensity, confidence = np.zeros(len(FELT)), 0.0, 0.0
    if word_core is not None:
        trust = _trust_in_words(reading)
        meaning = (1.0 - trust) * confidence
        core = (trust * word_core + meaning * core) / (trust + meaning)
        intensity = (trust * word_intensity + meaning * intensity) / (trust + meaning)
        confidence = max(confidence, 0.5 + 0.5 * reading.coverage)
    if confidence < ASK_BELOW:
        return _unsure(text, core, confidence)
    intensity = float(np.clip(intensity, 0.1, MAX_INTENSITY))
    dominant = FELT[int(np.argmax(core))]
    return Emotion(_mixture(core, intensity), intensity, float(confidence), dominant, None, text)


def _trust_in_words(reading: Reading) -> float:
    """Weight of the emotion words against the meaning of the sentence: all where nothing else is said."""
    return 0.4 + 0.6 * reading.coverage


def _unsure(text: str, core: np.ndarray | None = None, confidence: float = 0.0) -> Emotion:
    """Close to neutral, leaning at most a little where the guess points."""
    mixture = np.zeros(len(CLASSES))
    mixture[NEUTRAL] = 1.0
    if core is not None:
        mixture[:NONE] = (1.0 - 0.3 * confidence) * mixture[:NONE] + 0.3 * confidence * core
    mixture /= mixture.sum()
    return Emotion(mixture.astype(np.float32), 0.1, float(confidence), "neutral", UNSURE_HINT, text)


def _share(intensity: float) -> float:
    """How much of the mixture the emotion gets, the rest being neutral; rises to 1 at the highest intensity."""
    if intensity <= 1.0:
        return PLAIN_SHARE * intensity
    return PLAIN_SHARE + (1.0 - PLAIN_SHARE) * (intensity - 1.0) / (MAX_INTENSITY - 1.0)


def _mixture(core: np.ndarray, intensity: float) -> np.ndarray:
    """(8,) weights of what is meant, and an intensity -> (9,) mixture with the rest on neutral."""
    mixture = np.zeros(len(CLASSES))
    mixture[:NONE] = core / core.sum() * _share(intensity)
    mixture[mixture < 0.02] = 0.0  # a trace of everything helps nobody
    mixture[NEUTRAL] += 1.0 - mixture.sum()
    return mixture.astype(np.float32)


def _from_words(reading: Reading) -> tuple[np.ndarray | None, float]:
    """The emotion words alone -> (weights (8,) summing to 1 or None when there are none, intensity)."""
    said = [hit for hit in reading.hits if not hit.negated]
    negated = [hit for hit in reading.hits if hit.negated]
    core = np.zeros(len(FELT))
    loudest: dict[str, float] = {}
    for hit in said:
        for name, weight in hit.weights.items():
            core[FELT.index(name)] += weight * hit.strength * (0.6 if name == "neutral" else 1.0)
        top = max(hit.weights, key=lambda name: hit.weights[name])
        loudest[top] = max(loudest.get(top, 0.0), hit.strength)
    # Two emotions at once show more than either, hence the root of the sum of squares.
    felt = [strength for name, strength in loudest.items() if name != "neutral"] or list(loudest.values())
    intensity = float(np.sqrt(np.sum(np.square(felt)))) if felt else 0.0
    if negated:
        gone = {name for hit in negated for name, weight in hit.weights.items() if weight >= 0.5}
        turned = np.zeros(len(FELT))
        for name in gone:
            for other, weight in OPPOSITES[name].items():
                turned[NEUTRAL if other in gone else FELT.index(other)] += weight
        if said:
            for hit in said:  # "not sad, just tired": of the tired, take the sadness out as well
                for name in gone.intersection(hit.weights):
                    if hit.weights[name] < 0.9:
                        core[FELT.index(name)] -= 0.8 * hit.weights[name] * hit.strength
            core = np.maximum(core, 0.0)
            core = core / core.sum() * 0.85
            core[NEUTRAL] += 0.15
        else:
            core, intensity = turned, 0.6
    if not core.sum():
        return None, 0.0
    return core / core.sum(), intensity * reading.degree


def _from_meaning(reading: Reading) -> tuple[np.ndarray, float, float]:
    """The rest of the text by its embedding -> (weights (8,), intensity, confidence in [0, 1])."""
    from moda.conditions.sentence import sentence_encoder

    prototypes_, heads, classes, levels = _prototypes()
    similarity = prototypes_ @ sentence_encoder().embed([reading.rest])[0]
    scores = SHARPNESS * (_kernel(similarity) @ heads)
    core = np.exp(scores - scores.max())
    core /= core.sum()
    own = np.exp((similarity - 1.0) / LEVEL_TEMPERATURE) * (classes == int(core.argmax()))
    intensity = float((own * levels).sum() / own.sum())
    nearest = float(np.sort(similarity)[-3:].mean())
    confidence = np.clip((nearest - UNSURE_BELOW) / (SURE_ABOVE - UNSURE_BELOW), 0.0, 1.0)
    # A guess spread over many classes is no understanding either.
    return core, intensity, float(confidence * min(1.0, core.max() / CLEAR_CLASS))


def _english(text: str) -> float:
    """1 for letters of the English alphabet only, falling to 0 where half are others: the model reads English."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not letter.isascii() for letter in letters) / max(len(letters), 1)
    return max(0.0, 1.0 - 2.0 * foreign)


_LOADING = threading.Lock()


def _kernel(cosine: np.ndarray) -> np.ndarray:
    """Gaussian kernel of two unit vectors by their cosine."""
    return np.exp(KERNEL * (cosine - 1.0))


@functools.cache
def _fitted() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prototypes (N, 384), kernel ridge regression on their classes (N, 8), class numbers (N,), levels (N,)."""
    points = prototypes.embeddings()
    _, names, levels = prototypes.listed()
    classes = np.array([CLASSES.index(name) for name in names])
    targets = np.where(classes[:, None] == np.arange(len(FELT)), 1.0, -1.0)
    heads = np.linalg.solve(_kernel(points @ points.T) + RIDGE * np.eye(len(points)), targets)
    return points, heads, classes, np.array(levels)


def _prototypes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    with _LOADING:
        return _fitted()

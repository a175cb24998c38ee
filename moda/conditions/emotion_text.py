"""Read an emotion prompt word by word: which emotion words it holds, how strong, and which are negated.

This is the half of the understanding that sentence embeddings are bad at: "not angry" embeds next to "angry", and
"slightly" hardly moves a vector. What no word list knows is left over as `Reading.rest` for the embedding.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, field

from moda.conditions.emotion_words import BLENDS, DEGREES, EMOJI, NEGATIONS, PHRASES, WORDS

NEGATION_REACH = 4  # words after "not" within which an emotion word is still meant by it
EXCLAMATION = 1.1  # "!" makes what it ends this much stronger

# Word groups that hold a negation without negating the emotion that follows.
NOT_NEGATIONS = ("not only", "not just", "nothing but", "no doubt", "no wonder", "not without")

_FUNCTION_WORDS = """
a an the this that these those i me my mine you your he him his she her it its we us our they them their
am is are was were be been being do does did doing have has had having will would shall should can could may
might must of in on at by for from to with into onto about over under as if then than and or so too very just
only also there here who whom whose which when where how why all any some each both one ones other such own
same up out off again more most feel feels feeling felt look looks looking sound sounds sounding seem seems
like speak speaks speaking speech voice tone person someone somebody man woman face expression mood way
emotion emotional emotions yet but not no never still ever now today
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*|\d{1,3} ?%")
_CLAUSE_END = re.compile(r"[,.;:!?/()\[\]\n+&|]+|(?<!anything )(?<!nothing )\bbut\b|\byet\b|\bthough\b|\balthough\b")


@dataclass(frozen=True)
class Hit:
    """One emotion word or idiom: class weights that sum to 1, and its strength with degree words applied."""

    weights: dict[str, float]
    strength: float
    negated: bool = False


@dataclass
class Reading:
    """What the words alone say. `coverage` in [0, 1] is the share of content words that are understood."""

    hits: list[Hit] = field(default_factory=list)
    degree: float = 1.0  # of degree words that stand with no emotion word; they apply to the whole text
    rest: str = ""  # the text for the embedding: without degree words and without what is negated
    coverage: float = 0.0
    words: int = 0  # content words in `rest`


def clean(text: str) -> str:
    """Lower case, compatibility forms folded, emoji in words, contractions opened, drawn-out letters shortened."""
    text = unicodedata.normalize("NFKC", text)
    for signs, words in EMOJI.items():
        for sign in signs:
            text = text.replace(sign, f",{words},")
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    text = re.sub(r"[’‘`´]", "'", text)
    text = re.sub(r"\bcan't\b|\bcannot\b", "can not", text)
    text = re.sub(r"\bwon't\b", "will not", text)
    text = re.sub(r"n't\b", " not", text)
    text = re.sub(r"\b(dont|doesnt|didnt|isnt|arent|wasnt|cant|couldnt|wont)\b", r"\1 not", text)
    text = re.sub(r"'(?:s|re|m|ll|ve|d)\b", "", text)
    text = re.sub(r"(.)\1{2,}", r"\1\1", text)  # "sooooo" -> "soo", "happyyyy" -> "happyy"
    return re.sub(r"\s+", " ", text).strip(" \"'")


def read(text: str) -> Reading:
    """Read a prompt (any string; see `clean`) into its emotion words and the rest."""
    reading = Reading()
    kept: list[str] = []
    content = covered = 0
    for clause, exclaimed in _clauses(clean(text)):
        hits, degree, words, understood, kept_here = _read_clause(clause)
        if exclaimed:
            hits = [Hit(hit.weights, hit.strength * EXCLAMATION, hit.negated) for hit in hits]
            degree *= EXCLAMATION if not hits else 1.0
        reading.hits += hits
        reading.degree *= degree
        content, covered = content + words, covered + understood
        if kept_here:
            kept.append(" ".join(kept_here))
    if not reading.hits and not kept:  # degree words only: let the embedding see them
        kept = [clean(text)]
    reading.rest = ", ".join(kept)
    reading.coverage = covered / content if content else 0.0
    reading.words = sum(word not in FUNCTION_WORDS for word in _WORD.findall(reading.rest))
    return reading


def _clauses(text: str) -> list[tuple[list[str], bool]]:
    """Text -> [(its words, whether an exclamation mark ends it)] for each clause."""
    clauses, start = [], 0
    for end in [*_CLAUSE_END.finditer(text), None]:
        stop = end.start() if end else len(text)
        words = _WORD.findall(text[start:stop])
        if words:
            clauses.append((words, end is not None and "!" in end.group()))
        start = end.end() if end else stop
    return clauses


def _read_clause(words: list[str]) -> tuple[list[Hit], float, int, int, list[str]]:
    """One clause -> (hits, degree left over, content words, content words understood, words for the embedding)."""
    hits: list[Hit] = []
    kept: list[str] = []
    degree, negated_until, position = 1.0, -1, 0
    content = understood = 0
    while position < len(words):
        entry, length = _match(words, position)
        chunk = words[position : position + length]
        if entry.kind == "emotion":
            negated = position <= negated_until
            hits.append(Hit(entry.weights, entry.factor * degree, negated))
            degree = 1.0
            content += length
            understood += length
            if not negated:
                kept += chunk
            elif words[position + length : position + length + 1] in (["or"], ["nor"]):
                negated_until = position + length + NEGATION_REACH
            else:
                negated_until = -1
        elif entry.kind == "degree":
            degree *= entry.factor
        elif entry.kind == "negation":
            negated_until = position + length - 1 + NEGATION_REACH
            kept += chunk
        else:
            content += sum(word not in FUNCTION_WORDS for word in chunk)
            kept += chunk
        position += length
    if hits and degree != 1.0:  # "sad, just a bit": a degree at the end belongs to what came before
        last = hits[-1]
        hits[-1] = Hit(last.weights, last.strength * degree, last.negated)
        degree = 1.0
    if any(hit.negated for hit in hits):
        kept = [word for word in kept if word not in _NEGATION_WORDS]
    return hits, degree, content, understood, kept


_NEGATION_WORDS = frozenset(word for phrase in NEGATIONS for word in phrase.split())


@dataclass(frozen=True)
class _Entry:
    """What a word group does: "emotion" (weights, strength), "degree" (factor), "negation" or "other"."""

    kind: str
    factor: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)


_OTHER = _Entry("other")


@functools.cache
def _tables() -> tuple[dict[str, _Entry], int]:
    """Every word group that means something, and the most words that one of them has."""
    table: dict[str, _Entry] = {}
    for name, strengths in WORDS.items():
        for strength, words in strengths.items():
            for word in words.split():
                table[word] = table[word.replace("-", " ")] = _Entry("emotion", strength, {name: 1.0})
    for group in (BLENDS, PHRASES):
        table.update((phrase, _Entry("emotion", factor, weights)) for phrase, (factor, weights) in group.items())
    table.update((phrase, _Entry("degree", factor)) for phrase, factor in DEGREES.items())
    table.update((phrase, _Entry("negation")) for phrase in NEGATIONS)
    table.update((phrase, _OTHER) for phrase in NOT_NEGATIONS)
    return table, max(len(phrase.split()) for phrase in table)


def _match(words: list[str], position: int) -> tuple[_Entry, int]:
    """The longest known word group at a position, and how many words it takes."""
    table, longest = _tables()
    for length in range(min(longest, len(words) - position), 0, -1):
        found = table.get(" ".join(words[position : position + length]))
        if found:
            return found, length
    word = words[position]
    if word[-1] == "%":
        return _Entry("degree", max(0.05, min(int(word[:-1]) / 100, 1.5))), 1
    for form in _base_forms(word):
        found = table.get(form)
        if found and (found.kind == "emotion" or form == word[:-1]):
            return found, 1
    return _OTHER, 1


def _base_forms(word: str) -> list[str]:
    """Plainer forms an inflected word may come from: "angrily" -> "angry", "smiles" -> "smile"."""
    forms = []
    if len(word) > 2 and word[-1] == word[-2]:
        forms.append(word[:-1])  # "happyy" that was "happyyyy"
    for ending, replacements in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            forms += [word[: -len(ending)] + replacement for replacement in replacements]
    return forms


# fmt: off
_ENDINGS = (
    ("ily", ("y",)), ("iness", ("y",)), ("ier", ("y",)), ("iest", ("y",)), ("ies", ("y",)), ("ied", ("y",)),
    ("ness", ("",)), ("ly", ("", "le")), ("fully", ("ful",)), ("ing", ("", "e", "ed")), ("ed", ("", "e", "ing")),
    ("es", ("", "e")), ("s", ("",)), ("er", ("", "e")), ("est", ("", "e")),
)
# fmt: on

"""Words of recordings as whisper tiny.en hears them and alignment times them, against their true text.

    python -m bench.captions FOLDER [--out FILE.json]

FOLDER holds sounds and transcripts.tsv, whose lines are file (with its ending or not), more columns or none, and text.
Word error is counted over all words without
punctuation. A word that was heard right is in time where it begins within 0.1 s of where the aligned true text says.
"""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

import numpy as np

from bench.machine import tell
from bench.voices import plain, word_errors


def apart(heard: list[tuple[str, float]], true: list[tuple[str, float]]) -> list[float]:
    """Seconds between the beginnings of words that are in both, in order."""
    same = difflib.SequenceMatcher(None, [word for word, _ in heard], [word for word, _ in true], autojunk=False)
    return [
        heard[block.a + k][1] - true[block.b + k][1] for block in same.get_matching_blocks() for k in range(block.size)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from moda.errors import BadSpeech
    from moda.media.alignment import by_recogniser
    from moda.media.audio import load_speech
    from moda.media.transcript import transcribe

    wrong = words = files = 0
    off: list[float] = []
    for line in (options.folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, *_, text = line.split("\t")
        found_as = sorted(options.folder.glob(f"{name}*"))
        if not found_as or not plain(text):
            continue
        speech = load_speech(found_as[0])
        said, heard = plain(text), transcribe(speech).words
        wrong += word_errors(said, plain(" ".join(word.text for word in heard)))
        words, files = words + len(said), files + 1
        try:
            true = by_recogniser(speech, text).words
        except BadSpeech:
            continue
        pairs = [[("".join(plain(word.text)), word.start) for word in one] for one in (heard, true)]
        off += apart(*pairs)
    found = np.abs(off)
    tell(
        {
            "files": files, "words": words, "word_error": round(wrong / max(words, 1), 4), "timed": len(off),
            "median_ms": round(1000 * float(np.median(found))), "within_100_ms": round(float((found <= 0.1).mean()), 3),
        },
        options.out,
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""How many p, b and m close the lips of a planned take, with and without the phonemes that a voice knows of its sound.

Thirty sentences of bench.voices; closed is an opening of the lips below a tenth of the take's 95th percentile at some
frame of the sound or of the 40 ms before it.

    python -m bench.closures [VOICE ...]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench.voices import SENTENCES

if TYPE_CHECKING:
    from moda.media.words import Phone
    from moda.motion.space import Motion


def closed(motion: Motion, phones: tuple[Phone, ...]) -> list[bool]:
    """Whether the lips meet, for each p, b and m."""
    from moda.motion.actions import LIP_PER_JAW, lip_opening, read_actions
    from moda.motion.closures import BEFORE, is_bilabial

    opening = lip_opening(read_actions(motion.expression, motion.neutral)) / LIP_PER_JAW
    least = max(0.1 * float(np.quantile(opening, 0.95)), 0.02)
    found = []
    for phone in phones:
        first, last = (int(f) for f in (max(0.0, phone.start - BEFORE) * motion.fps, np.ceil(phone.end * motion.fps)))
        if is_bilabial(phone.symbol) and first < min(last, len(opening)):
            found.append(bool(opening[first:last].min() < least))
    return found


def main(names: list[str]) -> None:
    from skimage import data

    from moda import Settings, TalkingHead
    from moda.media.speak import speak

    head = TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")
    portrait = head.portrait(data.astronaut())
    print("| voice | p, b, m | closed, from the sound alone | closed, phonemes known |\n|---|---:|---:|---:|")
    for name in names or ["joe", "gongitsune", "kumo", "en-us+f2"]:
        alone, known = list[bool](), list[bool]()
        for sentence in SENTENCES:
            speech = speak(sentence, name, offline=True)
            for shares, heard in ((alone, replace(speech, phones=())), (known, speech)):
                shares += closed(head.plan(portrait, heard, Settings(seed=5)).sampled, speech.phones)
        print(f"| {name} | {len(known)} | {np.mean(alone):.0%} | {np.mean(known):.1%} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

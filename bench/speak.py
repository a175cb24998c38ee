"""How long people wait for the first sound of typed text, wall time.

    python -m bench.speak [--rounds 3] [--out FILE.json]

first    from the text of a sentence to its sound, by a voice that has spoken before; median and largest of ten
cold     `moda speak` of one sentence in a process of its own, from start to the finished file; median of the rounds
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.machine import tell
from bench.voices import SENTENCES

VOICES = ("joe", "gongitsune", "es+kumo", "en-us+f2")


def first(voice: str) -> list[float]:
    """Seconds until each of ten sentences is there."""
    from moda.media.speak import speak_sentences

    next(speak_sentences("Ready.", voice))
    found = []
    for sentence in SENTENCES[:10]:
        began = time.perf_counter()
        next(speak_sentences(sentence, voice))
        found.append(time.perf_counter() - began)
    return found


def cold(voice: str, folder: Path) -> float:
    """Seconds of one call of the command line."""
    command = [sys.executable, "-m", "moda", "speak", SENTENCES[0], "--voice", voice, "-o", str(folder / "speech.wav")]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for voice in VOICES:
            waits = first(voice)
            report |= {
                f"{voice}: first, median": round(statistics.median(waits), 3),
                f"{voice}: first, largest": round(max(waits), 3),
                f"{voice}: cold": round(statistics.median(cold(voice, Path(name)) for _ in range(options.rounds)), 2),
            }
    tell(report, options.out)


if __name__ == "__main__":
    main()

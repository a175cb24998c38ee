"""Fits the lip-sync regressor: `python -m tools.fit_regressor VIDEOS` or `--speech FOLDER`.

VIDEOS: a table with the score of every real speaker, predicted from the others; --output keeps a regressor fitted on
all. --speech: the shipped regressor is made anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moda.evaluate.measures.sync import SHIPPED, Regressor, fit, score
from moda.evaluate.protocols.lip_regressor import fit_speech, footage, leave_one_out


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tools.fit_regressor", description=__doc__.split("\n")[0])
    parser.add_argument("videos", nargs="?", type=Path, help="folder of talking videos")
    parser.add_argument("--speech", type=Path, help="folder of speech with transcripts.tsv: fit the shipped regressor")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was followed in the videos")
    parser.add_argument("-o", "--output", type=Path, help="where the fitted regressor goes (.npz)")
    options = parser.parse_args(arguments)
    regressor: Regressor | None = None
    if options.speech:
        regressor = fit_speech(options.speech)
        (options.output or SHIPPED).parent.mkdir(parents=True, exist_ok=True)
        regressor.save(options.output or SHIPPED)
        print(f"fitted on {regressor.source}")
    if options.videos:
        clips = footage(options.videos, options.cache)
        print(f"{'clip':22} {'others: r':>9} {'best':>6} {'lag ms':>7} {'confid.':>8}   shipped: r  lag ms")
        rows = []
        shipped = regressor or Regressor.load()
        for name, (sync, _) in (found := leave_one_out(clips)).items():
            clip = next(c for c in clips if c.name == name)
            other = score(clip.signals.opening, clip.waveform, shipped, clip.late_ms)
            rows.append((sync.correlation, sync.confidence, other.correlation, other.confidence))
            print(
                f"{name:22} {sync.correlation:9.3f} {sync.best:6.3f} {sync.lag_ms:7.0f} {sync.confidence:8.3f}   "
                f"{other.correlation:10.3f} {other.lag_ms:7.0f}"
            )
        mean = np.mean(rows, axis=0)
        print(
            f"mean of {len(found)}: by others r {mean[0]:.3f}, confidence {mean[1]:.3f}; "
            f"shipped r {mean[2]:.3f}, confidence {mean[3]:.3f}"
        )
        if options.output and not options.speech:
            fit([clip.pair() for clip in clips], source=f"footage, {len(clips)} clips").save(options.output)
    elif not options.speech:
        parser.error("give a folder of videos, or --speech FOLDER")


if __name__ == "__main__":
    main()

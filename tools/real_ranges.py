"""Measuring real people: `python -m tools.real_ranges VIDEOS` prints the table of `real_ranges.py`.

Every video is measured by `evaluate_video`; lip sync by a regressor fitted on the other videos, never on itself. The
10th, 50th and 90th percentile over the clips are the real range of each measure. Clips of acting can be left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moda.evaluate.measures.definitions import MEASURES
from moda.evaluate.protocols.lip_regressor import footage, leave_one_out
from moda.media.footage import VIDEO_ENDINGS

#: Measures that say something about the file, or about a picture it was made from, and not about the person.
NOT_OF_PEOPLE = frozenset({"face_found", "sound_excess_ms", "seconds", "fps", "sharpness", "identity_drift", "closure"})

#: Rates of rare events say little about a clip of three seconds.
RARE = frozenset({"blink_rate", "brow_raises"})
LONG_ENOUGH = 4.5


def real_ranges(folder: Path, cache: Path | None = None, leave_out: Sequence[str] = ()) -> dict[str, list[float]]:
    """Percentiles 10, 50, 90 of every measure over the videos of a folder."""
    from moda.evaluate.videos import evaluate_video

    clips = {clip.name: clip for clip in footage(folder, cache)}
    regressors = leave_one_out(list(clips.values()))
    columns: dict[str, list[float]] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_ENDINGS and p.stem in clips):
        if path.stem in leave_out:
            continue
        report = evaluate_video(path, regressor=regressors[path.stem][1], late_ms=clips[path.stem].late_ms)
        print(report.table().replace("\n", "\n    "), "\n", flush=True)
        for name, value in report.values.items():
            too_short = name in RARE and report["seconds"] < LONG_ENOUGH
            if np.isfinite(value) and name not in NOT_OF_PEOPLE and not too_short:
                columns.setdefault(name, []).append(value)
    return {name: np.percentile(columns[name], (10, 50, 90)).tolist() for name in MEASURES if name in columns}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tools.real_ranges", description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps what was followed in the videos")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="NAME", help="clips that are no ordinary talking")
    options = parser.parse_args(arguments)
    for name, values in real_ranges(options.videos, options.cache, options.leave_out).items():
        print(f'    "{name}": ({", ".join(f"{v:.4g}" for v in values)}),')


if __name__ == "__main__":
    main()

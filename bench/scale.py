# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Many clips: a batch of jobs by one worker and by two, and a comparison of variants.

    python -m bench.scale [--jobs 40] [--seconds 5] [--variants 4] [--compared 10] [--out FILE.json]

batch    `python -m moda batch` over so many different speeches and two portraits, on one core with one worker (drawing
         and encoding share it), on two cores with one worker (encoding has the other core) and with two. Besides the
         time: cores kept busy (CPU seconds by wall seconds), and the largest memory of all processes in the second and
         in the last quarter of the run.
compare  `python -m moda compare --vary steps=...`: grid video, figures, table and report.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.endtoend import materials, measured, moda, told
from bench.machine import tell

STEPS = (2, 3, 4, 6, 8, 10, 16, 25)


def jobs_file(folder: Path, count: int, seconds: float) -> Path:
    """A table of `count` different jobs."""
    from matplotlib import cbook
    from PIL import Image

    from moda.media.audio import RATE, Speech, load_speech
    from moda.media.output import write_wav

    shift = 0.37  # seconds from where one job's speech begins to where the next one's does
    portrait, speeches = materials(folder, [seconds + count * shift])
    portraits = (portrait, folder / "other.png")
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        Image.open(file).save(portraits[1])
    (whole,) = (load_speech(path).waveform for path in speeches.values())
    length = round(seconds * RATE)
    table = folder / "jobs.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["portrait", "speech", "seed"])
        for k in range(count):
            first = round(k * shift * RATE)
            part = Speech.of(whole[first : first + length])
            rows.writerow([portraits[k % 2], write_wav(part, folder / f"job{k}.wav"), k])
    return table


def batch(table: Path, output: Path, workers: int, cores: int) -> dict[str, Any]:
    """One run of the batch."""
    told(f"batch, {workers} workers on {cores} cores")
    found = measured(moda("batch", table, "-o", output, "--workers", workers), cores)
    middle, late = found.peak.between(0.25, 0.5), found.peak.between(0.75, 1.0)
    return {
        "workers": workers, "cores": cores, "wall": found.wall, "busy": round(found.cpu / found.wall, 2),
        "megabytes": [middle, late], "done": found.said["done"], "failed": found.said["failed"],
    }  # fmt: skip


def compare(folder: Path, variants: int, seconds: float) -> dict[str, Any]:
    """One comparison of so many step counts."""
    told(f"compare, {variants} variants of {seconds:g} s")
    portrait, speeches = materials(folder, [seconds])
    steps = ",".join(map(str, STEPS[:variants]))
    command = moda("compare", portrait, speeches[seconds], "--vary", f"steps={steps}", "-o", folder / "compared")
    found = measured(command, 2)
    return {"variants": variants, "seconds": seconds, "wall": found.wall, "megabytes": found.peak.megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--variants", type=int, default=4, choices=range(2, 9))
    parser.add_argument("--compared", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cores = min(2, len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = jobs_file(folder, options.jobs, options.seconds)
        runs = [
            batch(table, folder / f"by{workers}on{count}", workers, count)
            for workers, count in ((1, 1), (1, cores), (cores, cores))
        ]
        report = {
            "jobs": options.jobs,
            "seconds": options.seconds,
            "batch": runs,
            "compare": compare(folder, options.variants, options.compared),
        }
    tell(report, options.out)


if __name__ == "__main__":
    main()

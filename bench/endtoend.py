# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""From portrait and speech to video with what ships (moda-lite, mesh): time and memory, each in a process of its own.

    python -m bench.endtoend [--seconds 10 60 600] [--sizes 512 1080] [--cores 2 1] [--out FILE.json]

cold    `python -m moda generate` from the start of the process to its end.
warm    in one process after a first short clip: portrait, planning, rendering with encoding of the first length;
        besides rendering alone, encoding alone, and the plain per-frame OpenCV warp (bench/piecewise.py).
length  `generate` of every length at the first size, with the peak of memory of the process and its children.

"1 core" pins everything, the encoder too, to one core. Speech is the offline voice, the portrait public domain.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.machine import tell

REPOSITORY = Path(__file__).resolve().parents[1]
TEXT = (
    "We tried a new way home, and it was shorter than we thought. My brother keeps five beautiful boats by the old "
    "bridge, and every summer he paints one of them. What a surprise it was to see you there!"
)


def materials(folder: Path, lengths: list[float]) -> tuple[Path, dict[float, Path]]:
    """A portrait file, and a speech file of every length in seconds."""
    import numpy as np
    from PIL import Image
    from skimage import data

    from moda.media.audio import RATE, Speech
    from moda.media.output import write_wav
    from moda.media.speak import speak

    portrait = folder / "portrait.png"
    Image.fromarray(data.astronaut()).save(portrait)
    wave = speak(TEXT, "en-us+f2", offline=True).waveform
    return portrait, {
        seconds: write_wav(Speech.of(np.resize(wave, round(seconds * RATE))), folder / f"speech{seconds:g}.wav")
        for seconds in lengths
    }


class Peak(threading.Thread):
    """Largest memory in MB of a process and all its descendants, looked at 10 times a second.

    What two of them share counts once (the proportional set size). A child that has not begun its own program yet is
    its parent still: vfork lends it the parent's memory, which is then listed as all of both.
    """

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process, self.seen, self._done = process, [0.0], threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.1):
            self.seen.append(self._now())

    def stop(self) -> None:
        self._done.set()
        self.join()

    @property
    def megabytes(self) -> float:
        return round(max(self.seen), 1)

    def between(self, first: float, last: float) -> float:
        """The largest in a part of the run, its borders as shares of the whole."""
        return round(max(self.seen[int(first * len(self.seen)) : max(1, int(last * len(self.seen)))]), 1)

    def _now(self) -> float:
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        family, grown = {self.process}, True
        while grown:
            more = {child for child, parent in parents.items() if parent in family} - family
            family, grown = family | more, bool(more)
        programs = {one: _read(one, "cmdline") for one in family}
        lent = {one for one in family if one != self.process and programs[one] == programs.get(parents[one])}
        lenders = {parents[one] for one in lent}
        kilobytes = 0
        for one in family - lent:
            kind = "Rss:" if one in lenders else "Pss:"
            kilobytes += sum(
                int(row.split()[1]) for row in _read(one, "smaps_rollup").splitlines() if row.startswith(kind)
            )
        return kilobytes / 1024


def _read(process: int, name: str) -> str:
    """A file of /proc, empty for a process that has ended."""
    try:
        return Path(f"/proc/{process}/{name}").read_text()
    except OSError:
        return ""


class Measured(NamedTuple):
    """Wall and CPU seconds of a command, its memory, and the JSON object that it printed."""

    wall: float
    cpu: float
    peak: Peak
    said: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"wall": self.wall, "cpu": self.cpu, "megabytes": self.peak.megabytes, "said": self.said}


def measured(command: list[str], cores: int) -> Measured:
    """Runs a command on so many cores."""
    available = sorted(os.sched_getaffinity(0))[:cores]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(cores)), "HF_HUB_OFFLINE": "1"}
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, available),
    )  # fmt: skip
    peak = Peak(process.pid)
    peak.start()
    out, err = process.communicate()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:6])}: {err.decode(errors='replace')[-800:]}")
    peak.stop()
    cpu = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    return Measured(round(wall, 2), round(cpu, 2), peak, json.loads(out.decode().strip().splitlines()[-1]))


def moda(*arguments: object) -> list[str]:
    """A command of the command line, with what ships."""
    shipped = ("--model", "moda-lite", "--renderer", "mesh", "--device", "cpu", "--json")
    return [sys.executable, "-m", "moda", *map(str, arguments), *shipped]


def generate(portrait: Path, speech: Path, size: int, cores: int, folder: Path) -> dict[str, Any]:
    """A whole process of the command line."""
    output = folder / "out.mp4"
    result = measured(moda("generate", portrait, speech, "-o", output, "--size", size), cores).as_dict()
    result["stages"] = result.pop("said")["seconds"]
    output.unlink()
    return result


def warm(portrait_file: str, speech_file: str, size: int) -> dict[str, Any]:
    """Inside the worker: everything once to warm up, then the clock."""
    import numpy as np

    from bench.piecewise import swaying, warp
    from moda import Settings, TalkingHead
    from moda.media.audio import Speech
    from moda.media.video import VideoWriter
    from moda.portrait.canonical import face_triangles

    head = TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")
    settings = Settings(size=size, seed=1)
    folder = Path(tempfile.mkdtemp())
    result: dict[str, Any] = {}

    def clock(name: str, work: Any, frames: int = 0) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        result[name] = {"wall": round(wall, 4), "cpu": round(cpu, 4)}
        if frames:
            result[name]["ms_a_frame"] = round(1e3 * wall / frames, 3)
        return value

    portrait, speech = head.portrait(portrait_file), head.speech(speech_file)
    short = Speech.of(speech.waveform[:16_000])
    head.render(portrait, head.plan(portrait, short, settings), short, folder / "warm.mp4")
    clock("portrait", lambda: head.portrait(portrait_file))
    clock("speech", lambda: head.speech(speech_file))
    take = clock("plan", lambda: head.plan(portrait, speech, settings))
    frames = len(take.motion)
    clock("video", lambda: head.render(portrait, take, speech, folder / "out.mp4"), frames)
    prepared = head.renderer.prepare(portrait)
    count = min(frames, 250)

    def draw() -> np.ndarray:
        last = None
        for frame in head.renderer.frames(prepared, take.motion, size=size, stop=count):
            last = frame
        assert last is not None
        return np.array(last)

    clock("rendering alone", draw, count)
    some = [np.array(f) for f in head.renderer.frames(prepared, take.motion, size=size, stop=min(count, 50))]

    def encode() -> None:
        height, width = some[0].shape[:2]
        with VideoWriter(folder / "encoded.mp4", 25.0, (width, height)) as writer:
            for k in range(count):
                writer.write(some[k % len(some)])

    clock("encoding alone", encode, count)

    matrix, image = np.asarray(portrait.crop.o2c), portrait.crop.image
    points = portrait.face.landmarks[:468, :2] @ matrix[:2, :2].T + matrix[:2, 2]
    if image.shape[0] != size:
        import cv2

        points, image = points * size / image.shape[0], cv2.resize(image, (size, size))
    triangles = np.asarray(face_triangles())
    few = max(5, min(count, 50))
    warp(image, points, swaying(points, 1, size), triangles)
    clock(
        "piecewise baseline",
        lambda: [warp(image, points, swaying(points, k, size), triangles) for k in range(few)],
        few,
    )
    for item in folder.iterdir():
        item.unlink()
    folder.rmdir()
    result["seconds"] = speech.seconds
    whole = sum(result[stage]["wall"] for stage in ("portrait", "speech", "plan", "video"))
    result["whole"] = round(whole, 3)
    result["real_time"] = round(speech.seconds / whole, 2)
    result["against_piecewise"] = round(
        result["piecewise baseline"]["ms_a_frame"] / result["rendering alone"]["ms_a_frame"], 2
    )
    return result


def run(lengths: list[float], sizes: list[int], cores: list[int]) -> dict[str, Any]:
    """All measures, as one JSON-able dict."""
    report: dict[str, Any] = {"seconds": lengths, "sizes": sizes, "cores": cores}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        portrait, speeches = materials(folder, lengths)
        first = speeches[lengths[0]]
        report["cold"], report["warm"], report["length"] = [], [], []
        for count in cores:
            for size in sizes:
                told(f"cold, {size} pixels, {count} cores")
                report["cold"].append({"cores": count, "size": size, **generate(portrait, first, size, count, folder)})
                told(f"warm, {size} pixels, {count} cores")
                worker = [sys.executable, "-m", "bench.endtoend", "--worker", str(portrait), str(first), str(size)]
                report["warm"].append({"cores": count, "size": size, **measured(worker, count).as_dict()})
        for seconds in lengths:
            told(f"{seconds:g} s of speech")
            report["length"].append(
                {"seconds": seconds, **generate(portrait, speeches[seconds], sizes[0], cores[0], folder)}
            )
    return report


def told(what: str) -> None:
    """Progress, for whoever waits."""
    print(f"  {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 60, 600])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1080])
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        portrait, speech, size = options.worker
        print(json.dumps(warm(portrait, speech, int(size))))
        return
    available = len(os.sched_getaffinity(0))
    cores = list(dict.fromkeys(min(count, available) for count in options.cores))
    tell(run(options.seconds, options.sizes, cores), options.out)


if __name__ == "__main__":
    main()

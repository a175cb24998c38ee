"""What the mesh renderer costs, by stage: python bench/mesh.py [PORTRAIT] [--frames N] [--size S] [--whole].

With ``--against FOLDER``, a checkout of another commit (`git worktree add FOLDER COMMIT`), both draw the same motion in
turns and the ratio of their times is printed; a bare `cv2.remap` of as many pixels is the yardstick beside it.

Prints wall time and CPU time on one core, and how many times faster than real time rendering with encoding is. On a
busy machine look at the fastest tenth of the frames: the others waited for somebody.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import FPS, Motion, neutral_reference


def talking(portrait: object, frames: int) -> Motion:
    """A made-up motion in which everything moves: jaw, lips, blinks, gaze, brows and head."""
    t = np.arange(frames) / FPS
    values = np.zeros((frames, len(ACTIONS)))
    values[:, INDEX["jaw_open"]] = np.clip(0.3 * np.sin(18.8 * t) + 0.2 * np.sin(27 * t), 0, 1)
    values[:, INDEX["pucker"]] = np.clip(0.6 * np.sin(5.6 * t), 0, 1)
    values[:, INDEX["stretch"]] = np.clip(-0.6 * np.sin(5.6 * t), 0, 1)
    values[:, INDEX["smile"]] = 0.4 * np.clip(np.sin(1.6 * t), 0, 1)
    values[:, INDEX["gaze_x"]] = 0.2 * np.sign(np.sin(3.0 * t))
    for name in ("blink_left", "blink_right"):
        values[:, INDEX[name]] = np.clip(12 * np.cos(1.7 * t) - 11, 0, 1)
    reference = neutral_reference(*portrait.pose)  # type: ignore[attr-defined]
    rows = np.repeat(reference[None], frames, axis=0)
    rows[:, :63] = write_actions(values)
    rows[:, 67:70] += np.stack([4 * np.sin(2.7 * t), 6 * np.sin(1.9 * t), 3 * np.sin(1.3 * t)], 1)
    return Motion(rows, reference=reference)


def quickest(path: Path, frames: int, size: int, whole: bool) -> dict[str, float]:
    """Milliseconds of the quickest tenth of the frames, drawn on one thread, and of a bare remap of a frame."""
    import cv2

    from moda.portrait.portrait import open_portrait
    from moda.renderer.mesh.renderer import MeshRenderer

    cv2.setNumThreads(1)
    portrait = open_portrait(path)
    renderer = MeshRenderer()
    stream = renderer.frames(renderer.prepare(portrait), talking(portrait, frames), size=size, whole=whole)
    frame, times, bare = next(stream), [], []
    height, width = frame.shape[:2]
    texture = np.random.default_rng(0).integers(0, 255, (3 * height, 3 * width, 4), dtype=np.uint8)
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) * 2.9 for n in (width, height)))
    x, y = x + 0.1 * y, y - 0.05 * x
    while True:
        before = time.perf_counter()
        if next(stream, None) is None:
            break
        between = time.perf_counter()
        cv2.remap(texture, x, y, cv2.INTER_LINEAR)
        times.append(between - before)
        bare.append(time.perf_counter() - between)
    return {name: 1e3 * float(np.quantile(values, 0.1)) for name, values in (("frame", times), ("remap", bare))}


def compare(options: argparse.Namespace) -> None:
    """This checkout and another one in turns: processes of their own, the quickest of three rounds each."""
    here, wanted = Path(__file__).resolve().parents[1], ["--frames", str(options.frames), "--size", str(options.size)]
    wanted += ["--whole"] * options.whole
    best: dict[Path, dict[str, float]] = {}
    for _ in range(3):
        for folder in (options.against.resolve(), here):
            command = [sys.executable, __file__, str(options.portrait), "--brief", *wanted]
            environment = dict(os.environ, PYTHONPATH=str(folder))
            answer = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
            found = json.loads(answer.stdout.splitlines()[-1])
            known = best.setdefault(folder, found)
            best[folder] = {name: min(value, known[name]) for name, value in found.items()}
    for folder, found in best.items():
        part = found["frame"] / found["remap"]
        print(f"{folder.name:<24}{found['frame']:7.2f} ms a frame, {part:.1f} times a remap ({found['remap']:.2f} ms)")
    before, now = (found["frame"] for found in best.values())
    print(f"{'ratio':<24}{before / now:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portrait", nargs="?", type=Path)
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--against", type=Path, help="checkout of another commit to compare with")
    parser.add_argument("--brief", action="store_true", help="print the quickest frame's milliseconds alone")
    parser.add_argument("--profile", action="store_true", help="also list the slowest functions")
    options = parser.parse_args()

    if options.portrait is None:
        import skimage

        options.portrait = Path(skimage.__file__).parent / "data" / "astronaut.png"
    if options.brief:
        print(json.dumps(quickest(options.portrait, options.frames, options.size, options.whole)))
        return
    if options.against is not None:
        compare(options)
        return
    start, start_wall = time.process_time(), time.perf_counter()
    from moda.portrait.portrait import open_portrait
    from moda.renderer.mesh.renderer import MeshRenderer

    print(f"{'import':<28}{time.perf_counter() - start_wall:8.2f} s   {time.process_time() - start:6.2f} s CPU")

    def stage(name: str, work):  # type: ignore[no-untyped-def]
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:<28}{1e3 * wall:8.1f} ms  {1e3 * cpu:6.1f} ms CPU")
        return result

    portrait = stage("portrait, cold", lambda: open_portrait(options.portrait))
    renderer = MeshRenderer()
    stage("prepare, cold", lambda: renderer.prepare(portrait))
    prepared = stage("prepare, warm", lambda: renderer.prepare(portrait))
    motion = talking(portrait, options.frames)
    how = {"size": options.size, "whole": options.whole}
    stage("first frame, cold", lambda: next(renderer.frames(prepared, motion, **how)))
    stage("first frame, warm", lambda: next(renderer.frames(prepared, motion, **how)))

    stream = renderer.frames(prepared, motion, **how)
    frame = next(stream)
    cpu, times = time.process_time(), []
    before = time.perf_counter()
    for _ in stream:
        times.append(time.perf_counter() - before)
        before += times[-1]
    cpu = (time.process_time() - cpu) / len(times)
    height, width = frame.shape[:2]
    quick, usual = (1e3 * float(np.quantile(times, q)) for q in (0.1, 0.5))
    name = f"frame, {width}x{height}"
    print(f"{name:<28}{usual:8.2f} ms  {1e3 * cpu:6.2f} ms CPU, fastest tenth {quick:.2f} ms")

    from tempfile import TemporaryDirectory

    from moda.media.video import VideoWriter

    with TemporaryDirectory() as folder:
        wall = time.perf_counter()
        with VideoWriter(Path(folder) / "out.mp4", fps=FPS, size=(width, height)) as writer:
            for frame in renderer.frames(prepared, motion, **how):
                writer.write(frame)
        wall = time.perf_counter() - wall
    speed = options.frames / FPS / wall
    print(f"{'render and encode':<28}{1e3 * wall / options.frames:8.2f} ms a frame: {speed:.1f} x real time")

    if options.profile:
        profile = cProfile.Profile()
        profile.enable()
        for _ in renderer.frames(prepared, motion, **how):
            pass
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(16)


if __name__ == "__main__":
    main()

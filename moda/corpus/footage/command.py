"""`python -m moda prepare`: what the command line runs."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from moda.errors import UserError


def prepare(
    videos: Annotated[Path, typer.Argument(help="A folder with talking videos, searched in depth.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the corpus; it is created.")],
    tracker: Annotated[str, typer.Option(help="auto, liveportrait (its weights) or landmarks (none needed).")] = "auto",
    emotions: Annotated[str | None, typer.Option(help="A CSV (video, emotion, strength), or: folders.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of the speakers that is never trained on.")] = 0.1,
    min_seconds: Annotated[float, typer.Option(help="Shortest stretch.")] = 2.0,
    max_seconds: Annotated[float, typer.Option(help="Longest; longer ones are parted.")] = 12.0,
    min_face: Annotated[float, typer.Option(help="Width of the face in pixels of the video.")] = 64.0,
    min_fps: Annotated[float, typer.Option(help="Frames a second of the video.")] = 20.0,
    max_yaw: Annotated[float, typer.Option(help="Degrees the head may be turned away.")] = 55.0,
    min_motion: Annotated[float, typer.Option(help="Spread of the lip opening, jaw_open = 1.")] = 0.04,
    min_sync: Annotated[float, typer.Option(help="Correlation of lips and sound.")] = 0.2,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for LivePortrait.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> int:
    """Talking videos to a corpus for training: cut, tracked, filtered, labelled, in shards (resumable)."""
    from tqdm import tqdm

    from moda.corpus.footage.assemble import REPORT
    from moda.corpus.footage.limits import Limits
    from moda.corpus.footage.run import PrepareOptions
    from moda.corpus.footage.run import prepare as prepare_all

    limits = Limits(min_seconds, max_seconds, min_fps, min_face, max_yaw, min_motion, min_sync=min_sync)
    options = PrepareOptions(limits, tracker, emotions, held_out, workers, device)
    with tqdm(desc="videos", unit="video", file=sys.stderr, leave=False, disable=None) as bar:

        def show(_: str, done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            made = prepare_all(videos, output, options, show)
        except KeyboardInterrupt:
            bar.close()
            print("Stopped; videos that are done are kept. The same command goes on from there.", file=sys.stderr)
            raise SystemExit(130) from None
        except UserError:
            bar.close()
            raise
    facts = made.facts
    if json:
        shown = {
            name: facts[name] for name in ("tracker", "videos", "items", "hours", "held_out", "speakers", "emotions")
        }
        print(jsonlib.dumps({"output": str(output), **shown, "faults": made.faults, "report": str(output / REPORT)}))
    else:
        apart = facts["held_out"]
        print(
            f"{output}  {facts['items']} stretches, {facts['hours']:.2f} h of {facts['speakers']} speakers "
            f"(held out: {apart['items']} of {len(apart['speakers'])}), read by {facts['tracker']}"
        )
        for video, reason in made.faults.items():
            print(f"not used: {video}: {reason}")
        print(f"every stretch and why it was kept or not: {output / REPORT}")
    return made.exit_code

"""`python -m moda evaluate VIDEO|controls|set`: what the command line runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from moda.errors import BadSetting
from moda.evaluate.report import Report

if TYPE_CHECKING:
    from moda.pipeline import Progress


def run(
    video: Path,
    portrait: Path | None = None,
    json: bool = False,
    regressor: Path | None = None,
    speech: Path | None = None,
) -> Report:
    """Measure a video, or a take (.npz), and print a table, or one JSON object on stdout.

    portrait: the picture the video was made from. speech: what a take was planned for (a video has its own sound).
    regressor: one fitted by `python -m moda.evaluate.fit`.
    Raises a UserError for a file that cannot be measured.
    """
    from moda.evaluate.sync import Regressor
    from moda.evaluate.takes import evaluate_take
    from moda.evaluate.videos import evaluate_video

    model = None if regressor is None else Regressor.load(regressor)
    if video.suffix.lower() == ".npz":
        from moda.media.audio import load_speech
        from moda.motion.files import load_motion

        sound = None if speech is None else load_speech(speech)
        report = evaluate_take(load_motion(video), sound, regressor=model)
    else:
        report = evaluate_video(video, portrait, regressor=model)
    print(report.json() if json else report.table())
    return report


def run_target(
    target: str,
    folder: Path | None,
    portrait: Path | None,
    output: Path | None,
    protocol: tuple[int | None, float, int, bool],
    model: str = "auto",
    json: bool = False,
    progress: Progress | None = None,
) -> None:
    """A video, the word `controls`, or the word `set` with a folder; protocol: clips, seconds, seeds, pixels."""
    from moda.media.output import check_folder

    if target != "set" and folder is not None:
        raise BadSetting("Only evaluate set takes a second name, the folder of the data set.")
    if target == "controls":
        from moda.evaluate.controls import run as controls_report

        controls_report(output=check_folder(output or Path("outputs/controls")), json=json)
    elif target == "set":
        from moda.evaluate.dataset_run import Protocol
        from moda.evaluate.dataset_run import run as set_report
        from moda.evaluate.datasets import find_clips
        from moda.pipeline import TalkingHead

        if folder is None:
            raise BadSetting("evaluate set wants the folder of the data set.")
        clips, seconds, seeds, pixels = protocol
        rules = Protocol(clips, seconds, tuple(range(1, max(seeds, 0) + 1)), 0, pixels)
        find_clips(folder)  # a folder without videos is told before a model is loaded
        head = TalkingHead.load(model, "auto" if pixels else "mesh")
        set_report(head, folder, output or Path("outputs/set"), rules, json, progress)
    else:
        run(Path(target), portrait, json)

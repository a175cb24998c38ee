"""`python -m moda evaluate VIDEO`: what the command line runs."""

from __future__ import annotations

from pathlib import Path

from moda.evaluate.report import Report


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

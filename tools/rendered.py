"""From speech to pixels and back: render a model's motion for real speech and measure the video like any other.

`python -m tools.rendered VIDEOS -o FOLDER [--portrait P ...]` plans and renders the speech of real talking
videos, measures what comes out, and holds every measure against the range of real people.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moda.evaluate.measures.definitions import MEASURES
from moda.evaluate.protocols.lip_regressor import Clip, footage, leave_one_out
from moda.evaluate.report import Report
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait


def render_and_measure(
    head: TalkingHead,
    portrait: Portrait,
    clips: Sequence[Clip],
    folder: Path,
    settings: Settings,
    seconds: float = 8.0,
    everyone: Sequence[Clip] = (),
) -> list[Report]:
    """A video for each clip's speech (its first `seconds`) in `folder`, measured against the portrait.

    everyone: the clips from which lip-sync regressors are fitted, each time without the one that is measured.
    """
    from moda.evaluate.videos import evaluate_video
    from moda.media.audio import Speech

    regressors = leave_one_out(everyone or clips)
    reports = []
    for clip in clips:
        speech = Speech.of(clip.waveform[: round(16_000 * seconds)].astype(np.float32))
        path = folder / f"{portrait.name}-{clip.name}.mp4"
        head.render(portrait, head.plan(portrait, speech, settings), speech, path)
        reports.append(evaluate_video(path, portrait, regressor=regressors[clip.name][1]))
    return reports


def summary_table(reports: Sequence[Report]) -> str:
    """Median of each measure over the reports beside the range of real people."""
    lines = [f"{'':26} {'p10':>8} {'median':>8} {'p90':>8} {'unit':10} {'real people':>22}"]
    for name, measure in MEASURES.items():
        column = np.array([report.get(name) for report in reports])
        column = column[np.isfinite(column)]
        if len(column):
            low, middle, high = np.percentile(column, (10, 50, 90))
            real = "" if measure.real is None else " / ".join(f"{v:.3g}" for v in measure.real)
            mark = "  outside" if measure.fits(float(middle)) is False else ""
            lines.append(f"{measure.label:26} {low:8.3g} {middle:8.3g} {high:8.3g} {measure.unit:10} {real:>22}{mark}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    from moda.evaluate.protocols.motion_model import any_portrait, load_head

    parser = argparse.ArgumentParser(prog="python -m tools.rendered", description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path, help="folder of talking videos")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the rendered videos")
    parser.add_argument("--model", default="moda-lite")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--portrait", nargs="*", type=Path, default=[])
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="clips to use; default: all")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--cache", type=Path, help="folder that keeps what was followed in the videos")
    options = parser.parse_args(arguments)
    head = load_head(options.model, options.checkpoint)
    everyone = footage(options.videos, options.cache)
    clips = [clip for clip in everyone if not options.only or clip.name in options.only]
    reports: list[Report] = []
    for source in options.portrait or [any_portrait()]:
        portrait = head.portrait(source)
        found = render_and_measure(head, portrait, clips, options.output, Settings(), options.seconds, everyone)
        for report in found:
            print(
                f"{report.subject:44} sync {report['sync_correlation']:.3f} lag {report['sync_lag_ms']:5.0f} "
                f"sharp {report['sharpness']:.2f} identity {report['identity_drift']:.4f} "
                f"background {report['background_still']:.3f}",
                flush=True,
            )
        reports += found
    print(summary_table(reports))


if __name__ == "__main__":
    main()

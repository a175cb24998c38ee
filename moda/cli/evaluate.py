"""evaluate video|controls|set|videos|model: of a video, the controls, a data set, other systems, a motion model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from moda.cli.options import AsJson, Model
from moda.console import progress_on_stderr
from moda.settings import CONTROLS, Settings

VIDEOS = "Folder of talking videos."


class VideoByDefault(TyperGroup):
    """`evaluate FILE` is `evaluate video FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["video", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=VideoByDefault, help="Measures: of any talking video, of what each control "
                  "does, on a data set, of a motion model.")  # fmt: skip

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; it is created.")]


@app.command()
def video(
    file: Annotated[Path, typer.Argument(help="A talking video, or a take (.npz).")],
    portrait: Annotated[Path | None, typer.Option(help="The portrait the video was made from.")] = None,
    speech: Annotated[Path | None, typer.Option(help="What a take was planned for; a video has its own sound.")] = None,
    regressor: Annotated[Path | None, typer.Option(help="Lip-sync regressor fitted by tools/fit_regressor.")] = None,
    json: AsJson = False,
) -> None:
    """Lips, head, blinks and picture of a talking video, against real people."""
    from moda.evaluate.measures.sync import Regressor

    model = None if regressor is None else Regressor.load(regressor)
    if file.suffix.lower() == ".npz":
        from moda.evaluate.takes import evaluate_take
        from moda.media.audio import load_speech
        from moda.motion.files import load_motion

        sound = None if speech is None else load_speech(speech)
        report = evaluate_take(load_motion(file), sound, regressor=model)
    else:
        from moda.evaluate.videos import evaluate_video

        report = evaluate_video(file, portrait, regressor=model)
    print(report.json() if json else report.table())


@app.command()
def controls(
    output: Folder = Path("outputs/controls"),
    model: Model = "moda-lite",
    checkpoint: Annotated[Path | None, typer.Option(help="Folder of another moda-lite.")] = None,
    json: AsJson = False,
) -> None:
    """What each control does: every one swept with all else held."""
    from moda.evaluate.protocols.controls import run
    from moda.evaluate.protocols.motion_model import load_head
    from moda.media.output import check_folder

    run(load_head(model, checkpoint), check_folder(output), json)


@app.command("set")
def data_set(
    folder: Annotated[Path, typer.Argument(help="The data set: a folder of videos, in any known layout.")],
    output: Folder = Path("outputs/set"),
    clips: Annotated[int | None, typer.Option(help="So many clips, spread over the speakers.")] = None,
    seconds: Annotated[float, typer.Option(help="From the start of each clip.")] = 10.0,
    seeds: Annotated[int, typer.Option(help="Takes of each clip.")] = 2,
    pixels: Annotated[bool, typer.Option(help="Also render, and measure the pictures.")] = False,
    model: Model = "auto",
    json: AsJson = False,
) -> None:
    """Our motion for the sound of every clip, against the real one."""
    from moda.evaluate.protocols.data_set import Protocol, run
    from moda.evaluate.protocols.datasets import find_clips
    from moda.pipeline import TalkingHead

    rules = Protocol(clips, seconds, tuple(range(1, max(seeds, 0) + 1)), 0, pixels)
    find_clips(folder)  # a folder without videos is told before a model is loaded
    with progress_on_stderr() as report:
        run(TalkingHead.load(model, "auto" if pixels else "mesh"), folder, output, rules, json, report)


@app.command()
def videos(
    systems: Annotated[list[str], typer.Argument(help="Each system's videos.", metavar="NAME=FOLDER...")],
    real: Annotated[Path, typer.Option(help="Folder of the real videos; clips are matched by file name.")],
    output: Folder = Path("outputs/systems"),
    seconds: Annotated[float, typer.Option(help="At most so much of every video.")] = 600.0,
    pixels: Annotated[bool, typer.Option(help="Also FID, LPIPS and the distance like FVD.")] = True,
    json: AsJson = False,
) -> None:
    """Several systems' videos of the same clips against the real ones: a paper's table, with intervals and tests."""
    import json as jsonlib

    from moda.evaluate.protocols.systems import evaluate_systems, parse_systems

    with progress_on_stderr() as report:
        facts = evaluate_systems(parse_systems(systems), real, output, seconds=seconds, pixels=pixels, progress=report)
    if json:
        print(jsonlib.dumps(facts))
        return
    print((output / "table.csv").read_text(encoding="utf-8"), end="")
    for place, fault in facts["left_out"].items():
        print(f"left out: {place}: {fault}")
    print(*facts["notes"], f"everything is in {output}", sep="\n")


@app.command("model")
def motion_model(
    videos: Annotated[Path, typer.Argument(help=VIDEOS)],
    model: Model = "moda-lite",
    checkpoint: Annotated[Path | None, typer.Option(help="Folder of another moda-lite.")] = None,
    portrait: Annotated[Path | None, typer.Option(help="A portrait; else one that a dependency carries.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps what was followed in the videos.")] = None,
    speech: Annotated[Path | None, typer.Option(help="Folder of speech to score as well.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A clip to judge; may be repeated. Else all.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; may be repeated.")] = None,
    json: AsJson = False,
) -> None:
    """A motion model on real talkers: mouth opening and lip sync from their sound alone."""
    from moda.compare.variants import known_name
    from moda.errors import BadSetting
    from moda.evaluate.protocols.motion_model import run

    settings = {}
    for pair in setting or ():
        name, mark, value = pair.partition("=")
        if not mark:
            raise BadSetting(f"--set wants NAME=VALUE, not {pair!r}.")
        settings[known_name(name)] = CONTROLS[known_name(name)].read(value)
    run(videos, model, checkpoint, Settings.from_mapping(settings), portrait=portrait, cache=cache, speech=speech,
        only=only or (), json=json)  # fmt: skip

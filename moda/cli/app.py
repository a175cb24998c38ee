"""The command line: `python -m moda generate|preview|render|speak|compare|batch|evaluate|prepare|train|doctor|serve`.

Every option comes from settings.py. Exit code 0 on success; 2 and one line on stderr for anything a person can
mend; results go to stdout, progress to stderr. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import json as jsonlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moda.cli.settings_options import progress_on_stderr, with_settings
from moda.corpus.footage.command import prepare
from moda.errors import UserError
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.pipeline import RenderResult, TalkingHead

app = typer.Typer(
    help="One portrait and speech in, a talking-head video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Model = Annotated[str, typer.Option(help="moda-lite, moda-base or auto (the best that is present).")]
RendererName = Annotated[str, typer.Option(help="mesh, liveportrait or auto (the best that is present).")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
EditsFile = Annotated[Path | None, typer.Option(help="A .json list of edits (a nod here, a smile there).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes; parents are created.")]
PortraitFile = Annotated[Path, typer.Argument(help="A picture with a face.")]
SpeechFile = Annotated[Path, typer.Argument(help="Any sound or video file with speech.")]
FaceIndex = Annotated[int | None, typer.Option("--face", help="Which face, 0 is the largest.", show_default=False)]


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being stopped cleans up as Ctrl-C does
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code (0, or 2 with one line on stderr)."""
    try:
        given = sys.argv[1:] if arguments is None else arguments
        result = app(given or ["--help"], standalone_mode=False, prog_name="python -m moda")
    except UserError as error:
        return _complain(str(error))
    except typer.Exit as stop:
        return _stopped() if stop.exit_code == 130 else stop.exit_code
    except typer.BadParameter as error:
        return _complain(f"{error.format_message().rstrip('.')}; see python -m moda --help.")
    except typer.TyperException as error:
        return _complain(f"{str(getattr(error, 'message', error)).rstrip('.')}; see python -m moda --help.")
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    stopped = result == 130  # what an interrupt becomes on its way through the options
    return _stopped() if stopped else (result if isinstance(result, int) else 0)


def _stopped() -> int:
    print("Stopped; nothing was written.", file=sys.stderr)
    return 130


def _complain(message: str) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return 2


def _load(model: str, renderer: str, device: str) -> TalkingHead:
    from moda.pipeline import TalkingHead

    return TalkingHead.load(model=model, renderer=renderer, device=device)


def _print_result(result: RenderResult, as_json: bool) -> None:
    facts = result.as_dict()
    sentence = (
        "{output}  {frames} frames, {duration:.2f} s of video at {real_time_factor:.2f} of real time, "
        "{model} + {renderer}, seed {seed}"
    )
    print(jsonlib.dumps(facts) if as_json else sentence.format(**facts))


ALL_GROUPS = ("sampling", "guidance", "emotion", "pose", "trims", "video")


@app.command()
@with_settings(ALL_GROUPS)
def generate(
    portrait: PortraitFile,
    speech: SpeechFile,
    output: Output,
    settings: dict[str, Any],
    model: Model = "auto",
    renderer: RendererName = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    take: Annotated[Path | None, typer.Option(help="Render this take's motion again; trims may change.")] = None,
    save_motion: Annotated[Path | None, typer.Option(help="Also write the take (.npz).")] = None,
    edits: EditsFile = None,
    json: AsJson = False,
) -> None:
    """Portrait and speech to a talking-head video."""
    from moda.media.output import check_output

    check_output(output, ".mp4")
    if save_motion is not None:
        check_output(save_motion, ".npz")
    with progress_on_stderr() as report:
        if take is not None:
            from moda.motion.takes import Take

            known = Take.load(take)
            chosen = known.settings.changed(**settings)
            planned = known.trimmed(chosen) if settings else known
            its_own = model == "auto" and known.model.startswith("moda-")
            head = _load(known.model if its_own else model, renderer, device)
            face_of = head.portrait(portrait, face=face)
            sound = head.speech(speech)
        else:
            chosen = Settings.from_mapping(settings)
            head = _load(model, renderer, device)
            face_of = head.portrait(portrait, face=face)
            sound = head.speech(speech)
            planned = head.plan(face_of, sound, chosen, progress=report)
        if edits is not None:
            planned = planned.edited_from(edits)
        if save_motion is not None:
            planned.save(save_motion)
        result = head.render(face_of, planned, sound, output, progress=report)
    for note in planned.notes:
        print(note, file=sys.stderr)
    _print_result(result, json)


@app.command()
@with_settings(ALL_GROUPS)
def preview(
    portrait: PortraitFile,
    speech: SpeechFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the preview; it is created.")],
    settings: dict[str, Any],
    model: Model = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    edits: EditsFile = None,
    json: AsJson = False,
) -> None:
    """Motion before pixels: take.npz, trajectories (.html, .png, .csv) and quick.mp4."""
    from moda.media.output import check_folder

    check_folder(output)
    chosen = Settings.from_mapping(settings)
    with progress_on_stderr() as report:
        head = _load(model, "mesh", device)
        face_of = head.portrait(portrait, face=face)
        sound = head.speech(speech)
        take = head.plan(face_of, sound, chosen, progress=report)
        if edits is not None:
            take = take.edited_from(edits)
        files = head.write_preview(take, face_of, sound, output, progress=report)
    for note in take.notes:
        print(note, file=sys.stderr)
    facts = {
        "output": str(output),
        "files": {name: str(path) for name, path in files.items()},
        "frames": len(take.motion),
        "fps": take.motion.fps,
        "seconds": take.timings,
        "seed": take.settings.seed,
        "model": take.model,
        "device": head.device,
    }
    print(jsonlib.dumps(facts) if json else "\n".join(str(path) for path in files.values()))


@app.command()
@with_settings(("trims", "video"))
def render(
    portrait: PortraitFile,
    take: Annotated[Path, typer.Argument(help="A take (.npz) or LivePortrait template (.pkl).")],
    speech: SpeechFile,
    output: Output,
    settings: dict[str, Any],
    renderer: RendererName = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    edits: EditsFile = None,
    json: AsJson = False,
) -> None:
    """A take to a video: exactly the motion that was previewed, never sampled again."""
    from moda.media.output import check_output
    from moda.motion.takes import Take
    from moda.pipeline import TalkingHead

    check_output(output, ".mp4")
    planned = Take.load(take)
    if settings:
        planned = planned.trimmed(planned.settings.changed(**settings))
    if edits is not None:
        planned = planned.edited_from(edits)
    head = TalkingHead.load(model=None, renderer=renderer, device=device)
    with progress_on_stderr() as report:
        result = head.render(head.portrait(portrait, face=face), planned, head.speech(speech), output, progress=report)
    _print_result(result, json)


@app.command()
def speak(
    text: Annotated[str, typer.Argument(help="What is said.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A .wav file.")],
    voice: Annotated[str, typer.Option(help="auto, a language such as en or fr, or a voice by name.")] = "auto",
    rate: Annotated[float, typer.Option(help="Tempo, 1 is normal.")] = 1.0,
    pitch: Annotated[float, typer.Option(help="Semitones up or down.")] = 0.0,
    offline: Annotated[bool, typer.Option(help="Use the offline voice only.")] = False,
    json: AsJson = False,
) -> None:
    """Text to speech: online voices where they can be reached, the offline voice always."""
    from moda.media.output import check_output, write_wav

    check_output(output, ".wav")
    from moda.media.speak import speak as say

    speech = say(text, voice=voice, rate=rate, pitch=pitch, offline=offline or None)
    write_wav(speech, output)
    if speech.notice:
        print(speech.notice, file=sys.stderr)
    facts = {"output": str(output), "seconds": speech.seconds}
    print(jsonlib.dumps(facts) if json else f"{output}  {speech.seconds:.2f} s")


@app.command()
@with_settings(ALL_GROUPS)
def compare(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the comparison; it is created.")],
    settings: dict[str, Any],
    portrait: Annotated[Path | None, typer.Argument(help="A picture with a face.", show_default=False)] = None,
    speech: Annotated[Path | None, typer.Argument(help="Any sound or video file.", show_default=False)] = None,
    vary: Annotated[list[str] | None, typer.Option(help="NAME=VALUE,VALUE; once or twice.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="NAME=VIDEO of another system; aligned by sound.")] = None,
    again: Annotated[Path | None, typer.Option(help="Repeat the comparison of this manifest.json.")] = None,
    at: Annotated[str, typer.Option(help="Moments of the strip: seconds or phonemes, 0.5,1.2,AA.")] = "",
    words: Annotated[str, typer.Option(help="What is said, to find phonemes exactly.")] = "",
    measure: Annotated[str, typer.Option(help="auto, motion or video (every pixel).")] = "auto",
    width: Annotated[str, typer.Option(help="Width of figures: single, double or inches.")] = "double",
    model: Model = "auto",
    renderer: RendererName = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    json: AsJson = False,
) -> None:
    """One or two settings varied, all else shared: grid video, figures, tables, report."""
    from moda.compare.command import run as compare_all

    loading = (model, renderer, device)
    with progress_on_stderr() as report:
        compare_all(
            portrait, speech, output, settings, vary or (), column or (), again, loading, face, at, words, measure,
            width, json, report,
        )  # fmt: skip


@app.command()
def batch(
    jobs: Annotated[Path, typer.Argument(help="A .csv, .tsv or .jsonl table: portrait, speech or text, settings.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the clips; it is created.")],
    workers: Annotated[int, typer.Option(help="Processes (or Ray actors), each with its own model.")] = 1,
    ray: Annotated[str | None, typer.Option(help="local, auto or an address: workers on a Ray cluster.")] = None,
    model: Model = "auto",
    renderer: RendererName = "auto",
    device: Device = "auto",
    json: AsJson = False,
) -> int:
    """Many clips from a table: resumable, errors reported per row (exit code 1 when some rows failed)."""
    from moda.batch.command import run as run_jobs
    from moda.batch.work import Recipe

    return run_jobs(jobs, output, Recipe(model, renderer, device), workers, ray, json)


@app.command()
def evaluate(
    target: Annotated[str, typer.Argument(help="A video, or the word controls, or set and a folder of videos.")],
    folder: Annotated[Path | None, typer.Argument(help="With set: the data set.", show_default=False)] = None,
    portrait: Annotated[Path | None, typer.Option(help="The portrait the video was made from.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for controls and set.")] = None,
    clips: Annotated[int | None, typer.Option(help="set: so many clips, spread over the speakers.")] = None,
    seconds: Annotated[float, typer.Option(help="set: from the start of each clip.")] = 10.0,
    seeds: Annotated[int, typer.Option(help="set: takes of each clip.")] = 2,
    pixels: Annotated[bool, typer.Option(help="set: also render, and measure the pictures.")] = False,
    model: Model = "auto",
    json: AsJson = False,
) -> None:
    """Measures of any talking video, of what each control does, or on a data set."""
    from moda.evaluate.command import run_target

    with progress_on_stderr() as report:
        run_target(target, folder, portrait, output, (clips, seconds, seeds, pixels), model, json, report)


app.command()(prepare)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(context: typer.Context) -> None:
    """Trains moda-lite: its corpus, then the network. Options: python -m moda.training --help."""
    import subprocess

    raise typer.Exit(subprocess.call([sys.executable, "-m", "moda.training", *context.args]))


@app.command()
def doctor(json: AsJson = False) -> None:
    """What is present, what is missing, and what each missing piece would add."""
    from moda.doctor import examine, table

    findings = examine()
    print(jsonlib.dumps(findings) if json else table(findings))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; the first free one from 7860 if not given.")] = None,
    share: Annotated[bool, typer.Option(help="Ask Gradio for a public link.")] = False,
) -> None:
    """Opens the studio in the browser."""
    from moda.studio.page import launch

    launch(host=host, port=port, share=share)

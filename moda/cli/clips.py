"""One clip at a time: generate, preview, render, speak."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moda.cli.options import (
    ALL_GROUPS,
    AsJson,
    CueSheet,
    Device,
    EditsFile,
    FaceIndex,
    Model,
    Output,
    OutputFolder,
    PortraitFile,
    Precision,
    RendererName,
    ScriptText,
    SpeechFile,
    check_input,
    check_inputs,
    files_in,
    keep_inputs,
    load_and_open,
    read_cues,
    show,
    with_script_of,
)
from moda.cli.settings_options import with_settings
from moda.console import Progress, progress_on_stderr
from moda.errors import BadMotionFile, BadPicture, BadSpeech, BadVideo
from moda.settings import CONTROLS, Settings

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.motion.takes import Take
    from moda.pipeline import RenderResult, TalkingHead
    from moda.portrait.portrait import Portrait

SENTENCE = (
    "{output}  {frames} frames, {duration:.2f} s of video at {real_time_factor:.2f} of real time, "
    "{model} + {renderer}, seed {seed}"
)


def _show_result(result: RenderResult, as_json: bool) -> None:
    facts = result.as_dict()
    show(facts, SENTENCE.format(**facts), as_json)


@with_settings(ALL_GROUPS)
def generate(
    portrait: PortraitFile,
    speech: SpeechFile,
    output: Output,
    settings: dict[str, Any],
    model: Model = "auto",
    renderer: RendererName = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    face: FaceIndex = None,
    take: Annotated[Path | None, typer.Option(help="Render this take's motion again; trims may change.")] = None,
    save_motion: Annotated[Path | None, typer.Option(help="Also write the take (.npz).")] = None,
    edits: EditsFile = None,
    cues: CueSheet = None,
    script: ScriptText = "",
    json: AsJson = False,
) -> None:
    """Portrait and speech to a talking-head video."""
    from moda.media.output import check_output, check_video

    check_inputs(portrait, speech, settings)
    check_input(take, "take", BadMotionFile)
    keep_inputs(output, portrait, speech, take, *files_in(settings))
    check_video(output, bool(settings.get("alpha")))
    if save_motion is not None:
        keep_inputs(save_motion, take, *files_in(settings))
        check_output(save_motion, ".npz")
    with progress_on_stderr() as report:
        if take is not None:
            from moda.motion.takes import Take

            known = Take.load(take)
            planned = known.trimmed(known.settings.changed(**settings)) if settings else known
            its_own = model == "auto" and known.model.startswith("moda-")
            head, face_of = load_and_open(
                portrait, face, known.model if its_own else model, renderer, device, precision
            )
            sound = head.speech(speech)
        else:
            sheet = read_cues(cues) if cues is not None else NO_CUES
            Settings.from_mapping(settings)  # a bad one is refused before anything is loaded
            head, face_of = load_and_open(portrait, face, model, renderer, device, precision)
            head.prepare_ahead(face_of, bool(settings.get("background_still", CONTROLS["background_still"].default)))
            planned, sound = _planned(head, face_of, speech, settings, sheet, script, report)
        if edits is not None:
            planned = planned.edited_from(edits)
        if save_motion is not None:
            planned.save(save_motion)
        result = head.render(face_of, planned, sound, output, progress=report)
    for note in (*face_of.hints, *planned.notes, *result.notes):
        print(note, file=sys.stderr)
    _show_result(result, json)


NO_CUES: tuple[tuple[Any, ...], str, tuple[Any, ...]] = ((), "", ())


def _planned(
    head: TalkingHead,
    face_of: Portrait,
    speech: Path,
    settings: dict[str, Any],
    sheet: tuple[tuple[Any, ...], str, tuple[Any, ...]],
    script: str,
    report: Progress,
) -> tuple[Take, Speech]:
    """A take of a recording and what was heard; sheet: edits, emotion and words of a cue sheet."""
    from moda.finishing import with_words

    directed, emotion, words = sheet
    chosen = Settings.from_mapping({"emotion": emotion, **settings} if emotion else settings)
    sound = head.speech(speech)
    sound = with_script_of(sound, script) if script else sound
    sound = with_words(replace(sound, words=words) if words else sound, chosen)
    take = head.plan(face_of, sound, chosen, progress=report)
    return (take.edited(directed) if directed else take), sound


@with_settings(ALL_GROUPS)
def preview(
    portrait: PortraitFile,
    speech: SpeechFile,
    output: OutputFolder,
    settings: dict[str, Any],
    face: FaceIndex = None,
    model: Model = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    script: ScriptText = "",
    cues: CueSheet = None,
    edits: EditsFile = None,
    json: AsJson = False,
) -> None:
    """Motion before pixels: take.npz, trajectories (.html, .png, .csv) and quick.mp4."""
    from moda.media.output import check_folder

    check_inputs(portrait, speech, settings)
    check_folder(output)
    sheet = read_cues(cues) if cues is not None else NO_CUES
    Settings.from_mapping(settings)  # as above
    with progress_on_stderr() as report:
        head, face_of = load_and_open(portrait, face, model, "mesh", device, precision)
        take, sound = _planned(head, face_of, speech, settings, sheet, script, report)
        if edits is not None:
            take = take.edited_from(edits)
        files = head.write_preview(take, face_of, sound, output, progress=report)
    for note in (*face_of.hints, *take.notes):
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
        "hints": face_of.hints,
    }
    show(facts, "\n".join(str(path) for path in files.values()), json)


@with_settings(("trims", "video"))
def render(
    portrait: PortraitFile,
    take: Annotated[Path, typer.Argument(help="A take (.npz) or LivePortrait template (.pkl).")],
    speech: SpeechFile,
    output: Output,
    settings: dict[str, Any],
    edits: EditsFile = None,
    face: FaceIndex = None,
    renderer: RendererName = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    json: AsJson = False,
) -> None:
    """A take to a video: exactly the motion that was previewed, never sampled again."""
    from moda.media.output import check_video
    from moda.motion.takes import Take

    check_inputs(portrait, speech)
    check_input(take, "take", BadMotionFile)
    keep_inputs(output, portrait, take, speech, *files_in(settings))
    check_video(output, bool(settings.get("alpha")))
    planned = Take.load(take)
    if settings:
        planned = planned.trimmed(planned.settings.changed(**settings))
    if edits is not None:
        planned = planned.edited_from(edits)
    head, face_of = load_and_open(portrait, face, None, renderer, device, precision)
    with progress_on_stderr() as report:
        result = head.render(face_of, planned, head.speech(speech), output, progress=report)
    for note in (*result.hints, *result.notes):
        print(note, file=sys.stderr)
    _show_result(result, json)


def speak(
    text: Annotated[str, typer.Argument(help="What is said, with cues: Hello [nod] there. [pause 0.5] Bye.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .wav file.")] = None,
    voice: Annotated[str, typer.Option(help="auto, a language such as en or fr, or a voice by name.")] = "auto",
    rate: Annotated[float, typer.Option("--rate", "--speed", help="Tempo, 1 is normal.")] = 1.0,
    pitch: Annotated[float, typer.Option(help="Semitones up or down.")] = 0.0,
    offline: Annotated[bool, typer.Option(help="Use the offline voices only.")] = False,
    cues: Annotated[bool, typer.Option("--cues", help="Also write OUT.cues.json: words, edits, emotions.")] = False,
    captions: Annotated[bool, typer.Option("--captions", help="Also write OUT.srt and OUT.vtt.")] = False,
    voices: Annotated[bool, typer.Option("--voices", help="List the voices and end.")] = False,
    json: AsJson = False,
) -> None:
    """Text to speech: online voices where they can be reached, neural and robot voices always."""
    if voices:
        _list_voices(json)
        return
    from moda.errors import BadText
    from moda.media.output import check_output, write_bytes, write_wav

    if output is None:
        raise BadText("Say where the speech goes: -o speech.wav.")
    check_output(output, ".wav")
    from moda.script import cue_sheet, direct, parse_script, speak_script

    script = parse_script(text)
    speech = speak_script(script, voice, rate, pitch, offline or None)
    write_wav(speech, output)
    facts: dict[str, Any] = {"output": str(output), "seconds": speech.seconds, "voice": speech.name}
    if cues:
        sheet = output.with_suffix(".cues.json")
        write_bytes(sheet, jsonlib.dumps(cue_sheet(script, speech), indent=1, ensure_ascii=False).encode())
        facts["cues"] = str(sheet)
    if captions:
        from moda.media.captions import captions_of
        from moda.media.output import write_captions

        shown = captions_of(speech.words)
        if not shown:
            raise BadText("This voice does not say when it speaks which word: use an offline voice for captions.")
        facts["captions"] = [str(path) for path in write_captions(output, shown)]
    for note in (speech.notice, *direct(script, speech.words, speech.seconds).notes):
        if note:
            print(note, file=sys.stderr)
    show(facts, f"{output}  {speech.seconds:.2f} s, {speech.name}", json)


def _list_voices(as_json: bool) -> None:
    from dataclasses import asdict

    from moda.media.speak import voices

    listed = voices()
    rows = [f"{v.name:32} {v.language:12} {v.gender:7} {v.kind:7} {v.licence}" for v in listed]
    show({"voices": [asdict(voice) for voice in listed]}, "\n".join(rows), as_json)


def export(
    portrait: PortraitFile,
    take: Annotated[Path, typer.Argument(help="A take (.npz), a template (.pkl) or ARKit curves (.csv).")],
    speech: SpeechFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="A .html page, a .glb face or .csv ARKit curves.")],
    face: FaceIndex = None,
    edits: EditsFile = None,
    json: AsJson = False,
) -> None:
    """A take as a web page that plays by itself, a rigged face, or ARKit curves."""
    from moda.exports.export import check_ending
    from moda.media.output import check_output
    from moda.motion.takes import Take

    check_inputs(portrait, speech)
    check_input(take, "take", BadMotionFile)
    keep_inputs(output, portrait, take, speech, edits)
    check_output(output, check_ending(output))
    planned = Take.load(take)
    if edits is not None:
        planned = planned.edited_from(edits)
    head, face_of = load_and_open(portrait, face, None, "mesh", "cpu")
    written = head.export(face_of, planned, head.speech(speech), output)
    for note in face_of.hints:
        print(note, file=sys.stderr)
    show({"output": str(written), "bytes": written.stat().st_size}, f"{written}", json)


@with_settings(ALL_GROUPS)
def idle(
    portrait: PortraitFile,
    output: Output,
    settings: dict[str, Any],
    seconds: Annotated[float, typer.Option(help="Length of the loop, 2 to 120.")] = 10.0,
    renderer: RendererName = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    save_motion: Annotated[Path | None, typer.Option(help="Also write the take (.npz).")] = None,
    json: AsJson = False,
) -> None:
    """Listening: a video without speech that loops without a seam."""
    from moda.media.output import check_output, check_video

    check_input(portrait, "portrait", BadPicture)
    keep_inputs(output, portrait, *files_in(settings))
    check_video(output, bool(settings.get("alpha")))
    if save_motion is not None:
        check_output(save_motion, ".npz")
    with progress_on_stderr() as report:
        head, face_of = load_and_open(portrait, face, "moda-lite", renderer, device)
        take = head.idle(face_of, Settings.from_mapping(settings), seconds)
        if save_motion is not None:
            take.save(save_motion)
        result = head.render(face_of, take, None, output, progress=report)
    for note in (*face_of.hints, *result.notes):
        print(note, file=sys.stderr)
    _show_result(result, json)


@with_settings(ALL_GROUPS)
def perform(
    portrait: PortraitFile,
    video: Annotated[Path, typer.Argument(help="A film of one shot that shows somebody talking.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The take (.npz).")],
    settings: dict[str, Any],
    speech: Annotated[
        Path | None, typer.Option(help="Lips from this speech; head, eyes and brows from the film.")
    ] = None,
    model: Model = "auto",
    device: Device = "auto",
    face: FaceIndex = None,
    json: AsJson = False,
) -> None:
    """The motion of a filmed face as a take."""
    from moda.media.output import check_output

    check_input(portrait, "portrait", BadPicture)
    check_input(video, "film", BadVideo)
    check_input(speech, "speech file", BadSpeech)
    keep_inputs(output, portrait, video, speech)
    check_output(output, ".npz")
    chosen = Settings.from_mapping(settings)
    with progress_on_stderr() as report:
        head, face_of = load_and_open(portrait, face, None if speech is None else model, "mesh", device)
        take = head.perform(face_of, video, chosen, speech=speech, progress=report)
    take.save(output)
    for note in (*face_of.hints, *take.notes):
        print(note, file=sys.stderr)
    facts = {"output": str(output), "frames": len(take.motion), "fps": take.motion.fps, "seconds": take.timings}
    show(facts, f"{output}  {len(take.motion)} frames, {take.motion.seconds:.2f} s", json)

"""Where results go: asked before any work is done, written whole or not at all."""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moda.errors import BadSetting, OutputFailed, unwritten
from moda.media.atomic import PartialFile
from moda.media.audio import RATE, Speech
from moda.media.captions import Caption, srt, vtt
from moda.media.encoding import NVENC_LONGEST, nvenc_works
from moda.media.formats import Target, target_of
from moda.media.png_sequence import PngSequence
from moda.media.provenance import voice_comment
from moda.media.spoken import chunk, samples_of
from moda.media.video import VideoWriter


def check_output(path: Path, suffix: str) -> Path:
    """Makes the parents and finds out before any work whether a file can be written there. Raises OutputFailed."""
    if path.suffix.lower() != suffix:
        raise BadSetting(f"The output must end in {suffix}, not {path.name!r}.")
    if path.is_dir():
        raise OutputFailed(f"{path} is a folder; give a file name that ends in {suffix}.")
    check_folder(path.parent)
    return path


def check_video(path: Path, alpha: bool = False) -> Target:
    """What a video of this name is written as; makes the parents and finds out whether it can be written there.

    Raises BadSetting for an ending that is not known, or that cannot be transparent where that is asked for, and
    OutputFailed.
    """
    target = target_of(path, alpha)
    if target.format.is_sequence:
        if target.path.is_file():
            raise OutputFailed(f"{target.path} is a file; PNG pictures need a folder.")
        check_folder(target.path.parent)
    else:
        check_output(path, target.format.ending)
    return target


def open_writer(
    path: Path,
    fps: float,
    size: tuple[int, int],
    audio: Speech | None,
    metadata: Mapping[str, Any],
    *,
    frames: int,
    alpha: bool = False,
    captions: str = "",
    gpu: bool = False,
) -> VideoWriter | PngSequence:
    """The writer for a video of this name; see `VideoWriter` and `PngSequence`. gpu: encode there where that works."""
    if target_of(path, alpha).format.is_sequence:
        return PngSequence(path, size, metadata, alpha=alpha)
    gpu = gpu and max(size) <= NVENC_LONGEST and nvenc_works()
    return VideoWriter(path, fps, size, audio, metadata, frames=frames, alpha=alpha, captions=captions, gpu=gpu)


def check_folder(folder: Path) -> Path:
    """Makes the folder if needed and checks that it can be written. Raises OutputFailed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".moda-{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritten(f"The folder {folder}", error) from error
    return folder


def write_bytes(path: Path, content: bytes) -> Path:
    """A whole file or none. Raises OutputFailed."""
    partial = PartialFile(path)
    try:
        partial.temporary.write_bytes(content)
        partial.keep()
    except OSError as fault:
        raise unwritten(f"The file '{path.name}'", fault) from None
    finally:
        partial.discard()
    return path


def write_captions(video: Path, captions: Sequence[Caption]) -> tuple[Path, Path]:
    """Captions as .srt and .vtt beside a video or sound (or a folder of pictures). Raises OutputFailed."""
    stem = video.parent / "captions" if "%" in video.name else video.with_suffix("")
    files = stem.with_name(f"{stem.name}.srt"), stem.with_name(f"{stem.name}.vtt")
    for path, text in zip(files, (srt(captions), vtt(captions))):
        write_bytes(path, text.encode("utf-8"))
    return files


def wav_bytes(speech: Speech) -> bytes:
    """Speech as a 16-bit wav file, in memory, with what is known of it: its voice, script, words and phonemes."""
    content, samples = io.BytesIO(), samples_of(speech.waveform)
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples)
    wav = content.getvalue()
    # Behind the samples, where every player keeps looking for the sound.
    wav += (_comment(voice_comment(speech.voice)) if speech.voice else b"") + chunk(
        samples, speech.script, speech.words, speech.phones
    )
    return wav[:4] + struct.pack("<I", len(wav) - 8) + wav[8:]


def _comment(comment: str) -> bytes:
    """A LIST chunk with a comment."""
    text = comment.encode("utf-8") + b"\0"
    text += b"\0" * (len(text) % 2)
    entry = b"INFOICMT" + struct.pack("<I", len(text)) + text
    return b"LIST" + struct.pack("<I", len(entry)) + entry


def write_wav(speech: Speech, path: Path) -> Path:
    """Speech as a 16-bit wav file, whole or not at all. Raises OutputFailed."""
    return write_bytes(path, wav_bytes(speech))

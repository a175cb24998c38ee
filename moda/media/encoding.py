"""ffmpeg's arguments for writing videos: how pictures are encoded, joined with their sound, and finished."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from moda.media.ffmpeg import Child
from moda.media.formats import COLOUR, EVEN, GIF, MEANT, MP4, WEBM, WEBP, Format

LOSSLESS = ("-c:v", "libx264rgb", "-qp", "0", "-preset", "ultrafast", "-f", "matroska")
"""Pictures kept exactly for a second pass."""
NVENC = ("-c:v", "h264_nvenc", "-bf", "0", "-preset", "p5", "-rc", "vbr", "-b:v", "0")
"""H.264 on an NVIDIA GPU in place of x264; without B-frames, as there."""
NVENC_LONGEST = 4096
QUICK = ("-subq", "1")
"""Motion within a pixel is refined less than x264's veryfast preset has it: a fifth less time for the same PSNR, SSIM
and flicker of talking heads, in files a fifth larger."""

PLAIN_CRF = 3
"""How much higher a rate factor without the macroblock tree is for the same quality."""


@functools.cache
def nvenc_works() -> bool:
    """Whether ffmpeg encodes on a GPU of this machine: a few frames are tried, as one may list the encoder and find
    no GPU, or a driver that is too old."""
    some = ["-f", "lavfi", "-i", "color=size=256x256:rate=25:duration=0.2", "-pix_fmt", "yuv420p"]
    with Child([*some, *NVENC, "-cq", "19", "-f", "null", "-"], seconds=20.0) as child:
        return child.wait() == 0


def planar(form: Format, alpha: bool) -> bool:
    """Whether frames go to the encoder as YUV (see `yuv`), of even sizes, instead of RGB."""
    return form in (MP4, WEBM) and not alpha


def encode(
    form: Format,
    size: tuple[int, int],
    rate: Fraction,
    alpha: bool,
    crf: int,
    preset: str,
    threads: int,
    gpu: bool = False,
) -> list[str]:
    """Raw frames on standard input, as YUV where `planar` says so, to an encoded stream, up to but without the output's
    container.

    size: (width, height). crf, preset: as x264 counts them; other codecs take their nearest. gpu: H.264 by `NVENC`.
    """
    given = "rgba" if alpha else form.pixels if planar(form, alpha) else "rgb24"
    raw = ["-f", "rawvideo", "-pixel_format", given, "-video_size", f"{size[0]}x{size[1]}",
           "-framerate", str(rate), "-i", "pipe:0", "-map", "0:v"]  # fmt: skip
    if form.finish:
        return [*raw, *LOSSLESS]
    pixels = form.alpha_pixels if alpha else form.pixels
    even = f"{EVEN}," if form in (MP4, WEBM) else ""
    codec = [*form.codec, *(form.alpha_codec if alpha else ())]
    if form is MP4:
        quick = QUICK if preset == "veryfast" else ()
        codec = [*NVENC, "-cq", str(crf)] if gpu else [*codec, "-preset", preset, *quick, "-crf", str(crf + PLAIN_CRF)]
    elif form is WEBM:
        codec += ["-crf", str(round(1.25 * crf))]
    if form is not WEBP:
        codec += ["-threads", str(threads)]
    colour = f"format={pixels}" if form is WEBP else MEANT if planar(form, alpha) else COLOUR.format(pixels=pixels)
    return [*raw, "-vf", f"{even}{colour}", *codec]


def container(form: Format, tags: Sequence[str], target: Path) -> list[str]:
    """The finished file: its tags, index and name."""
    return [*tags, *form.container, "-f", form.muxer, "-y", f"file:{target}"]


def join(pictures: Path, sound: Path | None, captions: Path | None, seconds: float, form: Format) -> list[str]:
    """Encoded pictures with their sound (cut to `seconds`) and captions, copied as they are."""
    ours = ["-protocol_whitelist", "file"]
    inputs, maps = [*ours, "-i", f"file:{pictures}"], ["-map", "0:v"]
    if sound is not None:
        inputs += [*ours, "-t", f"{seconds:.6f}", "-i", f"file:{sound}"]
        maps += ["-map", "1:a"]
    if captions is not None:
        inputs += [*ours, "-f", "srt", "-i", f"file:{captions}"]
        maps += ["-map", f"{1 + (sound is not None)}:s", "-c:s", form.captions]
    return [*inputs, *maps, "-c:v", "copy", "-c:a", "copy", "-map_metadata:g", "-1"]


def second_pass(form: Format, pictures: Path) -> list[str]:
    """Lossless pictures read twice, for a format that must see all of them before it writes the first."""
    again = ["-protocol_whitelist", "file", "-i", f"file:{pictures}"]
    assert form is GIF
    return [*again, *again, *form.finish]

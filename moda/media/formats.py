"""What a video can be written as, by the ending of its name: which container, which codecs, and what it can carry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from moda.errors import BadSetting

MEANT = "setparams=range=tv:colorspace=smpte170m:color_primaries=bt709:color_trc=bt709"
COLOUR = f"scale=out_color_matrix=smpte170m:out_range=tv:flags=accurate_rnd,format={{pixels}},{MEANT}"
"""Filter from RGB to YUV that also writes what the numbers mean: without that a player guesses, by the picture's
height, and skin is off by five levels. The encoders' own options are dropped by the rawvideo input. The matrix is
BT.601's at every size, as the one of BT.709 has a factor (2.11 for blue) that browsers without a GPU cut to 2."""

EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0"  # colour at half resolution needs even sizes
NUMBER = re.compile(r"%0?(\d{0,2})d")


@dataclass(frozen=True)
class Format:
    """One kind of output.

    ending: of the file name. name: for people. muxer: ffmpeg's. pixels, alpha_pixels: pixel formats without and with
    transparency ("" = it has none). codec: ffmpeg's options for the pictures; alpha_codec: further ones with alpha.
    sound: options for the sound track, empty where the container has none. captions: codec of a soft subtitle track.
    finish: options of a second pass over lossless pictures, for formats that must see all of them first.
    longest_side: pixels.
    """

    ending: str
    name: str
    muxer: str
    pixels: str = ""
    alpha_pixels: str = ""
    codec: tuple[str, ...] = ()
    alpha_codec: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    captions: str = ""
    container: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    longest_side: int = 8192

    @property
    def alpha(self) -> bool:
        """Whether it can be transparent, with soft edges."""
        return bool(self.alpha_pixels)

    @property
    def is_sequence(self) -> bool:
        """Whether it is a folder of pictures instead of one file."""
        return self.ending == ".png"


MP4 = Format(
    ".mp4", "MP4 (H.264)", "mp4", "yuv420p",
    # B-frames would shift the brightness of the whole face by a level from frame to frame. Rounding down, as usual,
    # would take the grain off skin and canvas. What stands still is encoded well once, in a key frame, and then left
    # alone: the macroblock tree would refine it again and again, which is seen as flicker, and look ahead for it.
    # Without small partitions a head's motion is found as well in a sixth less time; without arithmetic coding files
    # grow by an eighth, which the rest has saved, in an eighth less.
    codec=("-c:v", "libx264", "-bf", "0", "-g", "500", "-x264-params",
           "deadzone-inter=6:deadzone-intra=6:mbtree=0:ipratio=3:aq-strength=0.6:rc-lookahead=0:scenecut=0:weightp=0:"
           "partitions=none:me=dia:cabac=0"),
    sound=("-c:a", "aac", "-b:a", "160k"), captions="mov_text", container=("-movflags", "+faststart"),
)  # fmt: skip
WEBM = Format(
    ".webm", "WebM (VP9)", "webm", "yuv420p", "yuva420p",
    # Alternate reference frames do not exist for the transparency, which is a second VP9 stream of its own.
    codec=("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "5", "-row-mt", "1",
           "-tile-columns", "1", "-auto-alt-ref", "0", "-lag-in-frames", "0"),
    sound=("-c:a", "libopus", "-b:a", "128k"), captions="webvtt",
)  # fmt: skip
MOV = Format(
    ".mov", "QuickTime (ProRes 4444)", "mov", "yuv444p10le", "yuva444p10le",
    codec=("-c:v", "prores_ks", "-profile:v", "4", "-vendor", "apl0", "-qscale:v", "9"),
    alpha_codec=("-alpha_bits", "16"), sound=("-c:a", "pcm_s16le"), captions="mov_text",
    container=("-movflags", "+faststart+use_metadata_tags"),
)  # fmt: skip
GIF = Format(
    ".gif", "GIF", "gif",
    # One palette of all frames, and a pattern that stands still: dithering by noise would shimmer on skin.
    finish=("-filter_complex", "[0:v]palettegen=stats_mode=full[p];[1:v][p]paletteuse=dither=bayer:bayer_scale=3:"
            "diff_mode=rectangle", "-loop", "0"),
)  # fmt: skip
WEBP = Format(
    ".webp", "animated WebP", "webp", "yuv420p", "yuva420p",
    codec=("-c:v", "libwebp_anim", "-quality", "82", "-compression_level", "1", "-preset", "photo", "-loop", "0"),
)  # fmt: skip
PNG = Format(".png", "PNG pictures", "", "rgb24", "rgba")

FORMATS = (MP4, WEBM, MOV, GIF, WEBP, PNG)
ENDINGS = tuple(form.ending for form in FORMATS)


@dataclass(frozen=True)
class Target:
    """Where a video goes and as what.

    path: the file, or, for a sequence of pictures, the folder. pattern: the pictures' names in it, with one %d.
    """

    path: Path
    format: Format
    pattern: str = field(default="")


def target_of(path: Path, alpha: bool = False) -> Target:
    """What to write for this name.

    The ending decides (`FORMATS`). PNG pictures go to a folder: a name without an ending is that folder and gets
    00000.png, 00001.png ...; a name with %d, as in shot_%04d.png, says what they are called.
    alpha: whether it has to be transparent. Raises BadSetting with the formats that would do.
    """
    ending = path.suffix.lower()
    form = PNG if not ending else next((known for known in FORMATS if known.ending == ending), None)
    if form is None:
        raise BadSetting(
            f"The output '{path.name}' must end in {', '.join(ENDINGS[:-1])}, or be a folder for PNG pictures."
        )
    if alpha and not form.alpha:
        able = [f"{known.name} ({known.ending})" for known in FORMATS if known.alpha and not known.is_sequence]
        raise BadSetting(
            f"{form.name} cannot be transparent; formats that can are {', '.join(able)} and PNG pictures (a folder)."
        )
    if not form.is_sequence:
        return Target(path, form)
    if not ending:
        return Target(path, form, "%05d.png")
    if len(NUMBER.findall(path.name)) != 1 or path.name.count("%") != 1:
        raise BadSetting(f"PNG pictures need a folder, or a name with their number such as {path.stem[:40]}_%04d.png.")
    return Target(path.parent, form, path.name)

"""Load any picture a person may have: every mode, depth, colour profile and orientation -> (H, W, 3) uint8 sRGB.

Everything that is not a usable picture raises `BadPicture` with one sentence, before it is decoded where possible.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from moda.errors import BadPicture
from moda.portrait.colour_profile import to_srgb

MAX_MEGAPIXELS = 40.0
MAX_FILE_MEGABYTES = 200
MIN_SIDE = 32
MOST_FRAMES = 8
"""Frames of an animation, or pages of a document, that are looked at for a face, evenly spaced."""
NEUTRAL = (214, 214, 214)
"""Background under transparent pixels: a light grey that neither darkens nor tints the edge of hair."""

# What people hand over by mistake, by its first bytes and where they stand.
_SIGNATURES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "a video": (
        (0, b"\x1a\x45\xdf\xa3"), (0, b"\x00\x00\x01\xba"), (0, b"\x00\x00\x01\xb3"), (0, b"FLV"), (8, b"AVI "),
    ),
    "a sound file": ((8, b"WAVE"), (0, b"ID3"), (0, b"\xff\xfb"), (0, b"fLaC")),
    "a sound or video file": ((0, b"OggS"),),
    "a PDF document": ((0, b"%PDF"),),
    "an archive or office document": ((0, b"PK\x03\x04"),),
}  # fmt: skip
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "ICO", "TGA", "AVIF", "JPEG2000", "HEIF")
"""What Pillow may open. Of its others, some start programs (EPS: Ghostscript) and none is what a camera writes."""
_BITS, _ORIENTATION, _PLANES, _PROFILE = 258, 274, 284, 34675
"""TIFF tags."""
_APART = 2
"""Value of `_PLANES`: one plane a colour."""
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}
"""What undoes each orientation tag."""
TIFF = (b"II*\x00", b"MM\x00*")
_HOW = "please give a JPEG, PNG or WebP picture of a face"


@dataclass(frozen=True)
class Picture:
    """A picture as it is looked at, and its transparency."""

    pixels: np.ndarray
    """(H, W, 3) uint8 sRGB, contiguous, upright; transparent parts lie on `NEUTRAL`."""
    alpha: np.ndarray | None = None
    """(H, W) float32 in 0..1, None when nothing is transparent."""


def load_picture(source: Any, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """The pixels of the first frame of `source`, (H, W, 3) uint8; see `read_pictures`."""
    return next(read_pictures(source, max_megapixels)).pixels


def read_pictures(source: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Iterator[Picture]:
    """Load a picture upright, on a neutral background, in 8-bit sRGB.

    Args:
        source: path, encoded bytes, open binary file, `PIL.Image.Image`, or array (H, W), (H, W, 1|2|3|4) of uint8,
            uint16, bool, or floats in 0..1.
        max_megapixels: larger pictures are refused before they are decoded.

    Yields:
        The first frame, then, where there are more (an animation, the pages of a TIFF), up to `MOST_FRAMES` of them.

    Raises:
        BadPicture: missing, empty, not a picture, damaged, too large or too small.
    """
    from PIL import Image

    if isinstance(source, np.ndarray):
        yield _large_enough(_from_array(source, max_megapixels))
        return
    name = "The picture"
    if isinstance(source, Image.Image):
        frames = _from_image(source, name, max_megapixels)
    elif isinstance(source, bytes | bytearray | memoryview):
        frames = _from_bytes(bytes(source), name, max_megapixels)
    elif isinstance(source, str | Path):
        frames = _from_bytes(*_read(source), max_megapixels)
    elif hasattr(source, "read"):
        frames = _from_bytes(_read_stream(source), name, max_megapixels)
    else:
        raise BadPicture(f"A {type(source).__name__} is not a picture; {_HOW}.")
    empty = True
    for frame in frames:
        empty = False
        yield _large_enough(frame)
    if empty:  # a container whose every page is damaged
        raise BadPicture(f"{name} holds no picture that can be read; {_HOW}.")


def _large_enough(picture: Picture) -> Picture:
    height, width = picture.pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadPicture(f"The picture is only {width}x{height} pixels; please give one of at least 256x256.")
    return picture


def _read(source: str | Path) -> tuple[bytes, str]:
    text = str(source)
    if not text.strip():
        raise BadPicture(f"No picture was given; {_HOW}.")
    if text.startswith(("http://", "https://", "data:")):
        raise BadPicture("The portrait is a web address; please download the picture and give the file.")
    path = Path(source)
    name = f"The picture {path.name!r}"
    try:
        if path.is_dir():
            raise BadPicture(f"{path.name!r} is a folder; {_HOW}.")
        if not path.exists():
            raise BadPicture(f"{name} does not exist; please check its path.")
        if not path.is_file():
            raise BadPicture(f"{path.name!r} is not an ordinary file; {_HOW}.")
        if path.stat().st_size > MAX_FILE_MEGABYTES * 2**20:
            raise BadPicture(f"{name} is larger than {MAX_FILE_MEGABYTES} MB; {_HOW}.")
        return path.read_bytes(), name
    except (OSError, ValueError) as fault:
        raise BadPicture(f"{name} cannot be read; please check its name and permissions.") from fault


def _read_stream(stream: BinaryIO) -> bytes:
    data = stream.read(MAX_FILE_MEGABYTES * 2**20 + 1)
    if not isinstance(data, bytes):
        raise BadPicture(f"The picture was opened as text; {_HOW}.")
    if len(data) > MAX_FILE_MEGABYTES * 2**20:
        raise BadPicture(f"The picture is larger than {MAX_FILE_MEGABYTES} MB; {_HOW}.")
    return data


def _what_it_is(data: bytes) -> str | None:
    """Name a file that is surely no picture, from its first bytes."""
    head = data[:512]
    for what, marks in _SIGNATURES.items():
        if any(head[offset : offset + len(mark)] == mark for offset, mark in marks):
            return what
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS:
        return "a video or sound file"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")) and b"<svg" in data[:4096].lower():
        return "an SVG drawing"
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")):
        return "a web page"
    plain = all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    if plain and not head.startswith((b"P1", b"P2", b"P3")):  # those three are pictures written as text
        return "a text file"
    return None


def _from_bytes(data: bytes, name: str, max_megapixels: float) -> Iterator[Picture]:
    from PIL import Image

    if not data:
        raise BadPicture(f"{name} is empty (0 bytes); {_HOW}.")
    what = _what_it_is(data)
    if what is not None:
        raise BadPicture(f"{name} is {what}; {_HOW}.")
    try:
        Image.init()  # the plugins of the formats below are not all loaded by themselves
        if data[4:8] == b"ftyp":
            _register_heif()
        image = Image.open(io.BytesIO(data), formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except Image.DecompressionBombError as fault:
        raise BadPicture(f"{name} has far more than {max_megapixels:g} megapixels; please make it smaller.") from fault
    except Exception as fault:  # Pillow's readers raise nearly anything on damaged headers
        if data[4:8] == b"ftyp":
            raise BadPicture(
                f"{name} is a HEIC or AVIF picture that cannot be read here; please save it as JPEG or PNG first."
            ) from fault
        if data[:4] in TIFF:
            yield from _deep_tiff(data, name, max_megapixels)
            return
        raise BadPicture(f"{name} is damaged or not a picture at all; {_HOW}.") from fault
    tags: dict[int, Any] = getattr(image, "tag_v2", {})
    if data[:4] in TIFF and max(tags.get(_BITS, (8,))) > 8:
        try:
            yield from _deep_tiff(data, name, max_megapixels)
            return
        except BadPicture:  # compressed in a way that only Pillow undoes
            if tags.get(_PLANES) == _APART:  # and there Pillow mixes the planes up
                raise
    yield from _from_image(image, name, max_megapixels)


def _register_heif() -> None:
    """Teach Pillow HEIC, the format of iPhone photos, where the decoder is installed."""
    with contextlib.suppress(ImportError):
        import pi_heif

        pi_heif.register_heif_opener()


def _deep_tiff(data: bytes, name: str, max_megapixels: float) -> Iterator[Picture]:
    """TIFF with more than 8 bits a colour, which Pillow does not read or reads wrongly."""

    try:
        import tifffile

        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for number in _spaced(len(file.pages)):
                page: Any = file.pages[number]
                _check_size(int(page.imagewidth), int(page.imagelength), name, max_megapixels)
                if page.nbytes > 16 * page.imagewidth * page.imagelength:  # a header may claim 65,535 colours
                    raise ValueError("too many samples a pixel")
                yield _from_page(page, max_megapixels)
    except BadPicture:
        raise
    except Exception as fault:
        raise BadPicture(f"{name} is a TIFF of an unusual kind; please save it as JPEG or PNG first.") from fault


def _from_page(page: Any, max_megapixels: float) -> Picture:
    from PIL import Image

    pixels = np.asarray(page.asarray())
    if pixels.ndim == 3 and int(page.planarconfig) == _APART:
        pixels = np.moveaxis(pixels, 0, -1)
    array, alpha = _to_bytes(pixels, max_megapixels)
    if int(page.photometric) == 0:  # white is zero
        array = 255 - array
    if int(page.photometric) == 5 and alpha is not None:
        image = Image.frombytes("CMYK", (alpha.shape[1], alpha.shape[0]), np.dstack([array, alpha]).tobytes())
        alpha = None
    else:
        image = Image.fromarray(np.squeeze(array, axis=2) if array.shape[2] == 1 else array)
    profile, turn = page.tags.get(_PROFILE), page.tags.get(_ORIENTATION)
    colours = np.asarray(to_srgb(image, None if profile is None else bytes(profile.value)))
    upright = _UPRIGHT.get(1 if turn is None else int(turn.value), lambda stored: stored)
    return _laid_on_neutral(upright(colours), None if alpha is None else upright(alpha))


def _spaced(count: int) -> list[int]:
    """The first of `count` frames and up to `MOST_FRAMES` - 1 others, evenly spaced."""
    return sorted({round(v) for v in np.linspace(0, count - 1, min(count, MOST_FRAMES))})


def _check_size(width: int, height: int, name: str, max_megapixels: float) -> None:
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise BadPicture(
            f"{name} has {megapixels:.0f} megapixels ({width}x{height}); please give one of at most {max_megapixels:g}."
        )


def _from_image(image: Any, name: str, max_megapixels: float) -> Iterator[Picture]:
    for number in _spaced(getattr(image, "n_frames", 1)):
        try:
            if number:
                image.seek(number)
            _check_size(image.width, image.height, name, max_megapixels)
            image.load()
        except BadPicture:
            raise
        except Exception as fault:  # Pillow's decoders raise nearly anything on damaged data
            if number:
                return  # what came before was whole
            raise BadPicture(f"{name} is damaged and cannot be read to its end; please give another file.") from fault
        yield _from_frame(image, max_megapixels)


def _from_frame(image: Any, max_megapixels: float) -> Picture:
    profile = image.info.get("icc_profile")
    # A broken EXIF block must not cost the picture: it is then taken as it lies.
    with contextlib.suppress(Exception):
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        from PIL import Image

        array, _ = _to_bytes(np.asarray(image), max_megapixels)
        return _laid_on_neutral(np.asarray(to_srgb(Image.fromarray(array[..., 0]), profile)), None)
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        grey = image.mode in ("L", "LA", "La", "1")
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB").getchannel("R") if grey else image.convert("RGB")
    return _laid_on_neutral(np.asarray(to_srgb(image, profile)), alpha)


def _laid_on_neutral(pixels: np.ndarray, alpha: np.ndarray | None) -> Picture:
    """Colours (H, W, 1|3) uint8 with opacity (H, W) uint8 or None -> a picture."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if alpha is None or int(alpha.min()) == 255:
        return Picture(np.ascontiguousarray(pixels))
    share = alpha.astype(np.float32)[..., None] / 255
    laid = np.rint(pixels * share + np.array(NEUTRAL, np.float32) * (1 - share)).astype(np.uint8)
    return Picture(laid, share[..., 0])


def _from_array(array: np.ndarray, max_megapixels: float) -> Picture:
    return _laid_on_neutral(*_to_bytes(array, max_megapixels))


def _to_bytes(array: np.ndarray, max_megapixels: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Any sensible array -> colours (H, W, 1|3) uint8 and opacity (H, W) uint8 or None."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise BadPicture(f"An array of shape {array.shape} is not a picture; it must be (height, width, 3).")
    _check_size(array.shape[1], array.shape[0], "The picture", max_megapixels)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif array.dtype != np.uint8:
        array = _numbers_to_bytes(array)
    if array.shape[2] in (2, 4):
        return array[..., :-1], array[..., -1]
    return array, None


def _numbers_to_bytes(array: np.ndarray) -> np.ndarray:
    """Floats in 0..1 (or 0..255) and wide integers -> uint8; the range tells which scale was meant."""
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise BadPicture(f"An array of {array.dtype} is not a picture; it must hold numbers.")
    values = np.asarray(array, np.float32)
    if not np.isfinite(values).all():
        raise BadPicture("The picture holds values that are not numbers (NaN or infinity).")
    top = float(values.max())
    if np.issubdtype(array.dtype, np.floating) and top <= 1.0:
        values = values * 255.0
    elif top > 255.0:
        values = values / 257.0
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)

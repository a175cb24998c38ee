"""Load any picture a person may have: every mode, depth and orientation -> (H, W, 3) uint8 RGB.

Everything that is not a usable picture raises `BadPicture` with one sentence, before it is decoded where possible.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from moda.errors import BadPicture

MAX_MEGAPIXELS = 40.0
MAX_FILE_MEGABYTES = 200
MIN_SIDE = 32
NEUTRAL = (214, 214, 214)
"""Background under transparent pixels: a light grey that neither darkens nor tints the edge of hair."""

# What people hand over by mistake, by its first bytes: (offset, bytes, what it is).
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (0, b"\x00\x00\x01\xba", "a video"),
    (0, b"\x00\x00\x01\xb3", "a video"),
    (0, b"FLV", "a video"),
    (8, b"AVI ", "a video"),
    (8, b"WAVE", "a sound file"),
    (0, b"ID3", "a sound file"),
    (0, b"\xff\xfb", "a sound file"),
    (0, b"fLaC", "a sound file"),
    (0, b"OggS", "a sound or video file"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "an archive or office document"),
)
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "ICO", "TGA", "AVIF", "JPEG2000")
"""What Pillow may open. Of its others, some start programs (EPS: Ghostscript) and none is what a camera writes."""
_HOW = "please give a JPEG, PNG or WebP picture of a face"


def load_picture(source: Any, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Load a picture upright, on a neutral background, in 8-bit RGB.

    Args:
        source: path, encoded bytes, open binary file, `PIL.Image.Image`, or array (H, W), (H, W, 1|2|3|4) of uint8,
            uint16, bool, or floats in 0..1.
        max_megapixels: larger pictures are refused before they are decoded.

    Returns:
        (H, W, 3) uint8, contiguous.

    Raises:
        BadPicture: missing, empty, not a picture, damaged, too large or too small.
    """
    from PIL import Image

    if isinstance(source, np.ndarray):
        pixels = _from_array(source, max_megapixels)
    elif isinstance(source, Image.Image):
        pixels = _from_image(source, "The picture", max_megapixels)
    elif isinstance(source, bytes | bytearray | memoryview):
        pixels = _from_bytes(bytes(source), "The picture", max_megapixels)
    elif isinstance(source, str | Path):
        data, name = _read(source)
        pixels = _from_bytes(data, name, max_megapixels)
    elif hasattr(source, "read"):
        pixels = _from_bytes(_read_stream(source), "The picture", max_megapixels)
    else:
        raise BadPicture(f"A {type(source).__name__} is not a picture; {_HOW}.")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadPicture(f"The picture is only {width}x{height} pixels; please give one of at least 256x256.")
    return np.ascontiguousarray(pixels)


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
    for offset, mark, what in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
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


def _from_bytes(data: bytes, name: str, max_megapixels: float) -> np.ndarray:
    from PIL import Image

    if not data:
        raise BadPicture(f"{name} is empty (0 bytes); {_HOW}.")
    what = _what_it_is(data)
    if what is not None:
        raise BadPicture(f"{name} is {what}; {_HOW}.")
    try:
        Image.init()  # the plugins of the formats below are not all loaded by themselves
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as fault:
        raise BadPicture(f"{name} has far more than {max_megapixels:g} megapixels; please make it smaller.") from fault
    except Exception as fault:  # Pillow's readers raise nearly anything on damaged headers
        if data[4:8] == b"ftyp":
            raise BadPicture(f"{name} is a HEIC picture; please save it as JPEG or PNG first.") from fault
        if data[:4] in (b"II*\x00", b"MM\x00*"):
            return _from_array(_deep_tiff(data, name, max_megapixels), max_megapixels)
        raise BadPicture(f"{name} is damaged or not a picture at all; {_HOW}.") from fault
    return _from_image(image, name, max_megapixels)


def _deep_tiff(data: bytes, name: str, max_megapixels: float) -> np.ndarray:
    """16-bit colour TIFF, which Pillow does not read."""
    try:
        import tifffile

        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages[0]
            _check_size(int(page.imagewidth), int(page.imagelength), name, max_megapixels)
            if page.nbytes > 16 * page.imagewidth * page.imagelength:  # a header may claim 65,535 colours
                raise ValueError("too many samples a pixel")
            pixels = np.asarray(page.asarray())
    except BadPicture:
        raise
    except Exception as fault:
        raise BadPicture(f"{name} is a TIFF of an unusual kind; please save it as JPEG or PNG first.") from fault
    return pixels


def _check_size(width: int, height: int, name: str, max_megapixels: float) -> None:
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise BadPicture(
            f"{name} has {megapixels:.0f} megapixels ({width}x{height}); please give one of at most {max_megapixels:g}."
        )


def _from_image(image: Any, name: str, max_megapixels: float) -> np.ndarray:
    from PIL import Image, ImageOps

    _check_size(image.width, image.height, name, max_megapixels)
    try:
        image.load()
    except Exception as fault:  # Pillow's decoders raise nearly anything on damaged data
        raise BadPicture(f"{name} is damaged and cannot be read to its end; please give another file.") from fault
    # A broken EXIF block must not cost the picture: it is then taken as it lies.
    with contextlib.suppress(Exception):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _from_array(np.asarray(image), max_megapixels)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*NEUTRAL, 255))
        return np.asarray(Image.alpha_composite(ground, layer).convert("RGB"))
    return np.asarray(_to_srgb(image))


def _to_srgb(image: Any) -> Any:
    """RGB by the embedded colour profile, so that CMYK and wide-gamut photos keep their skin tones."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        from PIL import ImageCms

        with contextlib.suppress(Exception):  # an unusable profile is common and harmless
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(embedded).lower():
                return ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return image.convert("RGB")


def _from_array(array: np.ndarray, max_megapixels: float) -> np.ndarray:
    """Any sensible array -> (H, W, 3) uint8."""
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
        alpha = array[..., -1:].astype(np.float32) / 255.0
        array = np.rint(array[..., :-1] * alpha + np.float32(NEUTRAL[0]) * (1 - alpha)).astype(np.uint8)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


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

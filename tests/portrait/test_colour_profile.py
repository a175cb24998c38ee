"""Embedded colour profiles hold for every mode, depth and format, held against the sums done by hand."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from moda.portrait.pictures import NEUTRAL, load_picture
from tests.siblings import COUNT, SEED

SRGB = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
ADOBE = np.array([[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]])
WHITE = (0.9642, 1.0, 0.8249)
PROFILES = {
    "p3": (P3, 2.2), "adobe": (ADOBE, 2.2), "adobe-1.8": (ADOBE, 1.8), "srgb-1.8": (SRGB, 1.8),
    "grey-1.8": (None, 1.8), "grey-2.4": (None, 2.4), "grey-1.0": (None, 1.0),
}  # fmt: skip
"""Columns of D50 primaries, None for grey, and the gamma."""


def profile(matrix: np.ndarray | None, gamma: float) -> bytes:
    """A minimal ICC version 2 profile: a matrix and a gamma, or a gamma alone."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(number(float(v)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"test\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78)
    tags = {b"desc": text + bytes(-len(text) % 4), b"cprt": b"text\0\0\0\0free\0\0\0\0", b"wtpt": xyz(WHITE)}
    if matrix is None:
        tags[b"kTRC"] = curve
    else:
        for place, letter in enumerate(b"rgb"):
            tags[bytes([letter]) + b"XYZ"] = xyz(matrix[:, place])
            tags[bytes([letter]) + b"TRC"] = curve
    at, table, body = 132 + 12 * len(tags), b"", b""
    for key, data in tags.items():
        table += key + struct.pack(">II", at + len(body), len(data))
        body += data
    space = b"GRAY" if matrix is None else b"RGB "
    head = struct.pack(">I4s4s4s4s4s", at + len(body), b"none", b"\x02\x10\0\0", b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(number(v) for v in WHITE) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def meant(stored: np.ndarray, matrix: np.ndarray | None, gamma: float) -> np.ndarray:
    """Stored colours (h, w, 3) in 0..1 -> sRGB in 0..255."""
    light = stored**gamma
    if matrix is not None:
        light = light @ (np.linalg.inv(SRGB) @ matrix).T
    light = np.clip(light, 0, 1)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(255 * shown)


def with_chunk(png: bytes, icc: bytes) -> bytes:
    data = b"x\0\0" + zlib.compress(icc)
    chunk = struct.pack(">I", len(data)) + b"iCCP" + data + struct.pack(">I", zlib.crc32(b"iCCP" + data))
    return png[:33] + chunk + png[33:]


def picture(rng: np.random.Generator, grey: bool) -> np.ndarray:
    """Smooth patches, 48 x 64, of 20 to 236: no palette and no chroma subsampling may hurt them."""
    patches = rng.integers(20, 237, (3, 4, 3))
    if grey:
        patches[...] = patches[..., :1]
    return np.asarray(np.kron(patches, np.ones((16, 16, 1), int)), np.uint8)


def encode(kind: str, pixels: np.ndarray, alpha: np.ndarray, icc: bytes) -> bytes:
    """`pixels` (h, w, 3) in the mode, depth and format that `kind` names."""
    form, mode, depth = kind.split()
    buffer = io.BytesIO()
    if depth == "16":
        wide = pixels.astype(np.uint16) * 257
        if mode == "L":
            wide = wide[..., 0]
        if mode == "RGBA":
            wide = np.dstack([wide, alpha.astype(np.uint16) * 257])
        if form == "TIFF":
            import tifffile

            photometric = "minisblack" if mode == "L" else "rgb"
            tifffile.imwrite(buffer, wide, photometric=photometric, iccprofile=icc)
            return buffer.getvalue()
        order = wide if mode == "L" else wide[..., [2, 1, 0, 3][: wide.shape[2]]]
        return with_chunk(cv2.imencode(".png", order)[1].tobytes(), icc)
    image = Image.fromarray(pixels)
    if mode in ("L", "LA"):
        image = image.convert("L")
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(alpha))
    if mode.startswith("P"):
        image = image.quantize(64)
    options = {"lossless": True} if form == "WEBP" else {"quality": 98, "subsampling": 0} if form == "JPEG" else {}
    if mode == "PA":
        options["transparency"] = bytes([255] * 63 + [0])
    image.save(buffer, form, icc_profile=icc, **options)
    return buffer.getvalue()


COLOUR = ["PNG RGB 8", "PNG RGBA 8", "PNG P 8", "PNG PA 8", "PNG RGB 16", "PNG RGBA 16", "TIFF RGB 8", "TIFF RGBA 8",
          "TIFF RGB 16", "TIFF RGBA 16", "WEBP RGB 8", "WEBP RGBA 8", "JPEG RGB 8"]  # fmt: skip
GREY = ["PNG L 8", "PNG LA 8", "PNG L 16", "TIFF L 8", "TIFF LA 8", "TIFF L 16", "JPEG L 8"]


@pytest.mark.parametrize("name", PROFILES)
def test_colours_are_what_the_profile_means(name: str) -> None:
    """Profiles, modes, depths and formats; of every profile COUNT pictures, together over 200 in every run."""
    matrix, gamma = PROFILES[name]
    icc = profile(matrix, gamma)
    rng = np.random.default_rng([len(name), SEED])
    kinds = GREY if matrix is None else COLOUR
    for kind in kinds * max(6 if matrix is None else 3, COUNT // len(kinds)):
        pixels = picture(rng, grey=matrix is None)
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        if "A " in kind and "PA" not in kind:
            alpha[:, :16] = rng.integers(0, 255)
        stored = encode(kind, pixels, alpha, icc)
        if "JPEG" in kind:  # what it lost in storing is none of the profile's business
            pixels = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"))
        loaded = load_picture(stored).astype(float)
        share = alpha[..., None] / 255
        expected = share * meant(pixels / 255, matrix, gamma) + (1 - share) * np.array(NEUTRAL)
        assert np.abs(loaded - expected).max() < 2.5, kind


def test_what_no_profile_says_stays() -> None:
    pixels = picture(np.random.default_rng(2), grey=False)
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (srgb, b"", b"damaged", profile(None, 1.8), profile(P3, 2.2)[:200]):
        assert np.array_equal(load_picture(encode("PNG RGB 8", pixels, opaque, icc)), pixels)


def test_grey_pixels_with_a_profile_of_colours() -> None:
    pixels = picture(np.random.default_rng(5), grey=True)
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    loaded = load_picture(encode("PNG L 8", pixels, opaque, profile(ADOBE, 1.8)))
    assert np.abs(loaded - meant(pixels / 255, ADOBE, 1.8)).max() < 2.5


def test_reported_pictures(shared_data: Path) -> None:
    """Screenshots and cut-outs of a Mac or an iPhone: with transparency or a palette the same colours as without."""
    reports = shared_data / "reports"
    image = Image.open(reports / "p3_alpha.png")
    opaque = io.BytesIO()
    image.convert("RGB").save(opaque, "PNG", icc_profile=image.info["icc_profile"])
    plain = load_picture(opaque.getvalue()).astype(int)
    alpha = np.asarray(image.getchannel("A"))
    assert np.abs(load_picture(reports / "p3_alpha.png").astype(int) - plain)[alpha == 255].max() <= 1
    assert np.abs(load_picture(reports / "p3_pal.png").astype(int) - plain).mean() < 6
    grey = Image.open(reports / "gray18_icc.jpg")
    assert load_picture(reports / "gray18_icc.jpg").mean() > np.asarray(grey.convert("L")).mean() + 5

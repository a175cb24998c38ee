"""Any picture loads upright in 8-bit RGB; anything else is refused in one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moda.errors import BadPicture
from moda.portrait.pictures import MOST_FRAMES, NEUTRAL, load_picture, read_pictures

HEIC = Path(__file__).resolve().parents[1] / "fixtures" / "pictures" / "hopper.heic"


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.fixture(scope="module")
def small(hopper: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hopper[100:340:2, 130:370:2])


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "CMYK", "YCbCr", "1"])
def test_every_mode_becomes_rgb(small: np.ndarray, mode: str) -> None:
    image = Image.fromarray(small).convert(mode)
    loaded = load_picture(image)
    assert loaded.shape == small.shape and loaded.dtype == np.uint8
    assert mean_difference(loaded, np.asarray(image.convert("RGB"))) < 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_every_format_from_bytes_file_and_stream(small: np.ndarray, kind: str, tmp_path: Path) -> None:
    data = encode(Image.fromarray(small), kind)
    path = tmp_path / f"picture.{kind.lower()}"
    path.write_bytes(data)
    loaded = load_picture(data)
    assert mean_difference(loaded, small) < 8
    assert np.array_equal(load_picture(path), loaded)
    assert np.array_equal(load_picture(str(path)), loaded)
    assert np.array_equal(load_picture(io.BytesIO(data)), loaded)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(small: np.ndarray, orientation: int) -> None:
    upright = small[:, :100]
    # How a camera stores an upright scene for each orientation tag.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(load_picture(encode(image, "PNG", exif=exif)), upright)


def test_transparency_lies_on_a_neutral_ground(small: np.ndarray) -> None:
    alpha = np.zeros(small.shape[:2], np.uint8)
    alpha[:, 60:] = 255
    loaded = load_picture(encode(Image.fromarray(np.dstack([small, alpha])), "PNG"))
    assert (loaded[:, :60] == NEUTRAL).all()
    assert np.array_equal(loaded[:, 60:], small[:, 60:])
    assert np.array_equal(load_picture(np.dstack([small, alpha])), loaded)


def test_sixteen_bits_keep_their_brightness(small: np.ndarray) -> None:
    import cv2
    import tifffile

    grey = small.mean(2).astype(np.uint16)
    loaded = load_picture(encode(Image.fromarray(grey * 257), "PNG"))
    assert np.abs(loaded[..., 0].astype(int) - grey).max() <= 1
    deep = small.astype(np.uint16) * 257
    assert np.array_equal(load_picture(deep), small)
    png = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    assert mean_difference(load_picture(png), small) <= 1
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, deep, photometric="rgb")
    assert np.array_equal(load_picture(buffer.getvalue()), small)


def test_arrays_of_every_kind(small: np.ndarray) -> None:
    assert np.array_equal(load_picture(small), small)
    assert mean_difference(load_picture(small / 255.0), small) < 0.5
    assert np.array_equal(load_picture(small.astype(np.int64)), small)
    grey = small[..., 0]
    assert np.array_equal(load_picture(grey), np.repeat(grey[..., None], 3, axis=2))
    assert load_picture(grey > 100).max() == 255


def png_of_size(width: int, height: int) -> bytes:
    """A tiny PNG file that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def video(_: Path) -> bytes:
    return b"\x00\x00\x00\x20ftypisom" + bytes(200)


def damaged(_: Path) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), "JPEG")[:3000]


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda _: b"", "empty"),
    "garbage": (lambda _: bytes(np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8)), "not a picture"),
    "damaged": (damaged, "damaged"),
    "video": (video, "video"),
    "webm": (lambda _: b"\x1a\x45\xdf\xa3" + bytes(100), "video"),
    "sound": (lambda _: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100), "sound"),
    "web page": (lambda _: b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "text": (lambda _: b"hello there, this is not a picture\n", "text file"),
    "svg": (lambda _: b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "SVG"),
    "pdf": (lambda _: b"%PDF-1.7 " + bytes(50), "PDF"),
    "heic": (lambda _: b"\x00\x00\x00\x18ftypheic" + bytes(100), "HEIC"),
    "cut-off heic": (lambda _: HEIC.read_bytes()[:3000], "please"),
    "bomb": (lambda _: png_of_size(60000, 60000), "megapixels"),
    "too large": (lambda _: png_of_size(9000, 9000), "81 megapixels"),
    "too small": (lambda _: np.zeros((8, 8, 3), np.uint8), "8x8"),
    "missing": (lambda folder: folder / "nowhere.png", "does not exist"),
    "folder": (lambda folder: folder, "is a folder"),
    "address": (lambda _: "https://example.org/me.jpg", "web address"),
    "nothing": (lambda _: "", "No picture"),
    "none": (lambda _: None, "not a picture"),
    "wrong shape": (lambda _: np.zeros((4, 5, 6, 7)), "not a picture"),
    "no pixels": (lambda _: np.zeros((0, 100, 3), np.uint8), "not a picture"),
    "not numbers": (lambda _: np.full((64, 64, 3), np.nan), "NaN"),
    "null in name": (lambda _: "a\0b.png", "please check its"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_pictures_get_one_sentence(case: str, tmp_path: Path) -> None:
    make, expected = BAD[case]
    with pytest.raises(BadPicture) as caught:
        load_picture(make(tmp_path))
    text = str(caught.value)
    assert expected in text
    assert "\n" not in text and text.endswith(".") and len(text) < 200


def test_limit_is_a_parameter(small: np.ndarray) -> None:
    with pytest.raises(BadPicture, match="megapixels"):
        load_picture(small, max_megapixels=0.01)
    assert load_picture(small, max_megapixels=0.0144).shape == small.shape


def test_heic_is_read(hopper: np.ndarray) -> None:
    import cv2

    loaded = load_picture(HEIC)
    assert loaded.shape == (375, 320, 3)
    assert mean_difference(loaded, cv2.resize(hopper, (320, 375), interpolation=cv2.INTER_AREA)) < 6


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (32, 32)}])
def test_tiff_planes_lie_where_they_belong(small: np.ndarray, planar: str, kind: type, how: dict[str, object]) -> None:
    import tifffile

    pixels = {np.uint8: small, np.uint16: small.astype(np.uint16) * 257, np.float32: (small / 255).astype(np.float32)}
    stored = pixels[kind] if planar == "contig" else np.moveaxis(pixels[kind], -1, 0)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, stored, photometric="rgb", planarconfig=planar, **how)
    assert np.abs(load_picture(buffer.getvalue()).astype(int) - small).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiff_stands_upright(small: np.ndarray, orientation: int) -> None:
    import tifffile

    buffer = io.BytesIO()
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(buffer, small[:, :100].astype(np.uint16) * 257, photometric="rgb", extratags=[tag])
    eight = Image.fromarray(np.ascontiguousarray(small[:, :100]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(load_picture(buffer.getvalue()), load_picture(encode(eight, "PNG", exif=exif)))


def test_white_may_be_zero(small: np.ndarray) -> None:
    import tifffile

    grey = small[..., 0].astype(np.uint16) * 257
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, 65535 - grey, photometric="miniswhite")
    assert np.array_equal(load_picture(buffer.getvalue())[..., 0], small[..., 0])


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_further_frames_follow_the_first(small: np.ndarray, kind: str) -> None:
    frames = [Image.fromarray((small * (k / 19)).astype(np.uint8)) for k in range(20)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    light = [picture.pixels.mean() for picture in read_pictures(data)]
    assert len(light) == MOST_FRAMES and light == sorted(light)
    assert light[0] < 2 and light[-1] > 0.9 * small.mean()
    assert load_picture(data).mean() < 2


def test_a_cut_off_animation_gives_the_frames_before(small: np.ndarray) -> None:
    frames = [Image.fromarray(np.roll(small, 7 * k, axis=1)) for k in range(6)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert 1 <= len(list(read_pictures(data[: len(data) // 2]))) < 6


def test_transparency_is_kept(small: np.ndarray) -> None:
    alpha = np.zeros(small.shape[:2], np.uint8)
    alpha[:, 60:] = 128
    picture = next(read_pictures(np.dstack([small, alpha])))
    assert picture.alpha is not None and np.allclose(picture.alpha, alpha / 255)
    assert next(read_pictures(np.dstack([small, np.full_like(alpha, 255)]))).alpha is None
    assert next(read_pictures(small)).alpha is None

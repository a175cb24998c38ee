"""Real files to damage: a public-domain portrait, offline speech, a take, a template, a checkpoint, in many formats."""

from __future__ import annotations

import functools
import io
import json
import pickle
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from moda.media.ffmpeg import executable
from moda.media.speak import speak
from moda.media.video import VideoWriter
from moda.motion.space import Motion, neutral_reference
from moda.motion.takes import Take
from moda.settings import Settings

SOUNDS = {
    "wav": ["-ar", "16000"],
    "flac": ["-ar", "16000"],
    "mp3": ["-ar", "22050", "-b:a", "32k"],
    "m4a": ["-c:a", "aac", "-ar", "22050", "-b:a", "32k"],
    "ogg": ["-c:a", "libvorbis", "-ar", "22050"],
    "webm": ["-c:a", "libopus", "-b:a", "24k"],
    "aiff": ["-ar", "8000"],
}


@functools.cache
def pictures() -> dict[str, bytes]:
    """A face of 96 x 96 pixels in every format and depth that people upload, by file name."""
    from PIL import Image
    from skimage import data

    face = Image.fromarray(data.astronaut()).crop((150, 10, 342, 202)).resize((96, 96))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned upright
    deep = (np.asarray(face.convert("L")).astype(np.uint16) * 257)[..., None].repeat(3, -1)
    made: dict[str, bytes] = {}

    def add(name: str, image: Image.Image, **options: object) -> None:
        buffer = io.BytesIO()
        image.save(buffer, name.rsplit(".", 1)[1], **options)  # type: ignore[arg-type]
        made[name] = buffer.getvalue()

    add("plain.png", face)
    add("palette.png", face.convert("P"), transparency=3)
    add("deep.png", Image.fromarray(deep[..., 0]))
    add("alpha.png", face.convert("RGBA"))
    add("plain.jpeg", face, quality=80, exif=exif)
    add("progressive.jpeg", face, quality=80, progressive=True)
    add("press.jpeg", face.convert("CMYK"))
    add("plain.webp", face)
    add("moving.webp", face, save_all=True, append_images=[face.rotate(9)])
    add("moving.gif", face, save_all=True, append_images=[face.rotate(9)])
    add("plain.bmp", face)
    add("plain.tiff", face)
    add("packed.tiff", face, compression="tiff_lzw")
    add("plain.ppm", face)
    add("plain.ico", face)
    add("plain.tga", face)
    add("plain.avif", face)
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, deep)
    made["deep.tiff"] = buffer.getvalue()
    return made


@functools.cache
def sounds() -> dict[str, bytes]:
    """Half a second of offline speech in every container of SOUNDS, and one inside a video."""
    wave = speak("Hello there.", "en-us+f2", offline=True).waveform[:9600]
    made: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "speech.f32"
        raw.write_bytes(wave.tobytes())
        for ending, options in SOUNDS.items():
            out = Path(folder) / f"speech.{ending}"
            source = ["-f", "f32le", "-ar", "16000", "-ac", "1", "-i", str(raw)]
            command = [executable(), "-loglevel", "error", "-nostdin", *source, *options, str(out)]
            subprocess.run(command, check=True, timeout=60)
            made[out.name] = out.read_bytes()
    return made


@functools.cache
def video() -> bytes:
    """Six frames of 64 x 48, without sound."""
    with tempfile.TemporaryDirectory() as folder:
        with VideoWriter(Path(folder) / "clip.mp4", 25, (64, 48)) as writer:
            for k in range(6):
                writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
        return (Path(folder) / "clip.mp4").read_bytes()


def motion(frames: int = 12) -> Motion:
    """A small made-up motion."""
    rng = np.random.default_rng(1)
    reference = neutral_reference(0.0, 0.0, 0.0)
    return Motion(reference + rng.normal(0, 0.01, (frames, 70)).astype(np.float32), reference=reference)


@functools.cache
def take() -> bytes:
    """A take file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.npz"
        small = motion()
        Take(small, small, Settings(seed=3, emotion="glad"), "moda-lite", notes=("a note",)).save(path)
        return path.read_bytes()


@functools.cache
def template(protocol: int) -> bytes:
    """A LivePortrait motion template of two frames."""
    frame = {
        "exp": np.full((1, 21, 3), 0.01, np.float32),
        "scale": np.array([[1.3]], np.float32),
        "t": np.array([[0.1, 0.2, 0.0]], np.float32),
        "R": np.eye(3, dtype=np.float32)[None],
    }
    return pickle.dumps({"n_frames": 2, "output_fps": np.int64(25), "motion": [frame, frame]}, protocol=protocol)


@functools.cache
def checkpoint() -> tuple[str, bytes]:
    """config.json and model.safetensors of a network of moda-lite's kind, as small as it gets."""
    from moda.generator.network import CONFIG_FILE, WEIGHTS_FILE, MoDA, MoDAConfig

    config = MoDAConfig(
        width=8, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(4,), condition_tokens="single",
        has_null_identity=True, mlp_ratio=1, time_features=4,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        MoDA.from_config(config).save_pretrained(folder)
        return (Path(folder) / CONFIG_FILE).read_text(), (Path(folder) / WEIGHTS_FILE).read_bytes()


@functools.cache
def published_like() -> bytes:
    """A small `.pth` file of tensors, as torch.save writes it."""
    import torch

    buffer = io.BytesIO()
    torch.save({"detector.weight": torch.zeros(3, 4), "detector.bias": torch.ones(3)}, buffer)
    return buffer.getvalue()


@functools.cache
def settings_file() -> bytes:
    """A saved settings file."""
    return json.dumps(Settings(emotion="quietly amused").as_dict(), indent=2).encode()


@functools.cache
def jobs() -> dict[str, bytes]:
    """Job files of every kind, by file name; the files they name do not exist."""
    rows = [
        {"portrait": "a.png", "speech": "b.wav", "name": "first", "seed": "7", "emotion": "glad, a bit tired"},
        {"portrait": "c.jpg", "text": "Hello; there", "voice": "en", "rate": "1.2", "steps": "4", "solver": "heun"},
        {"portrait": "~root/x.png", "speech": "../../etc/passwd", "name": "=cmd()", "size": "256", "mark": "yes"},
    ]
    columns = sorted({key for row in rows for key in row})
    made = {"jobs.jsonl": "\n".join(json.dumps(row) for row in rows).encode()}
    for name, mark in (("jobs.csv", ","), ("half.csv", ";"), ("jobs.tsv", "\t")):
        lines = [columns, *([row.get(key, "") for key in columns] for row in rows)]
        quoted = [mark.join('"' + cell + '"' if mark in cell else cell for cell in line) for line in lines]
        made[name] = "\r\n".join(quoted).encode()
    return made

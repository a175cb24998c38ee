"""Examples that need no network: public-domain portraits that come with our dependencies, and speech of our own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import gradio as gr

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples"
PORTRAITS = (("skimage", "data/astronaut.png"), ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"))
"""NASA's portrait of Eileen Collins and the US Navy's of Grace Hopper, both in the public domain."""
SPEECHES = {"welcome.wav": "Welcome", "weather.wav": "Weather", "bonjour.wav": "Bonjour"}


def portrait_files() -> list[Path]:
    """The portraits that are on this machine; nothing is imported to find them."""
    found = []
    for package, name in PORTRAITS:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            path = Path(folder) / name
            if path.is_file():
                found.append(path)
    return found


def speech_files() -> dict[Path, str]:
    """The example speeches and what they are called."""
    return {FOLDER / name: label for name, label in SPEECHES.items() if (FOLDER / name).is_file()}


def portraits(target: gr.Image) -> None:
    """Thumbnails that fill the portrait."""
    files = portrait_files()
    if files:
        gr.Examples([[str(path)] for path in files], [target], label="Example portraits", elem_id="example-portraits")


def speeches(target: gr.Audio) -> None:
    """Names that fill the speech."""
    files = speech_files()
    if files:
        gr.Examples(
            [[str(path)] for path in files], [target], label="Example speech", example_labels=list(files.values()),
            elem_id="example-speech",
        )  # fmt: skip

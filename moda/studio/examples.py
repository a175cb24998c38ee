"""Examples that need no network: public-domain portraits that come with our dependencies, and speech of our own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import gradio as gr

from moda.assets import asset

PORTRAITS = {
    "Eileen Collins": ("skimage", "data/astronaut.png"),
    "Grace Hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
"""NASA's portrait of Eileen Collins and the US Navy's of Grace Hopper, both in the public domain."""
SPEECHES = {"welcome.wav": "Welcome", "weather.wav": "Weather", "bonjour.wav": "Bonjour"}


def portrait_files() -> dict[str, Path]:
    """The portraits that are on this machine, by name; nothing is imported to find them."""
    found = {}
    for who, (package, name) in PORTRAITS.items():
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            if (Path(folder) / name).is_file():
                found[who] = Path(folder) / name
    return found


def speech_files() -> dict[Path, str]:
    """The example speeches and what they are called."""
    folder = asset("examples")
    return {folder / name: label for name, label in SPEECHES.items() if (folder / name).is_file()}


def portraits() -> dict[str, gr.Button]:
    """A button with name and picture for each; what it does is wired with the rest of step 1."""
    with gr.Row(elem_id="example-portraits"):
        return {who: gr.Button(who, icon=str(path), size="sm", min_width=120) for who, path in portrait_files().items()}


def speeches(target: gr.Audio) -> None:
    """Names that fill the speech."""
    files = speech_files()
    if files:
        gr.Examples(
            [[str(path)] for path in files], [target], label="Example speech", example_labels=list(files.values()),
            elem_id="example-speech",
        )  # fmt: skip

"""Components that the page and the endpoints share: one for every control of the settings table, and file inputs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from moda.settings import CONTROLS, Settings


def control(name: str, **changes: Any) -> Any:
    """The component of one control: slider, number, choice, switch or text."""
    about = CONTROLS[name]
    common: dict[str, Any] = {"label": about.label, "info": about.help, "elem_id": f"control-{name}", **changes}
    default = common.pop("value", about.default)
    if about.choices:
        return gr.Dropdown(list(about.choices), value=default, **common)
    if isinstance(about.default, bool):
        return gr.Checkbox(value=default, **common)
    if isinstance(about.default, str):
        return gr.Textbox(value=default, **common)
    if name == "seed":
        return gr.Number(value=default, precision=0, minimum=about.minimum, maximum=about.maximum, **common)
    return gr.Slider(about.minimum or 0.0, about.maximum or 1.0, value=default, step=about.step, **common)


def settings_of(values: dict[str, Any]) -> Settings:
    """Settings from values of the page by control. Raises BadSetting."""
    # The browser sends an empty number field as None; that is the control's default.
    return Settings.from_mapping({name: CONTROLS[name].default if v is None else v for name, v in values.items()})


def model_choice(**changes: Any) -> gr.Dropdown:
    """Which motion model plans."""
    from moda.models import names

    return gr.Dropdown(["auto", *names("model")], value="auto", **{"label": "Model", **changes})


def renderer_choice(**changes: Any) -> gr.Dropdown:
    """Which renderer draws."""
    from moda.models import names

    return gr.Dropdown(["auto", *names("renderer")], value="auto", **{"label": "Renderer", **changes})


class PictureFile(gr.Image):
    """gr.Image that hands the uploaded file on unopened, so that a damaged picture is answered in place.

    Gradio's own opens it first, whatever its size, and shows its own alarm for what is no picture. That the file is
    one of the visitor's uploads has been checked before `preprocess` is called.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        """The path of the upload, or None. A picture given as data (`data:image/png;base64,...`) becomes a file."""
        if payload is None:
            return None
        if payload.url and payload.url.startswith("data:"):
            try:
                data = base64.b64decode(payload.url.partition(",")[2], validate=True)
            except binascii.Error:
                raise gr.Error("The picture is damaged; please give another file.", print_exception=False) from None
            path = save_bytes_to_cache(data, "picture.bin", self.GRADIO_CACHE)
            self.temp_files.add(path)
            return path
        return str(payload.path) if payload.path else None

"""Page controls built from the settings table: one definition for page, CLI and API."""

from __future__ import annotations

from typing import Any

import gradio as gr

from moda.settings import CONTROLS, Settings


def build(name: str, **changes: Any) -> Any:
    """The component of one control: slider, number, choice, switch or text."""
    control = CONTROLS[name]
    common: dict[str, Any] = {"label": control.label, "info": control.help, "elem_id": f"control-{name}", **changes}
    default = common.pop("value", control.default)
    if control.choices:
        return gr.Dropdown(list(control.choices), value=default, **common)
    if isinstance(control.default, bool):
        return gr.Checkbox(value=default, **common)
    if isinstance(control.default, str):
        return gr.Textbox(value=default, **common)
    if name == "seed":
        return gr.Number(value=default, precision=0, minimum=control.minimum, maximum=control.maximum, **common)
    return gr.Slider(control.minimum or 0.0, control.maximum or 1.0, value=default, step=control.step, **common)


def build_group(*groups: str) -> dict[str, Any]:
    """All controls of these groups, in the table's order."""
    return {control.name: build(control.name) for control in CONTROLS.values() if control.group in groups}


def read(names: list[str], values: tuple[Any, ...]) -> Settings:
    """Settings from the values that the page sent in the order of `names`. Raises BadSetting."""
    given = dict(zip(names, values))
    # The browser sends an empty number field as None; that is the control's default.
    return Settings.from_mapping({name: CONTROLS[name].default if v is None else v for name, v in given.items()})

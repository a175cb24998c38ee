"""The models and renderers by name, and where their weights are.

`registry` lists them, `weights` finds or fetches their files, `lite` and `base` are the two motion models, `threads`
is how many CPU threads they use. The names below are what the rest of the app asks for; none of them loads torch
before it is called.
"""

from moda.models.registry import (
    is_present,
    lite_folder,
    load_model,
    load_renderer,
    names,
    pick_device,
    resolve,
    status,
)

__all__ = [
    "is_present",
    "lite_folder",
    "load_model",
    "load_renderer",
    "names",
    "pick_device",
    "resolve",
    "status",
]

"""Options of the command line made from the settings table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from moda.settings import CONTROLS, Control


def with_settings(groups: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds one option per control of these groups to a command; its `settings` parameter receives the Settings.

    Options that were not given are left out, so that a take's own settings can stand behind them.
    """
    controls = [control for control in CONTROLS.values() if control.group in groups]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]

        def wrapper(**values: Any) -> Any:
            given = {c.name: values.pop(c.name) for c in controls}
            return command(settings={k: v for k, v in given.items() if v is not None}, **values)

        options = [
            inspect.Parameter(
                control.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[_kind(control) | None, typer.Option(help=_help(control), show_default=False)],
            )
            for control in controls
        ]
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        wrapper.__signature__ = inspect.Signature([*keyword, *options])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in [*keyword, *options]}
        wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
        return wrapper

    return decorate


def _kind(control: Control) -> type:
    return type(control.default)


def _help(control: Control) -> str:
    limits = ""
    if control.choices:
        limits = f" [{'|'.join(control.choices)}]"
    elif control.minimum is not None:
        limits = f" [{control.minimum:g} to {control.maximum:g}]"
    default = control.default if control.default != "" else "none"
    return f"{control.help}{limits} (default {default})"

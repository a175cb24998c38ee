"""The Models tab: what is here, what each model would add, how to get it, and what it may be used for."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

INTRO = (
    "Any motion model can drive any renderer: they meet in LivePortrait's joint parameter space. "
    "<b>moda-lite</b> and <b>mesh</b> ship with the studio and need neither a GPU nor a download."
)


def build() -> None:
    """Lays the tab out; the table is read when the page is opened."""
    with gr.Column(elem_classes="sheet"):
        gr.HTML(f'<div class="prose-block"><h2>Models and renderers</h2><p>{INTRO}</p></div>')
        shown = gr.HTML(table(), elem_id="models-table")
        machine = gr.HTML("", elem_id="machine")
        refresh = gr.Button("Look again, and at this machine", size="sm", elem_id="models-refresh")
        refresh.click(
            lambda: (table(), machine_facts()), None, [shown, machine], api_visibility="private", show_progress="hidden"
        )


def machine_facts() -> str:
    """Device and memory in one line."""
    import torch

    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info()
        device = f"{about.name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
    else:
        device = f"no GPU; {torch.get_num_threads()} CPU threads"
    return f'<p class="quiet">This machine: {html.escape(device)}.</p>'


def table() -> str:
    """The registry as cards, one for each model, renderer and part."""
    from moda.models import status

    return f'<div class="cards">{"".join(_card(row) for row in status())}</div>'


def _card(row: dict[str, Any]) -> str:
    present = bool(row["present"])
    pill = '<span class="pill on">present</span>' if present else '<span class="pill off">not here</span>'
    facts = [("Needs", row["hardware"])]
    if row["size"]:
        facts.append(("Size", f"{row['size'] / 1e9:.1f} GB"))
    if not present:
        facts.append(("How to get it", row["how"]))
    facts.append(("Licence", row["licence"]))
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts)
    return (
        f'<section class="card"><h3>{html.escape(row["name"])} '
        f"<small>{html.escape(str(row['kind']))}</small>{pill}</h3>"
        f"<p>{html.escape(row['adds'])}</p><dl>{lines}</dl></section>"
    )

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
        gr.HTML(table(), elem_id="models-table")
        machine = gr.HTML("", elem_id="machine")
        refresh = gr.Button("Look again", size="sm", elem_id="models-refresh")
        refresh.click(_look, None, [machine], api_visibility="private", show_progress="hidden")


def _look() -> str:
    return machine_facts()


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
    """The registry as a table."""
    from moda.models import status

    rows = "".join(_row(row) for row in status())
    return (
        '<div class="models-wrap" tabindex="0" role="region" aria-label="Models"><table class="models"><thead><tr>'
        "<th scope='col'>Name</th><th scope='col'>Here?</th><th scope='col'>What it adds</th>"
        "<th scope='col'>Needs</th><th scope='col'>How to get it</th><th scope='col'>Licence</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(row: dict[str, Any]) -> str:
    pill = '<span class="pill on">present</span>' if row["present"] else '<span class="pill off">not here</span>'
    size = f" ({row['size'] / 1e9:.1f} GB)" if row["size"] else ""
    get = "ships with the studio" if not row["files"] else ("" if row["present"] else row["how"])
    cells = (row["adds"], row["hardware"] + size, get, row["licence"])
    texts = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
    kind = html.escape(str(row["kind"]))
    return f'<tr><th scope="row">{html.escape(row["name"])}<small>{kind}</small></th><td>{pill}</td>{texts}</tr>'

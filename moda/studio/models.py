"""The Models tab: what is here, what each model would add, how to get it, and what it may be used for."""

from __future__ import annotations

import html
import re
from typing import Any

import gradio as gr

INTRO = (
    "Any motion model drives any renderer: they meet in LivePortrait's joint parameter space. "
    "<b>moda-lite</b> and <b>mesh</b> ship with the studio and need neither a GPU nor a download."
)
GROUPS = (("model", "Motion models"), ("renderer", "Renderers"), ("part", "Optional parts"))
_ADDRESS = re.compile(r"https://[^\s)]+")


def build(page: gr.Blocks) -> None:
    """Lays the tab out; the machine is looked at when the page is opened."""
    with gr.Column(elem_classes="sheet"):
        gr.HTML(f'<div class="tab-head"><h2>Models and renderers</h2><p>{INTRO}</p></div>')
        shown = gr.HTML(table(), elem_id="models-table")
        with gr.Row(elem_id="machine-row"):
            machine = gr.HTML('<p class="quiet">Looking at this machine…</p>', elem_id="machine")
            refresh = gr.Button("Look again", size="sm", elem_id="models-refresh", scale=0, min_width=120)
    how: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    refresh.click(lambda: (table(), machine_facts()), None, [shown, machine], **how)
    page.load(machine_facts, None, [machine], queue=False, **how)


def machine_facts() -> str:
    """Device, memory and what "auto" takes here, in one line."""
    import torch

    from moda.models import pick_device, resolve

    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info()
        device = f"{about.name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
    else:
        threads = torch.get_num_threads()
        device = f"no GPU, {threads} CPU thread{'s' if threads > 1 else ''}"
    place = pick_device("auto")
    taken = f"{resolve('auto', 'model', place)} + {resolve('auto', 'renderer', place)}"
    return f'<p class="quiet">This machine: {html.escape(device)}. Auto takes <b>{html.escape(taken)}</b>.</p>'


def table() -> str:
    """The registry as cards: motion models, renderers, parts."""
    from moda.models import status

    rows = status()
    parts = []
    for kind, title in GROUPS:
        cards = "".join(_card(row) for row in rows if row["kind"] == kind)
        parts.append(f'<h3 class="group-head">{title}</h3><div class="cards">{cards}</div>')
    return "".join(parts)


def _card(row: dict[str, Any]) -> str:
    present = bool(row["present"])
    pill = '<span class="pill on">present</span>' if present else '<span class="pill off">not here</span>'
    facts = [("Needs", row["hardware"])]
    if row["size"]:
        facts.append(("Size", f"{row['size'] / 1e9:.1f} GB"))
    if not present:
        facts.append(("How to get it", row["how"]))
    facts.append(("Licence", row["licence"]))
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{_linked(str(value))}</dd>" for name, value in facts)
    return (
        f'<section class="card"><h4>{html.escape(row["name"])}{pill}</h4>'
        f"<p>{html.escape(row['adds'])}</p><dl>{lines}</dl></section>"
    )


def _linked(text: str) -> str:
    """A text with its addresses as short links."""
    parts, at = [], 0
    for found in _ADDRESS.finditer(text):
        shown = "/".join(found[0].removeprefix("https://").split("/")[:3])
        link = f'<a href="{html.escape(found[0])}" target="_blank" rel="noopener">{html.escape(shown)}</a>'
        parts += [html.escape(text[at : found.start()]), link]
        at = found.end()
    return "".join([*parts, html.escape(text[at:])])

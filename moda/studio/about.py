"""The About tab: responsible use, what every video says about itself, what the page keeps."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from moda import __version__
from moda.errors import UserError
from moda.studio import messages
from moda.studio.events import LIGHT, PRIVATE

CARDS = (
    (
        "Make faces speak, responsibly",
        "<p>A talking portrait can delight, teach and give a voice. It can also deceive. Use only pictures and voices "
        "of people who agreed, or that are yours or free to use; never to impersonate, to harass, or to pass a video "
        "off as real footage.</p>",
    ),
    (
        "What every video says about itself",
        "<p>It carries in its metadata that it is AI-generated, with which model, version, seed and settings it was "
        "made, and which synthetic voice speaks. The switch <i>AI mark</i> in step 3 adds a small visible mark to the "
        "picture.</p>",
    ),
    (
        "What this page keeps",
        "<p>Pictures, speech and results stay in a folder of your own on this server, which is removed soon after you "
        "close the page. Nothing is used for training. Only the online voices send anything elsewhere: the text to be "
        "spoken goes to Microsoft's speech service. An offline voice keeps it here.</p>",
    ),
    (
        "How it works",
        '<p>A flow-matching, multi-modal diffusion transformer (<a href="https://arxiv.org/abs/2507.03256" '
        'target="_blank" rel="noopener">MoDA</a>) turns speech, an emotion and a face into motion: 70 numbers a frame '
        "for expression, head pose and scale. You see, compare and correct that motion; only then does a renderer "
        "turn it into pictures. The same take always renders the same motion, to the last bit.</p>",
    ),
    (
        "From code",
        "<p>Every step is an endpoint of this server: <code>/speak</code>, <code>/plan</code>, <code>/perform</code>, "
        "<code>/render</code>, <code>/compare</code> and "
        "<code>/export</code>; <i>Use via API</i> below shows how to call them. On the command line:</p>"
        "<p><code>python -m moda generate portrait.jpg speech.wav -o video.mp4</code></p>",
    ),
)


def said_by(path: str | None) -> str:
    """What a dropped file says of itself, as HTML."""
    from moda.media.verify import verify

    if path is None:
        return ""
    try:
        found = verify(Path(path))
    except UserError as fault:
        return messages.error(str(fault))
    return messages.good(found.sentence()) if found.ours else messages.note(found.sentence())


def build() -> None:
    """Lays the tab out."""
    cards = "".join(f'<section class="card"><h3>{title}</h3>{text}</section>' for title, text in CARDS)
    with gr.Column(elem_classes="sheet"):
        gr.HTML(
            '<div class="tab-head"><h2>About</h2><p>What it may be used for, what it keeps, and how it '
            f'works.</p></div><div class="cards">{cards}</div><p class="quiet">MoDA Studio {__version__}</p>',
            elem_id="about",
        )
        with gr.Row(elem_id="verify-box"):
            file = gr.File(label="What does a file say of itself?", height=140, elem_id="verify")
            said = gr.HTML("", elem_id="verify-say")
        file.change(said_by, [file], [said], show_progress_on=[said], **PRIVATE, **LIGHT)

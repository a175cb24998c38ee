"""The About tab: responsible use, what every video says about itself, what the page keeps."""

from __future__ import annotations

import gradio as gr

from moda import __version__

TEXT = """
## Make faces speak, responsibly

A talking portrait can delight, teach and give a voice. It can also deceive. Use only pictures and voices of people who
agreed, or that are yours or free to use; never to impersonate, to harass, or to pass a video off as real footage.

**What every video says about itself.** The mp4 carries in its metadata that it is AI-generated, and with which model,
version, seed and settings it was made. The switch *AI mark* in step 3 adds a small visible mark to the picture.

**What this page keeps.** Pictures, speech and results stay in a folder of your own on this server. The folder is
removed soon after you close the page. Nothing is used for training. Only the online voices send anything elsewhere:
the text that is to be spoken goes to Microsoft's speech service; choose an offline voice to keep it here.

## How it works

One portrait and speech go in. A flow-matching, multi-modal diffusion transformer (MoDA,
[arXiv 2507.03256](https://arxiv.org/abs/2507.03256)) samples facial motion as 70 numbers a frame: expression, head
pose and scale. You see, compare and correct that motion first; only then does a renderer turn it into pictures. The
same take always renders the same motion, to the last bit.

## From code

Every step is an endpoint of this server; *Use via API* at the bottom of the page shows how to call `/plan`, `/render`,
`/speak` and `/compare`. On the command line: `python -m moda generate portrait.jpg speech.wav -o video.mp4`.
"""


def build() -> None:
    """Lays the tab out."""
    with gr.Column(elem_classes="sheet"):
        gr.Markdown(TEXT, elem_id="about")
        gr.HTML(f'<p class="quiet">MoDA Studio {__version__}</p>')

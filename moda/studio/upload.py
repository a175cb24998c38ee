"""An image input that leaves judging the file to us, so that a damaged picture is answered in place."""

from __future__ import annotations

from typing import Any

import gradio as gr


class PictureFile(gr.Image):
    """gr.Image that hands the uploaded file on unopened.

    Gradio's own opens it first and shows its own alarm for what is no picture. That the file is one of the visitor's
    uploads has been checked before `preprocess` is asked.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        """The path of the upload, or None. A picture given as data (old clients) is left to gr.Image."""
        if payload is None:
            return None
        if payload.url and payload.url.startswith("data:"):
            found = super().preprocess(payload)
            return None if found is None else str(found)
        return str(payload.path) if payload.path else None

"""An image input that leaves judging the file to us, so that a damaged picture is answered in place."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache


class PictureFile(gr.Image):
    """gr.Image that hands the uploaded file on unopened.

    Gradio's own opens it first, whatever its size, and shows its own alarm for what is no picture. That the file is
    one of the visitor's uploads has been checked before `preprocess` is asked.
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

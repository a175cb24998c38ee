"""serve and doctor: the studio in the browser, and what is on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from moda.cli.options import AsJson, show


def doctor(json: AsJson = False) -> None:
    """What is present, what is missing, and what each missing piece would add."""
    from moda.doctor import examine, table

    findings = examine()
    show(findings, table(findings), json)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; the first free one from 7860 if not given.")] = None,
    share: Annotated[bool | None, typer.Option(help="Ask Gradio for a public link, as on Colab.")] = None,
) -> None:
    """Opens the studio in the browser."""
    from moda.studio.page import launch

    launch(host=host, port=port, share=share)

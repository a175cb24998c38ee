"""The page: five tabs, put together and opened."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from importlib.util import find_spec
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from moda.live.server import live_route
from moda.studio import about, api, models, placeholders, reconnect, theme
from moda.studio.compare import Compare
from moda.studio.events import visitor_of
from moda.studio.gpu import on_zero_gpu
from moda.studio.language import OneLanguage
from moda.studio.live import Live, LiveHost
from moda.studio.make import Make
from moda.studio.security import Gate, Page, when_full
from moda.studio.service import Engine

log = logging.getLogger(__name__)
TITLE = "MoDA Studio"
MASTHEAD = (
    f'<header id="masthead">{placeholders.LOGO}<h1>MoDA Studio</h1>'
    "<p>One portrait and speech in, a talking head out. Motion first, pixels later.</p></header>"
)
CACHE = (1800, 4 * 3600)
"""Seconds between cleanings of Gradio's cache, and the age from which files in it are removed."""


def build(engine: Engine | None = None) -> gr.Blocks:
    """The studio as Gradio Blocks; `theme` and `css` go to `launch`, see there."""
    served = engine or Engine()
    public = public_mode()
    with Page(title=TITLE, delete_cache=CACHE, analytics_enabled=False) as page:
        gr.HTML(MASTHEAD)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Make", id="make"):
                make = Make.build(served.limits, public)
            with gr.Tab("Live", id="live-tab") as live_tab:
                live = Live.build(served.limits.max_text)
            with gr.Tab("Compare", id="compare"):
                compare = Compare.build()
            with gr.Tab("Models", id="models"):
                models.build(page)
            with gr.Tab("About", id="about"):
                about.build()

        def cleared() -> dict[Any, Any]:
            return {**make.cleared(), **compare.cleared()}

        make.connect(served, cleared)
        compare.connect(served, make)
        live.connect(served, make, live_tab, cleared)
        reconnect.connect(page, make, compare, served)
        api.build(served, public)

        def leave(request: gr.Request) -> None:
            served.visitors.leave(visitor_of(request))

        page.unload(leave)
    page.queue(max_size=served.limits.max_queue, default_concurrency_limit=4, status_update_rate=1.0)
    atexit.register(served.visitors.close)
    return page


def public_mode() -> bool:
    """Whether strangers use this studio: the consent line must then be ticked."""
    return os.environ.get("MODA_PUBLIC", "").lower() in ("1", "true", "yes", "on")


def launch(
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool | None = None,
    engine: Engine | None = None,
    **more: Any,
) -> Any:
    """Builds the studio and serves it until it is stopped. Models are loaded meanwhile, behind the open page.

    share: a public link by Gradio; None leaves that to GRADIO_SHARE, and to Colab, where nothing is seen without.
    """
    served = engine or Engine()
    page = build(served)
    limits = served.limits
    if on_zero_gpu():  # what is loaded when the page is launched is packed, and reaches a borrowed GPU at once
        served.heads.load_present()
    # Somebody who starts it in a terminal wants to see it; a Space or a service does not.
    more.setdefault("inbrowser", sys.stdout.isatty() and "SPACE_ID" not in os.environ)
    threading.Thread(target=_warm_up, args=(served,), name="warm-up", daemon=True).start()
    return page.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", host),
        server_port=port,
        share=share,
        theme=theme.theme(),
        css_paths=[theme.STYLE],
        head=theme.head(),
        max_file_size=max(limits.max_portrait_bytes, limits.max_speech_bytes),
        footer_links=["api", "settings"],
        mcp_server=find_spec("mcp") is not None,
        ssr_mode=False,
        run_history=False,  # it keeps what visitors made, and fetches what they name
        app_kwargs={
            "routes": [live_route(LiveHost(served))],
            "middleware": [Middleware(Gate, limits=limits, folder=served.visitors.root), Middleware(OneLanguage)],
            "exception_handlers": {503: when_full(limits.max_queue)},
        },
        **more,
    )


def _warm_up(engine: Engine) -> None:
    try:
        engine.warm_up()
    except Exception as fault:  # a visitor who needs the model gets the sentence then
        log.warning("Warm-up did not finish: %s", fault)

"""What stands between strangers and Gradio: no address is fetched for anybody, and no request grows without end.

Left alone, Gradio downloads an address in three places: where one stands in `/file=ADDRESS`, where one stands in
place of an upload, and for its run history (which `launch` turns off). Each is refused before a name is looked up.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from anyio import to_thread
from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moda.errors import NO_ROOM
from moda.settings import Limits
from moda.studio.sessions import bytes_below

log = logging.getLogger(__name__)
NO_ADDRESSES = "The studio fetches no web addresses; please download the file and upload it."
NOT_YOURS = "A file of this request is not an upload on this server; please upload it again."
MISFIT = "The request does not fit what is asked for here; please compare it with the description of the API."
TOO_LARGE = "The request is larger than {:.0f} MB, which is more than the studio takes; please send less."
FULL = "The studio's working space is full at the moment; please try again in a few minutes."

UNKNOWN = "There is no such endpoint here; /gradio_api/info lists those there are."

_CALLING = re.compile(r"/(?:call|run|queue/join|api)(?:/|$)")
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+:[/\\]", re.IGNORECASE)
_FETCHING = re.compile(r"/(?:file[=/]|proxy=)(.*)", re.DOTALL)
_OWN_FILE = re.compile(r"[a-z]+://[^?#]*?/gradio_api/file=([^?#]+)", re.IGNORECASE)


def is_address(text: Any) -> bool:
    """Whether a text is an address of any scheme (http://, ftp:/, file:\\...); a Windows drive is none."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def checked(value: Any) -> Any:
    """A copy of an input whose file values are all marked as such. Raises gr.Error where an address is to be fetched.

    Gradio asks only of marked ones whether the visitor uploaded them, and an image input takes others too. The
    address under which this server shows an upload is taken as that upload's path; other addresses that only
    accompany a path are dropped.
    """
    if isinstance(value, list | tuple):
        return [checked(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: checked(one) for key, one in value.items()}
    path = kept.get("path")
    if not isinstance(path, str):
        return kept
    kept["meta"] = {"_type": "gradio.FileData"}
    if is_address(path):
        own = _OWN_FILE.fullmatch(path)
        found = unquote(own[1]) if own else path
        if is_address(found):
            raise gr.Error(NO_ADDRESSES, print_exception=False)
        kept["path"] = found
    if is_address(kept.get("url")):
        kept["url"] = None
    return kept


class Page(gr.Blocks):
    """Blocks whose events, endpoints and tools all refuse addresses in place of files.

    What a caller got wrong is told in one sentence and fills no log: strangers can send anything at any rate.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any) -> Any:
        try:
            return await super().preprocess_data(block_fn, checked(inputs), *rest, **more)
        except gr.Error as fault:
            raise gr.Error(fault.message, print_exception=False) from None
        except InvalidPathError:
            raise gr.Error(NOT_YOURS, print_exception=False) from None
        except Exception as fault:  # of whatever shape the inputs were
            log.warning("Inputs were refused: %s", type(fault).__name__)
            raise gr.Error(MISFIT, print_exception=False) from None


class Gate:
    """ASGI middleware: refuses routes that fetch, bodies beyond the limits, and uploads that no longer fit the disk.

    folder: where uploads and the studio's own files land; only what came since the start is counted.
    """

    def __init__(self, app: ASGIApp, limits: Limits, folder: Path) -> None:
        self.app = app
        self.limits = limits
        self.folder = folder
        self._since = time.time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): text.decode("latin1") for name, text in scope["headers"]}
        form = headers.get(b"content-type", "").lower().startswith("multipart/")
        limits = self.limits
        most = limits.max_request_bytes
        if form:
            most += max(limits.max_portrait_bytes, limits.max_speech_bytes)
        length = headers.get(b"content-length", "")
        stated = int(length) if length.isdecimal() else 0
        fetching = _FETCHING.search(scope["path"])
        if fetching and is_address(unquote(fetching[1])):
            answer: Response | None = PlainTextResponse(NO_ADDRESSES, 403)
        elif stated > most:
            answer = PlainTextResponse(TOO_LARGE.format(most / 1e6), 413)
        elif form and not await to_thread.run_sync(self._fits, stated):
            answer = PlainTextResponse(FULL, 507)
        else:
            answer = await self._passed(scope, _bounded(receive, most), send)
        if answer is not None:
            await answer(scope, receive, send)

    def _fits(self, upload: int) -> bool:
        """Whether so many bytes still fit the studio's share of the disk, and the disk itself."""
        taken = bytes_below(self.folder, self._since)
        return taken + upload <= self.limits.max_disk_bytes and upload <= shutil.disk_usage(self.folder).free

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Lets a request through; what to say where it names what is not there, or the disk filled meanwhile."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except (FnIndexInferError, KeyError) as fault:
            if begun or not _CALLING.search(scope["path"]):
                raise
            log.warning("Unknown endpoint: %s", type(fault).__name__)
            return JSONResponse({"detail": UNKNOWN}, 404)
        except OSError as fault:
            if begun or fault.errno not in NO_ROOM:
                raise
            log.warning("The disk is full: %s", fault)
            return PlainTextResponse(FULL, 507)
        return None


def _bounded(receive: Receive, most: int) -> Receive:
    """The same body; once it is longer than `most` bytes, whoever reads it is stopped."""
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            raise HTTPException(413, TOO_LARGE.format(most / 1e6))
        return message

    return counted


def sentence(waiting: int) -> str:
    """What a full queue says. waiting: how many are in it."""
    who = "1 person is" if waiting == 1 else f"{waiting} people are"
    return f"The studio is busy: {who} waiting. Try again in a minute."


def when_full(most: int) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    """A handler of status 503 for an app whose queue takes `most`; what is no full queue is answered as ever.

    Page and programs read the sentence under `detail` of a 429. Gradio's Python client looks at the status alone: it
    keeps its 503 and raises its own QueueError.
    """

    async def answer(request: Request, fault: HTTPException) -> Response:
        if "queue is full" not in str(fault.detail).lower():
            return await http_exception_handler(request, fault)
        python = request.headers.get("user-agent", "").startswith("gradio_client")
        return await http_exception_handler(request, HTTPException(503 if python else 429, sentence(most)))

    return answer

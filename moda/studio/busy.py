"""What a full queue says: one sentence, on the page and to programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException

Handler = Callable[[Request, HTTPException], Awaitable[Response]]


def sentence(waiting: int) -> str:
    """waiting: how many are in the queue."""
    who = "1 person is" if waiting == 1 else f"{waiting} people are"
    return f"The studio is busy: {who} waiting. Try again in a minute."


def when_full(most: int) -> Handler:
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

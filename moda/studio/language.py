"""The page speaks one language.

Gradio translates its own half of the page into the browser's language, and leaves ours in English. It asks the browser
when its first script runs, which is before the `head` given to `launch` is there: so the answer is put into the page
itself.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = (
    b"<script>for (const [name, value] of [['language', 'en'], ['languages', ['en']]]) "
    b"Object.defineProperty(navigator, name, {get: () => value, configurable: true});</script>"
)


class OneLanguage:
    """ASGI middleware: English for every browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def whole(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            assert start is not None
            body = b"".join(parts).replace(b"<head>", b"<head>" + SCRIPT, 1)
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, whole)

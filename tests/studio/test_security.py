"""What a full queue says to whom; other answers of 503 stay as they are."""

from __future__ import annotations

import json
import threading

import gradio as gr
import httpx
import pytest
from fastapi import Request
from starlette.exceptions import HTTPException

from moda.studio.security import sentence, when_full
from tests.trust.serving import free_port

FULL = "Queue is full. Max size is 16 and size is 16."


def answer(detail: str, agent: str = "Mozilla/5.0") -> tuple[int, str]:
    request = Request({"type": "http", "headers": [(b"user-agent", agent.encode())]})
    waiting = when_full(16)(request, HTTPException(503, detail))
    with pytest.raises(StopIteration) as done:  # nothing is awaited; the browser's event loop may be running here
        waiting.send(None)  # type: ignore[attr-defined]
    found = done.value.value
    return found.status_code, json.loads(found.body)["detail"]


def test_a_full_queue_is_one_polite_sentence() -> None:
    assert sentence(16) == "The studio is busy: 16 people are waiting. Try again in a minute."
    assert answer(FULL) == (429, sentence(16))
    assert answer(FULL, "gradio_client/2.0; python/3.11") == (503, sentence(16))


@pytest.mark.parametrize("detail", ["Queue is stopped.", "Down for a moment."])
def test_other_faults_keep_their_words(detail: str) -> None:
    assert answer(detail) == (503, detail)


def test_gradio_refuses_in_the_words_that_are_looked_for() -> None:
    go = threading.Event()
    with gr.Blocks() as page:
        gr.Button().click(lambda: go.wait(60) and None, None, None, api_name="wait", concurrency_limit=1)
    page.queue(max_size=1)
    handlers = {503: when_full(1)}
    _, address, _ = page.launch(
        server_port=free_port(), quiet=True, prevent_thread_lock=True, inbrowser=False,
        app_kwargs={"exception_handlers": handlers},
    )  # fmt: skip

    def call() -> httpx.Response:
        return httpx.post(f"{address}gradio_api/call/wait", json={"data": []}, timeout=60)

    try:
        answers = [call() for _ in range(4)]  # one works at most, one waits
        assert answers[0].status_code == 200 and answers[-1].status_code == 429
        assert answers[-1].json()["detail"] == sentence(1)
    finally:
        go.set()
        page.close(verbose=False)

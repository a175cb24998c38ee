"""Many clients at once and many jobs on end, through the real HTTP API of a studio in a process of its own.

A short form with few of each and no clock runs always; MODA_LOAD=1 makes it 6 clients and 20 jobs and measures time
and memory too. MODA_LOAD_CLIENTS and MODA_SOAK_JOBS say how many; 20 and 200 are the promise.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.media.audio import Speech
from moda.media.output import write_wav
from moda.media.provenance import record_of
from moda.media.speak import speak
from moda.media.video import probe
from moda.motion.takes import Take
from tests.trust.conftest import slowness
from tests.trust.serving import Server

MEASURED = os.environ.get("MODA_LOAD", "") not in ("", "0")
CLIENTS = int(os.environ.get("MODA_LOAD_CLIENTS", "6" if MEASURED else "4"))
JOBS = int(os.environ.get("MODA_SOAK_JOBS", "20" if MEASURED else "3"))
PATIENCE = 1200.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts handles and threads in /proc"),
]


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    return speak("We tried a new way home, and it was shorter than we thought.", "en-us+f2", offline=True).waveform


def speech(folder: Path, wave: np.ndarray, seconds: float) -> Path:
    """A sound of its own length for everybody."""
    return write_wav(Speech.of(np.resize(wave, round(seconds * 16_000))), folder / f"speech-{seconds:.2f}.wav")


def patiently(work: Any, waits: list[float] | None = None) -> Any:
    """A call that may be told that the queue is full, politely, and then tries again."""
    from gradio_client.utils import QueueError

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except QueueError as busy:
            assert "full" in str(busy) and "try again" in str(busy)
            assert time.monotonic() < deadline, "never got a turn"
            if waits is not None:
                waits.append(time.monotonic())
            time.sleep(0.5)


def talk(server: Server, portrait: Path, sound: Path, seed: int, folder: Path, waits: list[float] | None = None) -> Any:
    """One visitor: plan, then render what was planned. Gives (take file, video file, report of the plan)."""
    from gradio_client import Client, handle_file

    client = Client(server.url, verbose=False, download_files=folder)
    try:
        face, said = handle_file(portrait), handle_file(sound)
        given = {"portrait": face, "speech": said, "consent": True}
        take, _, report = patiently(lambda: client.predict(**given, seed=seed, steps=2, api_name="/plan"), waits)
        video, _ = patiently(
            lambda: client.predict(**given, take=handle_file(take), size=256, api_name="/render"), waits
        )
    finally:
        client.close()
    return Path(take), Path(video["video"] if isinstance(video, dict) else video), report


def test_many_clients_at_once(server: Server, portrait: Path, wave: np.ndarray, tmp_path: Path) -> None:
    """Nobody gets an error but a polite "full", nobody gets another's result, and everybody finishes."""
    results: dict[int, Any] = {}
    faults: dict[int, BaseException] = {}
    waits: list[float] = []

    def visitor(k: int) -> None:
        try:
            sound = speech(tmp_path, wave, 0.6 + 0.04 * k)
            folder = tmp_path / f"visitor{k}"
            results[k] = talk(server, portrait, sound, 100 + k, folder, waits)
        except BaseException as fault:
            faults[k] = fault

    started = time.monotonic()
    visitors = [threading.Thread(target=visitor, args=(k,), name=f"visitor-{k}") for k in range(CLIENTS)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join(PATIENCE)
    assert not faults and len(results) == CLIENTS, faults
    for k, (take, video, report) in results.items():
        frames = round((0.6 + 0.04 * k) * 25)
        about, loaded = probe(video), Take.load(take)
        assert report["seed"] == loaded.settings.seed == record_of(about.metadata)["seed"] == 100 + k
        assert report["frames"] == len(loaded.motion) == about.frames == frames, "somebody else's speech"
    assert len({take.read_bytes() for take, _, _ in results.values()}) == CLIENTS
    assert server.complaints() == "" and server.children() == []
    print(f"{CLIENTS} clients in {time.monotonic() - started:.0f} s, {len(waits)} times told to wait")


def test_a_client_that_goes_stops_its_work(server: Server, portrait: Path, wave: np.ndarray, tmp_path: Path) -> None:
    """Within two seconds of leaving no encoder works for it any more, and what it made is gone."""
    from gradio_client import Client, handle_file

    sound = speech(tmp_path, wave, 60.0)
    client = Client(server.url, verbose=False, download_files=tmp_path / "gone")
    face, said = handle_file(portrait), handle_file(sound)
    take, _, _ = client.predict(portrait=face, speech=said, steps=1, consent=True, api_name="/plan")
    job = client.submit(portrait=face, speech=said, take=handle_file(take), size=512, consent=True, api_name="/render")
    until(lambda: any("ffmpeg" in name for name in server.children()), 120)
    time.sleep(1.0)
    assert not job.done()
    client.close()
    left = time.monotonic()
    until(lambda: not any("ffmpeg" in name for name in server.children()), 60)
    took = time.monotonic() - left
    assert not MEASURED or took < 2 * slowness(), f"worked on for {took:.1f} s"
    until(lambda: server.made() == [], 60)
    assert server.complaints() == ""


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain"
        time.sleep(0.05)


def test_many_jobs_leave_nothing(server: Server, portrait: Path, wave: np.ndarray, tmp_path: Path) -> None:
    """Memory, file handles, threads and files of the studio after many jobs are what they were after the first few."""
    sound = speech(tmp_path, wave, 0.6)

    def some(first: int, count: int) -> None:
        for k in range(first, first + count):
            talk(server, portrait, sound, k, tmp_path / "soak")

    def measured() -> dict[str, float]:
        until(lambda: server.made() == [] and server.children() == [], 60)
        time.sleep(2.0)
        return {"memory": server.resident(), "handles": server.handles(), "threads": server.threads(),
                "stored": server.stored()}  # fmt: skip

    first = 4 if MEASURED else 1
    some(0, first)
    before = measured()
    some(first, JOBS)
    after = measured()
    print(f"{JOBS} jobs: {before} -> {after}")
    # After one job not everything is loaded, nor every worker thread of the server started, that stays for good.
    grown = (1.05, 10, 4, 2) if MEASURED else (1.0, 200, 16, 40)
    assert after["memory"] <= grown[0] * before["memory"] + grown[1], (before, after)
    assert after["handles"] <= before["handles"] + grown[2], (before, after)
    assert after["threads"] <= before["threads"] + grown[3], (before, after)
    assert after["stored"] <= before["stored"] + JOBS * 40_000, (before, after)  # the takes that were uploaded
    assert server.complaints() == ""

"""The operator's say: what their function is told, that its word holds everywhere, and that a broken one refuses."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

from moda import Settings, TalkingHead, policy
from moda.cli.app import run
from moda.errors import Refused, UserError
from moda.media.audio import Speech
from moda.media.output import write_wav
from moda.media.speak import speak
from moda.motion.takes import Take
from moda.policy import BROKEN, VARIABLE, Asked, ask
from moda.portrait.portrait import Portrait
from tests.trust.conftest import check_sentence
from tests.trust.serving import REPOSITORY

Named = Callable[[str], ModuleType]


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Named]:
    """Puts source text into a module of the operator's and names its `refuse`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    policy._loaded.cache_clear()

    def named(source: str) -> ModuleType:
        (tmp_path / "blocklist_of_the_operator.py").write_text(source)
        monkeypatch.setenv(VARIABLE, "blocklist_of_the_operator:refuse")
        importlib.invalidate_caches()
        return importlib.import_module("blocklist_of_the_operator")

    yield named
    sys.modules.pop("blocklist_of_the_operator", None)
    policy._loaded.cache_clear()


LISTENS = "asked = []\ndef refuse(request):\n    asked.append(request)\n"
NEVER = "def refuse(request):\n    return 'Not here'\n"


@pytest.fixture(scope="module")
def sound() -> Speech:
    return speak("Good morning, and welcome.", "en-us+f2", offline=True)


@pytest.fixture(scope="module")
def take(head: TalkingHead, face: Portrait, sound: Speech) -> Take:
    return head.plan(face, sound, Settings(steps=1, size=256, emotion="glad"))


def test_what_it_is_told(
    operator: Named, head: TalkingHead, face: Portrait, sound: Speech, take: Take, tmp_path: Path
) -> None:
    asked: list[Asked] = operator(LISTENS).asked
    speak("  Hello\tthere. ", "en-us+f2", offline=True)
    head.plan(face, sound, Settings(steps=1, emotion="wry"))
    head.preview_clip(take, tmp_path / "quick.mp4", face, None)
    head.render(face, take, sound, tmp_path / "out.mp4")
    spoken, planned, previewed, rendered = asked
    assert (spoken.stage, spoken.text, spoken.portrait, spoken.speech) == ("speak", "Hello there.", None, None)
    assert spoken.facts == {"voice": "en-us+f2", "rate": 1.0, "pitch": 0.0}
    assert (planned.stage, planned.text) == ("plan", "wry") and planned.facts["model"] == "moda-lite"
    assert planned.facts["settings"]["steps"] == 1 and planned.facts["face"] == face.face.box
    assert (previewed.stage, previewed.speech) == ("render", None) and previewed.facts["renderer"] == "mesh"
    assert (rendered.stage, rendered.text) == ("render", "glad")
    for one in (planned, rendered):
        assert one.portrait is not None and np.array_equal(one.portrait, face.image)
        assert one.speech is not None and np.array_equal(one.speech, sound.waveform)
        for array in (one.portrait, one.speech):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    json.dumps([dict(one.facts) for one in asked])  # names and numbers only


def test_its_word_holds_before_any_work(
    operator: Named, head: TalkingHead, face: Portrait, sound: Speech, take: Take, tmp_path: Path
) -> None:
    operator(NEVER)

    def never(*_: Any) -> None:
        raise AssertionError("work went on")

    for work in (
        lambda: speak("Hello.", "en-us+f2", offline=True),
        lambda: head.plan(face, sound, Settings(steps=1), progress=never),
        lambda: head.preview_clip(take, tmp_path / "quick.mp4", face, sound, progress=never),
        lambda: head.render(face, take, sound, tmp_path / "out.mp4", progress=never),
    ):
        with pytest.raises(Refused, match=r"^Not here\.$"):
            work()
    assert not list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize(
    "source",
    ["raise RuntimeError('no list')", "refuse = 3", "def other(request): pass", "def refuse(): pass",
     "def refuse(request): return True", "def refuse(request): return False", "def refuse(request): return ' '",
     "def refuse(request): raise KeyError('x')", "def refuse(request): request.portrait[0, 0, 0] = 0",
     "def refuse(request) return None"],
)  # fmt: skip
def test_a_broken_one_refuses(
    source: str, operator: Named, face: Portrait, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        operator(source)
    except Exception:
        sys.modules.pop("blocklist_of_the_operator", None)
    with pytest.raises(Refused) as caught:
        ask("plan", face.image)
    assert str(caught.value) == BROKEN
    assert "every request is refused" in caplog.text and "Traceback" in caplog.text
    check_sentence(BROKEN)


@pytest.mark.parametrize("name", ["nowhere:refuse", "moda", "moda:", ":refuse", "moda.errors:nothing", "..:x", "\x01"])
def test_a_name_that_leads_nowhere_refuses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(Refused, match="tell its operator"):
        ask("speak", text="Hello.")


def test_none_named_allows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "  "):
        monkeypatch.setenv(VARIABLE, name)
        ask("speak", text="Hello.")


def test_its_sentence_is_one_printable_line(operator: Named) -> None:
    operator("def refuse(request): return 'Not\\n\\x1b[31mhere, \\x00' + 'no' * 400\n")
    with pytest.raises(Refused) as caught:
        ask("speak", text="Hello.")
    check_sentence(str(caught.value))


def test_the_command_line_asks_too(
    operator: Named, portrait: Path, sound: Speech, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operator(NEVER)
    wave = write_wav(sound, tmp_path / "speech.wav")
    for arguments in (
        ["generate", str(portrait), str(wave), "-o", str(tmp_path / "out.mp4")],
        ["speak", "Hello.", "--offline", "-o", str(tmp_path / "out.wav")],
    ):
        assert run(arguments) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1].endswith("Not here.")
    assert not list(tmp_path.glob("out.*"))


def test_the_page_and_its_endpoints_ask_too(
    operator: Named, portrait: Path, sound: Speech, take: Take, tmp_path: Path
) -> None:
    from moda.studio.page import build
    from moda.studio.service import Engine
    from tests.trust.serving import free_port, parameters

    engine = Engine(model="moda-lite", renderer="mesh", device="cpu", root=tmp_path / "work")
    page = build(engine)
    _, address, _ = page.launch(server_port=free_port(), quiet=True, prevent_thread_lock=True, inbrowser=False)
    try:
        asked = operator("asked = []\ndef refuse(request):\n    asked.append(request.stage)\n    return 'Not here.'\n")

        def upload(name: str, data: bytes) -> dict[str, Any]:
            sent = httpx.post(f"{address}gradio_api/upload", files={"files": (name, data)}, timeout=60)
            return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}

        planned = take.save(tmp_path / "take.npz")
        files = {"portrait": upload("me.png", portrait.read_bytes()), "take": upload("take.npz", planned.read_bytes()),
                 "speech": upload("a.wav", write_wav(sound, tmp_path / "a.wav").read_bytes())}  # fmt: skip
        for endpoint in ("plan", "render", "compare", "speak"):
            known = parameters(address, endpoint)
            given = {**known, **{k: v for k, v in files.items() if k in known}, "consent": True, "text": "Hello."}
            sent = httpx.post(
                f"{address}gradio_api/call/{endpoint}", json={"data": [given[k] for k in known]}, timeout=60
            )
            told = httpx.get(f"{address}gradio_api/call/{endpoint}/{sent.json()['event_id']}", timeout=300).text
            assert "event: error" in told and "Not here." in told, (endpoint, told)
        assert set(asked.asked) == {"plan", "render", "speak"}
        assert not list((tmp_path / "work").rglob("*.mp4"))
    finally:
        page.close(verbose=False)


def test_the_blocklist_in_the_documentation_works(
    operator: Named, face: Portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of docs/SECURITY.md, as it stands there: a face on the list is known again after it was changed."""
    from PIL import Image
    from skimage import data

    blocks = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "SECURITY.md").read_text(encoding="utf-8"), re.DOTALL
    )
    (source,) = [block for block in blocks if "def refuse(" in block]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blocked.txt").write_text("")
    module = operator(source)
    ask("plan", face.image, face=face.face.box)
    (tmp_path / "blocked.txt").write_text(f"{module.fingerprint(face.image, face.face.box):016x}\n")
    policy._loaded.cache_clear()
    sys.modules.pop("blocklist_of_the_operator")
    operator(source)
    x0, y0, x1, y1 = face.face.box
    with io.BytesIO() as buffer:
        Image.fromarray(face.image).resize((384, 384)).save(buffer, "jpeg", quality=50)
        changed = np.asarray(Image.open(buffer).convert("RGB"))
    part = face.image[:400, 40:]
    for image, box in ((face.image, face.face.box), (changed, tuple(0.75 * v for v in face.face.box)),
                       (part, (x0 - 40, y0, x1 - 40, y1))):  # fmt: skip
        with pytest.raises(Refused, match="not to be animated"):
            ask("plan", image, face=box)
    other = data.camera()[..., None].repeat(3, -1)
    ask("plan", other, face=(180.0, 70.0, 260.0, 170.0))
    with pytest.raises(UserError, match="words"):
        ask("speak", text="Send the money at once.")

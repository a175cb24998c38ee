"""A portrait, two seconds of speech, and a take made of them: to be read, never written beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moda.cli.app import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with me.png, speech.wav and other.wav, which lasts as long and says something else."""
    import numpy as np
    from PIL import Image
    from skimage import data

    from tests.sounds import write_wav

    folder = tmp_path_factory.mktemp("cli")
    Image.fromarray(data.astronaut()).save(folder / "me.png")
    speak = ["speak", "We tried a new way home.", "-o", str(folder / "speech.wav"), "--voice", "en", "--offline"]
    assert run(speak) == 0
    from moda.media.audio import load_speech

    wave = load_speech(folder / "speech.wav").waveform
    write_wav(folder / "other.wav", np.ascontiguousarray(wave[::-1]))
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command line: (exit code, stdout, stderr)."""

    def go(*arguments: object) -> tuple[int, str, str]:
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return go

"""The same way for programs, through gradio_client: plan, render, file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_plan_render_file(server: str, astronaut: Path, speech: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    from moda.media.audio import load_speech
    from moda.media.footage import probe
    from moda.motion.takes import Take

    client = Client(server, download_files=str(tmp_path), verbose=False)
    named = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert set(named) == {"/plan", "/render", "/speak", "/compare", "/export", "/perform"}
    parameters = {p["parameter_name"] for p in named["/plan"]["parameters"]}
    assert parameters >= {"portrait", "speech", "model", "seed", "emotion", "head_motion"}

    portrait, sound = handle_file(str(astronaut)), handle_file(str(speech))
    take, table, report = client.predict(portrait, sound, "auto", True, seed=5, api_name="/plan")
    planned = Take.load(take)
    assert planned.settings.seed == 5 and report["frames"] == len(planned.motion)
    assert len(Path(table).read_text().splitlines()) == len(planned.motion) + 1

    video, facts = client.predict(
        portrait, sound, handle_file(take), "mesh", True, size=256, frame="crop", mark=False, api_name="/render"
    )
    path = video["video"] if isinstance(video, dict) else video
    assert probe(Path(path)).size == (256, 256)
    assert facts["frames"] == len(planned.motion) and facts["seed"] == 5
    assert facts["duration"] == pytest.approx(load_speech(speech).seconds, abs=0.06)

    page = client.predict(portrait, sound, handle_file(take), "html", True, api_name="/export")
    assert "moda-stage" in Path(page).read_text(encoding="utf-8")

    spoken, _ = client.predict("Hello there", "en-us+m1", 1.0, 0.0, api_name="/speak")
    assert load_speech(spoken).seconds > 0.5
    with pytest.raises(AppError, match="There is no voice"):
        client.predict("Hello there", "nobody", 1.0, 0.0, api_name="/speak")
    with pytest.raises(AppError, match="Give speech"):
        client.predict(portrait, None, "auto", True, api_name="/plan")

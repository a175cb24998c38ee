"""README's front matter, which a Space reads, against what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from moda.models.registry import REGISTRY
from tools.requirements import requirements

REPOSITORY = Path(__file__).resolve().parents[1]


def front_matter() -> dict[str, Any]:
    _, head, _ = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found = yaml.safe_load(head)
    assert isinstance(found, dict)
    return found


def test_the_space_runs_what_is_pinned() -> None:
    facts = front_matter()
    assert f"gradio[mcp]=={facts['sdk_version']}" in requirements()
    assert facts["sdk"] == "gradio" and (REPOSITORY / facts["app_file"]).is_file()
    assert facts["python_version"].split(".")[:2] == ["3", "10"]  # the one that ZeroGPU's documents name
    assert len(facts["short_description"]) <= 60


def test_what_is_preloaded_is_where_the_neural_renderer_looks_for_it() -> None:
    (line,) = front_matter()["preload_from_hub"]
    repository, files, revision = line.split(" ")
    wanted = REGISTRY["liveportrait"].files
    homes = {(file.repository.name, file.repository.revision) for file in wanted if file.repository is not None}
    assert homes == {(repository, revision)}
    assert files.split(",") == [file.path for file in wanted]


def test_every_link_of_the_documents_leads_somewhere() -> None:
    import re

    pages = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for page in [*pages, *(REPOSITORY / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"

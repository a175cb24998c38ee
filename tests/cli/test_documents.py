"""Every command that the documents print exists, with its options and as many arguments as are given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from moda.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])


def printed(path: Path) -> list[str]:
    """The lines of a document's code blocks, and its inline code, that begin with `moda`."""
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:bash|sh|text)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    blocks = re.sub(r"\\\n\s*", " ", blocks)
    lines = re.findall(r"^(?:[A-Z_]+=\S+ )*(moda \S.*)$", blocks, re.MULTILINE)
    inline = re.findall(
        r"(?<!`)`(moda [a-z][^`]*)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    )
    return [line for line in (*lines, *inline) if "COMMAND" not in line and "..." not in line and "|" not in line]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_printed_commands_exist(path: Path) -> None:
    whole: Any = typer.main.get_command(app)
    for line in printed(path):
        words = shlex.split(line, comments=True)[1:]
        command = whole
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        for word in words:
            name = word.partition("=")[0]
            assert not re.match(r"--?[a-z]", name) or name in known, f"{path.name}: {line}: {name}"
        assert command is not whole or not words or words[0].startswith("-"), f"{path.name}: {line}"


def test_the_documents_print_commands() -> None:
    assert sum(len(printed(path)) for path in DOCUMENTS) > 40

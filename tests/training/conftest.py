"""A tiny corpus of our own, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from moda.corpus.synthetic.build import CorpusOptions, Performer, write_shard


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one shard of three spoken items."""
    folder = tmp_path_factory.mktemp("corpus")
    options = CorpusOptions(seed=4, shares=(("espeak", 1.0),))
    write_shard(Performer(folder, options), range(3), folder / "shard-0000")
    return folder

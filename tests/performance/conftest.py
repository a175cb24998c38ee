"""A talking video made here, with the truth about it."""

from tests.corpus.footage.conftest import sitter, talk

__all__ = ["sitter", "talk"]

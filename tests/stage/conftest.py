"""Sitters and a page that shows a stage."""

from tests.stage.sitters import astronaut, head, hopper, sit, stage

__all__ = ["astronaut", "head", "hopper", "sit", "stage"]

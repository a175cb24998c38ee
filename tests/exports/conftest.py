"""The sitters of the stage's tests."""

from tests.stage.sitters import head, hopper, sit

__all__ = ["head", "hopper", "sit"]

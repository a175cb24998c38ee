"""MoDA Studio: one portrait and speech in, a talking-head video out.

>>> from moda import TalkingHead, Settings        # doctest: +SKIP
>>> head = TalkingHead.load()                     # doctest: +SKIP

Names are loaded on first use, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from moda.motion.edits import Edit as Edit
    from moda.pipeline import TalkingHead as TalkingHead
    from moda.settings import Settings as Settings

__all__ = ["Edit", "Settings", "TalkingHead", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "TalkingHead":
        from moda.pipeline import TalkingHead

        return TalkingHead
    if name == "Settings":
        from moda.settings import Settings

        return Settings
    if name == "Edit":
        from moda.motion.edits import Edit

        return Edit
    raise AttributeError(f"module 'moda' has no attribute {name!r}")

"""The Space's entry: build the studio and open it."""

import contextlib

with contextlib.suppress(ImportError):
    import spaces  # noqa: F401 - on ZeroGPU it must come before anything that imports torch

from moda.studio.page import launch

if __name__ == "__main__":
    launch()

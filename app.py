"""The Space's entry, and what `make demo` runs: `python app.py` is `moda serve`."""

import contextlib
import sys

from moda.interpreter import require_known_python

require_known_python()
with contextlib.suppress(Exception):  # it also fails where there is no home and no account
    import spaces  # noqa: F401 - on ZeroGPU it must come before anything that imports torch

from moda.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])

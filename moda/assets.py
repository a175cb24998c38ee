"""Where the files that ship with this software are: moda-lite's weights, the example speeches.

In a checkout, and in an editable install of one, they stand in `assets/` at the top of the repository; the build of
a wheel puts them into the package as `moda/_assets`. Nobody else knows that.
"""

from __future__ import annotations

from pathlib import Path

from moda.errors import InstallationIncomplete

PACKAGE = Path(__file__).resolve().parent
HOMES = (PACKAGE / "_assets", PACKAGE.parent / "assets")


def asset(name: str) -> Path:
    """The file or folder `name` below assets/, such as "moda-lite". Raises InstallationIncomplete if it is absent."""
    for home in HOMES:
        if (home / name).exists():
            return home / name
    raise InstallationIncomplete(
        f"assets/{name} should ship with this software but is not in {' or '.join(str(home) for home in HOMES)}; "
        "install MoDA Studio again from its whole repository, large files included."
    )

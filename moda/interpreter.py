"""Which Python this software runs on; asked before anything else is imported, so it must parse on any Python 3."""

import sys

OLDEST, NEWEST = (3, 10), (3, 12)


def require_known_python(version: "tuple[int, int]" = (sys.version_info[0], sys.version_info[1])) -> None:
    """Ends the process with one sentence and exit code 2 on a Python that our dependencies have no wheels for."""
    if not OLDEST <= version <= NEWEST:
        sys.stderr.write(
            f"MoDA Studio needs Python 3.10, 3.11 or 3.12, and this is {version[0]}.{version[1]}: install one of them, "
            "for example with `uv python install 3.12`, and start again with it.\n"
        )
        sys.exit(2)

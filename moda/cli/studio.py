"""serve and doctor: the studio in the browser, and what is on this machine."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from moda.cli.options import AsJson, show
from moda.errors import BadSetting


def doctor(json: AsJson = False) -> None:
    """What is present, what is missing, and what each missing piece would add."""
    from moda.doctor import examine, table

    findings = examine()
    show(findings, table(findings), json)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; the first free one from 7860 if not given.")] = None,
    share: Annotated[bool | None, typer.Option(help="Ask Gradio for a public link, as on Colab.")] = None,
) -> None:
    """Opens the studio in the browser."""
    check_address(os.environ.get("GRADIO_SERVER_NAME", host), wanted_port(port))
    os.environ.setdefault("GRADIO_TEMP_DIR", str(upload_folder()))
    import cv2  # noqa: F401 - where a system library is missing, say so before a page opens that can do nothing

    from moda.studio.page import launch

    launch(host=host, port=port, share=share)


def wanted_port(port: int | None) -> int | None:
    """The port that will be listened on, None for the first free one. Raises BadSetting for no port at all."""
    named = os.environ.get("GRADIO_SERVER_PORT") if port is None else str(port)
    if not named:
        return None
    if not named.isdigit() or not 1 <= int(named) <= 65535:
        raise BadSetting(f"The port must be 1 to 65535, not {named[:40]}.")
    return int(named)


def check_address(host: str, port: int | None) -> None:
    """Raises BadSetting where nothing can be opened at this address."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # a port that was just closed may be taken again; on Windows this would steal one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError):
        raise BadSetting(f"The host {host[:80]!r} is not known: use 127.0.0.1, or 0.0.0.0 for every address.") from None
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            raise BadSetting(f"Port {port} is in use: choose another one, or leave --port out.") from None
        if fault.errno in (errno.EACCES, errno.EPERM):
            raise BadSetting(f"Port {port} may not be opened by this user: choose one from 1024 on.") from None
        raise BadSetting(f"Nothing can be opened on {host}, port {port} ({fault.strerror or fault}).") from None


def upload_folder() -> Path:
    """Where Gradio keeps uploads: a folder of this user's own, as its default belongs to whoever came first."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"moda-studio-uploads-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="moda-studio-uploads-"))
    return folder

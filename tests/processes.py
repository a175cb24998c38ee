"""Child processes of tests."""

from __future__ import annotations

import signal
import subprocess


def end(process: subprocess.Popen[bytes], politely: signal.Signals) -> None:
    """Asks a process to end by this signal, and ends it where it has not after 20 s."""
    process.send_signal(politely)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

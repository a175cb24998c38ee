"""What live sessions may ask for, and how one that asks for more is ended: one sentence and a close code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moda.errors import UserError
from moda.settings import EnvironmentLimits

POLICY, TRY_LATER, OUR_FAULT = 1008, 1013, 1011  # close codes of RFC 6455


@dataclass(frozen=True)
class LiveLimits(EnvironmentLimits):
    """What strangers may ask for."""

    live_sessions: int = 16
    live_seconds: float = 3600.0
    live_silent_seconds: float = 120.0
    live_backlog_seconds: float = 60.0
    live_patience_seconds: float = 1.0


@dataclass
class Refusal(Exception):
    """Ends a connection: what is said, and the close code."""

    message: str
    code: int = POLICY
    more: dict[str, Any] = field(default_factory=lambda: {"type": "error"})


def told(fault: UserError) -> dict[str, Any]:
    """A fault of the client's as a message: one sentence on one line."""
    return {"type": "error", "message": " ".join(str(fault).split())}

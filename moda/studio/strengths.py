"""Strengths of emotion and pose: they decide what is sampled, and yet the face follows their sliders.

A slider's ends are sampled with the takes' own seeds when somebody is about to move it, and the page shows what lies
between. What it was let go at is sampled exactly and takes the takes' place, with their trims and edits.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

from moda.errors import BadSetting
from moda.motion.takes import Take
from moda.motion.trims import TRIMS
from moda.settings import CONTROLS
from moda.stage.chunks import motion_bytes
from moda.studio.gpu import Cancel, Watch, on_zero_gpu
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Session

LONGEST = 60.0
"""Seconds of speech up to which sampling keeps up with a hand; longer takes are for Preview motion."""


def strengths_of(session: Session) -> dict[str, float]:
    """The strengths that the session's takes can follow, and what they are; none that would change nothing.

    None on ZeroGPU either, where every sample takes of the visitor's time on the GPU.
    """
    take = session.take
    if take is None or session.sampler is None or take.motion.seconds > LONGEST or on_zero_gpu():
        return {}
    about = {"emotion_strength": take.settings.emotion.strip(), "pose_strength": take.settings.pose_prior != "none"}
    return {name: getattr(take.settings, name) for name, given in about.items() if given}


def ends(engine: Engine, session: Session, name: str, cancel: Cancel) -> list[tuple[float, list[dict[str, str]]]]:
    """(value, motion of every take) at both ends of a strength's slider, as the stage reads them.

    Raises BadSetting for what the takes cannot follow, Cancelled.
    """
    shown, found = _followed(session, name), []
    for value in (CONTROLS[name].minimum or 0.0, CONTROLS[name].maximum or 1.0):
        takes = _sampled(engine, session, shown, {name: value}, cancel)
        packed = [base64.b64encode(motion_bytes(take.sampled)).decode("ascii") for take in takes]
        found.append((value, [{"data": data} for data in packed]))
    return found


def resample(engine: Engine, session: Session, name: str, value: float, cancel: Cancel) -> dict[str, Any]:
    """The session's takes with another strength in place of those it has. Returns what the stage is to know of that.

    Raises BadSetting for what the takes cannot follow, Superseded where there are others meanwhile, Cancelled.
    """
    shown, sampler, before = _followed(session, name), session.sampler, session.sampled
    takes = _sampled(engine, session, shown, {name: value}, cancel)
    if session.sampled is not before:
        raise Superseded
    chosen = session.chosen
    session.hold([_in_place_of(old, take) for old, take in zip(session.takes, takes)], sampler)
    session.chosen = chosen
    return {"strength": name, "follows": id(before)}


def _followed(session: Session, name: str) -> list[Take]:
    """The session's takes, where they can follow that slider."""
    takes = session.takes
    if not takes or name not in strengths_of(session):
        raise BadSetting("This take cannot follow that slider: preview the motion again.")
    return takes


def _sampled(
    engine: Engine, session: Session, shown: list[Take], strength: dict[str, float], cancel: Cancel
) -> list[Take]:
    """Samples of the seeds of the takes that are shown, with another strength."""
    settings = shown[0].settings.changed(**strength)
    return engine.sample(session, settings, len(shown), session.sampler, Watch(cancel=cancel))


def _in_place_of(old: Take, take: Take) -> Take:
    trims = {name: getattr(old.settings, name) for name in TRIMS}
    return take.trimmed(take.settings.changed(**trims)).edited(old.edits, **asdict(old.rules))

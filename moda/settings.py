"""Every control once: name, default, range, choices, help. CLI, studio, API and reports are built from this table.

`Settings` are checked when they are made: nothing is clamped silently, a value out of range raises BadSetting
with one sentence. `Limits` bound what a stranger may ask for and are read from the environment (MODA_MAX_...).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from moda.errors import BadSetting

Group = Literal["sampling", "guidance", "emotion", "pose", "trims", "video"]
Solver = Literal["euler", "heun", "ab2"]
Schedule = Literal["full", "reference"]
Preset = Literal["studio", "reference"]
Frame = Literal["crop", "whole"]
Paste = Literal["soft", "face"]

SOLVERS: tuple[str, ...] = get_args(Solver)
POSE_PRIORS: tuple[str, ...] = ("none", "still", "gentle", "lively", "nod", "portrait")
WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
#: What preset reference means: the published sampler, and no trims. The first are its own and cannot be changed.
REFERENCE: dict[str, Any] = {
    "solver": "euler", "schedule": "reference", "speech_guidance": 1.2, "emotion_guidance": 1.2,
    "identity_guidance": 1.0, "steps": 10, "drift_guard": 0.0,
}  # fmt: skip
REFERENCE_ALONE = ("solver", "schedule", "speech_guidance", "emotion_guidance", "identity_guidance")
MAX_PROMPT = 500
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Control:
    """What a control is called, what it does and what it may be."""

    name: str
    label: str
    help: str
    group: Group
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] | None = None

    def check(self, value: Any) -> Any:
        """The value in its own type, or BadSetting saying what would be right."""
        value = self._typed(value)
        if self.choices is not None and value not in self.choices:
            raise BadSetting(f"{self.name} must be one of {', '.join(self.choices)}; {_shown(value)} is not known.")
        if self.minimum is not None and self.maximum is not None:
            if not math.isfinite(value) or not self.minimum <= value <= self.maximum:
                raise BadSetting(f"{self.name} must be {self.minimum:g} to {self.maximum:g}, not {_shown(value)}.")
            if isinstance(value, int) and self.step and (value - int(self.minimum)) % int(self.step):
                raise BadSetting(f"{self.name} must be a multiple of {self.step:g}, not {_shown(value)}.")
        return value

    def _typed(self, value: Any) -> Any:
        kind = type(self.default)
        known = {bool: (bool, int), str: (str,)}.get(kind)
        try:
            if known is not None:
                if not isinstance(value, known) or (kind is bool and value not in (0, 1)):
                    raise ValueError
                return kind(value)
            if isinstance(value, (bool, str)) or (kind is int and float(value) != int(value)):
                raise ValueError
            return kind(value)
        except (TypeError, ValueError, OverflowError):
            wanted = {bool: "on or off", str: "text", int: "a whole number", float: "a number"}[kind]
            raise BadSetting(f"{self.name} must be {wanted}, not {_shown(value)}.") from None

    def read(self, text: str) -> Any:
        """The value that a text stands for (a cell of a table, an option), checked. Raises BadSetting."""
        kind, plain = type(self.default), text.strip()
        if kind is bool:
            return self.check(WORDS.get(plain.lower(), plain))
        if kind in (int, float):
            try:
                number = float(plain)
            except ValueError:
                return self.check(plain)  # says what would be right
            return self.check(int(number) if kind is int and number.is_integer() else number)
        return self.check(plain)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _control(default: Any, label: str, help: str, group: Group, **limits: Any) -> Any:
    return field(default=default, metadata={"label": label, "help": help, "group": group, **limits})


def _number(default: float, lowest: float, highest: float, step: float, label: str, help: str, group: Group) -> Any:
    return _control(default, label, help, group, minimum=lowest, maximum=highest, step=step)


@dataclass(frozen=True)
class Settings:
    """All that decides a take and its video. One field per CLI option of the same name."""

    seed: int = _number(
        0, 0, MAX_SEED, 1, "Seed", "The same seed gives the same motion; another gives another take.", "sampling"
    )
    steps: int = _number(
        6, 1, 50, 1, "Steps", "Solver steps from noise to motion: more is finer and slower.", "sampling"
    )
    solver: str = _control(
        "ab2",
        "Solver",
        "ab2 is the most exact per network call; euler is the published one.",
        "sampling",
        choices=SOLVERS,
    )
    schedule: str = _control(
        "full",
        "Schedule",
        "full spends every step on the path; reference repeats the published steps.",
        "sampling",
        choices=get_args(Schedule),
    )
    preset: str = _control(
        "studio",
        "Preset",
        "reference computes what the published code computes: 10 Euler steps, joint guidance 1.2, no trims.",
        "sampling",
        choices=get_args(Preset),
    )
    speech_guidance: float = _number(
        2.0, 0, 4, 0.1, "Speech guidance",
        "0 ignores the speech, 1 follows it, above 1 articulates harder.", "guidance",
    )  # fmt: skip
    emotion_guidance: float = _number(
        1.0, 0, 4, 0.1, "Emotion guidance", "0 ignores the emotion, 1 follows it, above 1 exaggerates it.", "guidance"
    )
    identity_guidance: float = _number(
        1.0,
        0,
        4,
        0.1,
        "Identity guidance",
        "0 moves like anybody, 1 like this face, above 1 exaggerates its habits.",
        "guidance",
    )
    emotion: str = _control(
        "", "Emotion", 'In your own words, e.g. "quietly amused"; timed: "0-3s neutral; 3s- delighted".', "emotion"
    )
    emotion_strength: float = _number(
        1.0, 0, 2, 0.05, "Emotion strength", "How strongly the emotion is played; 0 is none.", "emotion"
    )
    pose_prior: str = _control(
        "none", "Pose prior", "Head motion to lean on: " + ", ".join(POSE_PRIORS) + ", a video or a take.", "pose"
    )
    pose_strength: float = _number(
        0.7, 0, 1, 0.05, "Pose strength", "0 leaves the head free, 1 follows the pose prior.", "pose"
    )
    expression: float = _number(
        1.0, 0, 2, 0.05, "Expression amount", "Scales face and lips after sampling; 1 leaves them.", "trims"
    )
    head_motion: float = _number(
        1.0, 0, 2, 0.05, "Head-motion amount", "Scales head movement after sampling; 0 holds the head.", "trims"
    )
    blink: float = _number(1.0, 0, 2, 0.05, "Blink rate", "0 removes blinks, 1 leaves them, 2 doubles them.", "trims")
    gaze: float = _number(1.0, 0, 2, 0.05, "Gaze drift", "How much the eyes wander; 0 looks ahead.", "trims")
    smoothing: float = _number(
        0.0, 0, 5, 0.25, "Head smoothing", "Calms head motion over this many frames; lips stay as they are.", "trims"
    )
    drift_guard: float = _number(
        0.5, 0, 1, 0.05, "Drift guard", "Keeps head size and place near the portrait's; 0 off, 1 fixed.", "trims"
    )
    size: int = _number(512, 256, 1080, 2, "Size", "Height of the video in pixels.", "video")
    frame: str = _control(
        "crop",
        "Frame",
        "crop shows head and shoulders, whole keeps the full picture.",
        "video",
        choices=get_args(Frame),
    )
    background_still: bool = _control(
        True,
        "Background still",
        "On: only the person and a band around the head move. Off: the surroundings sway along (mesh only).",
        "video",
    )
    alpha: bool = _control(
        False, "Transparent", "Only the person; for WebM, ProRes (.mov), WebP and PNG pictures.", "video"
    )
    background: str = _control(
        "", "Background", "Behind the person: a colour (green, #00b140) or a picture; empty keeps the own.", "video"
    )
    captions: bool = _control(
        False,
        "Captions",
        "Writes .srt and .vtt beside the video, and a subtitle track where the format has one.",
        "video",
    )
    burn_captions: bool = _control(False, "Burn in captions", "Draws the words into the picture itself.", "video")
    paste: str = _control(
        "soft",
        "Paste",
        "What liveportrait puts back into the picture: the square with a soft border, or the face alone.",
        "video",
        choices=get_args(Paste),
    )
    mark: bool = _control(False, "AI mark", "Draws a small visible AI mark into the corner.", "video")

    def __post_init__(self) -> None:
        for control in CONTROLS.values():
            object.__setattr__(self, control.name, control.check(getattr(self, control.name)))
        if self.alpha and self.background.strip():
            raise BadSetting("alpha leaves out what is behind and background puts something there: give one of them.")
        if len(self.emotion) > MAX_PROMPT:
            raise BadSetting(f"The emotion text is too long ({len(self.emotion)} characters, at most {MAX_PROMPT}).")
        if self.preset == "reference":
            self._as_published()

    def _as_published(self) -> None:
        """Controls that are left at their defaults get the reference's values; others that it fixes are refused."""
        for name, value in REFERENCE.items():
            given = getattr(self, name)
            if given == CONTROLS[name].default:
                object.__setattr__(self, name, value)
            elif given != value and name in REFERENCE_ALONE:
                raise BadSetting(f"preset reference has {name} {value}: leave {name} out, or take preset studio.")

    def changed(self, **values: Any) -> Settings:
        """A copy with some controls changed; unknown names raise BadSetting. What was left to a preset stays so."""
        usual = REFERENCE if self.preset == "reference" else {}
        own = {n: v for n, v in self.as_dict().items() if v != usual.get(n, CONTROLS[n].default)}
        return Settings.from_mapping({**own, "preset": self.preset, **values})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a dict such as a settings file; unknown names raise BadSetting.

        What is named is taken as it is, also where it happens to be a default that a preset would replace.
        """
        _known(values)
        settings = cls(**dict(values))
        for name in REFERENCE if settings.preset == "reference" else ():
            if name in values and (given := CONTROLS[name].check(values[name])) != getattr(settings, name):
                if name in REFERENCE_ALONE:
                    raise BadSetting(
                        f"preset reference has {name} {REFERENCE[name]}: leave {name} out, or take preset studio."
                    )
                object.__setattr__(settings, name, given)
        return settings

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def digest(self) -> str:
        """Short hash of all values, written into the video's metadata."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def sampling_part(self) -> dict[str, Any]:
        """What decides the sampled motion; trims and video settings can change without sampling again."""
        return {k: v for k, v in self.as_dict().items() if CONTROLS[k].group not in ("trims", "video")}


def _known(values: Mapping[str, Any]) -> None:
    unknown = sorted(set(map(str, values)) - set(CONTROLS))
    if unknown:
        raise BadSetting(f"There is no setting called {_shown(unknown[0])}; known are {', '.join(CONTROLS)}.")


CONTROLS: dict[str, Control] = {f.name: Control(name=f.name, default=f.default, **f.metadata) for f in fields(Settings)}


L = TypeVar("L", bound="EnvironmentLimits")


@dataclass(frozen=True)
class EnvironmentLimits:
    """Numbers that each can be set by the environment variable MODA_ + its name in capitals."""

    @classmethod
    def from_environment(cls: type[L], environment: Mapping[str, str] | None = None) -> L:
        """Defaults overridden by e.g. MODA_MAX_SPEECH_SECONDS=120; a value that is no number raises BadSetting."""
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for f in fields(cls):
            text = source.get(f"MODA_{f.name.upper()}")
            if text is not None:
                try:
                    number = float(text)
                    if not math.isfinite(number) or number < (1 if isinstance(f.default, int) else 1e-9):
                        raise ValueError
                except ValueError:
                    raise BadSetting(f"MODA_{f.name.upper()} must be a positive number, not {_shown(text)}.") from None
                values[f.name] = int(number) if isinstance(f.default, int) else number
        return cls(**values)


@dataclass(frozen=True)
class Limits(EnvironmentLimits):
    """What one request may ask for."""

    max_portrait_bytes: int = 40 * 1024 * 1024
    max_portrait_pixels: int = 60_000_000
    max_speech_bytes: int = 400 * 1024 * 1024
    max_speech_seconds: float = 3600.0
    max_text: int = 5000
    max_takes: int = 4
    max_size: int = 1080
    max_queue: int = 16
    max_request_bytes: int = 16 * 1024 * 1024
    max_request_seconds: float = 3600.0
    max_disk_bytes: int = 4 * 1024**3

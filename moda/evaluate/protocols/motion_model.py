"""Judging a motion model on real speakers: `moda evaluate model VIDEOS [--checkpoint FOLDER]`.

For every real talking video the model plans a motion from the video's sound alone. Printed for each clip:

* r, best, lag: correlation of the generated inner-lip opening with the real speaker's, at zero lag and at the best.
* sync: lip-sync correlation of the generated motion by a regressor fitted on the other real speakers; `own` is what
  the real speaker's own lips score.
Over all clips: lips_r, and lips_r_free over those whose words are not given (people who speak freely); mismatched r and
the AUC of matched against mismatched, twice: `sync` holds the motion against another clip's sound, `lips` against
another speaker's lips (those rise and fall together where two people read sentences of one pattern, as in the GRID
corpus); and every movement measure against the range of real people. The last line is one number for choosing a
checkpoint.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.evaluate.measures.definitions import MEASURES
from moda.evaluate.measures.movement import movement_measures
from moda.evaluate.measures.signals import RATE, Array, Signals, signals_of_motion
from moda.evaluate.measures.sync import Regressor, Sync, correlation, score, score_against
from moda.evaluate.protocols.lip_regressor import Clip, align, footage, leave_one_out
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait


LONG_ENOUGH = 40  # frames that two clips must share to be held against each other


@dataclass(frozen=True)
class Judged:
    """One clip: generated lips against the real ones, and both against the sound; `strangers`: the sync correlations of
    the generated motion with the sounds of all other clips; read: whether the words are known, as of read sentences."""

    name: str
    lips: Sync
    sync: Sync
    own: Sync
    values: dict[str, float]
    generated: Array
    real: Array
    strangers: tuple[float, ...] = ()
    read: bool = False


def judge(
    head: TalkingHead,
    portrait: Portrait,
    clips: Sequence[Clip],
    settings: Settings,
    words: dict[str, str] | None = None,
    only: Sequence[str] = (),
) -> list[Judged]:
    """Plan every clip's speech and hold the motion against the real speaker.

    words: what is said, by clip, where known. only: names of the clips to judge; the others still help to fit.
    """
    from moda.media.audio import Speech

    real_scores = leave_one_out(clips)
    judged = []
    for clip in (c for c in clips if not only or c.name in only):
        speech = Speech.of(clip.waveform.astype(np.float32))
        signals = signals_of_motion(head.plan(portrait, speech, settings).motion)
        own, regressor = real_scores[clip.name]
        # Frame t of the picture belongs to the sound `late` earlier: shift the real lips, not the sound.
        frames = np.arange(len(clip.signals))
        at = frames + clip.late_ms / 1000 * RATE
        real = np.interp(at, frames, clip.signals.opening)
        phonemes = align(clip.waveform, words[clip.name]) if words and clip.name in words else []
        values = movement_measures(signals, clip.waveform, phonemes, regressor)
        lips = score_against(signals.opening, real)
        sync = score(signals.opening, clip.waveform, regressor)
        strangers = tuple(
            score(signals.opening[: len(other.signals)], other.waveform, regressor).correlation
            for other in clips
            if other.name != clip.name and min(len(signals.opening), len(other.signals)) >= LONG_ENOUGH
        )
        known = words is not None and clip.name in words
        judged.append(Judged(clip.name, lips, sync, own, values, signals.opening, real, strangers, known))
    return judged


def mismatched(judged: Sequence[Judged]) -> list[float]:
    """Correlation of each generated opening with the lips of every other speaker, over the shorter of the two."""
    found = []
    for a in judged:
        for b in judged:
            count = min(len(a.generated), len(b.real))
            if a.name != b.name and count >= LONG_ENOUGH:
                found.append(correlation(a.generated[:count], b.real[:count]))
    return found


def area_under_curve(matched: Sequence[float], others: Sequence[float]) -> float:
    """Chance that a matched pair scores above a mismatched one; 0.5 = no better than guessing."""
    from scipy.stats import mannwhitneyu

    if not matched or not others:
        return float("nan")
    return float(mannwhitneyu(matched, others).statistic) / (len(matched) * len(others))


def totals(judged: Sequence[Judged]) -> dict[str, float]:
    """What the table ends with; see the module's text."""
    matched, others = [j.lips.correlation for j in judged], mismatched(judged)
    heard, unheard = [j.sync.correlation for j in judged], [r for j in judged for r in j.strangers]
    return {
        "lips_r": float(np.mean(matched)),
        "lips_r_free": float(np.mean([j.lips.correlation for j in judged if not j.read] or [np.nan])),
        "lips_best": float(np.mean([j.lips.best for j in judged])),
        "lag_median_ms": float(np.median([j.lips.lag_ms for j in judged])),
        "lags_beyond_80_ms": float(sum(abs(j.lips.lag_ms) > 80 for j in judged)),
        "lips_mismatched": float(np.mean(others)) if others else float("nan"),
        "lips_auc": area_under_curve(matched, others),
        "sync": float(np.mean(heard)),
        "sync_mismatched": float(np.mean(unheard)) if unheard else float("nan"),
        "sync_auc": area_under_curve(heard, unheard),
        "sync_of_real": float(np.mean([j.own.correlation for j in judged])),
        "sync_confidence": float(np.mean([j.sync.confidence for j in judged])),
    }


def table(judged: Sequence[Judged]) -> str:
    """Text for people: a line a clip, the totals, and the movement measures against real people's."""
    lines = [f"{'clip':22} {'r':>6} {'best':>6} {'lag':>6}   {'sync':>6} {'lag':>6} {'own':>6}"]
    lines += [
        f"{j.name:22} {j.lips.correlation:6.3f} {j.lips.best:6.3f} {j.lips.lag_ms:6.0f}   "
        f"{j.sync.correlation:6.3f} {j.sync.lag_ms:6.0f} {j.own.correlation:6.3f}"
        for j in judged
    ]
    lines.append("  ".join(f"{k} {v:.3f}" for k, v in totals(judged).items()))
    lines.append(f"{'':26} {'p10':>8} {'p50':>8} {'p90':>8}   {'real people':>24}")
    for name in judged[0].values:
        column = np.array([j.values.get(name, np.nan) for j in judged])
        column = column[np.isfinite(column)]
        if len(column):
            measure = MEASURES[name]
            low, middle, high = np.percentile(column, (10, 50, 90))
            real = "" if measure.real is None else " / ".join(f"{v:.3g}" for v in measure.real)
            mark = {True: "", False: "  outside", None: ""}[measure.fits(float(middle))]
            lines.append(f"{measure.label:26} {low:8.3g} {middle:8.3g} {high:8.3g}   {real:>24}{mark}")
    closures = [j.values["closure"] for j in judged if np.isfinite(j.values.get("closure", np.nan))]
    if closures:
        lines.append(f"p, b, m closed: {np.mean(closures):.2f} of the clips whose words are known")
    return "\n".join(lines)


def judge_speech(head: TalkingHead, portrait: Portrait, folder: Path, settings: Settings, regressor: Regressor) -> str:
    """Lip sync on a folder of speech without pictures, e.g. in other languages: a line for each file."""
    lines = [f"{'speech':22} {'sync':>6} {'best':>6} {'lag':>6} {'confid.':>8}"]
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".wav", ".mp3", ".flac", ".ogg")):
        speech = head.speech(path)
        speech = speech.trim(0, 20.0) if speech.seconds > 20 else speech
        signals: Signals = signals_of_motion(head.plan(portrait, speech, settings).motion)
        sync = score(signals.opening, speech.waveform, regressor)
        row = f"{sync.correlation:6.3f} {sync.best:6.3f} {sync.lag_ms:6.0f} {sync.confidence:8.3f}"
        lines.append(f"{path.stem:22} {row}")
    return "\n".join(lines)


def load_head(model: str, checkpoint: Path | None) -> TalkingHead:
    """The named model, or a moda-lite checkpoint in a folder, with the mesh renderer."""
    from moda.pipeline import TalkingHead

    if checkpoint is None:
        return TalkingHead.load(model=model, renderer="mesh")
    from moda.models.lite import LiteModel

    return replace(TalkingHead.load(model=None, renderer="mesh"), model=LiteModel(checkpoint))


def any_portrait() -> Any:
    """A public-domain portrait that a dependency carries."""
    from importlib.resources import files

    return Path(str(files("skimage") / "data" / "astronaut.png"))


def run(
    videos: Path, model: str, checkpoint: Path | None, settings: Settings, *, portrait: Path | None = None,
    cache: Path | None = None, speech: Path | None = None, only: Sequence[str] = (), json: bool = False,
) -> None:  # fmt: skip
    """What the command line runs: judge the named model, or a checkpoint, and print.

    portrait: None = one that a dependency carries. cache: keeps what was followed in the videos. speech: a folder of
    speech to score as well. only: names of the clips to judge, else all.
    """
    head = load_head(model, checkpoint)
    face = head.portrait(portrait or any_portrait())
    clips = footage(videos, cache)
    about = videos / "videos.json"
    known = jsonlib.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    words = {Path(name).stem: facts["words"] for name, facts in known.items() if "words" in facts}
    judged = judge(head, face, clips, settings, words, only)
    if json:
        facts = {j.name: {"lips": j.lips.as_dict(), "sync": j.sync.as_dict(), "values": j.values} for j in judged}
        print(jsonlib.dumps({"totals": totals(judged), "clips": facts}))
        return
    print(table(judged))
    if speech:
        from moda.evaluate.measures.sync import fit

        everyone = fit([clip.pair() for clip in clips], source="footage")
        print(judge_speech(head, face, speech, settings, everyone))
    print(f"score {totals(judged)['lips_r']:.4f}")

# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Live sessions: delay, load, lips against the offline take, head speed, memory.

    python -m bench.live [--speech FOLDER] [--seconds 10] [--sessions 1 4 8 16] [--out FILE.json]
    python -m bench.live --endurance 3600
    python -m bench.live --drift 300

Sound comes in pieces of 20 ms. The delay of a frame is the time from its start in the sound to the moment it is given:
look-ahead, waiting for the piece, and computing. With many sessions each has a clock of its own; a frame is on time
when it is given before a player that began `--buffer` milliseconds late would run dry.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from pathlib import Path

import numpy as np

from bench.machine import busy, tell
from moda.assets import asset
from moda.evaluate.measures.sync import score
from moda.live.presence import turning_speed
from moda.live.scheduler import CUTS, Scheduler
from moda.live.session import ALONE, Cut, LiveSession
from moda.media.audio import load_speech
from moda.models import lite_folder
from moda.models.lite import LiteModel
from moda.models.motion_model import Start
from moda.motion.actions import INDEX, NEUTRAL, read_actions
from moda.motion.space import FPS, Motion, denormalise, neutral_reference, normalise
from moda.settings import Settings

TICK = 320  # samples: 20 ms
REFERENCE = neutral_reference()
START = Start(np.zeros(63, np.float32), normalise(REFERENCE), REFERENCE, NEUTRAL)


def speeches(folder: Path | None, seconds: float) -> list[np.ndarray]:
    """Waveforms of the folder, or of the examples: the first six of two seconds and more."""
    paths = sorted((folder or asset("examples")).glob("*.wav"))
    waves = [np.asarray(load_speech(str(path)).waveform[: round(16_000 * seconds)], np.float32) for path in paths]
    return [wave for wave in waves if len(wave) > 32_000][:6]


def talk(model: LiteModel, sound: np.ndarray, seed: int, cut: Cut) -> np.ndarray:
    live = LiveSession(model, START, Settings(seed=seed), cut=cut)
    parts = [live.push(sound[at : at + TICK]).array for at in range(0, len(sound), TICK)]
    return np.concatenate([*parts, live.flush().array])


def offline(model: LiteModel, sound: np.ndarray, seed: int) -> np.ndarray:
    """The take that the same settings plan with the whole speech at hand."""
    from moda.conditions.speech import LogMelFeatures
    from moda.generator.sampler import ClipRequest, sample_clip
    from moda.planning import sampling_options

    settings = Settings(seed=seed)
    frames = -(-len(sound) // 640)
    request = ClipRequest(LogMelFeatures(sound, frames), np.eye(9)[8], START.identity, START.first, seed)
    return denormalise(sample_clip(model.network, request, sampling_options(settings, model)).numpy())


def opening(array: np.ndarray) -> np.ndarray:
    return np.asarray(read_actions(Motion(array).expression, NEUTRAL)[:, INDEX["jaw_open"]])


def likeness(model: LiteModel, waves: list[np.ndarray], cut: Cut) -> dict[str, float]:
    """r of the jaw with the offline take, beside what two offline seeds have with each other; head speed."""
    live_r, seeds_r, live_speed, offline_speed = [], [], [], []
    judged: dict[str, list[float]] = {"live": [], "offline": []}
    for wave in waves:
        one, two, live = offline(model, wave, 1), offline(model, wave, 2), talk(model, wave, 1, cut)
        count = min(len(one), len(live))
        live_r.append(np.corrcoef(opening(live[:count]), opening(two[:count]))[0, 1])
        seeds_r.append(np.corrcoef(opening(one), opening(two))[0, 1])
        for name, motion in (("live", live[:count]), ("offline", one[:count])):
            judged[name].append(score(opening(motion), wave).correlation)
        live_speed.append(turning_speed(live))
        offline_speed.append(turning_speed(one))
    speeds = {"live": np.concatenate(live_speed), "offline": np.concatenate(offline_speed)}
    return {
        "jaw_r_live": float(np.mean(live_r)),
        "jaw_r_two_offline_seeds": float(np.mean(seeds_r)),
        **{f"sync_{name}": float(np.mean(values)) for name, values in judged.items()},
        **{f"head_speed_p99_{name}": float(np.percentile(v, 99)) for name, v in speeds.items()},
        **{f"head_speed_max_{name}": float(v.max()) for name, v in speeds.items()},
    }


def clocked(model: LiteModel, waves: list[np.ndarray], sessions: int, buffer: float) -> dict[str, float]:
    """So many sessions in real time: delays and the share of frames on time."""
    scheduler = Scheduler(model)
    cuts: list[Cut] = []
    delays: list[list[float]] = [[] for _ in range(sessions)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def one(k: int) -> None:
        sound = waves[k % len(waves)]
        live = LiveSession(model, START, Settings(seed=k), scheduler)
        started = time.perf_counter() + 0.01 * k
        at = 0
        while at < len(sound):
            time.sleep(max(0.0, started + (at + TICK) / 16_000 - time.perf_counter()))
            there = max(at + TICK, int((time.perf_counter() - started) * 16_000) // TICK * TICK)
            live.cut = scheduler.cut(sessions, (there - at - TICK) / 16_000)  # as the server cuts for who is late
            cuts.append(live.cut)
            given = live.push(sound[at:there])
            at = there
            now = time.perf_counter() - started
            first = live.frames - len(given)
            delays[k] += [now - (first + j) / FPS for j in range(len(given))]

    spent = time.process_time()
    threads = [threading.Thread(target=one, args=(k,)) for k in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scheduler.close()
    flat = 1000 * np.concatenate([np.array(d) for d in delays])
    shown = sum(len(d) for d in delays) / FPS
    return {
        "sessions": sessions,
        "frames_a_piece": float(np.mean([cut.piece for cut in cuts])),
        # A frame of a piece is shown when those before it were, so each waits as long as the first of its piece.
        "delay_ms_median": float(np.median(flat)),
        "delay_ms_p95": float(np.percentile(flat, 95)),
        "delay_ms_most": float(flat.max()),
        "on_time": float((flat <= buffer).mean()),
        "cpu_seconds_a_second": (time.process_time() - spent) / shown,
        "megabytes_a_session": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 / sessions,
    }


def endurance(model: LiteModel, waves: list[np.ndarray], seconds: float, cut: Cut) -> dict[str, float]:
    """One session of so many seconds of sound, as fast as it goes: memory, time and place early and late, and whether
    any frame is missing."""
    live, rng = LiveSession(model, START, Settings(seed=3), cut=cut), np.random.default_rng(3)
    spent: list[float] = []
    memory: list[float] = []
    poses: list[np.ndarray] = []
    frames, heard, tenth = 0, 0, seconds / 10
    fastest, before = 0.0, None
    marks = [tenth * k for k in range(1, 11)]
    began = time.process_time()
    while heard < 16_000 * seconds:
        sound = waves[int(rng.integers(len(waves)))]
        sound = np.concatenate([sound, np.zeros(int(rng.integers(4000, 40_000)), np.float32)])
        motion = live.push(sound).array
        if before is not None and len(motion):
            fastest = max(fastest, float(turning_speed(np.concatenate([before, motion])).max()))
        before = motion[-1:] if len(motion) else before
        frames, heard = frames + len(motion), heard + len(sound)
        poses.append(motion[:, 67:70].mean(axis=0))
        while marks and heard >= 16_000 * marks[0]:
            marks.pop(0)
            spent.append(time.process_time() - began)
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
            began = time.process_time()
    third = len(poses) // 3
    return {
        "seconds": heard / 16_000,
        "frames_missing": heard // 640 - frames,
        "cpu_seconds_a_second_first_tenth": spent[0] / tenth,
        "cpu_seconds_a_second_last_tenth": spent[-1] / tenth,
        "megabytes_after_a_tenth": memory[0],
        "megabytes_at_the_end": memory[-1],
        "head_moved_degrees": float(np.abs(np.mean(poses[:third], axis=0) - np.mean(poses[-third:], axis=0)).max()),
        "head_speed_max": fastest,
    }


def drift(model: LiteModel, waves: list[np.ndarray], seconds: float, cut: Cut) -> dict[str, float]:
    """How far apart in time live and offline lips are in every ten seconds of so many, and whether that grows."""
    rng, parts, long = np.random.default_rng(9), [], 0
    while long < 16_000 * seconds:
        pause = np.zeros(int(rng.integers(4_000, 16_000)), np.float32)
        parts += [waves[int(rng.integers(len(waves)))], pause]
        long += len(parts[-2]) + len(pause)
    sound = np.concatenate(parts)[: round(16_000 * seconds)]
    fine = np.arange(0, round(seconds * FPS) - 1, 0.25)  # 10 ms
    live, whole = (
        np.interp(fine, np.arange(len(made)), opening(made))
        for made in (talk(model, sound, 1, cut), offline(model, sound, 1))
    )
    lags, block = [], 1000
    for start in range(40, len(fine) - block - 40, block):
        seen = live[start : start + block]
        fits = [np.corrcoef(seen, whole[start - k : start - k + block])[0, 1] for k in range(-40, 41)]
        lags.append(10.0 * (int(np.argmax(fits)) - 40))
    return {
        "seconds": seconds,
        "lips_late_ms_median": float(np.median(lags)),
        "lips_apart_ms_p95": float(np.percentile(np.abs(lags), 95)),
        "drift_ms_a_minute": float(np.polyfit(np.arange(len(lags)) / 6, lags, 1)[0]),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--buffer", type=float, default=700.0, help="milliseconds that a player waits before it begins")
    parser.add_argument("--endurance", type=float, default=0.0, help="seconds of one session, as fast as it goes")
    parser.add_argument("--drift", type=float, default=0.0, help="seconds in which live and offline lips are compared")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model, waves = LiteModel(lite_folder()), speeches(args.speech, args.seconds)
    talk(model, waves[0], 0, ALONE)  # warm up
    if args.endurance:
        tell({"endurance": endurance(model, waves, args.endurance, CUTS[-1])}, args.out)
        return
    if args.drift:
        tell({"drift": drift(model, waves, args.drift, ALONE)}, args.out)
        return
    found = {
        "busy_cores_before": round(busy(), 2),
        "quality": {f"{cut.piece} frames a piece": likeness(model, waves, cut) for cut in (ALONE, CUTS[-2])},
        "load": [clocked(model, waves, count, args.buffer) for count in args.sessions],
    }
    tell(found, args.out)


if __name__ == "__main__":
    main()

"""Speech that is made once and kept: footage, recordings, neural and Debian voices, each as one .npz of utterances."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns
from moda.corpus.footage.filmed import balanced, filmed_speech, footage_folder
from moda.corpus.synthetic.coarticulation import Example, fit_coarticulation
from moda.corpus.synthetic.neural import neural_utterances
from moda.corpus.synthetic.recordings import open_recordings, recordings_folders
from moda.corpus.synthetic.texts import random_text
from moda.corpus.synthetic.voices import FESTIVAL_VOICES, FLITE_VOICES, Phone, Utterance, festival, flite

POOLS = ("footage", "recording", "neural", "debian")
COARTICULATION = "coarticulation.npz"


@dataclass(frozen=True)
class PoolOptions:
    """seed, worker processes, how many texts each Debian voice says, how many recordings are aligned at most, and
    minutes of neural speech."""

    seed: int = 0
    workers: int = 1
    debian_texts: int = 40
    recordings: int = 1200
    neural_minutes: float = 60.0


def save_pool(utterances: Iterable[Utterance], path: Path) -> int:
    """Keep utterances in one .npz (int16 sound, phones as JSON, lips as float16)."""
    waves, notes = {}, []
    for i, u in enumerate(utterances):
        waves[f"w{i}"] = (np.clip(u.waveform, -1, 1) * 32767).astype(np.int16)
        notes.append({"phones": [asdict(p) for p in u.phones], "who": [u.engine, u.language, u.voice]})
        if u.lips is not None:
            waves[f"l{i}"] = u.lips.astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, notes=np.array(json.dumps(notes)), **waves)
    return len(notes)


def load_pool(path: Path) -> list[Utterance]:
    """What `save_pool` wrote; [] where there is none."""
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as file:
        notes, filmed = json.loads(str(file["notes"])), set(file.files)
        found = []
        for i, note in enumerate(notes):
            engine, language, voice = note["who"]
            phones = tuple(Phone(**phone) for phone in note["phones"])
            lips = file[f"l{i}"].astype(np.float32) if f"l{i}" in filmed else None
            found.append(Utterance(file[f"w{i}"].astype(np.float32) / 32767, phones, engine, language, voice, lips))
        return found


def debian_utterances(texts: int, seed: int) -> Iterable[Utterance]:
    """flite's and festival's training voices, each saying `texts` texts; voices that are absent are left out."""
    for k, voice in enumerate(FLITE_VOICES):
        rng = np.random.default_rng([seed, 100 + k])
        for _ in range(texts):
            try:
                yield flite(random_text("en-us", rng), voice, rng.uniform(0.8, 1.25))
            except (FileNotFoundError, OSError):
                break
    for k, (voice, (language, encoding)) in enumerate(FESTIVAL_VOICES.items()):
        rng = np.random.default_rng([seed, 200 + k])
        said = [random_text(language, rng, numbers=language == "en-us") for _ in range(texts)]
        try:
            yield from festival(said, voice, language, encoding)
        except FileNotFoundError:
            continue


def prepare_pools(folder: Path, options: PoolOptions, say: Callable[[str], None] = print) -> None:
    """Follow, synthesise and align what cannot be made on the fly: a .npz for each of `POOLS`, and what footage teaches
    of coarticulation. What is there already is kept."""

    def pool(name: str, make: Callable[[], Iterable[Utterance]], absent: str) -> None:
        path = folder / f"{name}.npz"
        if not path.is_file():
            count = save_pool(make(), path)
            say(f"{name}: {count} utterances" if count else f"no {absent} here: training without")

    films = footage_folder()
    work, workers = folder / "followed", options.workers
    pool("footage", lambda: balanced(list(filmed_speech(films, work, False, workers))) if films else [], "footage")
    pool("footage-apart", lambda: filmed_speech(films, work, True, workers) if films else [], "footage kept apart")
    pool("debian", lambda: debian_utterances(options.debian_texts, options.seed), "flite or festival")
    pool("recording", lambda: open_recordings(recordings_folders(), options.recordings), "open recordings")
    pool("neural", lambda: neural_utterances(options.neural_minutes * 60, options.seed), "neural voices")
    if films and not (folder / COARTICULATION).is_file():
        clips, apart = (examples(load_pool(folder / f"{name}.npz")) for name in ("footage", "footage-apart"))
        if clips and apart:
            fit_coarticulation(clips, apart, seed=options.seed, say=say).save(folder / COARTICULATION)


def examples(filmed: Iterable[Utterance]) -> list[Example]:
    """The filmed clips whose phones are known."""
    return [
        Example(clip.phones, columns(clip.waveform, COLUMNS_PER_FRAME * len(clip.lips) + AFTER), clip.lips)
        for clip in filmed
        if clip.phones and clip.lips is not None
    ]

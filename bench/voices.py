"""The offline voices: word error by whisper tiny.en, loudness, how soon the first sound is there, and word times.

Thirty everyday sentences, made for this bench and used for nothing else. Words are compared without punctuation, and
numbers as they are spoken. Loudness is integrated LUFS by ffmpeg's ebur128 over all sentences of a voice. First sound
and work are processor time, espeak-ng's child included. Word times are compared with forced alignment by pocketsphinx.

    python -m bench.voices [VOICE ...]
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from moda.media.audio import Speech

SENTENCES = (
    "Good morning, did you sleep well?", "The train to the coast leaves at nine.",
    "My sister bought a small house near the lake.", "Please turn the music down a little.",
    "We had soup and fresh bread for lunch.", "Nobody knew where the keys were hidden.",
    "It has been raining since early this morning.", "Could you help me carry these boxes upstairs?",
    "The children are playing football in the park.", "I forgot to water the plants again.",
    "That film was much better than I expected.", "He works in a hospital on the other side of town.",
    "The shop around the corner sells very good cheese.", "You should bring a warm coat tonight.",
    "They painted the kitchen yellow last summer.", "My phone battery is almost empty.",
    "Let us meet in front of the library.", "The dog barked at every car that went past.",
    "She speaks four languages and plays the piano.", "There is a strange noise coming from the engine.",
    "Would you rather have tea or coffee?", "The bridge was closed because of the storm.",
    "I have never seen so many stars before.", "Our neighbours are moving to another city.",
    "The doctor told him to rest for a week.", "We walked along the river until it got dark.",
    "Breakfast is served between seven and ten.", "This chair is more comfortable than it looks.",
    "He laughed so hard that everybody turned around.", "Thank you for listening, and see you next time.",
)  # fmt: skip


def plain(text: str) -> list[str]:
    """Words in small letters, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def word_errors(said: list[str], heard: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def loudness(wave: np.ndarray) -> float:
    """Integrated loudness in LUFS of a 16 kHz mono waveform."""
    import imageio_ffmpeg

    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", "-",
        "-af", "ebur128", "-f", "null", "-",
    ]  # fmt: skip
    told = subprocess.run(command, input=wave.astype("<f4").tobytes(), capture_output=True).stderr.decode()
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", told)[-1])


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def apart(speech: Speech, sentence: str) -> list[tuple[float, float]]:
    """How far begin and end of each word lie from forced alignment, seconds; [] where that fails."""
    from moda.errors import BadSpeech
    from moda.media.alignment import by_recogniser
    from moda.media.clean import clean

    try:
        found = by_recogniser(speech, clean(sentence)).words
    except BadSpeech:
        return []
    same = len(found) == len(speech.words)
    return [(a.start - b.start, a.end - b.end) for a, b in zip(speech.words, found)] if same else []


def main(names: list[str]) -> None:
    from moda.media.speak import speak, speak_sentences
    from moda.media.transcript import transcribe

    columns = "voice|word error|loudness, LUFS|peak|first sound, s|work a second|begin: median, 90 %|end|words aligned"
    print(f"| {columns.replace('|', ' | ')} |")
    print("|---" + "|---:" * 8 + "|")
    for name in names or ["joe", "kumo", "gongitsune", "nezumi", "tebukuro", "en-us+f2"]:
        speak("Ready.", name, offline=True)
        wrong = words = 0
        waves, firsts, off, work, length = [], [], list[tuple[float, float]](), 0.0, 0.0
        for sentence in SENTENCES:
            started = processor_seconds()
            speech = next(speak_sentences(sentence, name))
            firsts.append(processor_seconds() - started)
            work, length = work + firsts[-1], length + speech.seconds
            waves.append(speech.waveform)
            off += apart(speech, sentence)
            heard = plain(" ".join(word.text for word in transcribe(speech).words))
            wrong += word_errors(plain(sentence), heard)
            words += len(plain(sentence))
        level, loudest = loudness(np.concatenate(waves)), max(float(np.abs(wave).max()) for wave in waves)
        begin, end = (np.abs([pair[k] for pair in off]) for k in (0, 1))
        shown = " | ".join(f"{np.median(x) * 1000:.0f}, {np.quantile(x, 0.9) * 1000:.0f} ms" for x in (begin, end))
        print(
            f"| {name} | {wrong / words:.1%} | {level:.1f} | {loudest:.2f} | {statistics.median(firsts):.2f} "
            f"| {work / length:.2f} | {shown} | {len(off)} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])

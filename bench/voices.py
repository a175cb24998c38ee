"""The offline voices: word error by whisper tiny.en, loudness, and how soon the first sound is there.

Thirty everyday sentences, made for this bench and used for nothing else. Words are compared without punctuation, and
numbers as they are spoken. Loudness is integrated LUFS by ffmpeg's ebur128 over all sentences of a voice.

    python -m bench.voices [VOICE ...]
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time

import numpy as np

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


def main(names: list[str]) -> None:
    from moda.media.speak import speak, speak_sentences
    from moda.media.transcript import transcribe

    print("| voice | word error | loudness, LUFS | first sound, s (median, warm) | real-time factor |")
    print("|---|---:|---:|---:|---:|")
    for name in names or ["joe", "kumo", "alpha", "gongitsune", "nezumi", "tebukuro", "en-us+f2"]:
        speak("Ready.", name, offline=True)
        wrong = words = 0
        waves, firsts, work, length = [], [], 0.0, 0.0
        for sentence in SENTENCES:
            started = time.perf_counter()
            speech = next(speak_sentences(sentence, name))
            firsts.append(time.perf_counter() - started)
            work, length = work + firsts[-1], length + speech.seconds
            waves.append(speech.waveform)
            heard = plain(" ".join(word.text for word in transcribe(speech).words))
            wrong += word_errors(plain(sentence), heard)
            words += len(plain(sentence))
        level = loudness(np.concatenate(waves))
        print(f"| {name} | {wrong / words:.1%} | {level:.1f} | {statistics.median(firsts):.2f} | {work / length:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])

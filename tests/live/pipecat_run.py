"""Run by an interpreter that has Pipecat: its own test runner drives the face, and what came out is printed as JSON.

python pipecat_run.py URL PORTRAIT SPEECH.wav
"""

from __future__ import annotations

import asyncio
import json
import sys
import wave

from pipecat.frames.frames import TTSAudioRawFrame, TTSStartedFrame, TTSStoppedFrame
from pipecat.tests.utils import run_test

from moda.live.pipecat import MoDAFace, MotionFrame


async def main(url: str, portrait: str, speech: str) -> None:
    with wave.open(speech) as file:
        rate, sound = file.getframerate(), file.readframes(file.getnframes())
    face = MoDAFace(url, portrait, {"seed": 7})
    step = rate // 5 * 2  # 200 ms
    spoken = [TTSAudioRawFrame(sound[at : at + step], rate, 1) for at in range(0, len(sound), step)]
    down, up = await run_test(face, frames_to_send=[TTSStartedFrame(), *spoken, TTSStoppedFrame()])
    pieces = [frame for frame in down if isinstance(frame, MotionFrame)]
    told = {
        "modules": sorted(name for name in ("torch", "mediapipe") if name in sys.modules),
        "firsts": [piece.first for piece in pieces],
        "frames": [len(piece.motion) for piece in pieces],
        "jaw": [float(row[:63].std()) for piece in pieces for row in piece.motion],
        "voice": sum(len(frame.audio) for frame in down if isinstance(frame, TTSAudioRawFrame)),
        "reference": len(face.ready.get("reference", [])),
        "errors": [str(getattr(frame, "error", "")) for frame in [*up, *down] if type(frame).__name__ == "ErrorFrame"],
    }
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))

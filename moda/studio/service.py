"""What the page does, without the page: calls into the pipeline for one visitor's session.

One `Engine` serves all visitors. It keeps loaded models and nothing of any visitor.
"""

from __future__ import annotations

import base64
import io
import json
import os
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from moda.errors import BadMotionFile, BadPicture, BadSetting, BadSpeech, Cancelled
from moda.motion.edits import read_edits
from moda.motion.takes import Take
from moda.motion.trims import TRIMS
from moda.pipeline import RenderResult
from moda.settings import POSE_PRIORS, Limits, Settings
from moda.studio import gpu
from moda.studio.gpu import UNWATCHED, Watch
from moda.studio.model_cache import Heads
from moda.studio.sessions import GRACE_SECONDS, Session, Upload, Visitors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from moda.compare.manifest import Request
    from moda.compare.run import Comparison
    from moda.media.audio import Speech
    from moda.portrait.face import Face
    from moda.portrait.portrait import Portrait

MAX_SETTINGS_BYTES = 1 << 16
INLINE_BYTES = 1 << 19
"""Motion up to this size (about a minute) goes to the page in the answer, longer motion in pieces."""


BROWSER_PICTURES = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "AVIF")


class Superseded(Cancelled):
    """Work whose portrait, speech or take was replaced meanwhile: its result belongs to nothing that is there."""

    def __init__(self) -> None:
        super().__init__("Portrait or speech was replaced meanwhile, so this was stopped. Start it again when ready.")


class Engine:
    """Loaded models and renderers, and the steps of the page as plain calls."""

    def __init__(self, model: str = "auto", renderer: str = "auto", device: str = "auto", root: Path | None = None):
        self.limits = Limits.from_environment()
        self.visitors = Visitors(
            root or _working_folder(),
            self.limits.max_request_seconds,
            self.limits.max_disk_bytes,
            float(os.environ.get("MODA_GRACE_SECONDS", GRACE_SECONDS)),
        )
        self.heads = Heads(model, renderer, device, self.limits, gpu.loading)
        # A live session keeps its model for as long as it lasts, which no borrowed GPU does.
        self.live_heads = Heads(model, "mesh", "cpu", self.limits) if gpu.on_zero_gpu() else self.heads
        self._work = gpu.Work(self.heads)

    def warm_up(self) -> None:
        """Loads what the first visitor would wait for: models, face detection, emotion reading, compiled drawing, and
        the libraries that plot and measure."""
        import numpy as np

        from moda.conditions.emotion import understand
        from moda.evaluate.takes import evaluate_take
        from moda.media.audio import Speech
        from moda.preview.trajectories import figure
        from moda.studio.examples import portrait_files

        head = self.heads.get()
        understand("quietly amused, a bit nervous")
        files = list(portrait_files().values())
        if files and head.model is not None and not gpu.on_zero_gpu():  # there, only a visitor's call has a GPU
            session = Session(self.visitors.root)
            session.portrait = head.portrait(files[0])
            noise = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
            session.speech = Speech.of(noise)
            try:
                self.plan(session, Settings(steps=2), 1)
                self.quick_clip(session, 0)
                self.rig(session)
                figure([session.takes[0].motion], session.speech)
                evaluate_take(session.takes[0], session.speech)
            finally:
                session.discard()

    def open_portrait(self, session: Session, upload: str) -> Portrait:
        """Reads a picture into the session. Raises BadPicture, NoFaceFound, FaceNotUsable."""
        kept = session.takes if session.portrait is None else []  # a take restored before its portrait was there
        try:
            if Path(upload).stat().st_size > self.limits.max_portrait_bytes:
                megabytes = self.limits.max_portrait_bytes / 1e6
                self.forget_portrait(session)
                raise BadPicture(f"The picture is larger than {megabytes:.0f} MB; please use a smaller one.")
            given = Upload.of(upload)
        except OSError:
            self.forget_portrait(session)
            raise BadPicture("The picture is not on the server any more; please add it again.") from None
        if session.portrait is not None and (given.same_as(session.picture) or Path(upload) == session.seen_as):
            return session.portrait
        if session.portrait is not None:
            self.forget_portrait(session)
        found = self.heads.any().portrait(upload)
        session.picture, session.portrait = given, found
        session.restart(kept)
        return found

    def pick_face(self, session: Session, point: tuple[float, float]) -> Portrait:
        """Another face of the same picture, the one at this pixel. Raises FaceNotUsable."""
        if session.portrait is None:
            raise BadSetting("Add a portrait first: a picture with one face in it.")
        from moda.portrait.portrait import choose_face

        session.portrait, session.rig = choose_face(session.portrait, point=point), None
        session.restart([])
        return session.portrait

    def faces(self, session: Session) -> list[Face]:
        """Every face in the picture of the session, largest first."""
        assert session.portrait is not None
        return self.heads.any().faces(session.portrait)

    def forget_portrait(self, session: Session) -> None:
        session.picture = session.portrait = session.rig = session.seen_as = None
        session.restart([])

    def open_speech(self, session: Session, upload: str) -> Speech:
        """Reads the speech into the session. Raises BadSpeech."""
        kept = session.takes if session.speech is None else []
        try:
            given = Upload.of(upload)
        except OSError:
            self.forget_speech(session)
            raise BadSpeech("The speech is not on the server any more; please add it again.") from None
        if session.speech is not None and (given.same_as(session.sound) or Path(upload) == session.heard):
            return session.speech
        if session.speech is not None:
            self.forget_speech(session)
        try:
            own = session.keep(upload, f"speech{Path(upload).suffix[:8]}")
        except OSError:
            raise BadSpeech("The speech is not on the server any more; please add it again.") from None
        speech = self.heads.any().speech(own)
        session.sound, session.speech = given, replace(speech, name="speech")
        session.restart([take for take in kept if abs(len(take.motion) - speech.frames(take.motion.fps)) <= 1])
        return speech

    def speak(self, session: Session, text: str, voice: str, rate: float, pitch: float) -> Path:
        """Typed text, with cues, becomes the session's speech. Returns its wav file. Raises BadText, Refused."""
        from moda.media.output import write_wav
        from moda.media.speak import UNNAMED, is_neural
        from moda.script import parse_script, speak_script

        most = self.limits.max_text
        spoken = speak_script(parse_script(text or "", most), voice or "auto", rate, pitch, max_text=most)
        path = write_wav(spoken, session.path("spoken.wav"))
        read = self.open_speech(session, str(path))
        # Who asked for nobody in particular and got a voice like a person's misses nothing.
        fine = voice in UNNAMED and is_neural(spoken.voice)
        session.speech = replace(read, notice="" if fine else spoken.notice, voice=spoken.voice)
        return path

    def words(self, session: Session, script: str) -> Speech:
        """What is said in the session's recording, with cues; "" listens for the words. Raises UserError."""
        from moda.script import heard_script, with_script

        if session.speech is None:
            raise BadSetting("Add speech first: upload it or record it.")
        speech = session.speech
        made = with_script(speech, script) if script.strip() else heard_script(speech)
        if session.speech is not speech:
            raise Superseded
        session.speech = made
        session.restart([])
        return made

    def forget_speech(self, session: Session) -> None:
        session.sound = session.speech = session.heard = None
        session.restart([])

    def plan(
        self, session: Session, settings: Settings, count: int, model: str | None = None, watch: Watch = UNWATCHED
    ) -> list[Take]:
        """Takes for the session's portrait and speech, which it holds from here on. Raises UserError."""
        session.hold(self.sample(session, settings, count, model, watch), model)
        return session.takes

    def sample(
        self, session: Session, settings: Settings, count: int, model: str | None = None, watch: Watch = UNWATCHED
    ) -> list[Take]:
        """Samples takes for the session's portrait and speech. Raises UserError."""
        with self._working(session, watch) as (portrait, speech, stoppable):
            self.heads.get(model)
            return self._work.plan(self.heads.names(model), portrait, speech, settings, count, stoppable)

    def trim(self, session: Session, settings: Settings) -> Take:
        """Trims all takes of the session; nothing is sampled again."""
        self.chosen(session)
        session.takes = [_retrimmed(take, settings) for take in session.takes]
        return self.chosen(session)

    def shown_picture(self, session: Session) -> Path:
        """The session's picture as every browser shows it: the upload, or our own decoding of it."""
        from PIL import Image

        from moda.media.output import write_bytes

        if session.picture is None or session.portrait is None:
            raise Superseded
        if session.seen_as is None:
            try:
                with Image.open(session.picture.path) as opened:
                    known = opened.format in BROWSER_PICTURES
            except Exception:  # of whatever kind: our own reader took it
                known = False
            if known:
                return Path(session.picture.path)
            coded = io.BytesIO()
            Image.fromarray(session.portrait.image).save(coded, "PNG", compress_level=3)
            session.seen_as = write_bytes(session.path("portrait.png"), coded.getvalue())
        return session.seen_as

    def played_speech(self, session: Session) -> Path:
        """The session's speech as every browser plays it: the upload, or our own decoding of it."""
        if session.sound is None:
            raise Superseded
        upload = Path(session.sound.path)
        return upload if _plays_everywhere(upload) else self.heard(session)

    def perform(
        self,
        session: Session,
        film: str,
        settings: Settings,
        lips: bool,
        model: str | None = None,
        watch: Watch = UNWATCHED,
    ) -> Take:
        """The motion of a filmed face as the session's take. lips: those of the session's speech; else the film's
        sound becomes the speech. Raises UserError."""
        if session.portrait is None:
            raise BadSetting("Add a portrait first: a picture with one face in it.")
        if not film:
            raise BadSetting("Add a film first: upload one, or record yourself with the webcam.")
        if lips:
            self.ready(session)
        else:
            self.open_speech(session, film)
        with self._working(session, watch) as (portrait, speech, stoppable):
            self.heads.get(model)
            said = speech if lips else None
            take = self._work.perform(self.heads.names(model), portrait, film, said, settings, stoppable)
        session.hold([take])
        return take

    def edit(self, session: Session, number: int, edits: list[Any], rules: dict[str, Any], turn: int) -> Take:
        """Edits of one take (0, 1, ...) instead of those it had. Raises BadSetting.

        turn: grows with every change; an event that comes again, or after a later one, changes nothing.
        """
        self.chosen(session)
        if not 0 <= number < len(session.takes):
            raise BadSetting("This take is not there any more; preview the motion again.")
        listed = read_edits(edits)[0]
        if turn < session.turn:
            return session.takes[number]
        session.turn = turn
        chosen = {name: bool(rules[name]) for name in ("limits", "lock_lips") if name in rules}
        session.takes[number] = session.takes[number].edited(listed, **chosen)
        session.clips.pop(number, None)
        return session.takes[number]

    def export(self, session: Session, ending: str) -> Path:
        """The chosen take as .html, .glb or .csv. Raises UserError."""
        portrait, speech = self.ready(session)
        output = session.path(f"talking-head{ending}")
        return self.heads.get(renderer="mesh").export(portrait, self.chosen(session), speech, output)

    def quick_clip(self, session: Session, number: int, watch: Watch = UNWATCHED) -> Path:
        """A take of the session (0, 1, ...) as a small clip with sound, drawn by the mesh renderer."""
        portrait, speech = self.ready(session)
        take, path = session.takes[number], session.path("quick.mp4")
        head = self.heads.get(renderer="mesh")
        head.preview_clip(take, path, portrait, speech, progress=watch.progress, cancel=watch.cancel)
        if number >= len(session.takes) or session.takes[number] is not take:  # trimmed or replaced meanwhile
            raise Superseded
        session.clips[number] = path
        return path

    def rig(self, session: Session) -> Path:
        """The rig of the session's portrait as a file for the stage; made once."""
        portrait = session.portrait
        if portrait is None:
            raise Superseded
        if session.rig is None:
            made = self.heads.get(renderer="mesh").rig(portrait)
            path = session.path("rig.bin")
            path.write_bytes(made)
            if session.portrait is not portrait:
                raise Superseded
            session.rig = path
        return session.rig

    def ahead(self, session: Session) -> dict[str, Any]:
        """What the stage may get ready before there is a motion: rig, sound. It takes nothing off the stage."""
        found: dict[str, Any] = {"early": True}
        if session.portrait is not None:
            found["rig"] = address_of(self.rig(session))
        if session.speech is not None:
            found["sound"] = address_of(self.heard(session))
        return found

    def stage(self, session: Session) -> dict[str, Any]:
        """What the stage shows: the rig, the sound and the motion of every take; nothing where one is missing."""
        from moda.stage.chunks import FRAMES, chunk_bytes, motion_bytes

        if session.portrait is None or session.speech is None or not session.takes:
            return {}
        takes = []
        for number, take in enumerate(session.takes):
            edits = [edit.as_dict() for edit in take.edits]
            shown: dict[str, Any] = {"name": f"Take {number + 1}", "edits": edits, "rules": asdict(take.rules)}
            motion = take.sampled  # the stage lays trims and edits over it itself
            data = motion_bytes(motion)
            if len(data) <= INLINE_BYTES:
                shown["data"] = base64.b64encode(data).decode("ascii")
            else:
                folder = session.path("motion").parent
                pieces = [folder / f"motion-{k}.bin" for k in range(-(-len(motion) // FRAMES))]
                for k, piece in enumerate(pieces):
                    piece.write_bytes(chunk_bytes(motion, k))
                shown["pieces"] = [address_of(piece) for piece in pieces]
            takes.append(shown)
        return {
            "rig": address_of(self.rig(session)),
            "sound": address_of(self.heard(session)),
            "takes": takes,
            "trims": trims_of(self.chosen(session)),
            "chosen": session.chosen,
            "version": id(session.sampled),
            "words": [asdict(word) for word in session.speech.words],
        }

    def heard(self, session: Session) -> Path:
        """The speech of the session as a wav file, which every browser plays."""
        from moda.media.output import write_wav

        speech = session.speech
        if speech is None:
            raise Superseded
        if session.heard is None:
            made = write_wav(speech, session.path("speech.wav"))
            if session.speech is not speech:
                raise Superseded
            session.heard = made
        return session.heard

    def render(
        self, session: Session, settings: Settings, renderer: str | None = None, watch: Watch = UNWATCHED
    ) -> RenderResult:
        """The chosen take as a video, with the trims and video settings given."""
        with self._working(session, watch) as (portrait, speech, stoppable):
            take = self.trim(session, settings)
            self.heads.get(renderer=renderer)
            _check_background(settings)
            names = self.heads.names(renderer=renderer)
            output = session.path("talking-head.webm" if settings.alpha else "talking-head.mp4")
            video = self._work.render(names, portrait, take, speech, output, stoppable)
        session.video = video
        return video

    def compare(
        self, session: Session, request: Request, model: str | None = None, watch: Watch = UNWATCHED
    ) -> Comparison:
        """Variants of the session's portrait and speech side by side, drawn by the mesh renderer. Raises UserError."""
        with self._working(session, watch) as (portrait, speech, stoppable):
            for variant in request.variants():
                _check_background(variant.settings)
            self.heads.get(model, "mesh")
            names, folder = self.heads.names(model, "mesh"), session.path("comparison")
            made = self._work.compare(names, portrait, speech, request, folder, stoppable)
        session.comparison = made
        return made

    @contextmanager
    def _working(self, session: Session, watch: Watch) -> Iterator[tuple[Portrait, Speech, Watch]]:
        """The session's portrait and speech to work with; Superseded where it has others when the work is done."""
        portrait, speech = self.ready(session)
        with gpu.stoppable(watch, session.path("stop")) as stoppable:
            yield portrait, speech, stoppable
        if session.portrait is not portrait or session.speech is not speech:
            raise Superseded

    def write_files(self, session: Session) -> dict[str, Path]:
        """The chosen take, its trajectories and its settings as files to download."""
        from moda.preview.trajectories import write_csv

        take = self.chosen(session)
        shown = public(take.settings)
        paths = {name: session.path(name) for name in ("take.npz", "trajectories.csv", "settings.json")}
        replace(take, settings=shown).save(paths["take.npz"])
        write_csv(paths["trajectories.csv"], take.motion)
        paths["settings.json"].write_text(json.dumps(shown.as_dict(), indent=2), encoding="utf-8")
        return paths

    def restore_take(self, session: Session, take: Take) -> None:
        """Puts a take from a file back into the session. Raises BadMotionFile when it does not fit the speech."""
        speech = session.speech
        if speech is not None and abs(len(take.motion) - speech.frames(take.motion.fps)) > 1:
            raise BadMotionFile(
                f"The take lasts {take.motion.seconds:.1f} s and the speech {speech.seconds:.1f} s: "
                "add the speech it was made for, or preview a new motion."
            )
        session.hold([take])

    def keep_recording(self, session: Session, take: Take, sound: npt.NDArray[np.float32]) -> None:
        """What a live session recorded, its speech (N,) at 16 kHz too, as the session's take. Raises BadSpeech."""
        from moda.media.audio import Speech
        from moda.media.loudness import contour
        from moda.media.output import write_wav

        if session.portrait is None:
            raise Superseded
        self.open_speech(session, str(write_wav(Speech.of(sound), session.path("live.wav"))))
        speech = session.speech
        assert speech is not None
        loudness = contour(speech.waveform)
        session.hold([replace(take, speech=speech.digest, portrait=session.portrait.digest, contour=loudness)])

    def ready(self, session: Session) -> tuple[Portrait, Speech]:
        """Portrait and speech of the session, or a sentence that says what is missing."""
        if session.portrait is None:
            raise BadSetting("Add a portrait first: a picture with one face in it.")
        if session.speech is None:
            raise BadSetting("Add speech first: upload it, record it, or type what should be said.")
        return session.portrait, session.speech

    def chosen(self, session: Session) -> Take:
        """The take of the session that is looked at, or a sentence that says how to get one."""
        take = session.take
        if take is None:
            raise BadSetting("Preview the motion first, then render the take you like.")
        return take


def _plays_everywhere(path: Path) -> bool:
    """Whether every browser plays a sound file: by what is in it, as its name may say anything."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    if head[:4] == b"RIFF":
        try:
            with wave.open(str(path)) as opened:
                return opened.getsampwidth() <= 4
        except (OSError, EOFError, wave.Error):
            return False
    if head[:4] == b"OggS":
        return any(codec in head[:512] for codec in (b"vorbis", b"OpusHead", b"FLAC"))
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return b"webm" in head[:64]
    frame = head[0] == 0xFF and head[1] & 0xE6 == 0xE2 if len(head) > 1 else False  # MPEG audio of layer III
    return head[:4] == b"fLaC" or frame or (head[:3] == b"ID3" and path.suffix.lower() == ".mp3")


def address_of(path: Path) -> str:
    """Where the page finds a file of its session, seen from the page."""
    return f"gradio_api/file={quote(path.as_posix())}"


def trims_of(take: Take) -> dict[str, float]:
    """The trims of a take by name."""
    return {name: float(getattr(take.settings, name)) for name in TRIMS}


def _retrimmed(take: Take, settings: Settings) -> Take:
    sampling = take.settings.sampling_part()
    after: dict[str, Any] = {k: v for k, v in settings.as_dict().items() if k not in sampling}
    return take.trimmed(take.settings.changed(**after))


def public(settings: Settings) -> Settings:
    """Settings without the server's own file names: a pose from a file must be given again."""
    return settings if settings.pose_prior in POSE_PRIORS else settings.changed(pose_prior="none")


def read_settings_or_take(path: str) -> tuple[Settings, Take | None]:
    """A file dropped back onto the page: a take (.npz) or saved settings (.json). Raises BadMotionFile, BadSetting."""
    file = Path(path)
    if file.suffix.lower() != ".json":
        take = Take.load(file)
        return public(take.settings), take
    try:
        if file.stat().st_size > MAX_SETTINGS_BYTES:
            raise ValueError("too large")
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("no settings")
    except (OSError, ValueError, RecursionError) as error:
        raise BadMotionFile("This is not a settings file; drop a .json or .npz saved by MoDA Studio.") from error
    return public(Settings.from_mapping(values)), None


def _working_folder() -> Path:
    """Below Gradio's own cache, whose files the page may show without another copy of them."""
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder())


def _check_background(settings: Settings) -> None:
    """A visitor's background is a colour: a path would be one of the server's own files. Raises BadSetting."""
    from moda.media.backdrop import read_colour

    if settings.background.strip() and read_colour(settings.background) is None:
        raise BadSetting("A background is a colour here, such as green or #00b140; pictures go with the command line.")

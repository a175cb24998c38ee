"""What can go wrong that a person can mend.

Every class below carries one clear sentence saying what is wrong and what to do. The CLI prints it and exits
with code 2; the studio shows it in place. Anything else that escapes is a bug and may show a traceback.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence


class UserError(Exception):
    """A fault that the person using MoDA Studio can mend; its text is one sentence for that person."""


class BadPicture(UserError):
    """The portrait file is missing, not a picture, damaged or too large."""


class NoFaceFound(UserError):
    """The picture shows no human face that can be animated."""


class FaceNotUsable(UserError):
    """There is a face, but it is too small, cut off, turned too far or not human."""


class BadSpeech(UserError):
    """The speech file is missing, unreadable, silent, too short or too long."""


class BadText(UserError):
    """The text to be spoken, or an emotion prompt, cannot be used."""


class BadSetting(UserError):
    """A setting is unknown, out of range or clashes with another."""


class BadMotionFile(UserError):
    """A take, motion or template file is missing, damaged or of another kind."""


class BadVideo(UserError):
    """A video given for its head motion, or to be measured, cannot be used."""


class WeightsMissing(UserError):
    """A model's published weights are not on this machine and could not be fetched."""


class BadWeights(UserError):
    """A weight file is truncated, or belongs to another model."""


class OutputFailed(UserError):
    """The result could not be written: no space, no permission, or the encoder failed."""


class FfmpegUnusable(UserError):
    """There is no ffmpeg, or it cannot be started, or it is too old."""


class Busy(UserError):
    """Too many requests are waiting."""


class OutOfMemory(UserError):
    """The machine, or its GPU, has too little free memory for the request."""


class Refused(UserError):
    """The operator does not allow the request."""


class InstallationIncomplete(UserError):
    """Something that should be on this machine is not: a shipped file, a package, a system library."""


class Cancelled(UserError):
    """The person stopped the work."""


def some(names: Sequence[str], limit: int) -> str:
    """The first `limit` names, and how many more there are: a sentence must stay one."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quotas by that name
_UNWRITTEN = {
    errno.ENOSPC: "the disk is full: free some space, or choose another folder",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up: free some space, or choose another folder",
    errno.EFBIG: "the file grew larger than allowed here: use a shorter speech, or choose another folder",
    errno.EACCES: "there is no permission to write there: choose another folder",
    errno.EPERM: "there is no permission to write there: choose another folder",
    errno.EROFS: "the folder is read-only: choose another one",
    errno.EIO: "the disk reported a fault: choose another folder",
}


def why_unwritten(fault: OSError | str) -> str | None:
    """Why something could not be written, and what mends it; None where that is not known.

    fault: what the system raised, or the log of a program that met it.
    """
    if isinstance(fault, OSError):
        return _UNWRITTEN.get(fault.errno or 0)
    return next((reason for number, reason in _UNWRITTEN.items() if os.strerror(number) in fault), None)


def unwritten(what: str, fault: OSError) -> OutputFailed:
    """The sentence for `what` ("The file 'a.wav'") that could not be written."""
    reason = why_unwritten(fault)
    if reason is None:
        return OutputFailed(f"{what} could not be written ({fault.strerror or fault}): choose another folder.")
    return OutputFailed(f"{what} could not be written, because {reason}.")


SYSTEM_LIBRARIES = "sudo apt-get install libgl1 libglib2.0-0"
"""What OpenCV needs of a slim Debian or Ubuntu, and wheels do not carry."""


def explain_import(fault: ImportError) -> str | None:
    """Why a package of ours could not be imported, and what mends it; None where the fault is in our own code."""
    text = str(fault)
    if "cannot open shared object file" in text:
        library = text.split(":")[0]
        return f"The system library {library} is missing: on Debian or Ubuntu run `{SYSTEM_LIBRARIES}`."
    if "DLL load failed" in text:
        return f"{text}: install Microsoft's Visual C++ Redistributable (x64), then try again."
    if isinstance(fault, ModuleNotFoundError) and fault.name and not fault.name.startswith("moda"):
        package = fault.name.partition(".")[0]
        return f"The package {package} is not installed: install MoDA Studio again (pip install .)."
    return None

"""The job file: a CSV or JSON-lines table with a portrait, a speech or text, and settings in every row.

A file that cannot be used at all (empty, unreadable, unknown columns) raises BadJobs. What is wrong with a single row
is kept with that row, so that the others can be done.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moda.digests import file_digest
from moda.errors import BadSetting, UserError
from moda.media.backdrop import read_colour
from moda.media.csv_safe import read_text
from moda.media.formats import ENDINGS, target_of
from moda.settings import CONTROLS, Settings

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000
#: Columns that are no settings.
OWN = ("portrait", "speech", "text", "voice", "rate", "pitch", "face", "name")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])[ \t]*\r?\n", re.IGNORECASE)
_NAME = re.compile(r"[\w][\w .()+-]{0,99}", re.UNICODE)


class BadJobs(UserError):
    """A job file that cannot be used at all."""


@dataclass(frozen=True)
class Job:
    """One row. number: counted from 1, without the head line. fault: why it cannot be done; "" = it can be tried.

    portrait, speech: files, relative names resolved beside the job file; text: spoken where there is no speech.
    voice, rate, pitch: for text. face: which face of the picture, 0 the largest. name: of the output, "" = made up.
    ending: of the video, which decides its format.
    """

    number: int
    portrait: Path = Path()
    speech: Path | None = None
    text: str = ""
    voice: str = "auto"
    rate: float = 1.0
    pitch: float = 0.0
    face: int | None = None
    name: str = ""
    settings: Settings = field(default_factory=Settings)
    fault: str = ""
    ending: str = ".mp4"

    @property
    def shown(self) -> str:
        """What the row is called in reports."""
        said = self.speech.name if self.speech else self.text[:30]
        return self.name or (f"{self.portrait.name} + {said}" if self.portrait.name or said else f"row {self.number}")


def read_jobs(path: Path) -> list[Job]:
    """All rows of a job file. Raises BadJobs."""
    content = read_text(path, "job file", "CSV or JSON lines", MAX_BYTES, BadJobs)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        rows = _json_rows(content)
    elif path.suffix.lower() in (".csv", ".tsv"):
        rows = _csv_rows(content, path)
    else:
        raise BadJobs(f"The job file must end in .csv, .tsv or .jsonl, not {path.name!r}.")
    jobs = []
    for number, (values, wrong) in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise BadJobs(f"The job file has more than {MAX_ROWS:,} rows: split it.")
        jobs.append(Job(number, fault=wrong) if wrong else read_row(number, values, path.parent))
    if not jobs:
        raise BadJobs(f"The job file {path.name!r} has no rows: give at least a portrait and a speech or text.")
    return named_once(jobs)


def read_row(number: int, values: Mapping[str, Any], folder: Path) -> Job:
    """A row as a Job; what is wrong with it goes into its `fault`."""
    try:
        return _row(number, values, folder)
    except UserError as fault:
        picture, said, name = (str(values.get(key) or "")[:100] for key in ("portrait", "speech", "name"))
        text = str(values.get("text") or said)[:100]
        return Job(number, Path(picture), text=text, name=name, fault=" ".join(str(fault).split()))


def _row(number: int, values: Mapping[str, Any], folder: Path) -> Job:
    known: dict[str, Any] = {}
    nested = values.get("settings")
    if nested is not None and not isinstance(nested, Mapping):
        raise BadSetting("settings must be an object with one value for each setting.")
    for key, value in [*((k, v) for k, v in values.items() if k != "settings"), *(nested or {}).items()]:
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        name = known_column(str(key))
        if name in known:
            raise BadSetting(f"{name} is given twice in this row: give it once.")
        known[name] = value
    picture, said, text = (str(known.get(name, "")).strip() for name in ("portrait", "speech", "text"))
    if not picture:
        raise BadSetting("The row names no portrait: give a picture.")
    if bool(said) == bool(text):
        what = "both a speech and a text" if said else "neither a speech nor a text"
        raise BadSetting(f"The row has {what}: give one of them.")
    if not text and any(name in known for name in ("voice", "rate", "pitch")):
        raise BadSetting("voice, rate and pitch belong to a text: leave them empty where a speech is given.")
    name, ending = _named(str(known.get("name", "")).strip())
    if name and not _NAME.fullmatch(name):
        raise BadSetting("name must be a plain file name: letters, digits, space and ._()+- only.")
    settings = {key: typed(key, known[key]) for key in known if key in CONTROLS}
    behind = str(settings.get("background", "")).strip()
    if behind and read_colour(behind) is None:
        settings["background"] = str(_file(folder, behind, "background"))
    ending = ending or (".webm" if settings.get("alpha") else ".mp4")
    target_of(Path(f"clip{ending}"), bool(settings.get("alpha")))
    portrait, speech = _file(folder, picture, "portrait"), _file(folder, said, "speech") if said else None
    face = _number("face", known["face"], 0, 99) if "face" in known else None
    if face is not None and face != int(face):
        raise BadSetting("face must be a whole number, 0 for the largest face.")
    return Job(
        number, portrait, speech, text, str(known.get("voice", "auto")), _number("rate", known.get("rate", 1), 0.5, 2),
        _number("pitch", known.get("pitch", 0), -12, 12), None if face is None else int(face), name,
        Settings.from_mapping(settings), ending=ending,
    )  # fmt: skip


def _named(name: str) -> tuple[str, str]:
    """A clip's name without the ending of a video, and that ending ("" if it has none)."""
    ending = Path(name).suffix.lower()
    return (name[: -len(ending)], ending) if ending in ENDINGS and ending != ".png" else (name, "")


def known_column(key: str) -> str:
    """The name of a column, spaces and dashes forgiven. Raises BadSetting with the nearest known one."""
    plain = re.sub(r"[\s-]+", "_", key.strip().lower())
    if plain in OWN or plain in CONTROLS:
        return plain
    near = difflib.get_close_matches(plain, [*OWN, *CONTROLS], 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join((*OWN, *CONTROLS))}."
    raise BadSetting(f"There is no column called {key[:40]!r}; {hint}")


def typed(name: str, value: Any) -> Any:
    """A setting's value from a cell: text becomes the control's own type. Raises BadSetting."""
    return CONTROLS[name].read(value) if isinstance(value, str) else CONTROLS[name].check(value)


def _number(name: str, value: Any, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadSetting(f"{name} must be a number, not {str(value)[:40]!r}.") from None
    if not low <= number <= high:
        raise BadSetting(f"{name} must be {low:g} to {high:g}, not {number:g}.")
    return number


def _file(folder: Path, text: str, what: str) -> Path:
    try:
        path = folder / Path(text).expanduser()
        there = path.is_file()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: "~somebody" who is not known here
        there = False
    if not there:
        raise BadSetting(f"The {what} {text[:200]!r} does not exist beside the job file: check the path.")
    return path


def _csv_rows(content: str, path: Path) -> list[tuple[dict[str, Any], str]]:
    """Rows of a table; a head line with unknown columns spoils the whole file."""
    named = _SEPARATOR_LINE.match(content)  # a first line that Excel writes and reads: which mark parts the cells
    content = content[named.end() :] if named else content
    sample = content.partition("\n")[0]
    mark = "\t" if path.suffix.lower() == ".tsv" or sample.count("\t") > sample.count(",") else ","
    if named or sample.count(";") > sample.count(mark):
        mark = named[1] if named else ";"
    try:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark, skipinitialspace=True)
        head = next(reader, [])
        columns = [known_column(name) for name in head if name.strip()]
        if len(columns) != len(head) or len(set(columns)) != len(columns):
            raise BadJobs(f"The head line of {path.name!r} has an empty or repeated column: name each column once.")
        if "portrait" not in columns or not {"speech", "text"} & set(columns):
            raise BadJobs(f"The head line of {path.name!r} must name the columns portrait and speech or text.")
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            fault = ""
            if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                fault = f"The row has {len(cells)} cells and the head line {len(columns)}: quote text that has commas."
            rows.append((dict(zip(columns, cells)), fault))
        return rows
    except BadSetting as fault:
        raise BadJobs(f"{path.name}: {fault}") from None
    except csv.Error as fault:
        raise BadJobs(f"The job file {path.name!r} is not a table that can be read ({fault}).") from None


def _json_rows(content: str) -> list[tuple[dict[str, Any], str]]:
    rows: list[tuple[dict[str, Any], str]] = []
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            rows.append(({}, "The line is not JSON: write one object a line."))
            continue
        good = isinstance(values, dict)
        rows.append((values if good else {}, "" if good else "The line is no JSON object: write one object a line."))
    return rows


def named_once(jobs: Iterable[Job]) -> list[Job]:
    """Later rows that claim a name already taken by a different row get a fault."""
    owners: dict[str, Job] = {}
    found = []
    for job in jobs:
        key = job.name.casefold()
        owner = owners.get(key) if job.name and not job.fault else None
        if owner is not None and replace(owner, number=job.number) != job:
            job = replace(job, fault=f"The name {job.name!r} belongs to row {owner.number}: give another one.")
        elif job.name and not job.fault:
            owners.setdefault(key, job)
        found.append(job)
    return found


class Contents:
    """sha256 of files, each read once while it does not change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}

    def of(self, path: Path) -> str:
        about = path.stat()
        key = (str(path), about.st_size, about.st_mtime_ns)
        if key not in self._known:
            self._known[key] = file_digest(path)
        return self._known[key]


def content_hash(job: Job, contents: Contents, maker: Mapping[str, str]) -> str:
    """sha256 over everything that decides a clip: contents of its files, text, settings, and what makes it."""
    behind = job.settings.background
    facts = {
        "portrait": contents.of(job.portrait),
        "speech": contents.of(job.speech) if job.speech else "",
        "said": [] if job.speech else [job.text, job.voice, job.rate, job.pitch],
        "face": job.face,
        "settings": job.settings.as_dict(),
        "background": contents.of(Path(behind)) if behind and read_colour(behind) is None else "",
        "ending": job.ending,
        "maker": dict(maker),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def output_name(job: Job, content: str) -> str:
    """The clip's name without ending: the row's own, or one made of its files and its content."""
    if job.name:
        return job.name
    parts = [job.portrait.stem, job.speech.stem if job.speech else job.text]
    plain = [re.sub(r"[^\w.-]+", "-", part).strip("-._")[:40] for part in parts]
    return "_".join([part for part in plain if part] + [content[:10]])

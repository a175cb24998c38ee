from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moda.batch.jobs import BadJobs, Contents, Job, content_hash, output_name, read_jobs, read_row
from moda.settings import Settings

MAKER = {"model": "m"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "hi.wav", "ho.wav"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def jobs_of(folder: Path, text: str, name: str = "jobs.csv") -> Any:
    (folder / name).write_text(text, encoding="utf-8")
    return read_jobs(folder / name)


def test_csv_and_json_lines_say_the_same(folder: Path) -> None:
    table = jobs_of(
        folder, 'portrait,speech,text,Emotion,steps,mark\na.png,hi.wav,,"calm, tired",4,on\nb.png,,Hello!,,,\n'
    )
    lines = [
        {"portrait": "a.png", "speech": "hi.wav", "settings": {"emotion": "calm, tired", "steps": 4, "mark": True}},
        {"portrait": "b.png", "text": "Hello!"},
    ]
    objects = jobs_of(folder, "\n".join(map(json.dumps, lines)), "jobs.jsonl")
    assert table == objects
    assert not any(job.fault for job in table)
    assert table[0].settings == Settings(emotion="calm, tired", steps=4, mark=True)
    assert table[0].portrait == folder / "a.png", "relative to the job file"


def test_semicolons_tabs_and_a_byte_order_mark(folder: Path) -> None:
    for mark, name in ((";", "jobs.csv"), ("\t", "jobs.tsv")):
        found = jobs_of(
            folder, "\ufeff" + mark.join(["portrait", "text"]) + "\n" + mark.join(["a.png", "Hi"]) + "\n", name
        )
        assert [(job.text, job.fault) for job in found] == [("Hi", "")]


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
def test_the_line_that_excel_writes_for_itself_names_the_mark(folder: Path, mark: str) -> None:
    rows = [mark.join(["portrait", "text"]), mark.join(["a.png", "a, b; c"] if mark == "|" else ["a.png", "Hi"])]
    for first in (f"sep={mark}", f"SEP={mark} "):
        found = jobs_of(folder, "\r\n".join([first, *rows, ""]), "jobs.csv")
        assert [(job.number, job.portrait.name, job.text, job.fault) for job in found] == [
            (1, "a.png", "a, b; c" if mark == "|" else "Hi", "")
        ]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("jobs.csv", "sep=;\n", "must name the columns"),
        ("jobs.csv", "", "must name the columns"),
        ("jobs.csv", "portrait,speech\n", "has no rows"),
        ("jobs.csv", "portrait,speech,emotoin\na.png,hi.wav,x\n", "did you mean emotion"),
        ("jobs.csv", "portrait,speech,speech\na.png,hi.wav,x\n", "repeated column"),
        ("jobs.csv", "portrait,steps\na.png,3\n", "portrait and speech or text"),
        ("jobs.jsonl", "\n\n", "has no rows"),
        ("jobs.txt", "portrait,speech\n", "must end in"),
    ],
)
def test_useless_files_are_refused_as_a_whole(folder: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(BadJobs, match=says):
        jobs_of(folder, text, name)


def test_missing_and_binary_files(folder: Path) -> None:
    with pytest.raises(BadJobs, match="cannot be read"):
        read_jobs(folder / "none.csv")
    (folder / "jobs.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(BadJobs, match="UTF-8"):
        read_jobs(folder / "jobs.csv")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"speech": "hi.wav"}, "no portrait"),
        ({"portrait": "a.png"}, "neither"),
        ({"portrait": "a.png", "speech": "hi.wav", "text": "x"}, "both"),
        ({"portrait": "c.png", "text": "x"}, "portrait 'c.png' does not exist"),
        ({"portrait": "a.png", "speech": "\0"}, "speech"),
        ({"portrait": "a.png", "text": "x", "steps": "many"}, "whole number"),
        ({"portrait": "a.png", "text": "x", "steps": 99}, "1 to 50"),
        ({"portrait": "a.png", "text": "x", "nose": 1}, "no column called"),
        ({"portrait": "a.png", "text": "x", "rate": 9}, "rate must be 0.5 to 2"),
        ({"portrait": "a.png", "speech": "hi.wav", "voice": "en"}, "belong to a text"),
        ({"portrait": "a.png", "text": "x", "name": "../../etc/x"}, "plain file name"),
        ({"portrait": "a.png", "text": "x", "face": 1.5}, "face must be a whole number"),
        ({"portrait": "a.png", "text": "x", "settings": 4}, "must be an object"),
        ({"portrait": "a.png", "text": "x", "steps": 2, "settings": {"steps": 3}}, "given twice"),
        (["a.png"], "no JSON object"),
    ],
)
def test_a_bad_row_keeps_its_fault_to_itself(folder: Path, row: object, says: str) -> None:
    good = {"portrait": "a.png", "text": "fine"}
    found = jobs_of(folder, f"{json.dumps(row)}\n{json.dumps(good)}\n", "jobs.jsonl")
    assert says in found[0].fault and "\n" not in found[0].fault
    assert found[1].fault == "" and found[1].number == 2


def test_names_belong_to_one_row(folder: Path) -> None:
    rows = "portrait,text,name\na.png,one,x\na.png,two,X\na.png,one,x\n"
    assert ["belongs to row 1" in job.fault for job in jobs_of(folder, rows)] == [False, True, False]


def test_the_hash_follows_the_content_and_not_the_place(folder: Path) -> None:
    first, second = jobs_of(folder, "portrait,speech\na.png,hi.wav\nb.png,hi.wav\n")
    before = content_hash(first, Contents(), MAKER)
    assert content_hash(second, Contents(), MAKER) != before
    (folder / "b.png").write_bytes(b"a.png")
    assert content_hash(second, Contents(), MAKER) == before, "the same picture under another name"
    assert content_hash(first, Contents(), {"model": "other"}) != before
    (folder / "hi.wav").write_bytes(b"else")
    assert content_hash(first, Contents(), MAKER) != before
    assert output_name(first, before) == f"a_hi_{before[:10]}"


def test_ten_thousand_rows_with_one_percent_bad(folder: Path) -> None:
    lines = ["portrait,text,seed"] + [f"{'a.png' if i % 100 else 'gone.png'},Hello,{i}" for i in range(10_000)]
    started = time.process_time()
    found = jobs_of(folder, "\n".join(lines))
    contents = Contents()
    hashes = {content_hash(job, contents, MAKER) for job in found if not job.fault}
    assert sum(bool(job.fault) for job in found) == 100 and len(hashes) == 9_900
    assert time.process_time() - started < 20


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_any_text_is_jobs_or_one_sentence(folder: Path, text: str) -> None:
    for name in ("jobs.csv", "jobs.jsonl"):
        try:
            found = jobs_of(folder, text.encode("utf-8", "replace").decode(), name)
        except BadJobs as fault:
            assert "\n" not in str(fault)
        else:
            assert [job.number for job in found] == list(range(1, len(found) + 1))


def test_a_row_may_ask_for_another_format_and_background(folder: Path) -> None:
    def row(**more: object) -> Job:
        return read_row(1, {"portrait": "a.png", "speech": "hi.wav", **more}, folder)

    assert row().ending == ".mp4" and row(alpha=True).ending == ".webm"
    assert (row(name="clip.mov").name, row(name="clip.mov").ending) == ("clip", ".mov")
    assert ".webm" in row(name="clip.mp4", alpha=True).fault
    assert row(background="#00b140").settings.background == "#00b140"
    assert row(background="b.png").settings.background == str(folder / "b.png")
    assert "background" in row(background="nowhere.png").fault
    contents = Contents()
    hashes = {content_hash(row(**more), contents, {}) for more in ({}, {"name": "x.gif"}, {"background": "b.png"})}
    assert len(hashes) == 3

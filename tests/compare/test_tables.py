from __future__ import annotations

import csv
import io
import math
import re

from hypothesis import given
from hypothesis import strategies as st

from moda.compare.tables import Row, best, printed, write_csv, write_latex
from moda.evaluate.latex import latex
from moda.media.csv_safe import cell

ROWS = [
    Row("steps 2", {"sync_correlation": 0.31, "head_jitter": 0.2, "yaw_std": 3.0, "plan_seconds": 0.5}, {"steps": 2}),
    Row("=cmd|x!A1 & co_1", {"sync_correlation": 0.42, "head_jitter": math.nan, "yaw_std": 1.0}, {"steps": 4}, "video"),
]


def test_csv_holds_every_number_and_no_formula() -> None:
    table = list(csv.DictReader(io.StringIO(write_csv(ROWS, ["steps"]))))
    assert [row["steps"] for row in table] == ["2", "4"]
    assert float(table[0]["sync_correlation"]) == 0.31 and table[1]["head_jitter"] == ""
    assert table[1]["name"] == "'=cmd|x!A1 & co_1"


@given(st.text())
def test_no_cell_is_calculated(text: str) -> None:
    found = str(cell(text))
    assert found.lstrip()[:1] not in ("=", "+", "-", "@") and not set(found) & set("\t\r\n")


def test_latex_marks_the_best_and_escapes() -> None:
    text = write_latex(ROWS, "50% of $x_1$")
    assert r"\textbf{0.42}" in text and r"\textbf{0.31}" not in text
    assert r"=cmd\textbar{}x!A1 \& co\_1" in text and r"50\% of \$x\_1\$" in text
    assert "real people" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in body}) == 1, "every row has as many cells"


@given(st.text())
def test_latex_text_has_no_command_of_its_own(text: str) -> None:
    rest = re.sub(r"\\(textbackslash|textasciitilde|textless|textgreater|textbar|textasciicircum)\{\}", "", latex(text))
    rest = rest.replace(r"$^\circ$", "")
    assert not re.search(r"(?<!\\)[&%$#_{}]", rest)
    assert not re.search(r"\\[^&%$#_{}]", rest) and not set(rest) & set("~\n\r")


def test_best_needs_a_direction_and_a_difference() -> None:
    assert best(ROWS, "sync_correlation", 2) == {1}
    assert best(ROWS, "yaw_std", 1) == set()
    assert best(ROWS[:1] * 2, "sync_correlation", 2) == set()


def test_no_minus_before_zero() -> None:
    assert printed(-0.001, 2) == "0.00"
    assert printed(math.nan, 2) == "--"

"""Text for tables in LaTeX."""

from __future__ import annotations

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "°": r"$^\circ$", "\n": " ", "\r": " ",
}  # fmt: skip


def latex(text: str) -> str:
    """Text in which LaTeX finds no command."""
    return "".join(_LATEX.get(letter, letter) for letter in text)

"""The report: two pages of HTML with every figure inside, for reading offline, printing and sending."""

from __future__ import annotations

import base64
import html
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moda.compare.tables import Row, best, printed, shown_columns
from moda.compare.variants import show
from moda.evaluate.measures.definitions import MEASURES
from moda.media.output import write_bytes
from moda.settings import Settings

STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#eceff2;color:#1b1f24;font:14px/1.45 system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
section{background:#fff;max-width:210mm;margin:14px auto;padding:13mm 14mm;box-shadow:0 1px 4px #0002}
h1{font-size:20px;margin:0 0 2px}h2{font-size:15px;margin:18px 0 6px}p{margin:4px 0}
.soft{color:#59636e}img,video{display:block;width:100%;height:auto;background:#fff}
figure{margin:8px 0}figcaption{color:#59636e;font-size:12.5px;margin-top:4px}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:12.5px;font-variant-numeric:tabular-nums}
th,td{padding:3px 7px;text-align:right;border-bottom:1px solid #e3e6ea;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal}thead th{border-bottom:1.5px solid #1b1f24}
tr.real td{color:#59636e;border-top:1.5px solid #1b1f24}b{font-weight:650}
code,pre{font:12px ui-monospace,Menlo,Consolas,monospace}pre{background:#f4f6f8;padding:8px 10px;white-space:pre-wrap;
overflow-wrap:anywhere;margin:6px 0}li{margin:2px 0}ul{margin:4px 0;padding-left:18px}a{color:#0550ae}
@media print{body{background:#fff}section{box-shadow:none;margin:0;padding:0;max-width:none;break-after:page}
section:last-child{break-after:auto}video{display:none}@page{size:A4;margin:12mm}body{font-size:11px}
h2{margin:9px 0 4px}img{width:auto;max-width:100%;max-height:205mm;margin:0 auto}section+section img{max-height:108mm}
table,pre,code{font-size:10px}td,th{padding:2px 5px}ul{font-size:9.5px;line-height:1.25}figcaption{font-size:10px}}
"""


def write_report(folder: Path, manifest: Mapping[str, Any], rows: Sequence[Row], files: Mapping[str, Path]) -> Path:
    """FOLDER/report.html: needs no network; only the grid's video and the interactive page lie beside it."""
    return write_bytes(folder / "report.html", page(folder, manifest, rows, files).encode("utf-8"))


def page(folder: Path, manifest: Mapping[str, Any], rows: Sequence[Row], files: Mapping[str, Path]) -> str:
    """The HTML text. Every text from outside is escaped."""
    varied = " and ".join(name.replace("_", " ") for name in manifest["vary"]) or "systems"
    title = f"Comparison of {varied}"
    names = ", ".join(text(row.name) for row in rows)
    moments = ", ".join(
        f"{m['seconds']:.2f} s" + (f" (/{text(m['phoneme'])}/)" if m["phoneme"] else "") for m in manifest["moments"]
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{text(title)}</title><style>{STYLE}</style></head><body>
<section><h1>{text(title)}</h1><p class="soft">{text(manifest["caption"])}</p>
<h2>Side by side</h2>
<figure><video src="{link(folder, files["grid"])}" controls preload="metadata"></video>
<figcaption>{names}. AI-generated. Everything but what the names say is shared, the noise by seed
included.</figcaption></figure>
<h2>At chosen moments</h2>
<figure>{picture(files["strip_png"], "Frame strip")}<figcaption>Frames at {moments}; below, the speech.
For print: {anchor(folder, files["strip_pdf"])}.</figcaption></figure>
{notes(manifest["notes"])}</section>
<section><h2 style="margin-top:0">Trajectories</h2>
<figure>{picture(files["overlay_png"], "Trajectories of all variants")}<figcaption>Mouth opening (1 = a wide "ah"), head
angles from their median, closure of the lids. For print: {anchor(folder, files["overlay_pdf"])}; to look into:
{anchor(folder, files["trajectories"])}.</figcaption></figure>
<h2>Measures</h2><div class="wide">{table(rows)}</div>
<p class="soft">{measured(rows)} Best values bold, where more or less is better. All numbers:
{anchor(folder, files["csv"])}; for a paper: {anchor(folder, files["latex"])}.</p>
<h2>Make it again</h2>
<pre>{text(command(manifest))}
python -m moda compare --again manifest.json -o again</pre>
{facts(manifest)}</section></body></html>
"""


def table(rows: Sequence[Row]) -> str:
    """The short table with the range of real people."""
    columns = shown_columns(rows)
    heads = []
    for name, head, _ in columns:
        about = MEASURES[name].formula if name in MEASURES else ""
        plain = head.replace("$r$", "r")
        heads.append(f'<th title="{text(about)}">{text(plain)}</th>')
    bold = {name: best(rows, name, decimals) for name, _, decimals in columns}
    body = []
    for i, row in enumerate(rows):
        cells = []
        for name, _, decimals in columns:
            value = printed(row.values.get(name, math.nan), decimals).replace("--", "–")
            cells.append(f"<td><b>{value}</b></td>" if i in bold[name] else f"<td>{value}</td>")
        body.append(f"<tr><td>{text(row.name)}</td>{''.join(cells)}</tr>")
    real = []
    for name, _, decimals in columns:
        span = MEASURES[name].real if name in MEASURES else None
        real.append("<td></td>" if span is None else f"<td>{span[0]:.{decimals}f}–{span[2]:.{decimals}f}</td>")
    body.append(f'<tr class="real"><td>real people, middle 80 %</td>{"".join(real)}</tr>')
    return f"<table><thead><tr><th></th>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def measured(rows: Sequence[Row]) -> str:
    """Where the numbers come from, in a sentence."""
    kinds = {row.how for row in rows}
    if kinds == {"motion"}:
        return "Measured on the motions, before any pixel."
    if kinds == {"video"}:
        return "Measured in every frame of the videos, all alike."
    if "followed" in kinds:
        return "Ours measured on the motions, the others followed in their pixels."
    return "Some could not be measured."


def command(manifest: Mapping[str, Any]) -> str:
    """The command line that this comparison stands for, run inside its folder."""
    inputs = manifest["inputs"]
    parts = ["python -m moda compare", quoted(inputs["portrait"]["file"]), quoted(inputs["speech"]["file"])]
    for name, values in manifest["vary"].items():
        parts.append(f"--vary {quoted(name + '=' + ','.join(vary_value(value) for value in values))}")
    for name, about in inputs["columns"].items():
        parts.append(f"--column {quoted(name + '=' + about['file'])}")
    default = Settings().as_dict()
    for name, value in manifest["settings"].items():
        if value != default[name] and name not in manifest["vary"]:
            option = "--" + name.replace("_", "-")
            parts.append(option if value is True else f"{option} {quoted(show(value) if value != '' else '')}")
    for name, usual in (("at", ""), ("words", ""), ("measure", "auto"), ("width", "double")):
        if manifest[name] != usual:
            parts.append(f"--{name} {quoted(str(manifest[name]))}")
    parts.append(f"--model {manifest['model']['name']} --renderer {manifest['renderer']} -o again")
    return " ".join(parts)


def vary_value(value: Any) -> str:
    """A value as --vary reads it: quoted where it holds a comma."""
    shown = "" if value == "" else show(value)
    return '"' + shown.replace('"', '""') + '"' if "," in shown or '"' in shown else shown


def quoted(value: str) -> str:
    """Text as one word of a shell."""
    return shlex.quote(value)


def facts(manifest: Mapping[str, Any]) -> str:
    """Models, software, and the digests of inputs and motions."""
    inputs, model = manifest["inputs"], manifest["model"]
    software = ", ".join(f"{name} {version}" for name, version in manifest["software"].items())
    lines = [
        f"Model {text(model['name'])}, weights <code>{text(model['sha256'][:16])}</code>; renderer "
        f"{text(manifest['renderer'])}; device {text(manifest['device'])}; MoDA Studio {text(manifest['version'])}, "
        f"{text(software)}.",
        f"Portrait <code>{text(inputs['portrait']['sha256'][:16])}</code>, speech "
        f"<code>{text(inputs['speech']['sha256'][:16])}</code>.",
        *(
            f"{text(one['name'])}: motion <code>{text(one['motion_sha256'][:16])}</code>"
            for one in manifest["variants"]
        ),
        *(f"{text(one['name'])}: our speech starts {one['offset']:.3f} s into it" for one in manifest["columns"]),
    ]
    return "<ul class=soft>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def notes(given: Sequence[str]) -> str:
    return "<ul class=soft>" + "".join(f"<li>{text(note)}</li>" for note in given) + "</ul>" if given else ""


def text(value: Any) -> str:
    """Text that a browser reads as text, in content and in attributes."""
    return html.escape(str(value), quote=True)


def link(folder: Path, path: Path) -> str:
    """A relative address of a file in the folder."""
    from urllib.parse import quote

    return text(quote(path.relative_to(folder).as_posix()))


def anchor(folder: Path, path: Path) -> str:
    return f'<a href="{link(folder, path)}">{text(path.name)}</a>'


def picture(path: Path, words: str) -> str:
    """An image tag that carries its picture."""
    return f'<img alt="{text(words)}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'

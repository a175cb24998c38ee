"""docs/benchmarks.md from the stored numbers of the benches."""

from __future__ import annotations

from typing import Any

HEAD = """# Benchmarks

Written by `python -m bench` (`make bench`); every table says when and on what it was measured. End to end means: a
public-domain portrait of 512 x 512 pixels, speech by the offline voice, moda-lite and mesh at their defaults.
Times are wall clock unless they say CPU; "x real time" is seconds of video per second of work.
"""

GOALS = """## What was promised

| what | goal | reached | |
|---|---|---|---|
"""


def page(found: dict[str, dict[str, Any]]) -> str:
    """The whole page; `found` maps a bench to what `bench.__main__` stored for it."""
    parts = [HEAD]
    for name, section in (
        ("endtoend", end_to_end), ("studio", studio), ("stage", stage), ("scale", scale), ("planning", planning),
        ("rendering", rendering), ("solvers", solvers),
    ):  # fmt: skip
        result = found.get(name)
        if result is None:
            continue
        if "numbers" not in result:
            parts.append(f"## {name}\n\n`{result['command']}` {result['failed']}.\n")
            continue
        parts.append(section(result["numbers"]) + provenance(result))
    return "\n".join(parts)


def provenance(result: dict[str, Any]) -> str:
    about = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
    busy = f" Other work kept {result['busy_before']:g} cores busy when it began." * (result["busy_before"] >= 0.1)
    return f"\n`{result['command']}`, {result['when']}, {result['took']:.0f} s. {about}.{busy}\n"


def table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def end_to_end(numbers: dict[str, Any]) -> str:
    first = numbers["seconds"][0]
    cold, warm, length = numbers["cold"], numbers["warm"], numbers["length"]
    text = goals(numbers) + f"\n## From {first:g} s of speech to a video\n\n"
    text += "Cold: the whole process of `python -m moda generate`, with its imports, models and compiled code.\n\n"
    text += table(
        ["cores", "size", "cold, s", "CPU s", "of it portrait", "plan", "video", "peak MB"],
        [
            [row["cores"], row["size"], row["wall"], row["cpu"], f"{row['stages'].get('portrait', 0):.2f}",
             f"{sum(row['stages'].get(s, 0) for s in ('speech', 'conditions', 'motion')):.2f}",
             f"{row['stages'].get('video', 0):.2f}", row["megabytes"]]
            for row in cold
        ],
    )  # fmt: skip
    text += "\nWarm: the same in a process that has made one clip before, as the studio and the batch do.\n\n"
    text += table(
        ["cores", "size", "portrait, s", "plan, s", "video, s", "whole, s", "x real time"],
        [
            [row["cores"], row["size"], *(f"{row['said'][s]['wall']:.2f}" for s in ("portrait", "plan", "video")),
             f"{row['said']['whole']:.2f}", row["said"]["real_time"]]
            for row in warm
        ],
    )  # fmt: skip
    text += (
        "\nA frame: drawn by the mesh renderer (face, surroundings, eyes, teeth, light), encoded, and, for comparison, "
        "the face's 852 triangles\nwarped one by one with OpenCV, which is the plain way and moves the face only.\n\n"
    )
    text += table(
        ["cores", "size", "drawing, ms", "encoding, ms", "both overlapped, ms", "piecewise OpenCV, ms", "ratio"],
        [
            [row["cores"], row["size"],
             *(row["said"][s]["ms_a_frame"] for s in ("rendering alone", "encoding alone", "video",
                                                      "piecewise baseline")),
             f"{row['said']['against_piecewise']:.1f} x"]
            for row in warm
        ],
    )  # fmt: skip
    text += f"\n## Length and memory\n\nCold `generate` at {numbers['sizes'][0]} pixels on {numbers['cores'][0]} "
    text += "cores; memory is the peak of the process and the encoder together.\n\n"
    base = length[0]["megabytes"]
    text += table(
        ["speech, s", "took, s", "x real time", "peak MB", "against the first"],
        [
            [f"{row['seconds']:g}", row["wall"], f"{row['seconds'] / row['wall']:.2f}", row["megabytes"],
             f"{100 * (row['megabytes'] / base - 1):+.0f} %"]
            for row in length
        ],
    )  # fmt: skip
    return text


def goals(numbers: dict[str, Any]) -> str:
    """The promises that these numbers decide."""
    rows: list[str] = []

    def goal(what: str, wanted: str, reached: str, good: bool) -> None:
        rows.append(f"| {what} | {wanted} | {reached} | {'yes' if good else 'no'} |")

    def at(kind: str) -> dict[str, Any] | None:
        return next((row for row in numbers[kind] if row["cores"] >= 2 and row["size"] == 512), None)

    warm, cold = at("warm"), at("cold")
    if warm is not None and numbers["seconds"][0] == 10:
        whole = warm["said"]["whole"]
        goal("10 s of speech, warm, 2 cores, 512 pixels", "4 s", f"{whole:.2f} s", whole <= 4)
    if cold is not None and numbers["seconds"][0] == 10:
        goal("the same, cold", "12 s", f"{cold['wall']:.1f} s", cold["wall"] <= 12)
    long = next((row for row in numbers["length"] if row["seconds"] == 600), None)
    if long is not None:
        more = 100 * (long["megabytes"] / numbers["length"][0]["megabytes"] - 1)
        goal("10 minutes of speech", "270 s", f"{long['wall']:.0f} s", long["wall"] <= 270)
        goal("its memory against that of 10 s", "10 % more", f"{more:+.0f} %", more <= 10)
    return GOALS + "\n".join(rows) + "\n" if rows else ""


def studio(numbers: dict[str, Any]) -> str:
    text = f"## The studio\n\nWhat a visitor waits for in a real browser, with {numbers['seconds']:g} s of speech. The "
    text += "first\npreview comes some ten seconds after the server: it loads the model meanwhile.\n\n"
    names = {
        "up": "`python app.py` until the server answers", "page drawn": "page opened until it is drawn",
        "portrait example": "a click on the first portrait example until it is answered",
        "first preview": "first preview: summary", "first preview 2": "and the face moves",
        "preview": "later previews: summary", "preview 2": "and the face moves",
        "trim": "a trim until the face has it", "trim 2": "and the new summary",
        "strength, first": "a strength's slider, taken and moved, until the face follows",
        "strength": "a further step of it until the face has it", "strength, exact": "let go until the take is exact",
        "render": "Render video until it plays",
    }  # fmt: skip
    return text + table(
        ["", "s"], [[words, f"{numbers[name]:.2f}"] for name, words in names.items() if name in numbers]
    )


def stage(numbers: dict[str, Any]) -> str:
    text = "## The stage\n\nDrawn in headless Chromium by software, 512 pixels, against the mesh renderer.\n\n"
    return text + table(
        ["portrait", "rig, s", "kB", "a frame, ms", "95th percentile", "worst PSNR of the face, dB", "worst SSIM",
         "page, MB", "kB a second more"],
        [[name, f"{row['rig_seconds']:.2f}", f"{row['rig_bytes'] / 1000:.0f}", row["frame_ms"], row["frame_ms_95"],
          row["psnr_worst"], row["ssim_worst"], f"{row['page_bytes'] / 1e6:.2f}",
          f"{row['page_bytes_per_second'] / 1000:.0f}"] for name, row in numbers.items()],
    )  # fmt: skip


def scale(numbers: dict[str, Any]) -> str:
    runs, compared = numbers["batch"], numbers["compare"]
    text = f"## Many clips\n\nA batch of {numbers['jobs']} jobs of {numbers['seconds']:g} s; memory is that of all "
    text += "processes, largest in the second and in the last quarter of the run.\n\n"
    text += table(
        ["workers", "cores", "took, s", "x the first", "x real time", "cores busy", "peak MB", "failed"],
        [
            [run["workers"], run["cores"], run["wall"], f"{runs[0]['wall'] / run['wall']:.2f}",
             f"{numbers['jobs'] * numbers['seconds'] / run['wall']:.2f}", run["busy"],
             " / ".join(f"{one:.0f}" for one in run["megabytes"]), run["failed"]]
            for run in runs
        ],
    )  # fmt: skip
    return text + (
        f"\n`compare` with {compared['variants']} variants of {compared['seconds']:g} s (grid video, figures, table, "
        f"report): {compared['wall']:.0f} s, {compared['megabytes']:.0f} MB.\n"
    )


def planning(numbers: dict[str, Any]) -> str:
    text = "## Planning against the reference's schedule of work\n\nThe published layout with seeded weights: "
    text += f"{numbers['steps']} steps, {numbers['frames']} frames, width {numbers['width']}, "
    text += f"{numbers['threads']} threads; the same motion comes out. CPU seconds a clip.\n\n"
    rows = [["reference's schedule", numbers["restated_seconds"], "1", ""]]
    rows += [
        [f"ours, {name}", row["seconds"], f"{row['ratio']:.2f} x", f"{row['root_mean_square_difference']:.1e}"]
        for name, row in numbers["ours"].items()
    ]
    return text + table(["", "CPU s", "faster", "difference, r.m.s."], rows)


def rendering(numbers: dict[str, Any]) -> str:
    spent = numbers["cpu_seconds_per_frame"]
    text = "## LivePortrait's renderer against the reference's schedule of work\n\n"
    text += f"Seeded weights, {numbers['dtype']}, {numbers['threads']} thread. CPU seconds a frame.\n\n"
    return text + table(
        ["reference's schedule", "ours", "faster", "largest difference, levels of 255", "peak GB"],
        [[spent["reference"], spent["ours"], f"{numbers['ratio']:.2f} x", numbers["largest_difference_in_levels"],
          numbers["peak_memory_gb"]]],
    )  # fmt: skip


def solvers(numbers: dict[str, Any]) -> str:
    text = (
        "## Solvers\n\nError of a solver (root mean square in normalised motion, against 200 steps of Heun's method) "
    )
    text += "and the network evaluations\nit costs. The bar is the published sampler: 10 Euler steps on its own "
    text += "schedule.\n\n"
    rows: list[list[object]] = []
    for name, result in numbers["results"].items():
        rows.append([name, "euler, reference", 10, f"{result['bar']:.4f}"])
        for solver in ("euler", "heun", "ab2"):
            for count in (4, 8, 10):
                same = [r for r in result["rows"] if (r["solver"], r["schedule"]) == (solver, "full")]
                rows += [
                    [name, f"{solver}, full", count, f"{r['error']:.4f}"] for r in same if r["evaluations"] == count
                ]
    return text + table(["network", "solver, schedule", "evaluations", "error"], rows)

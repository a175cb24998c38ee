"""The report on a video or a take: numbers, a table, JSON and a few plain words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from moda.evaluate.measures.definitions import MEASURES


@dataclass(frozen=True)
class Report:
    """Measures of one video or take. `values` by the names of `MEASURES`; NaN = not measurable.

    subject: what was measured, e.g. the file's name. kind: "video" or "take". notes: sentences for the reader.
    """

    subject: str
    kind: str
    values: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def get(self, name: str, default: float = float("nan")) -> float:
        """A value, or `default` where it was not measured."""
        return self.values.get(name, default)

    def as_dict(self) -> dict[str, object]:
        """JSON-able: {subject, kind, notes, measures: {name: {value, unit, good, real, fits}}}; NaN becomes None."""
        measures = {}
        for name, value in self.values.items():
            measure = MEASURES[name]
            measures[name] = {
                "value": None if math.isnan(value) else round(value, 5),
                "unit": measure.unit,
                "good": measure.good,
                "real": measure.real,
                "fits": measure.fits(value),
            }
        return {"subject": self.subject, "kind": self.kind, "notes": list(self.notes), "measures": measures}

    def json(self) -> str:
        """`as_dict` as one JSON object."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    def table(self) -> str:
        """A table for people: value, unit, real range, and a mark where it lies outside."""
        lines = [f"{self.subject} ({self.kind})", f"{'':26} {'value':>9} {'unit':10} {'real people':>22}"]
        group = ""
        for name, value in self.values.items():
            measure = MEASURES[name]
            if measure.group != group:
                group = measure.group
                lines.append(f"-- {group}")
            real = "" if measure.real is None else " / ".join(f"{v:.3g}" for v in measure.real)
            mark = {True: "", False: "  outside", None: ""}[measure.fits(value)]
            shown = "-" if math.isnan(value) else f"{value:.4g}"
            lines.append(f"{measure.label:26} {shown:>9} {measure.unit:10} {real:>22}{mark}")
        return "\n".join([*lines, *self.notes, summary(self)])


def summary(report: Report) -> str:
    """Two or three plain sentences: lips, head, blinks, and anything that stands out."""
    parts = []
    sync, lag = report.get("sync_correlation"), report.get("sync_lag_ms")
    if not math.isnan(sync):
        word = "follow the speech well" if sync >= 0.40 else "follow the speech" if sync >= 0.25 else (
            "follow the speech loosely" if sync >= 0.12 else "do not follow the speech")  # fmt: skip
        late = ""
        if abs(lag) > 80 and report.get("sync_best") - sync > 0.08:
            late = f", {abs(lag):.0f} ms {'late' if lag > 0 else 'early'}"
        parts.append(f"Lips {word} ({sync:.2f}{late})")
    spread = math.sqrt(sum(report.get(f"{axis}_std", 0.0) ** 2 for axis in ("pitch", "yaw", "roll")))
    word = "still" if spread < 0.8 else "calm" if spread < 4.0 else "lively" if spread < 11.0 else "restless"
    parts.append(f"{word} head")
    rate = report.get("blink_rate")
    if report.get("seconds", 10.0) >= 2.5 and not math.isnan(rate):
        parts.append("no blinks" if rate == 0 else f"{rate:.0f} blinks a minute")
    text = "; ".join(parts)
    text = text[0].upper() + text[1:] + "."
    warnings = []
    if report.get("opening_std", 1.0) < 0.03:
        warnings.append("The mouth hardly moves.")
    if report.get("quiet_opening", 0.0) > 0.35:
        warnings.append("The mouth stays open in pauses.")
    if report.get("face_found", 1.0) < 0.9:
        warnings.append(f"The face is lost in {100 * (1 - report['face_found']):.0f} % of the frames.")
    if abs(report.get("sound_excess_ms", 0.0)) > 80:
        warnings.append("Sound and picture differ in length.")
    return " ".join([text, *warnings])

"""The Compare tab: one or two settings over several values, everything else shared, side by side."""

from __future__ import annotations

import html
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from moda.errors import BadSetting
from moda.settings import CONTROLS
from moda.studio import messages, placeholders
from moda.studio.events import PRIVATE, Reporter, guarded, making, session_of, starts, stop_button, stops
from moda.studio.gpu import Watch
from moda.studio.make import Make
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Session

if TYPE_CHECKING:
    from moda.compare.run import Comparison

NOTHING = "nothing else"
INTRO = "Vary one setting or two, hold everything else, and see the variants side by side."
SUGGESTED = {
    "seed": "1, 2, 3", "steps": "2, 4, 8", "solver": "euler, heun, ab2", "emotion": "happy, sad, angry",
    "pose_prior": "still, gentle, lively", "schedule": "full, reference", "preset": "studio, reference",
}  # fmt: skip
SHOWN = ("sync_correlation", "opening_std", "pitch_std", "yaw_std", "roll_std", "blink_rate")
VARIED = [name for name in CONTROLS if CONTROLS[name].group != "video"]


def suggestion(name: str) -> str:
    """Values that make sense to compare."""
    if name in SUGGESTED:
        return SUGGESTED[name]
    control = CONTROLS[name]
    low, high = control.minimum or 0.0, control.maximum or 1.0
    return ", ".join(f"{value:g}" for value in (low, control.default, min(high, 2 * control.default or high)))


def varied(first: str, values: str, second: str = NOTHING, more: str = "") -> dict[str, tuple[Any, ...]]:
    """What is varied, from what the page holds. Raises BadSetting."""
    from moda.compare.variants import parse_vary

    wanted = [f"{first}={values}"]
    if second and second != NOTHING:
        wanted.append(f"{second}={more}")
    if not values.strip() or (len(wanted) > 1 and not more.strip()):
        raise BadSetting("Say which values to compare, with commas between them, for example 1, 2, 3.")
    found = parse_vary(wanted)
    if math.prod(map(len, found.values())) < 2:
        raise BadSetting("One value is nothing to compare: give two or more, with commas between them.")
    return found


@dataclass(frozen=True)
class Compare:
    """The components of the tab by name."""

    first: gr.Dropdown
    values: gr.Textbox
    second: gr.Dropdown
    more: gr.Textbox
    size: gr.Dropdown
    start: gr.Button
    stop: gr.Button
    say: gr.HTML
    empty: gr.HTML
    grid: gr.Video
    strip: gr.Image
    curves: gr.Image
    table: gr.HTML
    save: gr.DownloadButton

    @classmethod
    def build(cls) -> Compare:
        """Lays the tab out; nothing is connected yet."""
        labels = [(CONTROLS[name].label, name) for name in VARIED]
        with gr.Column(elem_classes="sheet", elem_id="comparison"), gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=280, elem_classes="controls"):
                gr.HTML(f'<div class="tab-head"><h2>Compare</h2><p>{INTRO}</p></div>')
                first = gr.Dropdown(labels, value="seed", label="Vary", elem_id="vary")
                values = gr.Textbox(suggestion("seed"), label="Values", info="With commas between.", elem_id="values")
                second = gr.Dropdown(
                    [("Nothing else", NOTHING), *labels], value=NOTHING, label="And vary", elem_id="vary-second"
                )
                more = gr.Textbox("", label="Its values", visible=False, elem_id="values-second")
                size = gr.Dropdown([256, 384, 512], value=256, label="Size of each cell", elem_id="compare-size")
                with gr.Row(elem_classes="go"):
                    start = gr.Button("Compare", variant="primary", elem_id="compare", scale=3)
                    stop = stop_button("stop-compare")
            with gr.Column(scale=9, min_width=300, elem_classes="results"):
                say = gr.HTML("", elem_id="compare-say")
                empty = gr.HTML(placeholders.grid(), elem_id="compare-empty", elem_classes="vacant")
                grid = gr.Video(label="Side by side", interactive=False, visible=False, elem_id="grid", buttons=[])
                strip = gr.Image(
                    label="At chosen moments", interactive=False, visible=False, buttons=["fullscreen"],
                    elem_id="strip",
                    alt_text="Frames of every variant at the same moments, with the speech below",
                )  # fmt: skip
                curves = gr.Image(
                    label="Trajectories", interactive=False, visible=False, buttons=["fullscreen"], elem_id="curves",
                    alt_text="Mouth opening and head pose of every variant over time",
                )  # fmt: skip
                table = gr.HTML("", elem_id="compare-table", visible=False)
                save = gr.DownloadButton(
                    "Everything, for a paper (.zip)", visible=False, size="sm", elem_id="save-comparison"
                )
        return cls(first, values, second, more, size, start, stop, say, empty, grid, strip, curves, table, save)

    def cleared(self) -> dict[Any, Any]:
        """What the tab shows before there is a comparison."""
        hidden = gr.update(visible=False, value=None)
        return {
            self.say: "",
            self.empty: gr.update(visible=True),
            **dict.fromkeys([self.grid, self.strip, self.curves, self.table, self.save], hidden),
        }

    def shown(self, session: Session) -> dict[Any, Any]:
        """What the page shows of the session's comparison."""
        made = session.comparison
        if made is None:  # its portrait or speech was replaced since
            raise Superseded
        session.shown["comparison"] = made
        return {
            self.say: messages.good(f"{len(made.rows)} variants with the same speech and the same noise.", made.notes),
            self.empty: gr.update(visible=False),
            self.grid: gr.update(value=str(made.files["grid"]), visible=True),
            self.strip: gr.update(value=str(made.files["strip_png"]), visible=True),
            self.curves: gr.update(value=str(made.files["overlay_png"]), visible=True),
            self.table: gr.update(value=measures(made), visible=True),
            self.save: gr.update(value=str(packed(made.folder)), visible=True),
        }

    def connect(self, engine: Engine, make: Make) -> None:
        """make: whose portrait, speech and settings are compared."""
        self.first.input(suggestion, [self.first], [self.values], show_progress="hidden", queue=False, **PRIVATE)
        self.second.input(
            lambda name: gr.update(visible=name != NOTHING, value="" if name == NOTHING else suggestion(name)),
            [self.second], [self.more], show_progress="hidden", queue=False, **PRIVATE,
        )  # fmt: skip

        @guarded(self.say)
        def run(
            consent: bool,
            model: str,
            pose_file: str | None,
            vary: str,
            values: str,
            vary_second: str,
            values_second: str,
            height: int,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
            **page: Any,
        ) -> Any:
            from moda.compare.manifest import Request

            report = Reporter(progress, "")
            with making(engine, request, "compare", consent, report, "comparison") as (session, job):
                engine.ready(session)
                base = make.motion.settings_from(page, session, pose_file).changed(size=int(height))
                asked = Request(varied(vary, values, vary_second, values_second), base)
                engine.compare(session, asked, model, Watch(report, job.cancelled))
            return self.shown(session)

        outputs = list(self.cleared())
        event = starts(
            self.start, run, outputs, self.say, consent=make.consent, model=make.motion.model,
            pose_file=make.motion.pose_file, vary=self.first, values=self.values, vary_second=self.second,
            values_second=self.more, height=self.size, **make.settings,
        )  # fmt: skip
        self.settle(engine, event)
        stops(self.stop, engine, self.say, [event])

    def settle(self, engine: Engine, event: Any) -> Any:
        """After an event that shows a comparison: takes it back where its inputs were replaced meanwhile."""

        def still_true(request: gr.Request) -> Any:
            session = session_of(engine, request)
            if not session.stale("comparison"):
                return {self.say: gr.skip()}
            del session.shown["comparison"]
            return self.cleared()

        return event.then(still_true, None, list(self.cleared()), queue=False, show_progress="hidden", **PRIVATE)


def packed(folder: Path) -> Path:
    """The whole comparison as one file to download."""
    return Path(shutil.make_archive(str(folder), "zip", folder))


def measures(made: Comparison) -> str:
    """The figures of every variant as a table."""
    from moda.evaluate.measures.definitions import MEASURES

    heads = "".join(f"<th scope='col'>{html.escape(MEASURES[name].label)}</th>" for name in SHOWN if name in MEASURES)
    rows = []
    for row in made.rows:
        cells = "".join(f"<td>{_number(row.values.get(name))}</td>" for name in SHOWN if name in MEASURES)
        rows.append(f"<tr><th scope='row'>{html.escape(row.name)}</th>{cells}</tr>")
    return (
        '<div class="models-wrap" tabindex="0" role="region" aria-label="Measures of every variant">'
        f"<table class='models'><thead><tr><th scope='col'>Variant</th>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"

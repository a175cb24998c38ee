"""The Make tab: three numbered steps, inputs on the left, what came of them on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.settings import POSE_PRIORS, Limits
from moda.studio import controls, examples, messages, placeholders
from moda.studio.upload import PictureFile

TRIMS = ("expression", "head_motion", "blink", "gaze", "smoothing", "drift_guard")
FROM_FILE = "from a file"
MOST_TAKES = 4
CONSENT = (
    "I may use this picture and this voice: the people shown and heard have agreed, or they are mine, "
    "and I will not pass the video off as real."
)


@dataclass
class MakeTab:
    """The components of the tab by name; the `wire_` modules connect them."""

    picture: gr.Image
    examples: dict[str, gr.Button]
    faces: gr.Image
    face: gr.Radio
    crop: gr.Image
    face_empty: gr.HTML
    portrait_say: gr.HTML
    speech: gr.Audio
    speech_say: gr.HTML
    text: gr.Textbox
    voice: gr.Dropdown
    rate: gr.Slider
    pitch: gr.Slider
    speak: gr.Button
    consent: gr.Checkbox
    model: gr.Dropdown
    settings: dict[str, Any]
    pose_file: gr.File
    dice: gr.Button
    understood: gr.HTML
    takes: gr.Radio
    plan: gr.Button
    stop_plan: gr.Button
    motion_say: gr.HTML
    motion_empty: gr.HTML
    choose: gr.Radio
    overlay: gr.Checkbox
    plot: gr.Plot
    clips: list[gr.Video]
    clip_row: gr.Row
    figures: gr.HTML
    trims: gr.Column
    renderer: gr.Dropdown
    render: gr.Button
    stop_render: gr.Button
    video_say: gr.HTML
    video_empty: gr.HTML
    video: gr.Video
    save_video: gr.DownloadButton
    save_take: gr.DownloadButton
    save_table: gr.DownloadButton
    save_settings: gr.DownloadButton
    restore: gr.File
    restore_say: gr.HTML


def build(voices: list[tuple[str, str]], limits: Limits, public: bool) -> MakeTab:
    """Lays the tab out; nothing is connected yet. public: the consent line must be ticked."""
    made: dict[str, Any] = {"settings": {}}
    with gr.Column(elem_classes="sheet"):
        gr.HTML(messages.step(1, "Portrait and speech", "one picture, and what it should say"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=280):
                _portrait(made)
            with gr.Column(scale=4, min_width=240):
                _face(made)
            with gr.Column(scale=6, min_width=280):
                _speech(made, voices, limits)
        made["consent"] = gr.Checkbox(not public, label=CONSENT, visible=public, elem_id="consent", container=False)
    with gr.Column(elem_classes="sheet", elem_id="motion"):
        gr.HTML(messages.step(2, "Motion", "see how it moves before a single picture is rendered"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=280, elem_classes="controls"):
                _motion_controls(made, limits)
            with gr.Column(scale=9, min_width=300, elem_classes="results"):
                _motion_results(made)
    with gr.Column(elem_classes="sheet", elem_id="film"):
        gr.HTML(messages.step(3, "Video", "render the take you like"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=280, elem_classes="controls"):
                _video_controls(made)
            with gr.Column(scale=9, min_width=300, elem_classes="results"):
                _video_results(made)
    return MakeTab(**made)


def _portrait(made: dict[str, Any]) -> None:
    made["picture"] = PictureFile(
        label="Portrait", type="filepath", sources=["upload", "webcam", "clipboard"], height=280,
        elem_id="portrait", image_mode=None, buttons=[],
    )  # fmt: skip
    made["examples"] = examples.portraits()


def _face(made: dict[str, Any]) -> None:
    made["crop"] = gr.Image(
        label="The face that will speak", interactive=False, height=280, elem_id="crop", buttons=[], visible=False,
        alt_text="The chosen face, cut out as the model sees it",
    )  # fmt: skip
    made["face_empty"] = gr.HTML(placeholders.face(), elem_id="face-empty", elem_classes="vacant")
    made["portrait_say"] = gr.HTML("", elem_id="portrait-say")
    made["faces"] = gr.Image(
        label="Several faces: click the one to animate", visible=False, interactive=False, height=240,
        elem_id="faces", buttons=[], alt_text="The picture with a numbered box around every face",
    )  # fmt: skip
    made["face"] = gr.Radio([], label="Face", visible=False, elem_id="face", elem_classes="segments")


def _speech(made: dict[str, Any], voices: list[tuple[str, str]], limits: Limits) -> None:
    made["speech"] = gr.Audio(
        label="Speech", sources=["upload", "microphone"], type="filepath", elem_id="speech", buttons=[],
        waveform_options=gr.WaveformOptions(waveform_color="#7d8590", waveform_progress_color="#0d9488"),
    )  # fmt: skip
    made["speech_say"] = gr.HTML("", elem_id="speech-say")
    with gr.Accordion("Or type what should be said", open=False, elem_id="typed"):
        made["text"] = gr.Textbox(
            label="Text", lines=3, max_length=limits.max_text, placeholder="Hello! This is my first talking portrait.",
            elem_id="speech-text",
        )  # fmt: skip
        made["voice"] = gr.Dropdown(
            voices, value="auto", label="Voice", elem_id="voice",
            info="Online voices sound better and send the text to Microsoft; offline voices always work.",
        )  # fmt: skip
        with gr.Row():
            made["rate"] = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Tempo", min_width=120)
            made["pitch"] = gr.Slider(-12, 12, 0, step=1, label="Pitch", min_width=120)
        made["speak"] = gr.Button("Speak this text", size="sm", elem_id="speak")
    examples.speeches(made["speech"])


def _motion_controls(made: dict[str, Any], limits: Limits) -> None:
    settings = made["settings"]
    settings["emotion"] = controls.build("emotion", placeholder="quietly amused, a bit nervous", lines=1)
    made["understood"] = gr.HTML("", elem_id="understood", visible=False)
    settings["emotion_strength"] = controls.build("emotion_strength")
    with gr.Row(elem_classes="seed-row"):
        settings["seed"] = controls.build("seed", scale=3, min_width=110, info=None)
        made["dice"] = gr.Button("New seed", size="sm", scale=1, min_width=100, elem_id="dice")
    most = min(MOST_TAKES, limits.max_takes)
    made["takes"] = gr.Radio(
        list(range(1, most + 1)), value=1, label="Takes", elem_id="takes", elem_classes="segments",
        info="The same words with other head motion and blinks, to choose from.",
    )  # fmt: skip
    with gr.Accordion("Guidance", open=False, elem_id="guidance"):
        for name in ("speech_guidance", "emotion_guidance", "identity_guidance"):
            settings[name] = controls.build(name)
    with gr.Accordion("Head pose to lean on", open=False, elem_id="pose"):
        settings["pose_prior"] = gr.Dropdown(
            [*POSE_PRIORS, FROM_FILE], value="none", label="Pose prior",
            info="Ready-made head motion, or the head of any talking video or take.", elem_id="control-pose_prior",
        )  # fmt: skip
        made["pose_file"] = gr.File(
            label="Video or take for the pose", file_types=["video", ".npz", ".pkl"], height=110, visible=False,
            elem_id="pose-file",
        )  # fmt: skip
        settings["pose_strength"] = controls.build("pose_strength")
    with gr.Accordion("Model and sampling", open=False, elem_id="sampling"):
        made["model"] = gr.Dropdown(
            ["auto", "moda-lite", "moda-base"], value="auto", label="Model", elem_id="model",
            info="auto takes the best that is on this machine; see the Models tab.",
        )  # fmt: skip
        for name in ("steps", "solver", "schedule", "preset"):
            settings[name] = controls.build(name)
    with gr.Row(elem_classes="go"):
        made["plan"] = gr.Button("Preview motion", variant="primary", elem_id="plan", scale=3)
        made["stop_plan"] = gr.Button("Stop", elem_id="stop-plan", scale=1, min_width=80)


def _motion_results(made: dict[str, Any]) -> None:
    settings = made["settings"]
    made["motion_say"] = gr.HTML("", elem_id="motion-say")
    made["motion_empty"] = gr.HTML(placeholders.lanes(), elem_id="motion-empty", elem_classes="vacant")
    made["figures"] = gr.HTML("", elem_id="figures", visible=False)
    with gr.Row(elem_classes="choose-row"):
        made["choose"] = gr.Radio(
            [], label="Take to render", visible=False, elem_id="choose", scale=4, elem_classes="segments"
        )
        made["overlay"] = gr.Checkbox(
            False, label="Overlay all takes", visible=False, scale=1, min_width=160, elem_id="overlay"
        )
    with gr.Row(equal_height=False, elem_id="judge"):
        with gr.Row(equal_height=False, visible=False, elem_id="clips") as made["clip_row"]:
            made["clips"] = [
                gr.Video(
                    label=f"Take {k + 1}", interactive=False, visible=False, elem_id=f"quick-clip-{k + 1}",
                    min_width=150, autoplay=False, buttons=[], elem_classes="quick-clip",
                )
                for k in range(MOST_TAKES)
            ]  # fmt: skip
        with gr.Column(visible=False, elem_id="trims", min_width=280) as made["trims"]:
            gr.HTML(
                '<h3 class="small-head">Trims <span>correct this take at once, nothing is sampled again</span></h3>'
            )
            for name in TRIMS:
                settings[name] = controls.build(name, info=None)
    made["plot"] = gr.Plot(label="Trajectories", visible=False, elem_id="plot", show_label=False)


def _video_controls(made: dict[str, Any]) -> None:
    settings = made["settings"]
    made["renderer"] = gr.Dropdown(
        ["auto", "mesh", "liveportrait"], value="auto", label="Renderer", elem_id="renderer",
        info="mesh needs no weights and no GPU; liveportrait is neural and needs both.",
    )  # fmt: skip
    settings["size"] = gr.Dropdown(
        [256, 384, 512, 720, 1080], value=512, label="Size", elem_id="control-size", allow_custom_value=False,
        info="Height of the video in pixels.",
    )  # fmt: skip
    settings["frame"] = controls.build("frame")
    for name in ("background_still", "mark"):
        settings[name] = controls.build(name)
    with gr.Row(elem_classes="go"):
        made["render"] = gr.Button("Render video", variant="primary", elem_id="render", scale=3)
        made["stop_render"] = gr.Button("Stop", elem_id="stop-render", scale=1, min_width=80)


def _video_results(made: dict[str, Any]) -> None:
    with gr.Row(equal_height=False, elem_id="outcome"):
        made["video"] = gr.Video(
            label="Result", interactive=False, visible=False, elem_id="final-video", autoplay=True, buttons=[],
            min_width=260, scale=4,
        )  # fmt: skip
        with gr.Column(scale=5, min_width=280):
            made["video_say"] = gr.HTML("", elem_id="video-say")
            made["video_empty"] = gr.HTML(placeholders.stage(), elem_id="video-empty", elem_classes="vacant")
            with gr.Row(elem_id="downloads"):
                for key, label in (
                    ("save_video", "Video .mp4"), ("save_take", "Take .npz"), ("save_table", "Trajectories .csv"),
                    ("save_settings", "Settings .json"),
                ):  # fmt: skip
                    made[key] = gr.DownloadButton(label, interactive=False, size="sm", min_width=120, elem_id=key)
            with gr.Accordion("Restore a saved take or saved settings", open=False, elem_id="restore-box"):
                made["restore"] = gr.File(
                    label="Drop a take (.npz) or settings (.json)", file_types=[".npz", ".json", ".pkl"], height=110,
                    elem_id="restore",
                )  # fmt: skip
                made["restore_say"] = gr.HTML("", elem_id="restore-say")

"""The Make tab: three numbered steps, inputs on the left, what came of them on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.settings import Limits
from moda.studio import controls, words

TRIMS = ("expression", "head_motion", "blink", "gaze", "smoothing", "drift_guard")
SAMPLING = (
    "seed", "steps", "solver", "schedule", "preset", "speech_guidance", "emotion_guidance", "identity_guidance",
    "emotion", "emotion_strength", "pose_prior", "pose_strength",
)  # fmt: skip
VIDEO = ("size", "frame", "mark")
EMPTY_PORTRAIT = "Drop a picture with one face, or choose an example below. Front-facing, lips closed works best."
EMPTY_MOTION = "The motion appears here before any picture is made: head, mouth, eyes and brows over time."
EMPTY_VIDEO = "Your video appears here."


@dataclass
class MakeTab:
    """The components of the tab by name; wiring.py connects them."""

    session: gr.State
    picture: gr.Image
    faces: gr.Image
    crop: gr.Image
    portrait_say: gr.HTML
    speech: gr.Audio
    speech_say: gr.HTML
    text: gr.Textbox
    voice: gr.Dropdown
    rate: gr.Slider
    pitch: gr.Slider
    speak: gr.Button
    model: gr.Dropdown
    settings: dict[str, Any]
    pose_video: gr.File
    dice: gr.Button
    understood: gr.Label
    takes: gr.Slider
    plan: gr.Button
    stop_plan: gr.Button
    motion_say: gr.HTML
    choose: gr.Radio
    overlay: gr.Checkbox
    plot: gr.Plot
    clip: gr.Video
    figures: gr.HTML
    renderer: gr.Dropdown
    render: gr.Button
    stop_render: gr.Button
    video_say: gr.HTML
    video: gr.Video
    save_video: gr.DownloadButton
    save_take: gr.DownloadButton
    save_table: gr.DownloadButton
    save_settings: gr.DownloadButton
    restore: gr.File


def build(session: gr.State, voices: list[tuple[str, str]], limits: Limits, consent: bool) -> MakeTab:
    """Lays the tab out; nothing is connected yet."""
    del consent
    made: dict[str, Any] = {"session": session, "settings": {}}
    with gr.Column(elem_classes="panel"):
        gr.HTML(words.step(1, "Portrait and speech", "one picture, and what it should say"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=300):
                made["picture"] = gr.Image(
                    label="Portrait", type="filepath", sources=["upload", "webcam", "clipboard"], height=320,
                    elem_id="portrait", image_mode=None,
                )  # fmt: skip
                made["faces"] = gr.Image(
                    label="Several faces: click the one to animate", visible=False, interactive=False, height=260,
                    elem_id="faces", buttons=[],
                )  # fmt: skip
            with gr.Column(scale=3, min_width=220):
                made["crop"] = gr.Image(
                    label="What will be animated", interactive=False, height=220, elem_id="crop", buttons=[]
                )
                made["portrait_say"] = gr.HTML(words.empty(EMPTY_PORTRAIT), elem_id="portrait-say")
            with gr.Column(scale=5, min_width=300):
                _speech(made, voices, limits)
    with gr.Column(elem_classes="panel"):
        gr.HTML(words.step(2, "Motion", "see how it moves before a single picture is rendered"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                _motion_controls(made)
            with gr.Column(scale=8, min_width=320):
                _motion_results(made)
    with gr.Column(elem_classes="panel"):
        gr.HTML(words.step(3, "Video", "render the take you like"))
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                _video_controls(made)
            with gr.Column(scale=8, min_width=320):
                made["video_say"] = gr.HTML(words.empty(EMPTY_VIDEO), elem_id="video-say")
                made["video"] = gr.Video(
                    label="Result", interactive=False, visible=False, elem_id="final-video", autoplay=True
                )
                with gr.Row():
                    made["save_video"] = gr.DownloadButton("Video (.mp4)", interactive=False, size="sm")
                    made["save_take"] = gr.DownloadButton("Take (.npz)", interactive=False, size="sm")
                    made["save_table"] = gr.DownloadButton("Trajectories (.csv)", interactive=False, size="sm")
                    made["save_settings"] = gr.DownloadButton("Settings (.json)", interactive=False, size="sm")
    return MakeTab(**made)


def _speech(made: dict[str, Any], voices: list[tuple[str, str]], limits: Limits) -> None:
    made["speech"] = gr.Audio(
        label="Speech", sources=["upload", "microphone"], type="filepath", elem_id="speech", format="wav"
    )
    made["speech_say"] = gr.HTML("", elem_id="speech-say")
    with gr.Accordion("Type what should be said", open=False, elem_id="typed"):
        made["text"] = gr.Textbox(
            label="Text", lines=3, max_length=limits.max_text, placeholder="Hello! This is my first talking portrait.",
            elem_id="speech-text",
        )  # fmt: skip
        made["voice"] = gr.Dropdown(voices, value="auto", label="Voice", filterable=True, elem_id="voice")
        with gr.Row():
            made["rate"] = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Tempo")
            made["pitch"] = gr.Slider(-12, 12, 0, step=1, label="Pitch (semitones)")
        made["speak"] = gr.Button("Speak this text", size="sm", elem_id="speak")


def _motion_controls(made: dict[str, Any]) -> None:
    settings = made["settings"]
    settings["emotion"] = controls.build("emotion", placeholder="quietly amused, a bit nervous", lines=1)
    made["understood"] = gr.Label(label="Understood as", num_top_classes=4, visible=False, elem_id="understood")
    settings["emotion_strength"] = controls.build("emotion_strength")
    with gr.Row():
        settings["seed"] = controls.build("seed", scale=3, min_width=120)
        made["dice"] = gr.Button("🎲 Another", size="sm", scale=1, min_width=90, elem_id="dice")
        made["takes"] = gr.Slider(1, 4, 1, step=1, label="Takes", info="How many to compare.", scale=3, min_width=120)
    with gr.Accordion("Guidance: how strongly each input is followed", open=False):
        for name in ("speech_guidance", "emotion_guidance", "identity_guidance"):
            settings[name] = controls.build(name)
    with gr.Accordion("Head pose to lean on", open=False):
        settings["pose_prior"] = gr.Dropdown(
            ["none", "still", "gentle", "lively", "nod", "portrait", "from file"], value="none", label="Pose prior",
            info="Ready-made head motion, or the head of any talking video or take.", elem_id="control-pose_prior",
        )  # fmt: skip
        made["pose_video"] = gr.File(
            label="Video or take for the pose", file_types=["video", ".npz", ".pkl"], height=110, visible=False
        )
        settings["pose_strength"] = controls.build("pose_strength")
    with gr.Accordion("Sampling", open=False):
        for name in ("steps", "solver", "schedule", "preset"):
            settings[name] = controls.build(name)
        made["model"] = gr.Dropdown(["auto", "moda-lite", "moda-base"], value="auto", label="Model", elem_id="model")
    with gr.Row():
        made["plan"] = gr.Button("Preview motion", variant="primary", elem_id="plan", scale=3)
        made["stop_plan"] = gr.Button("Stop", elem_id="stop-plan", scale=1, min_width=80)


def _motion_results(made: dict[str, Any]) -> None:
    settings = made["settings"]
    made["motion_say"] = gr.HTML(words.empty(EMPTY_MOTION), elem_id="motion-say")
    with gr.Row():
        made["choose"] = gr.Radio([], label="Take", visible=False, elem_id="choose", scale=4)
        made["overlay"] = gr.Checkbox(False, label="Overlay all takes", visible=False, scale=2, min_width=140)
    with gr.Row(equal_height=False):
        made["clip"] = gr.Video(
            label="Quick clip", interactive=False, visible=False, elem_id="quick-clip", scale=3, min_width=220,
            autoplay=False,
        )  # fmt: skip
        with gr.Column(scale=4, min_width=260):
            made["figures"] = gr.HTML("", elem_id="figures")
            with gr.Accordion("Trims: correct without sampling again", open=False, elem_id="trims"):
                for name in TRIMS:
                    settings[name] = controls.build(name)
    made["plot"] = gr.Plot(label="Trajectories", visible=False, elem_id="plot")


def _video_controls(made: dict[str, Any]) -> None:
    settings = made["settings"]
    made["renderer"] = gr.Dropdown(
        ["auto", "mesh", "liveportrait"], value="auto", label="Renderer", elem_id="renderer",
        info="mesh needs no weights and no GPU; liveportrait is neural and needs both.",
    )  # fmt: skip
    settings["size"] = gr.Dropdown([256, 384, 512, 720, 1080], value=512, label="Size", elem_id="control-size",
                                   info="Height of the video in pixels.")  # fmt: skip
    settings["frame"] = controls.build("frame")
    settings["mark"] = controls.build("mark")
    with gr.Row():
        made["render"] = gr.Button("Render video", variant="primary", elem_id="render", scale=3)
        made["stop_render"] = gr.Button("Stop", elem_id="stop-render", scale=1, min_width=80)
    made["restore"] = gr.File(
        label="Drop a take (.npz) or settings (.json) to restore them", file_types=[".npz", ".json"], height=110,
        elem_id="restore",
    )  # fmt: skip

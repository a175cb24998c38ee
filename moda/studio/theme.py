"""How the studio looks: colours and type; style.css beside it has the rest."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

SCRIPTS = ("faults.js", "films.js", "stage.js", "playhead.js", "live.js")
STYLE = Path(__file__).with_name("style.css")


def head() -> str:
    """What goes into the page's head: both colour schemes, the stage, and the small scripts of the page."""
    from moda.stage.script import script

    own = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in SCRIPTS)
    parts = "".join(f"<script>{text}</script>" for text in (*own, script()))
    return f'<meta name="color-scheme" content="light dark">{parts}'


def theme() -> gr.themes.Base:
    """Soft neutral surfaces with one accent; system fonts, so that nothing is fetched."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_sm,
        font=fonts,
        font_mono=mono,
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="#0b1220",
        block_background_fill="#ffffff",
        block_background_fill_dark="#172233",
        block_border_color="*neutral_200",
        block_border_color_dark="#2a3950",
        border_color_primary="*neutral_300",
        border_color_primary_dark="#33445e",
        input_background_fill="*neutral_50",
        input_background_fill_dark="#0f1826",
        input_border_color="*neutral_300",
        input_border_color_dark="#3a4b66",
        input_border_width="1px",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )

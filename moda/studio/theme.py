"""How the studio looks: calm, dense, the same in light and dark, from 390 px upwards."""

from __future__ import annotations

import gradio as gr

CSS = """
.gradio-container {max-width: 1480px !important; margin: 0 auto; padding: 0 16px !important}
#masthead {display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; padding: 14px 2px 4px}
#masthead h1 {font-size: 22px; margin: 0; letter-spacing: -.01em}
#masthead p {margin: 0; color: var(--body-text-color-subdued); font-size: 14px}
.step-head {display: flex; gap: 10px; align-items: center; margin: 2px 0 0}
.step-head b {display: inline-flex; width: 26px; height: 26px; border-radius: 50%; align-items: center;
  justify-content: center; background: var(--primary-600); color: #fff; font-size: 14px; flex: none}
.step-head h2 {font-size: 17px; margin: 0}
.step-head span {color: var(--body-text-color-subdued); font-size: 13px}
.panel {border: 1px solid var(--border-color-primary); border-radius: 12px; padding: 14px !important;
  background: var(--block-background-fill)}
.say {font-size: 14px; line-height: 1.5; min-height: 1px}
.say .error {border-left: 3px solid #c2410c; background: color-mix(in srgb, #c2410c 10%, transparent);
  padding: 8px 12px; border-radius: 6px}
.say .good {border-left: 3px solid #15803d; background: color-mix(in srgb, #15803d 10%, transparent);
  padding: 8px 12px; border-radius: 6px}
.say .hint {border-left: 3px solid #a16207; background: color-mix(in srgb, #a16207 10%, transparent);
  padding: 6px 12px; border-radius: 6px; margin-top: 6px}
.say .note {border-left: 3px solid var(--neutral-500); background: color-mix(in srgb, #64748b 12%, transparent);
  padding: 8px 12px; border-radius: 6px}
.bars .bar {display: grid; grid-template-columns: 86px 1fr 44px; gap: 8px; align-items: center; font-size: 13px}
.bars .bar i {height: 8px; border-radius: 4px; background: color-mix(in srgb, #64748b 22%, transparent); display: block}
.bars .bar b {height: 8px; border-radius: 4px; background: var(--primary-600); display: block}
.bars .bar span:last-child {text-align: right; font-variant-numeric: tabular-nums}
.stretches {margin: 0; padding-left: 18px}
.empty {border: 1.5px dashed var(--border-color-primary); border-radius: 12px; padding: 34px 18px; text-align: center;
  color: var(--body-text-color-subdued); font-size: 14px; line-height: 1.6}
.figures {display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0}
.figures div {border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 6px 12px; font-size: 13px}
.figures strong {display: block; font-size: 16px; font-variant-numeric: tabular-nums}
.models {width: 100%; border-collapse: collapse; font-size: 14px}
.models th, .models td {text-align: left; padding: 8px 10px; border-bottom: 1px solid var(--border-color-primary);
  vertical-align: top}
.models-wrap {overflow-x: auto}
.pill {border-radius: 99px; padding: 1px 9px; font-size: 12px; border: 1px solid currentColor; white-space: nowrap}
.pill.on {color: #15803d} .pill.off {color: #a16207}
.dark .pill.on {color: #4ade80} .dark .pill.off {color: #fbbf24}
#quick-clip video, #final-video video {width: 100%; height: auto; border-radius: 8px}
footer {opacity: .75}
@media (max-width: 640px) {
  .gradio-container {padding: 0 8px !important}
  .panel {padding: 10px !important}
  .row-break {flex-direction: column !important}
}
"""


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
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )


HEAD = '<meta name="color-scheme" content="light dark"><meta name="viewport" content="width=device-width, initial-scale=1">'

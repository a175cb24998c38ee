"""How the studio looks: calm, dense, the same in light and dark, from 390 px upwards."""

from __future__ import annotations

import gradio as gr

CSS = """
.gradio-container {width: 100%; max-width: 1560px !important; margin: 0 auto !important; padding: 0 20px !important}
.gradio-container .html-container {padding: 0 !important}
#masthead {display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; padding: 16px 2px 4px}
#masthead h1 {font-size: 23px; font-weight: 700; margin: 0; letter-spacing: -.02em}
#masthead p {margin: 0; color: var(--body-text-color-subdued); font-size: 14px}

.sheet {border: 1px solid var(--border-color-primary); border-radius: 14px; padding: 18px; gap: 14px;
  background: var(--sheet); margin-bottom: 14px}
.gradio-container {--sheet: #ffffff; --good: #15803d; --bad: #b91c1c; --warn: #a16207}
.dark .gradio-container, .gradio-container.dark {--sheet: #131c2b; --good: #4ade80; --bad: #f87171; --warn: #fbbf24}
.step-head {display: flex; gap: 10px; align-items: center; flex-wrap: wrap}
.step-head b {display: inline-flex; width: 26px; height: 26px; border-radius: 50%; align-items: center;
  justify-content: center; background: var(--primary-700); color: #fff; font-size: 14px; flex: none}
.step-head h2 {font-size: 18px; margin: 0; letter-spacing: -.01em}
.step-head span, .small-head span {color: var(--body-text-color-subdued); font-size: 13px; font-weight: 400}
.small-head {font-size: 14px; margin: 2px 0 0; font-weight: 600}

.say {font-size: 14px; line-height: 1.5}
.say .error, .say .good, .say .note {padding: 7px 12px; border-radius: 8px; border: 1px solid transparent}
.say .error {color: var(--bad); border-color: color-mix(in srgb, var(--bad) 45%, transparent);
  background: color-mix(in srgb, var(--bad) 7%, transparent)}
.say .good {background: color-mix(in srgb, var(--good) 11%, transparent)}
.say .good::before {content: "✓"; color: var(--good); font-weight: 700; margin-right: 8px}
.say .note {background: color-mix(in srgb, #64748b 14%, transparent)}
.say .hint {color: var(--warn); font-size: 13px; margin-top: 6px}
.say .hints {margin: 8px 0 0; padding-left: 18px; font-size: 13px; list-style: disc;
  color: var(--body-text-color-subdued)}
.say .hints li {margin: 3px 0}
.say .lead {margin: 0 0 8px; font-size: 15px; font-weight: 500}
.bars {padding: 2px 2px 4px}
.bars .bar {display: grid; grid-template-columns: 82px 1fr 44px; gap: 8px; align-items: center; font-size: 13px}
.bars .bar i {height: 7px; border-radius: 4px; background: color-mix(in srgb, #64748b 22%, transparent); display: block}
.bars .bar b {height: 7px; border-radius: 4px; background: var(--primary-600); display: block}
.bars .bar span:last-child {text-align: right; font-variant-numeric: tabular-nums}
.stretches {margin: 0; padding-left: 18px}
.empty {border: 1.5px dashed var(--border-color-primary); border-radius: 12px; padding: 34px 18px; text-align: center;
  color: var(--body-text-color-subdued); font-size: 14px; line-height: 1.6}
.figures {display: flex; flex-wrap: wrap; gap: 8px}
.figures div {border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 6px 12px; font-size: 12px;
  color: var(--body-text-color-subdued)}
.figures strong {display: block; font-size: 16px; font-variant-numeric: tabular-nums; color: var(--body-text-color)}

#example-portraits {gap: 8px}
#example-portraits button {justify-content: flex-start; padding: 4px 10px 4px 4px; gap: 8px; font-weight: 500}
#example-portraits img {width: 40px; height: 40px; object-fit: cover; object-position: top; border-radius: 6px}
#speech time, #speech .controls span, #speech button {color: var(--body-text-color-subdued)}
#judge {align-items: flex-start}
#clips {flex: 6 1 280px; gap: 10px}
#trims {flex: 5 1 300px; gap: 8px}
.quick-clip {flex: 1 1 150px !important; max-width: 400px}
.quick-clip video, #final-video video {width: 100%; height: auto; max-height: 460px; border-radius: 8px;
  object-fit: contain}
#final-video {max-width: 560px}
#plot {padding: 4px 0 0; overflow-x: auto}
.seed-row {align-items: flex-end}
#clips {justify-content: flex-start}
[id$="-say"] .wrap {background: var(--sheet) !important}
[id$="-say"] .wrap:has(> .error) {display: none !important}
[id$="-say"] .html-container.pending {visibility: hidden}
[id$="-say"]:has(.pending) {min-height: 96px}
[id$="-say"] .progress-bar-wrap {border-radius: 99px; border-color: var(--border-color-primary)}
[id$="-say"] .progress-level-inner {font-family: inherit; font-size: 14px}
.block .info, .gradio-container .block span + div {font-size: 12px}

.cards {display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 12px}
.card {border: 1px solid var(--border-color-primary); border-radius: 12px; padding: 14px 16px; font-size: 14px}
.card h3 {display: flex; align-items: center; gap: 8px; margin: 0 0 6px; font-size: 16px}
.card h3 small {font-weight: 400; font-size: 12px; color: var(--body-text-color-subdued); flex: 1}
.card p {margin: 0 0 10px}
.card dl {display: grid; grid-template-columns: max-content 1fr; gap: 4px 12px; margin: 0; font-size: 13px}
.card dt {color: var(--body-text-color-subdued)}
.card dd {margin: 0; overflow-wrap: anywhere}
#tabs button[role=tab][aria-selected=true] {color: var(--primary-700); font-weight: 600}
.dark #tabs button[role=tab][aria-selected=true] {color: var(--primary-300)}
.models {width: 100%; border-collapse: collapse; font-size: 14px}
.models th, .models td {text-align: left; padding: 10px !important; border: 0 !important; vertical-align: top;
  border-bottom: 1px solid var(--border-color-primary) !important; font-variant-numeric: tabular-nums}
.models th small {display: block; font-weight: 400; color: var(--body-text-color-subdued)}
.models-wrap {overflow-x: auto}
.pill {border-radius: 99px; padding: 1px 9px; font-size: 12px; border: 1px solid currentColor; white-space: nowrap}
.pill.on {color: var(--good)} .pill.off {color: var(--warn)}
.quiet {color: var(--body-text-color-subdued); font-size: 13px}
.prose-block h2 {font-size: 18px; margin: 0 0 6px} .prose-block p {margin: 0; max-width: 75ch}
#about {max-width: 78ch}
footer {opacity: 1}
:focus-visible {outline: 2px solid var(--primary-500) !important; outline-offset: 2px}
@media (max-width: 640px) {
  .gradio-container {padding: 0 6px !important}
  .gradio-container main {padding-left: 4px !important; padding-right: 4px !important}
  .sheet {padding: 12px; border-radius: 12px}
  #plot > div {min-width: 620px}
}
@media (prefers-reduced-motion: reduce) {
  * {animation-duration: .01ms !important; transition-duration: .01ms !important}
}
"""

HEAD = '<meta name="color-scheme" content="light dark">'


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

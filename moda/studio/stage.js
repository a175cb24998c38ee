// Between the page and <moda-stage>: what the server says is to be shown goes to the stage, what is chosen comes back.
(() => {
  const stage = () => document.querySelector("#stage-box moda-stage");
  const lanes = () => document.querySelector("#lanes-box moda-lanes");
  let shown = { rig: null, sound: null, motions: [], trims: null };
  let turn = Promise.resolve();
  let told = false;

  const fetched = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.arrayBuffer();
  };
  // A long take comes piece by piece: the face moves when the first is there.
  const motionOf = (take) =>
    take.pieces
      ? { fetch: (piece) => fetched(take.pieces[piece]) }
      : Uint8Array.from(atob(take.data), (letter) => letter.charCodeAt(0)).buffer;

  // ---- trims: the face follows the slider, the server hears of it as always ----

  const field = (name) => document.querySelector(`#control-${name} input[type=number]`);
  const trimmed = async (trims) => {
    if (!trims || JSON.stringify(trims) === JSON.stringify(shown.trims)) return;
    shown.trims = trims;
    await Promise.all(stage().takes.map((_, k) => stage().setTrims(k, trims)));
  };
  document.addEventListener("input", ({ target }) => {
    const control = shown.trims && target.closest("#trims [id^=control-]");
    const name = control && control.id.slice("control-".length);
    if (!control || !(name in shown.trims) || target.value === "") return;
    const track = control.querySelector("input[type=range]");
    const value = Math.min(Math.max(Number(target.value), Number(track.min)), Number(track.max));
    if (Number.isFinite(value)) trimmed({ ...shown.trims, [name]: value });
  });
  // What the controls show now: the server may answer about a slider that has moved on since.
  const asShown = (trims) =>
    Object.fromEntries(Object.entries(trims).map(([name, value]) => [name, field(name)?.value ? Number(field(name).value) : value]));

  document.addEventListener("click", ({ target }) => {
    if (shown.trims && target.closest("#trims .reset-button")) setTimeout(() => trimmed(asShown(shown.trims)));
  });

  const put = async (wanted) => {
    const face = stage();
    if (!face || told) return;
    if (wanted && wanted.early && shown.motions.length) return;
    if (wanted && wanted.trims && !wanted.takes) return shown.motions.length ? trimmed(asShown(wanted.trims)) : undefined;
    if (!wanted || !wanted.takes || !wanted.takes.length) {
      if (!face.hidden && face.pause) face.pause();
      face.hidden = lanes().hidden = true;
      delete face.dataset.takes;
      shown.motions = [];
    }
    if (wanted && wanted.rig && wanted.rig !== shown.rig) {
      await face.setRig(await fetched(wanted.rig));
      if (told) return;
      shown.rig = wanted.rig;
      shown.motions = [];
    }
    if (!wanted || !wanted.takes || !wanted.takes.length) return;
    face.hidden = lanes().hidden = false;
    if (!lanes().stage) lanes().stage = face;
    lanes().words = wanted.words;
    if (wanted.sound !== shown.sound) {
      await face.setSound(wanted.sound ? await fetched(wanted.sound) : null);
      shown.sound = wanted.sound;
    }
    const motions = wanted.takes.map((take) => take.data || take.pieces[0]);
    const same = wanted.version === shown.version && shown.motions.length === motions.length;
    if (same) await trimmed(wanted.trims);
    else {
      lanes().reset();
      shown.trims = wanted.trims;
      await face.setTakes(wanted.takes.map((take) => ({ name: take.name, motion: motionOf(take), trims: wanted.trims })));
      for (const [k, take] of wanted.takes.entries()) {
        if (!take.edits.length) continue;
        face.choose(k, false);
        lanes().rules = take.rules;
        lanes().edits = take.edits;
      }
    }
    if (face.chosen !== wanted.chosen) {
      face.choose(wanted.chosen, false);
      lanes().begin();
    }
    shown = { ...shown, motions, version: wanted.version };
    face.dataset.takes = String(motions.length);
    face.dataset.version = wanted.version;
    if (!same && wanted.play && !matchMedia("(prefers-reduced-motion: reduce)").matches && navigator.userActivation?.hasBeenActive)
      face.play();
  };

  // One after the other: what came last is what stays.
  window.modaStudioStage = (wanted) => {
    turn = turn.then(() => put(wanted)).catch((fault) => unavailable(String(fault)));
    return turn;
  };

  // A browser that cannot draw the stage after all gets clips from here on.
  const unavailable = (why) => {
    console.warn("stage:", why);
    const face = stage();
    if (face) face.hidden = lanes().hidden = true;
    if (!told) document.dispatchEvent(new CustomEvent("stage-unavailable"));
    told = true;
  };
  document.addEventListener("stage-error", (event) => {
    if (["no-webgl", "rig"].includes(event.detail.code) || !stage()?.painter?.rig) unavailable(event.detail.sentence);
  });
  document.addEventListener("stage-choose", (event) => {
    const choice = document.querySelectorAll("#choose input")[event.detail.take];
    if (choice && !choice.checked) choice.click();
  });
})();

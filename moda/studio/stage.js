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
  /** Name and value of the slider that an event is about. */
  const moved = (target) => {
    const control = target.closest?.("[id^=control-]"), track = control?.querySelector("input[type=range]");
    if (!track) return [];
    const typed = target.closest(".reset-button") ? field(control.id.slice("control-".length)).value : target.value;
    const value = typed === "" ? NaN : Math.min(Math.max(Number(typed), Number(track.min)), Number(track.max));
    return [control.id.slice("control-".length), value];
  };
  document.addEventListener("input", ({ target }) => {
    const [name, value] = moved(target);
    if (!Number.isFinite(value)) return;
    if (shown.trims && name in shown.trims) trimmed({ ...shown.trims, [name]: value });
    else if (name in samples) between(name, value);
  });
  // What the controls show now: the server may answer about a slider that has moved on since.
  const asShown = (trims) =>
    Object.fromEntries(Object.entries(trims).map(([name, value]) => [name, field(name)?.value ? Number(field(name).value) : value]));

  document.addEventListener("click", ({ target }) => {
    if (!shown.trims || !target.closest(".reset-button")) return;
    setTimeout(() => (target.closest("#trims") ? trimmed(asShown(shown.trims)) : settle(target)));
  });

  // ---- strengths are sampled: until that is done, the face goes between samples of the same seed ----

  const samples = {}; // of a strength: {since: version, now: its value, ends: [], at: Map(value -> frames of every take)}
  const sampled = (takes) => takes.map((take) => window.modaStage.readMotion(motionOf(take)).array);
  const restart = ({ strengths, version, takes }, kept) => {
    const frames = Object.keys(strengths).length ? sampled(takes) : [];
    for (const name of Object.keys(samples)) if (name !== kept) delete samples[name];
    for (const [name, now] of Object.entries(strengths)) {
      const one = (samples[name] ??= { since: version, ends: [], at: new Map() });
      if (!one.ends.includes(one.now)) one.at.delete(one.now);
      one.now = now;
      one.at.set(now, frames);
    }
    return frames;
  };
  const between = (name, value) => {
    const { at, now } = samples[name], places = [...at.keys()].sort((a, b) => a - b);
    const low = places.findLast((one) => one <= value), high = places.find((one) => one >= value);
    if (low === undefined || high === undefined) return undefined; // the ends are not there yet
    const share = high > low ? (value - low) / (high - low) : 0;
    const said = value === now ? "" : "approximate";
    return Promise.all(at.get(low).map((less, k) => {
      const more = at.get(high)[k];
      return stage().setSampled(k, less.map((x, i) => x + share * (more[i] - x)), said);
    }));
  };
  const exact = () => {
    const approximate = stage().ui.mark.textContent && Object.keys(samples)[0];
    return approximate && between(approximate, samples[approximate].now);
  };
  const settle = (target) => {
    const [name, value] = moved(target);
    if (!(name in samples) || !Number.isFinite(value)) return;
    between(name, value);
    document.dispatchEvent(new CustomEvent("strength-set", { detail: { name, value } }));
  };
  document.addEventListener("change", ({ target }) => settle(target));

  // Samples of both ends of a slider are asked for when somebody is about to take it.
  let rest;
  const ask = ({ target }) => {
    const name = target.closest?.("[id^=control-]")?.id.slice("control-".length);
    if (!(name in samples) || samples[name].asked) return;
    samples[name].asked = true;
    document.dispatchEvent(new CustomEvent("strength-touched", { detail: { name, since: samples[name].since } }));
  };
  document.addEventListener("focusin", ask);
  document.addEventListener("pointerover", (event) => {
    clearTimeout(rest);
    rest = setTimeout(() => ask(event), 100);
  });

  const put = async (wanted) => {
    const face = stage();
    if (!face || told) return;
    if (wanted && wanted.early && shown.motions.length) return;
    if (wanted && wanted.ends) {
      const { name, since, at } = wanted.ends;
      if (samples[name]?.since !== since) return;
      samples[name].ends = at.map(([value]) => value);
      for (const [value, takes] of at) samples[name].at.set(value, sampled(takes));
      const value = Number(field(name).value); // it may have been moved meanwhile
      if (value !== samples[name].now) await between(name, value);
      return;
    }
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
    const hear = async ({ sound }) => {
      if (sound === shown.sound) return;
      await face.setSound(sound ? await fetched(sound) : null);
      shown.sound = sound;
    };
    if (wanted && wanted.early && wanted.sound) await hear(wanted);
    if (!wanted || !wanted.takes || !wanted.takes.length) return;
    face.hidden = lanes().hidden = false;
    if (!lanes().stage) lanes().stage = face;
    lanes().words = wanted.words;
    await hear(wanted);
    const motions = wanted.takes.map((take) => take.data || take.pieces[0]);
    const same = wanted.version === shown.version && shown.motions.length === motions.length;
    if (same) {
      await trimmed(wanted.trims);
      await exact();
    } else if (wanted.strength && wanted.follows === shown.version) {
      const frames = restart(wanted, wanted.strength);
      await Promise.all(frames.map((one, k) => face.setSampled(k, one)));
    } else {
      restart(wanted);
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

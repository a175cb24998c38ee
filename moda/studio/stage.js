// Between the page and <moda-stage>: what the server says is to be shown goes to the stage, what is chosen comes back.
(() => {
  const stage = () => document.querySelector("#stage-box moda-stage");
  const lanes = () => document.querySelector("#lanes-box moda-lanes");
  let shown = { rig: null, sound: null, motions: [] };
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

  const put = async (wanted) => {
    const face = stage();
    if (!face || told) return;
    if (wanted && wanted.early && shown.motions.length) return;
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
    if (same) {
      for (let k = 0; k < motions.length; k++)
        if (motions[k] !== shown.motions[k]) await face.setMotion(k, motionOf(wanted.takes[k]));
    } else {
      lanes().reset();
      await face.setTakes(wanted.takes.map((take) => ({ name: take.name, motion: motionOf(take) })));
    }
    if (!same) {
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
    face.dataset.changes = String(Number(face.dataset.changes || 0) + 1);
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

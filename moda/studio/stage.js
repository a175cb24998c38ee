// Between the page and <moda-stage>: what the server says is to be shown goes to the stage, what is chosen comes back.
(() => {
  const stage = () => document.querySelector("#stage-box moda-stage");
  const lanes = () => document.querySelector("#stage-box moda-lanes");
  let shown = { rig: null, sound: null, motions: [] };
  let turn = Promise.resolve();

  const fetched = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.arrayBuffer();
  };
  const motionOf = async (take) =>
    take.url ? fetched(take.url) : Uint8Array.from(atob(take.data), (letter) => letter.charCodeAt(0)).buffer;

  const put = async (wanted) => {
    const face = stage();
    if (!face) return;
    if (!wanted || !wanted.takes || !wanted.takes.length) {
      if (!face.hidden && face.pause) face.pause();
      face.hidden = true;
      delete face.dataset.takes;
      shown.motions = [];
    }
    if (wanted && wanted.rig && wanted.rig !== shown.rig) {
      await face.setRig(await fetched(wanted.rig));
      shown.rig = wanted.rig;
      shown.motions = [];
    }
    if (!wanted || !wanted.takes || !wanted.takes.length) return;
    face.hidden = false;
    if (wanted.sound !== shown.sound) {
      await face.setSound(wanted.sound ? await fetched(wanted.sound) : null);
      shown.sound = wanted.sound;
    }
    const motions = wanted.takes.map((take) => take.url || take.data);
    const same = wanted.version === shown.version && shown.motions.length === motions.length;
    if (same) {
      for (let k = 0; k < motions.length; k++)
        if (motions[k] !== shown.motions[k]) await face.setMotion(k, await motionOf(wanted.takes[k]));
    } else {
      await face.setTakes(await Promise.all(wanted.takes.map(async (take) => ({ name: take.name, motion: await motionOf(take) }))));
    }
    face.choose(wanted.chosen, false);
    shown = { ...shown, motions, version: wanted.version };
    face.dataset.takes = String(motions.length);
    if (!same && wanted.play && !matchMedia("(prefers-reduced-motion: reduce)").matches && navigator.userActivation?.hasBeenActive)
      face.play();
  };

  // One after the other: what came last is what stays.
  window.modaStudioStage = (wanted) => {
    turn = turn.then(() => put(wanted)).catch((fault) => console.error("stage:", fault));
    return turn;
  };

  document.addEventListener("stage-choose", (event) => {
    const choice = document.querySelectorAll("#choose input")[event.detail.take];
    if (choice && !choice.checked) choice.click();
  });
})();

// Edits in the browser: the formulas of moda/motion/editing.py, so that the face follows while a stretch is dragged.
// Tables (lanes, ranges, kinds) come with the rig.

export const bounded = (x, low, high) => Math.min(Math.max(x, low), high);
const eased = (t) => t * t * (3 - 2 * t);
const rise = (phase, ramp) => eased(bounded(Math.min(phase, 1 - phase) / ramp, 0, 1));

/** The trajectories that a lane or lane.part means. */
export function laneParts(tables, lane) {
  const [name, part] = lane.split(".");
  return part ? [tables.parts[part] ?? part] : tables.lanes[name];
}

/** Curves of a whole motion: one Float64Array per trajectory, by name. */
export function curvesOf(array, frames, puppet, neutral, tables) {
  const curves = {};
  for (const name of [...puppet.names, ...tables.angles]) curves[name] = new Float64Array(frames);
  const values = new Float64Array(puppet.names.length);
  for (let i = 0; i < frames; i++) {
    const row = array.subarray(70 * i, 70 * i + 70);
    puppet.read(row, neutral, values);
    puppet.names.forEach((name, k) => (curves[name][i] = values[k]));
    tables.angles.forEach((name, k) => (curves[name][i] = row[67 + k]));
  }
  return curves;
}

/** motion: {array (frames x 70), frames, fps, reference, neutral}; base: curvesOf it. Returns the edited array and the
 * curves after the edits. */
export function applyEdits(motion, base, edits, rules, puppet, tables, write) {
  if (!edits.length) return { array: motion.array, curves: base };
  const rest = {};
  for (const name of puppet.names) rest[name] = 0;
  tables.angles.forEach((name, k) => (rest[name] = motion.reference[67 + k]));
  const after = {};
  for (const name of Object.keys(base)) after[name] = base[name].slice();
  for (const edit of edits) applyEdit(edit, after, rest, motion.fps, rules, tables);
  const changed = [];
  for (const name of Object.keys(base)) {
    const change = after[name];
    let any = false;
    for (let i = 0; i < change.length; i++) {
      change[i] -= base[name][i];
      any ||= change[i] !== 0;
    }
    if (!any) continue;
    if (rules.limits !== false) limitChange(change, base[name], rest[name], tables.ranges[name], motion.fps, tables.angles.includes(name));
    changed.push(name);
  }
  const array = motion.array.slice();
  const actions = changed.filter((name) => !tables.angles.includes(name));
  const count = puppet.names.length;
  const neck = (pitch, yaw, roll) => {
    const s = (a) => Math.sin((a * Math.PI) / 180);
    return [tables.neck[0] * s(yaw) + tables.neck[1] * s(roll), tables.neck[2] * s(pitch)];
  };
  const curves = { ...base };
  for (let i = 0; i < motion.frames; i++) {
    const at = 70 * i;
    for (const name of actions) {
      const amount = after[name][i];
      if (amount === 0) continue;
      const column = puppet.index[name];
      for (let k = 0; k < 63; k++) array[at + k] += write[k * count + column] * amount;
    }
    const angles = [array[at + 67], array[at + 68], array[at + 69]];
    const turned = tables.angles.map((name, k) => angles[k] + (changed.includes(name) ? after[name][i] : 0));
    if (turned.some((v, k) => v !== angles[k])) {
      const was = neck(...angles), is = neck(...turned);
      array[at + 64] += is[0] - was[0];
      array[at + 65] += is[1] - was[1];
      turned.forEach((v, k) => (array[at + 67 + k] = v));
    }
  }
  for (const name of changed) {
    curves[name] = base[name].slice();
    for (let i = 0; i < curves[name].length; i++) curves[name][i] += after[name][i];
  }
  return { array, curves };
}

function applyEdit(edit, curves, rest, fps, rules, tables) {
  const frames = curves.pitch.length;
  const first = Math.ceil(edit.start * fps - 1e-6);
  const last = Math.min(frames, Math.floor((edit.start + edit.length) * fps + 1e-6) + 1);
  if (last <= first) return;
  const [lane, part] = edit.lane.split(".");
  if (rules.lock_lips && lane === "mouth") return;
  const phases = [];
  for (let i = first; i < last; i++) phases.push(bounded((i / fps - edit.start) / edit.length, 0, 1));
  const add = (name, shape) => phases.forEach((p, k) => (curves[name][first + k] += shape(p, curves[name][first + k])));
  const { amount, length } = edit;
  if (["shift", "scale", "hold", "smooth"].includes(edit.kind)) {
    const parts = edit.kind === "shift" && !part ? tables.main[lane] : laneParts(tables, edit.lane);
    const ramp = Math.min(tables.ramp / length, 1 / 3);
    for (const name of parts) {
      const curve = curves[name];
      const changed = CURVES[edit.kind](curve, first, last, amount, rest[name], fps);
      phases.forEach((p, k) => (curve[first + k] += rise(p, ramp) * (changed[k] - curve[first + k])));
    }
    return;
  }
  const [only] = laneParts(tables, edit.lane);
  switch (edit.kind) {
    case "nod": {
      const count = Math.max(1, roundHalfEven(length / 0.55));
      add("pitch", (p) => {
        const turn = (p * count) % 1;
        const fade = count === 1 ? 1 : 1 - (0.35 * bounded(Math.floor(p * count), 0, count - 1)) / (count - 1);
        return amount * fade * Math.sin(Math.PI * turn ** 0.85) ** 2;
      });
      break;
    }
    case "shake": {
      const count = Math.max(1, roundHalfEven(length / 0.5));
      add("yaw", (p) => amount * Math.sin(2 * Math.PI * count * p) * Math.max(Math.sin(Math.PI * p), 0) ** 0.8);
      break;
    }
    case "tilt": add("roll", (p) => amount * rise(p, 0.35)); break;
    case "blink":
    case "wink": {
      const lids = part ? [only] : edit.kind === "wink" ? ["blink_left"] : ["blink_left", "blink_right"];
      for (const name of lids) {
        add(name, (p, now) => amount * Math.min(eased(bounded(p / 0.32, 0, 1)), eased(bounded((1 - p) / 0.5, 0, 1))) * Math.max(1 - now, 0));
      }
      break;
    }
    case "smile":
      add("smile", (p) => amount * rise(p, 0.3));
      add("cheek_raise", (p) => 0.5 * Math.max(amount * rise(p, 0.3), 0));
      break;
    case "look": add(only, (p) => amount * rise(p, 0.12)); break;
    default: add(edit.kind, (p) => amount * rise(p, 0.3)); // squint, frown, brow_raise, brow_furrow: named as their action
  }
}

const CURVES = {
  shift: (curve, first, last, amount) => Array.from(curve.subarray(first, last), (v) => v + amount),
  scale: (curve, first, last, amount, rest) => Array.from(curve.subarray(first, last), (v) => rest + amount * (v - rest)),
  hold: (curve, first, last, amount) => Array.from(curve.subarray(first, last), (v) => v + amount * (curve[first] - v)),
  smooth(curve, first, last, amount, rest, fps) {
    const sigma = amount * fps, reach = Math.ceil(3 * sigma);
    const kernel = [];
    for (let k = -reach; k <= reach; k++) kernel.push(Math.exp(-0.5 * (k / sigma) ** 2));
    const sum = kernel.reduce((a, b) => a + b);
    const out = [];
    for (let i = first; i < last; i++) {
      let value = 0;
      for (let k = -reach; k <= reach; k++) value += kernel[k + reach] * curve[bounded(i + k, 0, curve.length - 1)];
      out.push(value / sum);
    }
    return out;
  },
};

/** As Python rounds. */
export function roundHalfEven(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 ? low + 1 : low;
}

function limitChange(change, base, rest, [low, high, speed], fps, isAngle) {
  const middle = isAngle ? rest : 0;
  const count = change.length, step = speed / fps;
  const up = new Float64Array(count), down = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const lowest = Math.min(middle + low, base[i]), highest = Math.max(middle + high, base[i]);
    const added = bounded(base[i] + change[i], lowest, highest) - base[i];
    up[i] = Math.max(added, 0);
    down[i] = Math.max(-added, 0);
  }
  for (const values of [up, down]) {
    for (let i = 1; i < count; i++) values[i] = Math.min(values[i], values[i - 1] + step);
    for (let i = count - 2; i >= 0; i--) values[i] = Math.min(values[i], values[i + 1] + step);
  }
  for (let i = 0; i < count; i++) change[i] = up[i] - down[i];
}

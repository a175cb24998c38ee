// Trims in the browser: the formulas of moda/motion/trims.py, so that the face follows a slider without asking the server.
// Their numbers come with the rig.
import { bounded, roundHalfEven } from "./edits.js";

const POSE = [63, 70], PLACE = [64, 67];

/** Whether trims need the whole motion: the others are of each frame by itself. */
export const needsAll = (trims) => trims.blink !== 1 || trims.smoothing > 0;

/** A sampled motion {array (frames x 70), frames, fps, reference, neutral} with trims: a new array, rows of 70. */
export function applyTrims(motion, trims, puppet, tables, write) {
  const { frames, fps, reference, neutral } = motion;
  const array = motion.array.slice();
  const rows = Array.from({ length: frames }, (_, i) => array.subarray(70 * i, 70 * i + 70));
  if (trims.expression !== 1) for (const row of rows) amount(row, neutral, trims.expression, puppet, tables, write);
  if (trims.blink !== 1) blinkRate(rows, neutral, trims.blink, fps, puppet, tables, write);
  if (trims.gaze !== 1) for (const row of rows) gaze(row, neutral, trims.gaze, puppet, write);
  if (trims.smoothing > 0) smooth(rows, trims.smoothing);
  for (const row of rows) pose(row, reference, trims, tables);
  return array;
}

/** One frame (70), in place, with the trims that do not need the others. */
export function trimFrame(row, { reference, neutral }, trims, puppet, tables, write) {
  if (trims.expression !== 1) amount(row, neutral, trims.expression, puppet, tables, write);
  if (trims.gaze !== 1) gaze(row, neutral, trims.gaze, puppet, write);
  pose(row, reference, trims, tables);
}

/** Adds `by` of one action to a frame. */
function add(row, column, by, count, write) {
  for (let k = 0; k < 63; k++) row[k] += write[k * count + column] * by;
}

/** The expression scaled around neutral; lids and gaze stay: half a blink is no blink. */
function amount(row, neutral, by, puppet, tables, write) {
  const was = puppet.read(row, neutral);
  for (let k = 0; k < 63; k++) row[k] = neutral[k] + by * (row[k] - neutral[k]);
  for (const name of tables.trims.kept) add(row, puppet.index[name], (1 - by) * was[puppet.index[name]], puppet.names.length, write);
}

function gaze(row, neutral, by, puppet, write) {
  const was = puppet.read(row, neutral);
  for (const name of ["gaze_x", "gaze_y"]) add(row, puppet.index[name], (by - 1) * was[puppet.index[name]], puppet.names.length, write);
}

function pose(row, reference, { head_motion: by, drift_guard: guard }, tables) {
  if (by !== 1) for (let k = POSE[0]; k < POSE[1]; k++) row[k] = reference[k] + by * (row[k] - reference[k]);
  if (!guard) return;
  const { size, place } = tables.trims;
  row[63] = reference[63] * (1 + soft(row[63] / reference[63] - 1, (1 - guard) * size));
  for (let k = PLACE[0]; k < PLACE[1]; k++) row[k] = reference[k] + soft(row[k] - reference[k], (1 - guard) * place);
}

/** Identity up to half the limit, then bends towards it. */
function soft(value, limit) {
  if (limit <= 0) return 0;
  const half = limit / 2, size = Math.abs(value);
  return size <= half ? value : Math.sign(value) * (half + half * Math.tanh((size - half) / half));
}

/** Head pose calmed over `sigma` frames; ends are held. */
function smooth(rows, sigma) {
  const reach = Math.floor(4 * sigma + 0.5), kernel = [];
  for (let k = -reach; k <= reach; k++) kernel.push(Math.exp(-0.5 * (k / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b);
  for (let column = POSE[0]; column < POSE[1]; column++) {
    const was = rows.map((row) => row[column]);
    rows.forEach((row, i) => {
      row[column] = kernel.reduce((value, weight, k) => value + weight * was[bounded(i + k - reach, 0, was.length - 1)], 0) / sum;
    });
  }
}

/** First and last + 1 frame of each blink in a curve of lid closure. */
function findBlinks(lids, { peak, edge, rest }) {
  const sorted = Float64Array.from(lids).sort(), middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  const base = Math.min(median, rest);
  const found = [];
  for (let i = 0; i < lids.length; ) {
    if (lids[i] - base < peak) { i++; continue; }
    let first = i, last = i;
    while (first > 0 && lids[first - 1] - base > edge && lids[first - 1] <= lids[first] + 0.05) first--;
    while (last < lids.length && lids[last] - base > edge) last++;
    found.push([first, last]);
    i = last + 1;
  }
  return found;
}

function blinkShape(fps, seconds) {
  const [down, shut, up] = seconds.map((s) => Math.max(1, roundHalfEven(s * fps)));
  const half = (k, n) => 0.5 - 0.5 * Math.cos((Math.PI * k) / (n + 1));
  return [...Array.from({ length: down }, (_, k) => half(k + 1, down)), ...Array(shut).fill(1),
    ...Array.from({ length: up }, (_, k) => 1 - half(k + 1, up))];
}

/** Takes out evenly chosen blinks for a rate below 1, puts new ones into the longest gaps above it. */
function blinkRate(rows, neutral, rate, fps, puppet, tables, write) {
  const columns = ["blink_left", "blink_right"].map((name) => puppet.index[name]);
  const lids = rows.map((row) => { const values = puppet.read(row, neutral); return columns.map((c) => values[c]); });
  const blinks = findBlinks(lids.map(([a, b]) => (a + b) / 2), tables.trims.blink);
  const changes = lids.map(() => [0, 0]);
  const wanted = roundHalfEven(blinks.length * rate);
  if (wanted < blinks.length) {
    const kept = new Set();
    for (let k = 0; k < wanted; k++) kept.add(roundHalfEven(((k + 0.5) * blinks.length) / wanted - 0.5));
    blinks.forEach(([first, last], k) => {
      if (kept.has(k)) return;
      const before = lids[Math.max(first - 1, 0)], after = lids[Math.min(last, lids.length - 1)];
      for (let i = first; i < last; i++) for (const eye of [0, 1]) changes[i][eye] = Math.min(Math.min(before[eye], after[eye]) - lids[i][eye], 0);
    });
  } else {
    const shape = blinkShape(fps, tables.trims.blink.seconds);
    const edges = [-shape.length, ...blinks.map(([first]) => first), rows.length + shape.length];
    for (let n = blinks.length; n < wanted; n++) {
      edges.sort((a, b) => a - b);
      let gap = 0;
      for (let k = 1; k + 1 < edges.length; k++) if (edges[k + 1] - edges[k] > edges[gap + 1] - edges[gap]) gap = k;
      const at = edges[gap] + roundHalfEven((edges[gap + 1] - edges[gap]) * tables.trims.blink.places[gap % 2]);
      edges.push(at);
      for (let i = Math.max(at, 0); i < Math.min(at + shape.length, rows.length); i++)
        for (const eye of [0, 1]) changes[i][eye] = Math.max(changes[i][eye], Math.max(lids[i][eye], shape[i - at]) - lids[i][eye]);
    }
  }
  changes.forEach((change, i) => change.forEach((by, eye) => { if (by) add(rows[i], columns[eye], by, puppet.names.length, write); }));
}

// What is seen through the openings of the skin in one frame: the uniforms of eyes and mouth
// (moda/renderer/mesh/drawing/eyes.py and mouth.py).
import { determinant } from "./pose.js";

const limit = (x, low, high) => Math.min(Math.max(x, low), high);

/** A curve (n, 2) in frame px through landmarks, by a fixed matrix (n, knots). */
function curveThrough(matrix, marks, points, view) {
  const knots = marks.length, samples = matrix.length / knots;
  const x = new Float64Array(samples), y = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    let sx = 0, sy = 0;
    for (let k = 0; k < knots; k++) {
      const w = matrix[s * knots + k];
      sx += w * points[3 * marks[k]];
      sy += w * points[3 * marks[k] + 1];
    }
    x[s] = sx * view.scale + view.x;
    y[s] = sy * view.scale + view.y;
  }
  return { x, y };
}

/** Piecewise linear, held at the ends; xs rise. */
function interpolate(at, xs, ys, left = ys[0], right = ys[ys.length - 1]) {
  if (at < xs[0]) return left;
  if (at > xs[xs.length - 1]) return right;
  let low = 0, high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= at) low = middle; else high = middle;
  }
  const span = xs[high] - xs[low];
  return span > 0 ? ys[low] + ((ys[high] - ys[low]) * (at - xs[low])) / span : ys[low];
}

/** The curve as heights below the line from `left` along (ax, ay), at equal steps of `span`. */
function heights(curve, left, ax, ay, span, samples) {
  const us = new Float64Array(curve.x.length), vs = new Float64Array(curve.x.length);
  for (let i = 0; i < us.length; i++) {
    const dx = curve.x[i] - left[0], dy = curve.y[i] - left[1];
    us[i] = dx * ax + dy * ay;
    if (i > 0) us[i] = Math.max(us[i], us[i - 1]); // a curve that turns back ends in a wall
    vs[i] = dy * ax - dx * ay;
  }
  const out = new Float64Array(samples);
  for (let i = 0; i < samples; i++) out[i] = interpolate((span * i) / (samples - 1), us, vs);
  return out;
}

const smallest = (...arrays) => Math.min(...arrays.map((a) => a.reduce((m, v) => Math.min(m, v), Infinity)));
const largest = (...arrays) => Math.max(...arrays.map((a) => a.reduce((m, v) => Math.max(m, v), -Infinity)));

/** Uniforms of one eye, or null; writes its rims into `lines` (97 x 4 RGBA) at `row`. */
export function eyeShape(rig, side, frame, view, lines, row) {
  const eye = rig.header.eyes[side], c = rig.header.constants.eyes, { index } = frame;
  const upper = frame.lids[2 * side], lower = frame.lids[2 * side + 1];
  const look = [frame.actions[index.gaze_x], -frame.actions[index.gaze_y]];
  const activity = Math.min(1, 12 * (Math.abs(upper) + Math.abs(lower)) + 20 * Math.max(Math.abs(look[0]), Math.abs(look[1])));
  if (activity < 0.004 || eye.ratio < c.SMALLEST_RATIO) return null;
  const spline = rig.arrays.eye_spline, samples = spline.length / eye.upper.length;
  const top = curveThrough(spline, eye.upper, frame.moved, view);
  const bottom = curveThrough(spline, eye.lower, frame.moved, view);
  const fold = curveThrough(spline, eye.crease, frame.moved, view);
  const above = curveThrough(spline, eye.above, frame.moved, view);
  const up = rig.header.constants.curves.CREASE_UP;
  for (let i = 0; i < samples; i++) {
    fold.x[i] += up * (above.x[i] - fold.x[i]);
    fold.y[i] += up * (above.y[i] - fold.y[i]);
  }
  const left = [top.x[0], top.y[0]];
  const dx = top.x[samples - 1] - left[0], dy = top.y[samples - 1] - left[1];
  const span = Math.hypot(dx, dy);
  if (span < 4) return null;
  const ax = dx / span, ay = dy / span;
  const rims = [top, bottom, fold].map((curve) => heights(curve, left, ax, ay, span, samples));
  for (let i = 0; i < samples; i++) {
    const at = 4 * (row * lines.width + i);
    lines.data[at] = rims[0][i];
    lines.data[at + 1] = rims[1][i];
    lines.data[at + 2] = rims[2][i];
  }
  const m = frame.turn.linear;
  const zoom = Math.sqrt(Math.abs(m[0] * m[4] - m[1] * m[3])) * view.scale;
  const sheet = eye.width * eye.patchScale;
  const closed = limit(upper, 0, 1);
  const smoothedLid = eye.glasses ? 0 : c.LID_SMOOTHING * closed * closed;
  const lashHalf = Math.max(c.LASH_HALF * span, 0.6);
  const lash = (eye.glasses ? c.GLASSES_LASH_OPACITY : c.LASH_OPACITY) * closed * closed * (3 - 2 * closed);
  // Half lashes above the rim at which they are fainter than a level: where they hardly show, the strip is narrow.
  const away = 3 * Math.sqrt(Math.log(Math.max(255 * lash, 1)));
  let low = smallest(rims[0], rims[1]);
  if (smoothedLid > 0) low = Math.min(low, smallest(rims[2]));
  return {
    frame: [left[0], left[1], ax, ay], width: span,
    reach: [low - Math.min(away, 6) * lashHalf - 2, largest(rims[0], rims[1]) + Math.min(away, 3) * lashHalf + 2],
    perPx: [sheet / span, eye.patchScale / Math.max(zoom, 1e-3)],
    sheet: [c.MARGIN * sheet, c.HALF_HEIGHT * sheet],
    iris: eye.iris, gaze: [look[0] * c.GAZE_REACH[0] * sheet, look[1] * c.GAZE_REACH[1] * sheet],
    lidShadow: c.LID_SHADOW * closed, shadowDepth: c.SHADOW_DEPTH * span,
    lash, lashHalf, sharpness: 1, opacity: activity,
    drawnIris: limit(Math.hypot(...look) / c.DRAWN_GAZE, 0, 1), lifted: limit(-upper / 0.06, 0, 1),
    paintedLid: eye.glasses ? closed : 0, smoothedLid, lashTone: eye.lash,
  };
}

/** Uniforms of the mouth, or null; writes rims and arches of teeth into rows 0 and 1 of `lines`. */
export function mouthShape(rig, frame, view, lines) {
  const { header, arrays } = rig;
  const { mouth, head, landmarks } = header;
  if (mouth.covered) return null;
  const c = header.constants.mouth, t = header.constants.teeth;
  const unit = head.scale * view.scale * Math.cbrt(Math.abs(determinant(frame.turn.linear)));
  const spline = arrays.lip_spline, samples = spline.length / landmarks.upperInner.length;
  const top = curveThrough(spline, landmarks.upperInner, frame.moved, view);
  const bottom = curveThrough(spline, landmarks.lowerInner, frame.moved, view);
  const left = [top.x[0], top.y[0]];
  const dx = top.x[samples - 1] - left[0], dy = top.y[samples - 1] - left[1];
  const span = Math.hypot(dx, dy);
  const ax = dx / Math.max(span, 1e-6), ay = dy / Math.max(span, 1e-6);
  const rims = [top, bottom].map((curve) => heights(curve, left, ax, ay, span, samples));
  let most = -Infinity;
  for (let i = 0; i < samples; i++) most = Math.max(most, rims[1][i] - rims[0][i]);
  const seamShown = mouth.gap > 0 && most < c.SEAM_UP_TO * unit;
  const seamWidth = Math.max(1, Math.round(0.009 * unit));
  const out = {
    mouthShown: most >= c.OPEN_FROM * unit, seamShown,
    seam: [seamShown ? 1 - Math.max(most, 0) / (c.SEAM_UP_TO * unit) : 0, 0.5 * seamWidth, Math.max(0.6, 0.007 * unit)],
    mouthFrame: [left[0], left[1], ax, ay], mouthWidth: span, mouthUnit: unit,
    mouthReach: [smallest(...rims) - 2 - (seamShown ? 4 + 0.04 * unit : 0), largest(...rims) + 2 + (seamShown ? 4 + 0.04 * unit : 0)],
  };
  for (let i = 0; i < samples; i++) {
    lines.data[4 * i] = rims[0][i];
    lines.data[4 * i + 1] = rims[1][i];
  }
  let opacity = 1;
  if (mouth.gap > 0) {
    let change = 0;
    for (const k of landmarks.lips) for (let d = 0; d < 2; d++) change = Math.max(change, Math.abs(frame.still[3 * k + d] - arrays.position[3 * k + d]));
    opacity = limit((change / head.scale - c.CHANGED[0]) / c.CHANGED[1], 0, 1);
  }
  if (opacity <= 0) out.mouthShown = false;
  if (!out.mouthShown) return seamShown ? out : null;
  const carried = (point) => {
    const { linear: m, pivot, shift } = frame.turn;
    const [x, y, z] = point.map((v, k) => v - pivot[k]);
    const px = m[0] * x + m[1] * y + m[2] * z + pivot[0] + shift[0];
    const py = m[3] * x + m[4] * y + m[5] * z + pivot[1] + shift[1];
    return [px * view.scale + view.x - left[0], py * view.scale + view.y - left[1]];
  };
  const inMouth = ([x, y]) => [x * ax + y * ay, y * ax - x * ay];
  const r = head.rotation;
  const behind = c.SEAT_DEPTH * head.scale;
  const anchor = [mouth.centre[0] + r[2] * behind, mouth.centre[1] + r[5] * behind, mouth.centre[2] + r[8] * behind];
  const [seatU, seatV] = inMouth(carried(anchor));
  const [plainU, plainV] = inMouth(carried(mouth.centre));
  const yaw = ((head.angles[1] + frame.turn.yaw) * Math.PI) / 180;
  const slide = c.JAW_SLIDE * frame.actions[frame.index.mouth_left];
  archLine(arrays.upper_arch, mouth.arch, yaw, 0, c, t, seatU, unit, span, samples, lines, 0, 2);
  archLine(arrays.lower_arch, mouth.arch, yaw, slide, c, t, seatU, unit, span, samples, lines, 1, 0);
  const lip = 3 * c.LOWER_LIP, chin = 3 * c.CHIN;
  let fallen = 0;
  for (let d = 0; d < 2; d++)
    fallen += header.down[d] * (arrays.position[lip + d] - mouth.centre[d] + c.LIP_PER_CHIN * (frame.still[chin + d] - arrays.position[chin + d]));
  const drop = Math.max(fallen / head.scale, 0);
  const pucker = limit(frame.actions[frame.index.pucker], 0, 1);
  const { OWN_PX: ownPx, OWN_HALF: ownHalf } = c;
  const ownPerPx = ownPx / unit;
  return Object.assign(out, {
    upperEdge: seatV + mouth.edge * unit, lowerEdge: seatV + (c.LOWER_EDGE + c.LOWER_WITH_JAW * drop) * unit,
    sheetPerPx: t.PX / unit, sheetEdge: t.EDGE_AT * t.PX,
    tongueTop: seatV + (c.TONGUE_TOP + c.TONGUE_WITH_JAW * drop) * unit, tongueHalf: c.TONGUE_HALF * unit,
    tongueAlpha: limit((most / unit - c.TONGUE_FROM) / c.TONGUE_FADE, 0, 1),
    ownPerPx, ownU: ownHalf[0] * ownPx - plainU * ownPerPx, ownV: ownHalf[1] * ownPx - plainV * ownPerPx,
    ownAlpha: mouth.toothy > 0 ? 1 : 0, mouthAlpha: opacity,
    upperTeeth: mouth.toothy > 0 ? 0 : 1 - c.PUCKER_HIDES * pucker, mouthMiddle: seatU,
    mouthSharp: 0.9 / Math.max(1, 0.7 * view.scale), cavity: mouth.cavity, tongueTone: mouth.tongue, seamTone: mouth.seam,
  });
}

/** Sheet column and light of one row of teeth at every step of the mouth line, into two channels of a row of `lines`. */
function archLine(curve, width, yaw, lateral, c, t, seatU, unit, span, samples, lines, row, channel) {
  const n = curve.length / 3;
  const length = curve.subarray(0, n), across0 = curve.subarray(n, 2 * n), back0 = curve.subarray(2 * n);
  const across = new Float64Array(n);
  for (let i = 0; i < n; i++) across[i] = width * (across0[i] * Math.cos(yaw) + back0[i] * Math.sin(yaw)) + lateral;
  const visible = (i) => i === 0 || across[i] - across[i - 1] > 1e-5;
  const centre = n >> 1;
  let first = 0, last = n;
  for (let i = centre; i >= 0; i--) if (!visible(i)) { first = i; break; }
  for (let i = centre; i < n; i++) if (!visible(i)) { last = i; break; }
  const x = across.subarray(first, last), l = length.subarray(first, last), b = back0.subarray(first, last);
  for (let i = 0; i < samples; i++) {
    const u = (span * i) / (samples - 1), at = (u - seatU) / unit;
    const shade = 1 - c.CORNER_SHADE * Math.exp(-Math.min(u, span - u) / (c.CORNER_DEPTH * unit));
    const column = (interpolate(at, x, l, -9, 9) + t.HALF_SPAN) * t.PX;
    const away = Math.min(first > 0 ? at - x[0] : 1, last < n ? x[x.length - 1] - at : 1);
    const light = shade * Math.exp(-c.ARCH_DARK * interpolate(at, x, b)) * limit(away / c.ARCH_END, c.ARCH_END_LIGHT, 1);
    const to = 4 * (row * lines.width + i) + channel;
    lines.data[to] = column;
    lines.data[to + 1] = light;
  }
}

/** Weights of the shade maps (moda/renderer/mesh/analysis/shading.py), or null when there is nothing to see. */
export function shadeWeights(actions, index) {
  const of = (name) => limit(actions[index[name]], 0, 1);
  const smile = of("smile"), lift = of("upper_lip_raise"), cheek = of("cheek_raise"), squint = of("squint");
  const weights = [
    Math.min(1, smile + 0.5 * lift + 0.2 * cheek),
    Math.min(1, Math.max(squint, 0.8 * cheek, 0.4 * smile)),
    of("brow_raise"), of("brow_furrow"), of("frown"), of("pucker"),
  ];
  return Math.max(...weights) < 0.02 ? null : weights;
}

// From one vector of the joint parameter space to moved vertices: the arithmetic of moda/renderer/mesh/drawing.
// Tables and constants come with the rig; only the formulas are here.

const clip = (x, low, high) => Math.min(Math.max(x, low), high);

/** Holds a value where the picture still looks right: identity, then a smooth bend below the limit. */
function held(value, limit, straight = 0.55) {
  const knee = straight * limit;
  const room = limit - knee;
  const over = Math.max(Math.abs(value) - knee, 0);
  return Math.sign(value) * (Math.min(Math.abs(value), knee) + room * Math.tanh(over / room));
}

function product(a, b) {
  const out = new Array(9).fill(0);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++) out[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return out;
}
const transposed = (m) => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];
const applied = (m, x, y, z) => [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
export const determinant = (m) =>
  m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);

/** Rz(roll) Ry(yaw) Rx(pitch) for column vectors, degrees. */
function rotationOf(pitch, yaw, roll) {
  const [p, y, r] = [pitch, yaw, roll].map((a) => (a * Math.PI) / 180);
  const rx = [1, 0, 0, 0, Math.cos(p), -Math.sin(p), 0, Math.sin(p), Math.cos(p)];
  const ry = [Math.cos(y), 0, Math.sin(y), 0, 1, 0, -Math.sin(y), 0, Math.cos(y)];
  const rz = [Math.cos(r), -Math.sin(r), 0, Math.sin(r), Math.cos(r), 0, 0, 0, 1];
  return product(product(rz, ry), rx);
}

/** What of a rig moves, ready for frame after frame. */
export class Puppet {
  constructor(rig) {
    const { header, arrays } = rig;
    Object.assign(this, { header, constants: header.constants });
    this.names = header.actions;
    this.index = Object.fromEntries(this.names.map((name, k) => [name, k]));
    this.readMatrix = arrays.read; // (A, 63)
    this.position = arrays.position; // (V, 3)
    this.basis = arrays.basis; // (rows, V, 3)
    this.rigid = arrays.rigid;
    this.breath = arrays.breath;
    this.count = this.position.length / 3;
    this.head = header.head;
    this.still = new Float64Array(this.position.length);
    this.moved = new Float64Array(this.position.length);
    this.live = liveVertices(this.basis, this.position.length, header.basis.length);
  }

  /** Expression (63) around neutral -> action values (A). */
  read(vector, neutral, out = new Float64Array(this.names.length)) {
    for (let a = 0; a < out.length; a++) {
      let sum = 0;
      for (let k = 0; k < 63; k++) sum += this.readMatrix[63 * a + k] * (vector[k] - neutral[k]);
      out[a] = sum;
    }
    return out;
  }

  /** Absolute action values -> what must change in the picture. */
  relative(values, atRest) {
    const { index } = this;
    const { gap, smiling, jawGap, jawBend, limits, ownSmile, lessGlum, widest } = this.header;
    const out = values.map((v, k) => v - atRest[k]);
    const jaw = index.jaw_open;
    const own = gap / jawGap;
    if (own > 0.01) {
      const known = Math.max(atRest[jaw], 0);
      if (known > 0.02) {
        const below = (-own * (known - values[jaw])) / known;
        out[jaw] = values[jaw] < known ? Math.max(below, -own) : values[jaw] - known;
      } else out[jaw] = Math.max(values[jaw], 0) - own;
    } else out[jaw] = Math.max(values[jaw], 0) - Math.max(atRest[jaw], 0);
    for (const name of ["blink_left", "blink_right"]) {
      const k = index[name];
      const rest = clip(atRest[k], -0.5, 0.8);
      out[k] = (values[k] - rest) / (1 - rest);
    }
    const smile = index.smile;
    if (out[smile] > 0) out[smile] *= 1 - ownSmile * smiling;
    out[smile] -= 1.4 * smiling * clip(1.4 * out[index.frown], 0, 1);
    out[index.frown] *= 1 - lessGlum * smiling;
    const [knee, most] = jawBend.map((bound) => Math.max(bound - own, 0));
    const over = Math.max(out[jaw] - knee, 0);
    out[jaw] -= most > knee ? over - (most - knee) * Math.tanh(over / (most - knee)) : over;
    for (const [name, [low, high]] of Object.entries(limits)) {
      // A mouth that is wide open in the picture still closes.
      out[index[name]] = clip(out[index[name]], name === "jaw_open" ? Math.min(low, -own) : low, high);
    }
    const smiled = Math.max(out[smile] + ownSmile * smiling, 0);
    out[index.stretch] = Math.min(out[index.stretch], Math.max(widest - smiled, 0));
    return out;
  }

  /** How far the upper and lower rim of one eye have gone towards meeting. */
  lids(actions, side) {
    const { index } = this;
    const ratio = this.header.eyes[side].ratio;
    const blink = actions[side === 0 ? index.blink_left : index.blink_right];
    const closed = Math.min(blink, 1);
    const squint = clip(actions[index.squint] + 0.45 * actions[index.cheek_raise] + 0.35 * Math.max(actions[index.smile], 0), 0, 1);
    const gaze = actions[index.gaze_y];
    const open = 1 - Math.max(closed, 0);
    const narrow = ratio < 0.16 ? 0 : 1;
    const follow = gaze > 0 ? -0.12 * gaze : -0.42 * gaze;
    const upper = closed + open * narrow * (0.12 * squint + follow);
    const lower = Math.max(closed, -0.1) + open * narrow * (1.1 * squint + 0.3 * gaze);
    return [clip(upper, -0.45, 1), closed < 0.999 ? clip(lower, -0.3, 1) : 1];
  }

  /** Rigid motion of a frame: Y = linear (X - pivot) + pivot + shift. pose, rest: scale, t xyz, pitch, yaw, roll. */
  turn(pose, rest) {
    const { head } = this;
    const c = this.constants.pose;
    const sourceYaw = head.angles[1];
    const room = clip(1.25 - Math.abs(sourceYaw) / 40, 0.35, 1);
    const outward = Math.max(4, c.TURN_LIMIT - Math.abs(sourceYaw));
    let yaw = (pose[5] - rest[5]) * room;
    yaw = held(yaw, yaw * sourceYaw > 0 ? Math.min(c.YAW_LIMIT, outward) : c.YAW_LIMIT);
    const pitch = held(pose[4] - rest[4], c.PITCH_LIMIT) * room;
    const roll = held(pose[6] - rest[6], c.ROLL_LIMIT);
    const before = rotationOf(rest[4], rest[5], rest[6]);
    const after = rotationOf(rest[4] + pitch, rest[5] + yaw, rest[6] + roll);
    const size = Math.max(rest[0], 1e-6);
    const zoom = clip(1 + held(pose[0] / size - 1, 0.12), 0.85, 1.15);
    const local = product(product(head.rotation, product(transposed(before), after)), transposed(head.rotation));
    let dx = (pose[1] - rest[1]) / (c.KEYPOINT_UNIT * size);
    let dy = (pose[2] - rest[2]) / (c.KEYPOINT_UNIT * size);
    const length = Math.hypot(dx, dy);
    if (length > 1e-9) {
      const factor = held(length, c.SHIFT_LIMIT) / length;
      dx *= factor;
      dy *= factor;
    }
    const r = applied(head.rotation, ...c.PIVOT);
    const pivot = [0, 1, 2].map((k) => head.translation[k] + r[k] * head.scale);
    return { linear: local.map((v) => zoom * v), pivot, shift: [dx * head.scale, dy * head.scale, 0], yaw };
  }

  /** Everything of one frame. vector, reference (70); neutral (63); breath -1..1. Arrays are reused by the next call. */
  pose(vector, reference, neutral, breath, atRest) {
    const actions = this.relative(Array.from(this.read(vector, neutral)), atRest);
    const turn = this.turn(vector.slice(63, 70), reference.slice(63, 70));
    const lids = [...this.lids(actions, 0), ...this.lids(actions, 1)];
    this.move(actions, lids, turn, breath);
    return { actions, turn, lids, moved: this.moved, still: this.still };
  }

  move(actions, lids, turn, breath) {
    const { header, basis, position, still, moved, rigid, index } = this;
    const own = header.gap / header.jawGap;
    const closing = own > 0.01 ? clip(-actions[index.jaw_open] / own, 0, 1) : 0;
    const extra = { upper_lid_left: lids[0], lower_lid_left: lids[1], upper_lid_right: lids[2], lower_lid_right: lids[3], mouth_closing: closing };
    const size = position.length;
    still.set(position);
    header.basis.forEach((name, row) => {
      const weight = name in extra ? extra[name] : actions[index[name]];
      if (!weight) return;
      const [first, last] = this.live[row];
      const at = row * size;
      for (let i = first; i < last; i++) still[i] += weight * basis[at + i];
    });
    this.closeLips(still);
    const { linear: m, pivot, shift } = turn;
    const rise = header.breath * breath * this.head.scale;
    for (let v = 0; v < this.count; v++) {
      const i = 3 * v;
      const x = position[i] - pivot[0], y = position[i + 1] - pivot[1], z = position[i + 2] - pivot[2];
      const ex = still[i] - position[i], ey = still[i + 1] - position[i + 1], ez = still[i + 2] - position[i + 2];
      const w = rigid[v];
      moved[i] = position[i] + m[0] * ex + m[1] * ey + m[2] * ez + w * (m[0] * x + m[1] * y + m[2] * z - x + shift[0]);
      moved[i + 1] = position[i + 1] + m[3] * ex + m[4] * ey + m[5] * ez + w * (m[3] * x + m[4] * y + m[5] * z - y + shift[1]) - rise * this.breath[v];
      moved[i + 2] = position[i + 2] + m[6] * ex + m[7] * ey + m[8] * ez + w * (m[6] * x + m[7] * y + m[8] * z - z + shift[2]);
    }
  }

  /** Inner rims that cross meet half-way. */
  closeLips(points) {
    const { upperInner, lowerInner } = this.header.landmarks;
    const down = this.header.down;
    for (let k = 1; k < upperInner.length - 1; k++) {
      const u = 3 * upperInner[k], l = 3 * lowerInner[k];
      const gap = (points[l] - points[u]) * down[0] + (points[l + 1] - points[u + 1]) * down[1];
      if (gap >= 0) continue;
      for (let c = 0; c < 3; c++) points[u + c] = points[l + c] = 0.5 * (points[u + c] + points[l + c]);
    }
  }
}

/** First and one past the last entry of each row of the basis that is not zero: most actions move the face alone. */
function liveVertices(basis, size, rows) {
  const spans = [];
  for (let row = 0; row < rows; row++) {
    let first = size, last = 0;
    for (let i = 0; i < size; i++) {
      if (basis[row * size + i] !== 0) {
        if (i < first) first = i;
        last = i + 1;
      }
    }
    spans.push([Math.min(first, last), last]);
  }
  return spans;
}

/** -1..1 quiet breath, 0 at the start. */
export function breathAt(seconds) {
  const phase = (2 * Math.PI * seconds) / 4.3;
  return Math.sin(phase + 0.35 * Math.sin(phase));
}

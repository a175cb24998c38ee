// Motion of a take: chunks that come when they are needed, and the vector at any moment.

const MOTION_MAGIC = "MODAMOT\n";
const KEPT_CHUNKS = 12;

/** Reads a piece of motion (ArrayBuffer): {fps, frames, start, count, chunk, array, reference, neutral}. */
export function readMotion(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 16 || String.fromCharCode(...bytes.subarray(0, 8)) !== MOTION_MAGIC) {
    throw new Error("This is not a motion of MoDA Studio.");
  }
  const length = new DataView(buffer).getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + length)));
  const section = (name) => {
    const part = header.sections[name];
    const at = 16 + length + part.offset;
    return new Float32Array(buffer.slice(at, at + part.length));
  };
  return { ...header, array: section("motion"), reference: section("reference"), neutral: section("neutral") };
}

export class TakeMotion {
  /** source: a whole motion (ArrayBuffer), or {fetch: async (chunk) => ArrayBuffer}; onload is called when more is there. */
  constructor(source, puppet, onload = () => {}) {
    this.puppet = puppet;
    this.onload = onload;
    this.chunks = new Map();
    this.waiting = new Map();
    this.shaped = null; // all of it with trims and edits, once something needed all of it
    this.trim = null; // puts the trims of a frame by itself on its row (70), in place
    if (source instanceof ArrayBuffer) {
      this.start(readMotion(source), true);
      this.ready = Promise.resolve(this);
    } else {
      this.fetch = source.fetch;
      this.ready = this.load(0).then(() => this);
    }
  }

  start(piece, whole) {
    Object.assign(this, { fps: piece.fps, frames: piece.frames, reference: piece.reference, neutral: piece.neutral });
    this.size = whole ? piece.frames : piece.chunk;
    this.atRest = Array.from(this.puppet.read(piece.reference, piece.neutral));
    this.chunks.set(Math.floor(piece.start / this.size), piece.array);
  }

  get seconds() { return this.frames / this.fps; }

  load(number) {
    if (!this.fetch || this.chunks.has(number)) return Promise.resolve();
    if (!this.waiting.has(number)) {
      const come = this.fetch(number).then((buffer) => {
        const piece = readMotion(buffer);
        if (this.fps === undefined) this.start(piece, false);
        else this.chunks.set(number, piece.array);
        if (!this.keepAll) for (const old of this.chunks.keys()) { // the longest unused goes
          if (this.chunks.size <= KEPT_CHUNKS) break;
          if (old !== number) this.chunks.delete(old);
        }
        this.waiting.delete(number);
        this.onload();
      });
      come.catch(() => this.waiting.delete(number));
      this.waiting.set(number, come);
    }
    return this.waiting.get(number);
  }

  /** All of it in one array (frames x 70), as it came: what edits need. */
  async whole() {
    await this.ready;
    if (this.all) return this.all;
    this.keepAll = true;
    const count = Math.ceil(this.frames / this.size);
    for (let k = 0; k < count; k++) await this.load(k);
    this.all = new Float32Array(this.frames * 70);
    for (let k = 0; k < count; k++) this.all.set(this.chunks.get(k), k * this.size * 70);
    return this.all;
  }

  /** Other frames (frames x 70) instead of all that there are, as many of them. */
  put(array) {
    this.all = array;
    this.chunks = new Map([[0, array]]);
  }

  /** Frame i as it is drawn (trims and edits in), or null while it is on its way. */
  frame(i) {
    if (this.frames === undefined) return null;
    i = Math.min(Math.max(i, 0), this.frames - 1);
    if (this.shaped) return this.shaped.subarray(70 * i, 70 * i + 70);
    const number = Math.floor(i / this.size);
    const chunk = this.chunks.get(number);
    if (!chunk) {
      this.load(number);
      return null;
    }
    if (this.fetch) {
      this.chunks.delete(number); // to the end: used last
      this.chunks.set(number, chunk);
      if (i % this.size > 0.6 * this.size && (number + 1) * this.size < this.frames) this.load(number + 1);
    }
    const at = 70 * (i - number * this.size);
    if (!this.trim) return chunk.subarray(at, at + 70);
    const row = chunk.slice(at, at + 70);
    this.trim(row);
    return row;
  }

  /** The vector at a moment, between the two frames whose middles lie around it; null while it is on its way. */
  at(seconds) {
    const place = seconds * this.fps - 0.5;
    const low = Math.floor(place);
    const a = this.frame(low), b = this.frame(low + 1);
    if (!a || !b) return a ?? b;
    const share = place - low;
    const out = new Float32Array(70);
    for (let k = 0; k < 70; k++) out[k] = a[k] + share * (b[k] - a[k]);
    return out;
  }
}

/** IEEE half floats (Uint16Array) as Float32Array. */
export function halfs(values) {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const h = values[i], sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, share = h & 1023;
    if (exponent === 0) out[i] = sign * share * 2 ** -24;
    else out[i] = exponent === 31 ? (share ? NaN : sign * Infinity) : sign * (1 + share / 1024) * 2 ** (exponent - 15);
  }
  return out;
}

// Motion that comes while it is shown: frames wait until they are due, and the face waits for frames that are late.
import { halfs } from "./motion.js";

const MARGIN = 40; // ms that the latest frames are early: what a network's hiccups take
const CALM = 2000; // ms without a late piece after which the face may catch up
const CATCHING_UP = 0.05; // ms a ms: too little to be seen
const FAR = 300, HURRYING = 0.5; // far behind, after a stall of the machine, it hurries

/** What a session shows: frame n at `shownAt(n)`, in ms of performance.now(). */
export class LiveMotion {
  constructor(reference, neutral, fps = 25) {
    this.fps = fps;
    this.reference = reference;
    this.neutral = neutral;
    this.frames = new Map();
    this.began = null; // when frame 0 is shown
    this.last = -1;
    this.shifts = 0; // ms by which the face waited for late frames, all in all
    this.slack = Infinity; // how early the latest of the recent pieces was
    this.steady = false; // while a voice is heard with it, it must not catch up
    this.calmSince = 0;
    this.seenAt = 0;
    this.gaps = []; // [number of the first frame, count] of frames that never come
  }

  /** uint32 number of the first frame, then float16 (k, 70). Returns ms by which what is shown had to wait, mostly 0. */
  push(bytes, now) {
    const first = new DataView(bytes).getUint32(0, true);
    const rows = halfs(new Uint16Array(bytes.slice(4)));
    for (let k = 0; k < rows.length / 70; k++) this.frames.set(first + k, rows.subarray(70 * k, 70 * k + 70));
    for (const number of this.frames.keys()) if (number < first - 50) this.frames.delete(number);
    this.last = first + rows.length / 70 - 1;
    const gone = this.gaps.reduce((sum, [number, count]) => sum + (number < first ? count : 0), 0);
    const needed = now + MARGIN - ((first - gone) * 1000) / this.fps; // where frame 0 would have to be
    if (this.began === null) {
      this.began = needed;
      this.calmSince = now;
      return 0;
    }
    const late = needed - MARGIN - this.began;
    if (late <= 0) {
      this.slack = Math.min(this.slack, -late);
      return 0;
    }
    this.began += late + MARGIN / 2;
    this.shifts += late + MARGIN / 2;
    this.calm(now);
    return late + MARGIN / 2;
  }

  /** Frames from this number on are not wanted any more: others will come in their place. */
  drop(number) {
    for (const one of this.frames.keys()) if (one >= number) this.frames.delete(one);
    this.last = Math.min(this.last, number - 1);
  }

  /** So many frames from this number on will never come: what comes behind them is shown in their place. */
  skip(number, count) {
    this.gaps.push([number, count]);
  }

  /** Goes on behind frames that never come, where it is their turn; returns the ms by which what is shown jumps ahead. */
  leap(now) {
    let ahead = 0;
    while (this.began !== null && this.gaps.length && this.shownAt(this.gaps[0][0]) <= now) {
      const step = (this.gaps.shift()[1] * 1000) / this.fps;
      this.began -= step;
      ahead += step;
    }
    return ahead;
  }

  calm(now) {
    this.slack = Infinity;
    this.calmSince = now;
  }

  shownAt(frame) {
    return this.began === null ? null : this.began + (frame * 1000) / this.fps;
  }

  /** [vector, frame] of this moment, or null before the first one. */
  at(now) {
    if (this.began === null) return null;
    if (!this.steady && now - this.calmSince > CALM && this.slack > 1.5 * MARGIN && Number.isFinite(this.slack)) {
      const most = this.slack - MARGIN;
      const step = Math.min((now - this.seenAt) * (most > FAR ? HURRYING : CATCHING_UP), most);
      this.began -= step;
      this.slack -= step;
      if (this.slack <= 1.5 * MARGIN) this.calm(now);
    } else if (now - this.calmSince > 3 * CALM) this.calm(now); // what was long ago says nothing
    this.seenAt = now;
    const due = Math.floor(((now - this.began) / 1000) * this.fps);
    const number = Math.min(due, this.last);
    for (let back = 0; back < 50; back++) {
      const vector = this.frames.get(number - back);
      if (vector) return [vector, due];
    }
    const first = Math.min(...this.frames.keys()); // it is still early
    return Number.isFinite(first) ? [this.frames.get(first), due] : null;
  }
}

// Motion that comes while it is shown: frames wait until they are due, and the face waits for frames that are late.
import { halfs } from "./motion.js";

const MARGIN = 12; // ms that pieces are early: what it takes until a frame is drawn
const FIRST_MARGIN = 30; // of the first piece, before it is known how evenly they come
const RECENT = 50, ENOUGH = 10; // pieces that say when the next one may come; fewer say little
const ODD = 1; // of them may come later without the face waiting for the likes of them
const MISSED = 60; // ms that a piece may be late and have its frames left out; the face waits for later ones
const CATCHING_UP = 0.05; // ms a ms: too little to be seen
const FAR = 300, HURRYING = 0.5; // far behind, after a stall of the machine, it hurries
const HASTE = 1; // ms a ms where it was told to go ahead: twice as fast
const SETTLING = 0.1; // share of a new frame in what is known of the time that drawing takes

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
    this.arrivals = []; // when frame 0 would have to be shown, had each of the recent pieces to be shown as it came
    this.steady = false; // while a voice is heard with it, it must not catch up
    this.ahead = 0; // ms that it still has to go ahead, see `hasten`
    this.seenAt = 0;
    this.gaps = []; // [number of the first frame, count] of frames that never come
    this.drawn = null; // the vector that was drawn last
    this.lag = 0; // ms from when a frame is due until it is drawn, smoothed: a sound that belongs to it waits as long
  }

  /** uint32 number of the first frame, then float16 (k, 70). Returns ms by which what is shown had to wait, mostly 0. */
  push(bytes, now) {
    const first = new DataView(bytes).getUint32(0, true);
    const rows = halfs(new Uint16Array(bytes.slice(4)));
    for (let k = 0; k < rows.length / 70; k++) this.frames.set(first + k, rows.subarray(70 * k, 70 * k + 70));
    for (const number of this.frames.keys()) if (number < first - 50) this.frames.delete(number);
    this.last = first + rows.length / 70 - 1;
    const gone = this.gaps.reduce((sum, [number, count]) => sum + (number < first ? count : 0), 0);
    const came = now - ((first - gone) * 1000) / this.fps;
    this.arrivals.push(came);
    if (this.arrivals.length > RECENT) this.arrivals.shift();
    if (this.began === null) {
      this.began = came + FIRST_MARGIN;
      this.seenAt = now;
      return 0;
    }
    const late = came - this.shownAt(0);
    const wait = late > MISSED ? late + MARGIN : late > 0 ? Math.max(this.wanted() - this.shownAt(0), 0) : 0;
    this.began += wait;
    this.shifts += wait;
    return wait;
  }

  /** Where frame 0 should be, for pieces like the recent ones to be there in time. */
  wanted() {
    const sorted = [...this.arrivals].sort((a, b) => b - a);
    return sorted[sorted.length > ENOUGH ? ODD : 0] + MARGIN;
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
      this.arrivals = this.arrivals.map((one) => one - step);
      ahead += step;
    }
    return ahead;
  }

  /** The pieces to come are so many ms earlier, because their sound was sent ahead of its time: what is there until then
   * is gone through twice as fast. */
  hasten(ms) {
    if (this.began === null) return;
    this.ahead += ms;
    this.arrivals = this.arrivals.map((one) => one - ms);
  }

  shownAt(frame) {
    return this.began === null ? null : this.began - this.ahead + (frame * 1000) / this.fps;
  }

  /** Whether something else than what was drawn last is to be shown at this moment. */
  changes(now) {
    return this.gaps.length > 0 || (this.at(now)?.[0] ?? null) !== this.drawn;
  }

  /** This frame was drawn for the first time. What came too late itself says nothing of drawing. */
  seen(frame, now) {
    const late = now - this.shownAt(frame);
    if (frame <= this.last && late >= 0 && late < MISSED) this.lag += SETTLING * (late - this.lag);
  }

  /** [vector, frame] of this moment, or null before the first one. */
  at(now) {
    if (this.began === null) return null;
    const passed = Math.max(now - this.seenAt, 0);
    const slack = this.began - this.wanted();
    let step = 0;
    if (this.ahead > 0) {
      step = Math.min(passed * HASTE, this.ahead);
      this.ahead -= step;
    } else if (!this.steady && slack > 0 && this.arrivals.length > ENOUGH)
      step = Math.min(passed * (slack > FAR ? HURRYING : CATCHING_UP), slack);
    this.began -= step;
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

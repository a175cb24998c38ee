// <moda-stage>: one or more takes of a portrait, moving in step with the sound.
import { readRig } from "./bundle.js";
import { Clock } from "./clock.js";
import { Painter } from "./draw.js";
import { applyEdits, curvesOf } from "./edits.js";
import { LiveMotion } from "./live.js";
import { halfs, TakeMotion } from "./motion.js";
import { applyTrims, needsAll, trimFrame } from "./trims.js";

const ICONS = {
  play: "M7 4v16l13-8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z", full: "M4 9V4h5v2H6v3zM20 9V4h-5v2h3v3zM4 15v5h5v-2H6v-3zM20 15v5h-5v-2h3v-3z",
  loop: "M7 7h9V4l5 4.5-5 4.5v-3H9v4H7zM17 17H8v3l-5-4.5L8 11v3h7v-4h2z",
};
const icon = (name) => `<svg viewBox="0 0 24 24" width="18" height="18" fill="currentColor" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const LARGEST_SIDE = 1024;
const TEMPLATE = `
<style>
  :host { display: block; position: relative; color: inherit; font: inherit; --stage-line: color-mix(in srgb, currentColor 24%, transparent); }
  :host([hidden]) { display: none; }
  .screen { position: relative; background: #101214; border-radius: 8px; overflow: hidden; line-height: 0; }
  canvas { width: 100%; display: block; }
  .choices i { background: var(--stage-ground, #101214); }
  .choices { position: absolute; inset: 0; display: grid; }
  .choices button { all: unset; box-sizing: border-box; cursor: pointer; position: relative; border: 3px solid transparent; min-width: 44px; min-height: 44px; }
  .choices button[aria-pressed="true"] { border-color: #4da3ff; border-radius: 8px; }
  .choices button:focus-visible { outline: 3px solid #ffd54d; outline-offset: -6px; border-radius: 8px; }
  .choices span { position: absolute; left: 6px; bottom: 6px; font: 600 13px/1.3 system-ui, sans-serif; color: #fff; background: rgba(10,12,15,.78); padding: 2px 8px; border-radius: 6px; }
  .mark { position: absolute; right: 6px; top: 6px; font: 600 12.5px/1.3 system-ui, sans-serif; color: #fff; background: rgba(10,12,15,.78); padding: 2px 8px; border-radius: 6px; pointer-events: none; }
  .mark:empty { display: none; }
  .bar { display: flex; align-items: center; gap: 5px; padding: 6px 2px; }
  .bar svg { display: block; margin: auto; }
  .bar button, .bar select { font: inherit; font-size: 14px; color: inherit; background: transparent; border: 1px solid var(--stage-line); border-radius: 6px; min-height: 36px; min-width: 36px; padding: 0 6px; cursor: pointer; }
  .bar select option { color: #111; background: #fff; }
  .bar button[aria-pressed="true"] { background: color-mix(in srgb, currentColor 16%, transparent); }
  .bar :focus-visible { outline: 3px solid #4da3ff; outline-offset: 1px; }
  .bar input { flex: 1 1 60px; min-width: 40px; accent-color: #4da3ff; min-height: 36px; }
  .time { font-variant-numeric: tabular-nums; font-size: 13px; white-space: nowrap; }
  .say { padding: 8px 2px; font-size: 14px; }
  .say:empty { display: none; }
  :host(:fullscreen) { background: #000; color: #fff; display: grid; place-content: center; padding: 8px; }
  :host(:fullscreen) .screen { width: min(96vw, calc((100vh - 80px) * var(--shape, 1))); }
  :host([plain]) .bar { display: none; }
</style>
<div class="screen" part="screen"><canvas></canvas><div class="choices"></div><div class="mark"></div></div>
<div class="bar" part="bar">
  <button class="play" aria-label="Play"></button>
  <input class="scrub" type="range" min="0" max="1" step="0.01" value="0" aria-label="Position in seconds">
  <span class="time" aria-hidden="true"></span>
  <button class="loop" aria-pressed="false" aria-label="Loop" title="Loop"></button>
  <select class="speed" aria-label="Speed"></select>
  <button class="full" aria-label="Full screen" title="Full screen"></button>
</div>
<div class="say" role="status"></div>
<slot></slot>`;

export class StageElement extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" }).innerHTML = TEMPLATE;
    const find = (name) => this.shadowRoot.querySelector(name);
    this.canvas = find("canvas");
    this.ui = { play: find(".play"), scrub: find(".scrub"), time: find(".time"), loop: find(".loop"), speed: find(".speed"),
      full: find(".full"), say: find(".say"), choices: find(".choices"), mark: find(".mark"), bar: find(".bar"), screen: find(".screen"), slot: find("slot") };
    this.clock = new Clock();
    this.takes = [];
    this.chosen = 0;
    this.edits = new Map();
    this.drawn = { seconds: -1, frames: 0, spent: 0 };
    this.wire();
  }

  static get observedAttributes() { return ["src-rig", "src-motion", "src-sound", "loop", "speed"]; }

  connectedCallback() {
    if (this.tick) return;
    this.sizes = new ResizeObserver(() => this.refresh());
    this.sizes.observe(this);
    const tick = () => {
      this.tick = requestAnimationFrame(tick);
      // Live frames come 25 times a second: drawn once each, they leave the machine to who makes them.
      if (this.clock.playing || this.stale || this.live?.changes(performance.now())) this.paint();
    };
    this.tick = requestAnimationFrame(tick);
  }

  disconnectedCallback() {
    // A page that moves elements about takes them out and puts them back at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      cancelAnimationFrame(this.tick);
      this.tick = null;
      this.sizes?.disconnect();
      this.clock.stop();
    });
  }

  attributeChangedCallback(name, _, value) {
    if (name === "loop") this.change({ loop: value !== null });
    else if (name === "speed") this.change({ rate: Number(value) || 1 });
    else if (value) this.fetched(name, value);
  }

  async fetched(name, url) {
    const answer = await fetch(url);
    if (!answer.ok) return this.fail(`${url.split("/").pop()} could not be fetched.`, "fetch");
    const bytes = await answer.arrayBuffer();
    if (name === "src-rig") await this.setRig(bytes);
    else if (name === "src-motion") await this.setTakes([{ name: "", motion: bytes }]);
    else await this.setSound(bytes);
  }

  // ---- what is shown ----

  /** A rig bundle (ArrayBuffer). */
  async setRig(bytes) {
    try {
      const rig = await readRig(bytes);
      if (!this.painter) {
        this.painter = new Painter(this.canvas);
        this.canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); this.lost = true; this.tell("stage-lost"); });
        this.canvas.addEventListener("webglcontextrestored", () => { this.painter.restore(); this.lost = false; this.refresh(); this.tell("stage-restored"); });
      }
      this.painter.setRig(rig);
    } catch (error) {
      return this.fail(error.message, error.code ?? "rig");
    }
    this.ui.say.textContent = "";
    this.ui.screen.hidden = this.ui.bar.hidden = false;
    this.ui.slot.hidden = true;
    const waiting = this.pending;
    this.pending = null;
    if (waiting) await this.setTakes(waiting);
    else this.showRest();
  }

  /** takes: [{name, motion, trims}]; motion: ArrayBuffer of all of it, or {fetch: async (chunk) => ArrayBuffer}; trims:
   * what is laid over it by name, as in Settings, or nothing where the motion has them already. */
  async setTakes(takes) {
    if (!this.painter?.rig) { this.pending = takes; return; }
    try {
      const made = takes.map((take) => this.readTake(take.name ?? "", take.motion, take.trims));
      await Promise.all(made.map((take) => take.motion.ready));
      this.takes = made;
    } catch (error) {
      return this.fail(error.message, "motion");
    }
    this.live = null;
    this.ui.mark.textContent = "";
    this.chosen = Math.min(this.chosen, Math.max(this.takes.length - 1, 0));
    this.edits.clear();
    for (const [number, take] of this.takes.entries()) if (take.trims && needsAll(take.trims)) this.shape(number);
    this.clock.duration = Math.max(0, ...this.takes.map((take) => take.motion.seconds));
    if (this.clock.offset > this.clock.duration) this.clock.offset = 0;
    this.ui.scrub.max = String(this.clock.duration);
    this.choices();
    this.refresh();
    this.tell("stage-ready", { takes: this.takes.length, seconds: this.clock.duration });
  }

  readTake(name, source, trims) {
    const take = { name, trims: trims ?? null, motion: new TakeMotion(source, this.painter.puppet, () => (this.stale = true)), base: null };
    this.trimRows(take);
    return take;
  }

  trimRows(take) {
    const { rig, puppet } = this.painter;
    take.motion.trim = take.trims && ((row) => trimFrame(row, take.motion, take.trims, puppet, rig.header.editing, rig.arrays.write));
  }

  /** Another sample of one take, as long as the one before (frames x 70): trims, edits and playing go on. said: what stands
   * in the corner of the picture meanwhile. */
  async setSampled(number, frames, said = "") {
    const take = this.takes[number];
    if (!take) return;
    take.motion.put(frames);
    take.base = null;
    const curves = await this.shape(number);
    if (!curves) return;
    this.ui.mark.textContent = said;
    this.tell("stage-shaped", { take: number, curves });
  }

  /** Other trims of one take; the face follows before this resolves. */
  async setTrims(number, trims) {
    const take = this.takes[number];
    if (!take) return;
    take.trims = trims;
    this.trimRows(take);
    // A long take that was looked at here and there is not fetched for what each frame can have by itself.
    if (take.motion.shaped || !take.motion.fetch || needsAll(trims)) {
      const curves = await this.shape(number);
      if (curves) this.tell("stage-shaped", { take: number, curves });
    }
    this.refresh();
  }

  /** Edits laid over the motion as it was given, trims in; [] takes them off. Resolves to the curves that result. */
  async setEdits(number, edits, rules = {}) {
    if (!this.takes[number]) return null;
    this.edits.set(number, { edits, rules });
    return this.shape(number);
  }

  /** Lays trims and edits over a take; resolves to the curves that result, or null when the take is gone. */
  async shape(number) {
    const take = this.takes[number];
    const { rig, puppet } = this.painter;
    const { editing } = rig.header;
    const sampled = await take.motion.whole();
    if (this.takes[number] !== take) return null;
    const { frames, fps, reference, neutral } = take.motion;
    if (!take.base || take.base.trims !== take.trims) {
      const array = take.trims ? applyTrims({ array: sampled, frames, fps, reference, neutral }, take.trims, puppet, editing, rig.arrays.write) : sampled;
      take.base = { trims: take.trims, array, curves: curvesOf(array, frames, puppet, neutral, editing) };
    }
    const { array, curves } = take.base;
    const { edits, rules } = this.edits.get(number) ?? { edits: [], rules: {} };
    const done = applyEdits({ array, frames, fps, reference }, curves, edits, rules, puppet, editing, rig.arrays.write);
    take.motion.shaped = done.array;
    this.refresh();
    return done.curves;
  }

  /** Any sound file the browser decodes (ArrayBuffer), or null. */
  async setSound(bytes) {
    try { await this.clock.setSound(bytes); }
    catch { return this.fail("This sound cannot be played by this browser.", "sound"); }
    if (!this.clock.duration && this.clock.buffer) this.clock.duration = this.clock.buffer.duration;
  }

  /** Before live frames: the vector that shows the portrait as it is (70) and its neutral expression (63). */
  start(reference, neutral, fps = 25) {
    this.clock.stop();
    const [from, rest] = [Float32Array.from(reference), Float32Array.from(neutral)];
    this.live = new LiveMotion(from, rest, fps);
    this.live.atRest = Array.from(this.painter.puppet.read(from, rest));
    this.refresh();
  }

  /** Live frames, see LiveMotion.push; "stage-shift" tells by how many ms they came late, and what is
   * shown with them; below 0 where frames were left out. */
  push(bytes) {
    if (!this.live) {
      const row = halfs(new Uint16Array(bytes.slice(4, 144)));
      this.start(row, row.subarray(0, 63));
    }
    const shift = this.live.push(bytes, performance.now());
    if (shift > 0) this.tell("stage-shift", { ms: shift });
  }

  /** No more live frames: the face stays as it is. */
  finish() {
    this.live = null;
  }

  // ---- playing ----

  async play() {
    await this.clock.play();
    this.buttons();
    this.tell("stage-play");
  }

  pause() {
    this.clock.stop();
    this.buttons();
    this.refresh();
    this.tell("stage-pause");
  }

  async seek(seconds) {
    await this.clock.seek(seconds);
    this.refresh();
  }

  async change(changes) {
    await this.clock.change(changes);
    this.buttons();
  }

  get position() { return this.clock.position(); }
  get playing() { return this.clock.playing; }
  get duration() { return this.clock.duration; }

  choose(number, told = true) {
    this.chosen = number;
    this.choices();
    if (told) this.tell("stage-choose", { take: number });
  }

  // ---- drawing ----

  refresh() { this.stale = true; }

  layout() {
    const count = Math.max(this.takes.length, 1);
    const width = this.clientWidth || 512;
    const columns = width < (count === 4 ? 640 : 480) ? Math.min(count, 2) : Math.min(count, 4);
    const rows = Math.ceil(count / columns);
    const wanted = (Math.min(width, 1600) / columns) * (window.devicePixelRatio || 1);
    const most = Number(this.getAttribute("max-side")) || LARGEST_SIDE;
    const side = Math.max(64, Math.min(Math.round(wanted / 2) * 2, most));
    if (this.canvas.width !== side * columns || this.canvas.height !== side * rows) {
      this.canvas.width = side * columns;
      this.canvas.height = side * rows;
    }
    this.style.setProperty("--shape", columns / rows);
    this.ui.choices.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
    return { side, place: (k) => ({ x: side * (k % columns), y: side * (rows - 1 - Math.floor(k / columns)), side }) };
  }

  paint() {
    if (!this.painter?.rig || this.lost) return;
    const began = performance.now();
    const seconds = this.clock.position();
    this.stale = false;
    const { place } = this.layout();
    if (this.live) this.paintLive(place(0));
    else {
      let all = true;
      this.takes.forEach((take, k) => {
        const vector = take.motion.at(Math.min(seconds, take.motion.seconds - 0.5 / take.motion.fps));
        if (!vector) { all = false; return; }
        this.painter.draw(vector, take.motion, Math.max(seconds - 0.5 / take.motion.fps, 0), place(k));
      });
      if (!all) this.stale = true;
      if (!this.takes.length) this.showRest();
    }
    this.drawn = { seconds, frames: this.drawn.frames + 1, spent: performance.now() - began };
    this.progress(seconds);
    this.tell("stage-frame", { seconds, heard: this.clock.context ? this.clock.heard() : null, at: began });
    if (this.clock.playing && !this.clock.loop && this.clock.duration > 0 && seconds >= this.clock.duration) {
      this.clock.stop();
      this.buttons();
      this.tell("stage-pause");
      this.tell("stage-end");
    }
  }

  paintLive(place) {
    const { live } = this, now = performance.now();
    const ahead = live.leap(now);
    if (ahead > 0) this.tell("stage-shift", { ms: -ahead });
    const found = live.at(now);
    const fresh = found && found[0] !== live.drawn;
    live.drawn = found && found[0];
    if (!found) return this.takes.length ? undefined : this.showRest();
    this.painter.draw(found[0], live, found[1] / live.fps, place);
    this.liveFrame = found[1];
    if (fresh) live.seen(found[1], performance.now());
  }

  /** Frame i of one take, alone and exact: for exports and tests. */
  drawFrame(number, index) {
    const { motion } = this.takes[number];
    const { place } = this.layout();
    const vector = motion.frame(index);
    if (!vector) return false;
    this.painter.draw(vector, motion, index / motion.fps, place(number));
    return true;
  }

  /** The portrait as it is, before there is any motion. */
  showRest() {
    const { rig } = this.painter;
    if (!rig) return;
    const reference = new Float32Array(70);
    reference[63] = 1;
    const neutral = reference.subarray(0, 63);
    const atRest = this.painter.puppet.names.map((name) => (name === "jaw_open" ? rig.header.gap / rig.header.jawGap : 0));
    // Expression zero reads as every action 0: the mouth's own gap is taken off again by what rests.
    const vector = reference.slice();
    for (let k = 0; k < 63; k++) vector[k] = rig.arrays.write[k * atRest.length + this.painter.puppet.index.jaw_open] * atRest[this.painter.puppet.index.jaw_open];
    const { place } = this.layout();
    this.painter.draw(vector, { reference, neutral, atRest }, 0, place(0));
  }

  // ---- page ----

  wire() {
    const { ui } = this;
    ui.play.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    ui.scrub.addEventListener("input", () => this.seek(Number(ui.scrub.value)));
    ui.loop.addEventListener("click", () => this.change({ loop: !this.clock.loop }));
    for (const speed of SPEEDS) ui.speed.add(new Option(`${speed}×`, String(speed), speed === 1, speed === 1));
    ui.speed.addEventListener("change", () => this.change({ rate: Number(ui.speed.value) }));
    ui.full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen?.()));
    this.addEventListener("keydown", (event) => {
      if (event.target !== this || event.composedPath()[0].tagName === "SELECT") return;
      if (event.key === " " && event.composedPath()[0].tagName !== "BUTTON") { ui.play.click(); event.preventDefault(); }
    });
    ui.slot.hidden = true;
    ui.loop.innerHTML = icon("loop");
    ui.full.innerHTML = icon("full");
    this.buttons();
    this.progress(0);
  }

  buttons() {
    const { ui, clock } = this;
    ui.play.innerHTML = icon(clock.playing ? "pause" : "play");
    ui.play.setAttribute("aria-label", clock.playing ? "Pause" : "Play");
    ui.loop.setAttribute("aria-pressed", String(clock.loop));
    ui.speed.value = String(clock.rate);
  }

  progress(seconds) {
    const { ui, clock } = this;
    const text = `${seconds.toFixed(1)} / ${clock.duration.toFixed(1)} s`;
    if (ui.time.textContent === text) return;
    ui.time.textContent = text;
    if (this.shadowRoot.activeElement !== ui.scrub || clock.playing) ui.scrub.value = String(seconds);
    ui.scrub.setAttribute("aria-valuetext", `${seconds.toFixed(1)} seconds`);
  }

  choices() {
    const { choices } = this.ui;
    choices.replaceChildren();
    if (this.takes.length < 2) return;
    this.takes.forEach((take, k) => {
      const button = document.createElement("button");
      button.setAttribute("aria-pressed", String(k === this.chosen));
      const label = document.createElement("span");
      label.textContent = take.name || `Take ${k + 1}`;
      button.append(label);
      button.addEventListener("click", () => this.choose(k));
      choices.append(button);
    });
    // The last place of two by two, when three are shown.
    if (this.takes.length === 3) choices.append(document.createElement("i"));
  }

  fail(sentence, code) {
    this.ui.say.textContent = sentence;
    if (code === "no-webgl") {
      this.ui.screen.hidden = this.ui.bar.hidden = true;
      this.ui.slot.hidden = false;
    }
    this.tell("stage-error", { sentence, code });
  }

  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get("moda-stage")) customElements.define("moda-stage", StageElement);

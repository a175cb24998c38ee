// <moda-lanes>: the trajectories of a take as lanes, to be dragged, held, smoothed and sprinkled with gestures.

const SHOWN = { mouth: ["jaw_open", "pucker", "lips_press"], smile: ["smile"], brows: ["brow_raise", "brow_furrow"],
  eyes: ["blink_left", "blink_right"], gaze: ["gaze_x", "gaze_y"], head: ["pitch", "yaw", "roll"] };
const PARTS = { gaze: { x: "x (sideways)", y: "y (up, down)" }, head: { pitch: "pitch (nod)", yaw: "yaw (turn)", roll: "roll (tilt)" } };
const CURVE_NAMES = { jaw_open: "jaw", lips_press: "press", brow_raise: "raise", brow_furrow: "furrow", blink_left: "left", blink_right: "right", gaze_x: "x", gaze_y: "y" };
const USUAL = { head: "nod", eyes: "blink", smile: "smile", brows: "brow raise", gaze: "look right", mouth: "frown" };
const OFFERED = ["nod", "shake", "tilt left", "tilt right", "blink", "wink left", "wink right", "squint", "smile", "frown",
  "brow raise", "furrow", "look left", "look right", "look up", "look down"];
const COLOURS = ["#3d8bfd", "#e8833a", "#2fa866"];
const HEIGHT = 58;
const BAR = 6; // height of an edit's bar below its curves, and how far around it a hand may be
const BAR_REACH = 14;
const WORD_SLIDES = 12; // px by which a word may stand too far right, so that there is room for it
const FRAME = 0.04;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120];
const HINT = "Drag along a lane to select a stretch, then drag it up or down. The menu adds gestures at the playhead.";
const LANES_TEMPLATE = `
<style>
  :host { display: block; container-type: inline-size; color: inherit; font: 14px/1.35 system-ui, sans-serif; --line: color-mix(in srgb, currentColor 22%, transparent); }
  :host([hidden]) { display: none; }
  .tools { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 8px; }
  .tools > span { display: inline-flex; flex-wrap: wrap; gap: 6px; align-items: center; }
  button, select { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px; min-height: 34px; padding: 0 10px; cursor: pointer; }
  select option { color: #111; background: #fff; }
  button:disabled { opacity: .45; cursor: default; }
  :focus-visible { outline: 3px solid #3d8bfd; outline-offset: 1px; }
  label { display: inline-flex; gap: 5px; align-items: center; min-height: 34px; }
  input[type=checkbox] { width: 18px; height: 18px; accent-color: #3d8bfd; }
  .lane { display: grid; grid-template-columns: 168px 1fr; align-items: stretch; border-top: 1px solid var(--line); }
  .lanes { border-bottom: 1px solid var(--line); }
  .name { padding: 4px 8px 2px 0; min-width: 0; }
  .title { display: flex; justify-content: space-between; align-items: center; gap: 8px; font-weight: 600; }
  .title select { font-weight: 400; font-size: 12.5px; min-height: 26px; max-width: 106px; padding: 0 2px; }
  .legend { display: flex; flex-wrap: wrap; gap: 0 9px; font-size: 12px; opacity: .85; }
  .legend i { display: inline-block; width: 11px; height: 3px; border-radius: 2px; margin-right: 4px; vertical-align: 3px; }
  canvas { width: 100%; height: ${HEIGHT}px; display: block; touch-action: pan-y; cursor: crosshair; }
  .axis { height: 22px; cursor: pointer; touch-action: none; }
  .quiet .title { font-weight: 400; font-size: 12.5px; opacity: .85; }
  .spoken[hidden] { display: none; }
  .words { position: relative; height: 40px; overflow: hidden; font-size: 12.5px; line-height: 18px; cursor: pointer; }
  .words span { position: absolute; top: 1px; height: 18px; padding: 0 3px; white-space: nowrap; border-left: 1px solid var(--line); box-sizing: border-box; }
  .words .low { top: 20px; }
  .words .tick { width: 1px; padding: 0; overflow: hidden; color: transparent; }
  .words [aria-current="true"] { background: #2b6fd6; color: #fff; z-index: 1; border-radius: 0 4px 4px 0; width: auto; overflow: visible; padding: 0 3px; }
  .chips { display: flex; flex-wrap: wrap; gap: 6px; margin: 8px 0 0; padding: 0; list-style: none; }
  .chips li { display: inline-flex; }
  .chips button:first-child { border-radius: 16px 0 0 16px; border-right: 0; min-height: 32px; }
  .chips button:last-child { border-radius: 0 16px 16px 0; min-height: 32px; padding: 0 9px; }
  .chips [aria-current="true"] { background: color-mix(in srgb, #3d8bfd 26%, transparent); }
  .say { min-height: 1.4em; margin-top: 6px; font-size: 13px; opacity: .9; }
  @container (max-width: 519px) {
    .lane { grid-template-columns: 1fr; }
    .name { display: flex; align-items: center; gap: 12px; padding: 3px 0 0; }
    .title select { max-width: none; }
    .quiet .name { display: none; }
    .tools { gap: 8px; }
    .tools button, .tools select { padding: 0 8px; }
  }
</style>
<div class="tools" role="toolbar" aria-label="Edit the motion">
  <span><button class="undo" title="Ctrl+Z">Undo</button><button class="redo" title="Ctrl+Shift+Z">Redo</button></span>
  <span><select class="gesture" aria-label="Gesture"></select><button class="add">Add at playhead</button></span>
  <span><button class="louder" disabled title="+">Scale up</button><button class="softer" disabled title="-">Scale down</button>
  <button class="hold" disabled title="H">Hold</button><button class="smooth" disabled title="S">Smooth</button></span>
  <span><label><input type="checkbox" class="lips"> Lock lips</label>
  <label><input type="checkbox" class="limits" checked> People's limits</label></span>
  <span>Zoom <button class="wider" aria-label="Zoom out">&minus;</button><button class="closer" aria-label="Zoom in">+</button></span>
</div>
<div class="lane quiet"><div class="name"><div class="title">time</div></div><canvas class="axis" aria-hidden="true"></canvas></div>
<div class="lane quiet spoken" hidden><div class="name"><div class="title">words</div></div><div class="words" aria-hidden="true"></div></div>
<div class="lanes"></div>
<ul class="chips" aria-label="Edits"></ul>
<div class="say" role="status"></div>`;

export class LanesElement extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" }).innerHTML = LANES_TEMPLATE;
    const find = (name) => this.shadowRoot.querySelector(name);
    this.ui = Object.fromEntries(["undo", "redo", "gesture", "add", "louder", "softer", "hold", "smooth", "lips", "limits",
      "closer", "wider", "axis", "spoken", "words", "lanes", "chips", "say"].map((name) => [name, find(`.${name}`)]));
    this.books = new Map(); // take -> {edits, rules, past, future}
    this.chosen = null; // {lane, from, to}
    this.current = -1; // number of the edit whose chip is chosen
    this.view = null; // seconds shown
    this.rows = [];
    this.busy = null;
    this.wire();
  }

  /** The <moda-stage> that these lanes shape. */
  set stage(element) {
    this.element = element;
    element.addEventListener("stage-ready", () => this.begin());
    element.addEventListener("stage-choose", () => this.begin());
    element.addEventListener("stage-frame", () => this.drawSoon());
    element.addEventListener("stage-shaped", ({ detail }) => {
      if (detail.take !== this.take) return;
      this.curves = detail.curves;
      this.drawSoon();
    });
    if (element.takes?.length) this.begin();
  }
  get stage() { return this.element; }

  get take() { return this.element?.chosen ?? 0; }
  get book() {
    if (!this.books.has(this.take)) this.books.set(this.take, { edits: [], rules: { limits: true, lock_lips: false }, past: [], future: [] });
    return this.books.get(this.take);
  }
  get edits() { return this.book.edits.map((edit) => ({ ...edit })); }
  set edits(edits) {
    Object.assign(this.book, { edits: edits.map((edit) => ({ ...edit })), past: [], future: [] });
    this.show();
  }
  get rules() { return { ...this.book.rules }; }
  set rules(rules) {
    Object.assign(this.book.rules, rules);
    this.show();
  }

  /** What is said: [{start, end, text}] in seconds; [] hides the row above the lanes. A click on a word goes there. */
  set words(words) {
    this.said = words ?? [];
    this.ui.spoken.hidden = !this.said.length;
    this.drawSoon();
  }
  get words() { return this.said ?? []; }

  /** Forgets every edit of every take: for a new plan. */
  reset() {
    this.books.clear();
    this.chosen = null;
    this.current = -1;
    if (this.element?.takes?.length) this.begin();
  }

  async begin() {
    this.tables = this.element.painter.rig.header.editing;
    if (!this.rows.length) this.build();
    const { seconds } = this.element.takes[this.take].motion;
    this.seconds = seconds;
    if (!this.view || this.view[1] > seconds || this.view[0] >= seconds) this.view = [0, Math.min(seconds, 60)];
    this.chosen = null;
    this.current = -1;
    this.say(this.book.edits.length ? "" : HINT);
    await this.show();
  }

  build() {
    for (const name of OFFERED) if (name in this.tables.gestures) this.ui.gesture.add(new Option(name, name));
    for (const lane of Object.keys(this.tables.lanes)) {
      const row = document.createElement("div");
      row.className = "lane";
      const shown = (SHOWN[lane] ?? []).filter((t) => this.tables.lanes[lane].includes(t));
      const name = document.createElement("div");
      name.className = "name";
      const title = document.createElement("div");
      title.className = "title";
      title.textContent = lane;
      name.append(title);
      const canvas = document.createElement("canvas");
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-label", `Lane ${lane}: Shift with left or right selects, up and down move, plus and minus scale, H holds, S smooths, Enter adds a ${USUAL[lane]}`);
      let part = null;
      if (PARTS[lane]) {
        part = document.createElement("select");
        part.setAttribute("aria-label", `Part of ${lane} that is moved`);
        for (const [value, text] of Object.entries(PARTS[lane])) part.add(new Option(text, value));
        part.addEventListener("change", () => this.drawSoon());
        title.append(part);
      }
      if (shown.length > 1) name.append(legend(shown));
      row.append(name, canvas);
      this.ui.lanes.append(row);
      const made = { lane, canvas, part, shown };
      this.rows.push(made);
      this.wireRow(made);
    }
    this.sizes = new ResizeObserver(() => this.drawSoon());
    this.sizes.observe(this.ui.lanes);
  }

  // ---- edits ----

  laneOf(row) { return row.part ? `${row.lane}.${row.part.value}` : row.lane; }

  /** Replaces the edits; they can be undone. `quiet`: an unfinished drag, nothing is told yet. */
  async set(edits, { quiet = false } = {}) {
    const { book } = this;
    if (quiet) { this.draft = edits; return this.show(); }
    this.draft = null;
    book.past.push(book.edits);
    book.future = [];
    book.edits = edits;
    await this.show();
    this.tell();
  }

  async step(from, to) {
    const { book } = this;
    if (!book[from].length) return;
    book[to].push(book.edits);
    book.edits = book[from].pop();
    this.current = -1;
    await this.show();
    this.say(from === "past" ? "Undone." : "Done again.");
    this.tell();
  }
  undo() { return this.step("past", "future"); }
  redo() { return this.step("future", "past"); }

  /** turn: grows from one change to the next, so that whoever hears of an older one later knows. */
  tell() {
    this.turn = Math.max(Date.now(), (this.turn ?? 0) + 1);
    const detail = { take: this.take, edits: this.edits, rules: this.rules, turn: this.turn };
    this.dispatchEvent(new CustomEvent("edits-change", { bubbles: true, composed: true, detail }));
  }

  /** Clamped to what the kind allows and to the take; null where nothing would be left. */
  fitted(edit) {
    const [, low, high] = this.tables.kinds[edit.kind].amount;
    const round = (v, to) => Math.round(v / to) * to;
    const length = Math.min(Math.max(round(edit.length, FRAME), FRAME), this.seconds);
    const start = Math.min(Math.max(round(edit.start, FRAME), 0), Math.max(this.seconds - length, 0));
    const amount = Math.min(Math.max(edit.amount, low), high);
    return { ...edit, start: tidy(start), length: tidy(length), amount: tidy(amount) };
  }

  addEdit(edit) {
    const made = this.fitted(edit);
    this.current = this.book.edits.length;
    this.say(`${made.kind.replace("_", " ")} on ${made.lane}, ${made.start} s.`);
    return this.set([...this.book.edits, made]);
  }

  addGesture(name, at = this.element.position) {
    const [lane, kind, sign] = this.tables.gestures[name];
    const { amount, length } = this.tables.kinds[kind];
    return this.addEdit({ lane, kind, start: at, length, amount: sign * amount[0] });
  }

  curveEdit(kind, amount) {
    if (!this.chosen) return null;
    const { row, from, to } = this.chosen;
    return { lane: this.laneOf(row), kind, start: from, length: to - from, amount };
  }

  /** Adds a curve edit, or goes on with the last one when it is of the same stretch. */
  async nudge(kind, change, first) {
    const edit = this.curveEdit(kind, first);
    if (!edit) return this.say("Select a stretch first: drag along a lane.");
    const last = this.book.edits.at(-1);
    if (last && last.kind === kind && last.lane === edit.lane && Math.abs(last.start - edit.start) < FRAME / 2 && Math.abs(last.length - edit.length) < FRAME / 2) {
      this.current = this.book.edits.length - 1;
      return this.set([...this.book.edits.slice(0, -1), this.fitted({ ...last, amount: change(last.amount) })]);
    }
    return this.addEdit(edit);
  }

  changeCurrent(changes) {
    const edits = this.edits;
    const edit = edits[this.current];
    if (!edit) return null;
    edits[this.current] = this.fitted({ ...edit, ...changes(edit) });
    return this.set(edits);
  }

  async removeEdit(number) {
    this.say(`${this.book.edits[number].kind.replace("_", " ")} removed.`);
    this.current = -1;
    await this.set(this.book.edits.filter((_, k) => k !== number));
    // What had the focus is gone: keys go on from its neighbour.
    const left = Math.min(number, this.book.edits.length - 1);
    (this.ui.chips.querySelector(`[data-edit="${left}"]`) ?? this.ui.undo).focus();
  }

  // ---- page ----

  say(text) { this.ui.say.textContent = text; }

  /** Shows the edits on stage, as curves and as chips. A call while another is busy waits for its turn, the last wins. */
  async show() {
    if (!this.element?.takes?.length || !this.tables) return;
    this.again = true;
    if (this.busy) return this.busy;
    this.busy = (async () => {
      while (this.again) {
        this.again = false;
        this.curves = await this.element.setEdits(this.take, this.draft ?? this.book.edits, this.book.rules);
      }
    })();
    try { await this.busy; } finally { this.busy = null; }
    this.chips();
    this.tools();
    this.draw();
  }

  tools() {
    const { ui, book } = this;
    ui.undo.disabled = !book.past.length;
    ui.redo.disabled = !book.future.length;
    for (const name of ["louder", "softer", "hold", "smooth"]) ui[name].disabled = !this.chosen;
    // A finger moves what is selected up and down; elsewhere it scrolls the page.
    for (const row of this.rows) row.canvas.style.touchAction = this.chosen?.row === row ? "none" : "";
    ui.lips.checked = book.rules.lock_lips;
    ui.limits.checked = book.rules.limits;
  }

  chips() {
    const focused = this.shadowRoot.activeElement?.dataset?.edit;
    this.ui.chips.replaceChildren();
    (this.draft ?? this.book.edits).forEach((edit, k) => {
      const item = document.createElement("li");
      const chip = document.createElement("button");
      chip.dataset.edit = String(k);
      chip.setAttribute("aria-current", String(k === this.current));
      chip.textContent = `${edit.kind.replace("_", " ")}${named(edit)} ${edit.start.toFixed(1)} s`;
      chip.setAttribute("aria-label", `${edit.kind.replace("_", " ")} on ${edit.lane} from ${edit.start} s for ${edit.length} s, amount ${edit.amount}; arrow keys change it, Delete removes it`);
      chip.addEventListener("click", () => this.pick(k));
      const remove = document.createElement("button");
      remove.textContent = "×";
      remove.setAttribute("aria-label", `Remove ${edit.kind.replace("_", " ")} at ${edit.start} s`);
      remove.addEventListener("click", () => this.removeEdit(k));
      item.append(chip, remove);
      this.ui.chips.append(item);
    });
    if (focused !== undefined) this.ui.chips.querySelector(`[data-edit="${Math.min(Number(focused), this.book.edits.length - 1)}"]`)?.focus();
  }

  pick(number) {
    const edit = this.book.edits[number];
    this.current = number;
    const row = this.rows.find((r) => r.lane === edit.lane.split(".")[0]);
    const part = edit.lane.split(".")[1];
    if (row?.part && part && [...row.part.options].some((o) => o.value === part)) row.part.value = part;
    this.chosen = row ? { row, from: edit.start, to: edit.start + edit.length } : null;
    this.element.seek(edit.start + edit.length / 2);
    this.chips();
    this.tools();
    this.draw();
  }

  wire() {
    const { ui } = this;
    ui.undo.addEventListener("click", () => this.undo());
    ui.redo.addEventListener("click", () => this.redo());
    ui.add.addEventListener("click", () => this.tables && this.addGesture(ui.gesture.value));
    ui.louder.addEventListener("click", () => this.nudge("scale", (a) => a * 1.25, 1.25));
    ui.softer.addEventListener("click", () => this.nudge("scale", (a) => a * 0.8, 0.8));
    ui.hold.addEventListener("click", () => this.addEdit(this.curveEdit("hold", 1)));
    ui.smooth.addEventListener("click", () => this.nudge("smooth", (a) => a * 1.5, 0.12));
    const rules = () => {
      this.book.rules = { limits: ui.limits.checked, lock_lips: ui.lips.checked };
      this.show().then(() => this.tell());
    };
    ui.lips.addEventListener("change", rules);
    ui.limits.addEventListener("change", rules);
    ui.closer.addEventListener("click", () => this.zoom(0.5));
    ui.wider.addEventListener("click", () => this.zoom(2));
    ui.words.addEventListener("click", ({ target }) => {
      if (target.dataset.start) this.element.seek(Number(target.dataset.start));
    });
    this.wireAxis(ui.axis);
    this.shadowRoot.addEventListener("keydown", (event) => this.key(event));
  }

  zoom(factor) {
    if (!this.view) return;
    const middle = Math.min(Math.max(this.element.position, this.view[0]), this.view[1]);
    const span = Math.min(Math.max((this.view[1] - this.view[0]) * factor, 1), this.seconds);
    const from = Math.min(Math.max(middle - span / 2, 0), this.seconds - span);
    this.view = [from, from + span];
    this.draw();
  }

  key(event) {
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    const target = event.target;
    let done = null;
    if (command && letter === "z") done = () => (event.shiftKey ? this.redo() : this.undo());
    else if (command && letter === "y") done = () => this.redo();
    else if (command || event.altKey) return;
    else if (target.dataset?.edit !== undefined) done = this.chipKey(event, Number(target.dataset.edit));
    else if (target.tagName === "CANVAS") done = this.laneKey(event, this.rows.find((row) => row.canvas === target));
    if (!done) return;
    event.preventDefault();
    done();
  }

  chipKey(event, number) {
    const edit = this.book.edits[number];
    if (!edit) return null;
    this.current = number;
    const by = event.shiftKey ? 0.2 : FRAME;
    const [usual, low, high] = this.tables.kinds[edit.kind].amount;
    const more = Math.max(Math.abs(usual) / 8, Math.min((high - low) / 200, 1));
    return {
      ArrowLeft: () => this.changeCurrent((e) => ({ start: e.start - by })),
      ArrowRight: () => this.changeCurrent((e) => ({ start: e.start + by })),
      ArrowUp: () => this.changeCurrent((e) => ({ amount: e.amount + more })),
      ArrowDown: () => this.changeCurrent((e) => ({ amount: e.amount - more })),
      "[": () => this.changeCurrent((e) => ({ length: e.length - by })),
      "]": () => this.changeCurrent((e) => ({ length: e.length + by })),
      Delete: () => this.removeEdit(number),
      Backspace: () => this.removeEdit(number),
    }[event.key] ?? null;
  }

  laneKey(event, row) {
    const at = this.element.position;
    const unit = row.lane === "head" ? 1 : 0.05;
    const select = (by) => {
      if (!this.chosen || this.chosen.row !== row) this.chosen = { row, from: at, to: at };
      const edge = this.chosen.to + by;
      this.chosen.to = Math.min(Math.max(edge, this.chosen.from + FRAME), this.seconds);
      this.tools();
      this.draw();
    };
    const move = (by) => this.nudge("shift", (a) => a + by, by);
    return {
      ArrowLeft: () => (event.shiftKey ? select(-0.2) : this.element.seek(at - FRAME)),
      ArrowRight: () => (event.shiftKey ? select(0.2) : this.element.seek(at + FRAME)),
      ArrowUp: () => move(unit),
      ArrowDown: () => move(-unit),
      "+": () => this.nudge("scale", (a) => a * 1.25, 1.25),
      "=": () => this.nudge("scale", (a) => a * 1.25, 1.25),
      "-": () => this.nudge("scale", (a) => a * 0.8, 0.8),
      h: () => this.chosen && this.addEdit(this.curveEdit("hold", 1)),
      s: () => this.nudge("smooth", (a) => a * 1.5, 0.12),
      Enter: () => this.addGesture(USUAL[row.lane]),
      Escape: () => { this.chosen = null; this.tools(); this.draw(); },
    }[event.key] ?? null;
  }

  // ---- pointer ----

  /** Seconds of the take below a pointer. */
  second(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const at = this.view[0] + ((event.clientX - box.left) / box.width) * (this.view[1] - this.view[0]);
    return Math.min(Math.max(at, 0), this.seconds);
  }

  wireAxis(axis) {
    let down = false;
    const seek = (event) => this.element.seek(this.second(event, axis));
    axis.addEventListener("pointerdown", (event) => {
      if (event.button || !this.view) return;
      axis.setPointerCapture(event.pointerId);
      down = true;
      seek(event);
    });
    axis.addEventListener("pointermove", (event) => down && seek(event));
    for (const name of ["pointerup", "pointercancel"]) axis.addEventListener(name, () => (down = false));
  }

  /** Number of the edit whose bar is below a pointer, or -1; the last one lies on top. */
  barAt(event, row) {
    const box = row.canvas.getBoundingClientRect();
    if (box.bottom - event.clientY > BAR_REACH) return -1;
    const at = this.second(event, row.canvas), near = (6 / box.width) * (this.view[1] - this.view[0]);
    return this.book.edits.findLastIndex((edit) =>
      edit.lane.split(".")[0] === row.lane && at >= edit.start - near && at <= edit.start + edit.length + near);
  }

  /** A drag selects a stretch, lifts the one that is selected, or moves the bar of an edit. */
  wireRow(row) {
    const { canvas } = row;
    let drag = null;
    const second = (event) => this.second(event, canvas);
    const isInside = (event) => this.chosen?.row === row && second(event) >= this.chosen.from && second(event) <= this.chosen.to;
    const moved = (at) => {
      const edits = this.edits, edit = edits[drag.number];
      edits[drag.number] = this.fitted({ ...edit, start: edit.start + at - drag.at });
      return edits;
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !this.curves) return;
      canvas.setPointerCapture(event.pointerId);
      const number = this.barAt(event, row);
      drag = { kind: number >= 0 ? "move" : isInside(event) ? "lift" : "select", number, x: event.clientX, y: event.clientY, at: second(event), moved: false };
      canvas.focus({ preventScroll: true });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.curves) return;
      if (!drag) {
        canvas.style.cursor = this.barAt(event, row) >= 0 ? "ew-resize" : isInside(event) ? "ns-resize" : "crosshair";
        return;
      }
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 3) drag.moved = true;
      if (!drag.moved) return;
      if (drag.kind === "select") {
        const now = second(event);
        this.chosen = { row, from: tidy(Math.min(drag.at, now)), to: tidy(Math.max(drag.at, now)) };
        this.current = -1;
        this.tools();
        this.draw();
      } else if (drag.kind === "move") {
        this.current = drag.number;
        this.chosen = null;
        drag.edits = moved(second(event));
        const edit = drag.edits[drag.number];
        this.say(`${edit.kind.replace("_", " ")} at ${edit.start.toFixed(2)} s`);
        this.set(drag.edits, { quiet: true });
      } else {
        const [low, high] = this.span(row);
        drag.amount = ((drag.y - event.clientY) / HEIGHT) * (high - low);
        const edit = this.fitted(this.curveEdit("shift", drag.amount));
        this.say(`${edit.lane} ${edit.amount >= 0 ? "+" : ""}${edit.amount.toFixed(2)}`);
        this.set([...this.book.edits, edit], { quiet: true });
      }
    });
    const end = (event) => {
      if (!drag) return;
      const { kind, moved, amount, edits, number } = drag;
      drag = null;
      if (event.type === "pointercancel") { this.draft = null; this.show(); return; }
      if (!moved) {
        if (kind === "move") return this.pick(number);
        this.element.seek(second(event));
        if (kind === "select") { this.chosen = null; this.tools(); this.draw(); }
      } else if (kind === "move") this.set(edits);
      else if (kind === "lift" && amount) this.addEdit(this.curveEdit("shift", amount));
      else if (this.chosen && this.chosen.to - this.chosen.from < FRAME) { this.chosen = null; this.draw(); }
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("dblclick", (event) => {
      if (this.barAt(event, row) < 0) this.addGesture(USUAL[row.lane], second(event));
    });
  }

  // ---- drawing ----

  /** Lowest and highest value of a row. */
  span(row) {
    const ranges = row.shown.map((name) => this.tables.ranges[name]);
    const rest = row.lane === "head" ? this.element.takes[this.take].motion.reference.slice(67, 70) : [0, 0, 0];
    let low = Infinity, high = -Infinity;
    row.shown.forEach((name, k) => {
      const share = row.lane === "head" ? 0.75 : 1;
      low = Math.min(low, rest[k] + share * ranges[k][0]);
      high = Math.max(high, rest[k] + share * ranges[k][1]);
    });
    return [low, high];
  }

  drawSoon() {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => { this.planned = null; this.draw(); });
  }

  draw() {
    if (!this.curves || !this.view) return;
    const playhead = this.element.position;
    if (this.element.playing && (playhead < this.view[0] || playhead > this.view[1])) {
      const span = this.view[1] - this.view[0];
      const from = Math.min(playhead, this.seconds - span);
      this.view = [Math.max(from, 0), Math.max(from, 0) + span];
    }
    this.ticks = this.placeTicks();
    this.drawAxis(playhead);
    this.drawWords(playhead);
    for (const row of this.rows) this.drawRow(row, playhead);
  }

  /** Seconds at which the axis has a mark: as many as their numbers leave room for. */
  placeTicks() {
    const [from, to] = this.view;
    const room = ((to - from) * 52) / Math.max(this.ui.axis.clientWidth, 1);
    const step = STEPS.find((one) => one >= room) ?? STEPS.at(-1);
    const made = [];
    for (let k = Math.ceil(from / step - 1e-6); k * step <= to + 1e-6; k++) made.push(k * step);
    return made;
  }

  drawAxis(playhead) {
    const { c, width, height, ratio, x } = this.sheet(this.ui.axis, 22);
    const ink = getComputedStyle(this).color;
    c.font = `${11.5 * ratio}px system-ui, sans-serif`;
    c.textBaseline = "middle";
    c.fillStyle = c.strokeStyle = ink;
    c.lineWidth = ratio;
    for (const t of this.ticks) {
      const text = t >= 60 ? `${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}` : `${tidy(t)} s`;
      const reach = c.measureText(text).width, at = x(t);
      c.globalAlpha = 0.3;
      line(c, at, height - 4 * ratio, at, height);
      c.globalAlpha = 0.85;
      if (at + reach / 2 < width + 2 * ratio) c.fillText(text, Math.max(at - reach / 2, 0), height / 2 - ratio);
    }
    c.globalAlpha = 1;
    if (playhead < this.view[0] || playhead > this.view[1]) return;
    const at = x(playhead), half = 5 * ratio;
    c.fillStyle = COLOURS[0];
    c.beginPath();
    c.moveTo(at - half, height - 9 * ratio);
    c.lineTo(at + half, height - 9 * ratio);
    c.lineTo(at, height);
    c.fill();
  }

  /** The words in view where they are said, in two rows; where there is no room a mark. The one at the playhead is whole. */
  drawWords(playhead) {
    if (!this.words.length) return;
    const { words } = this.ui;
    const [from, to] = this.view;
    const width = words.clientWidth, key = `${from} ${to} ${width}`;
    if (this.placed !== this.words || this.placedView !== key) {
      this.placed = this.words;
      this.placedView = key;
      this.ruler ??= document.createElement("canvas").getContext("2d");
      this.ruler.font = getComputedStyle(words).font;
      const ends = [-Infinity, -Infinity];
      words.replaceChildren(...this.words.filter((word) => word.end > from && word.start < to).map((word) => {
        const span = document.createElement("span");
        span.textContent = span.title = word.text;
        Object.assign(span.dataset, { start: word.start, end: word.end });
        const left = ((word.start - from) / (to - from)) * width;
        const row = ends[0] <= left || ends[0] <= ends[1] ? 0 : 1;
        const shown = Math.max(left, ends[row]), fits = shown - left < WORD_SLIDES;
        if (fits) ends[row] = shown + this.ruler.measureText(word.text).width + 8;
        span.className = fits ? ["", "low"][row] : "tick";
        span.style.left = `${fits ? shown : left}px`;
        return span;
      }));
    }
    for (const span of words.children) {
      const now = playhead >= Number(span.dataset.start) && playhead < Number(span.dataset.end);
      if (now !== (span.ariaCurrent === "true")) span.ariaCurrent = String(now);
    }
  }

  /** A canvas of that height in CSS px, cleared and as sharp as the screen: its context, size, and x of a second. */
  sheet(canvas, tall) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(Math.round(canvas.clientWidth * ratio), 1), height = Math.round(tall * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const c = canvas.getContext("2d");
    c.clearRect(0, 0, width, height);
    const [from, to] = this.view;
    return { c, width, height, ratio, x: (t) => ((t - from) / (to - from)) * width };
  }

  drawRow(row, playhead) {
    const { c, width, height, ratio, x } = this.sheet(row.canvas, HEIGHT);
    const [from, to] = this.view;
    const [low, high] = this.span(row);
    const y = (v) => height - ((Math.min(Math.max(v, low), high) - low) / (high - low)) * (height - 4 * ratio) - 2 * ratio;
    const ink = getComputedStyle(this).color;
    if (this.chosen?.row === row) {
      c.fillStyle = "rgba(61,139,253,.20)";
      c.fillRect(x(this.chosen.from), 0, x(this.chosen.to) - x(this.chosen.from), height);
    }
    (this.draft ?? this.book.edits).forEach((edit, k) => {
      if (edit.lane.split(".")[0] !== row.lane) return;
      c.fillStyle = k === this.current ? "rgba(61,139,253,.95)" : "rgba(61,139,253,.55)";
      c.fillRect(x(edit.start), height - BAR * ratio, Math.max(x(edit.start + edit.length) - x(edit.start), 2 * ratio), BAR * ratio);
    });
    c.strokeStyle = ink;
    c.lineWidth = ratio;
    c.globalAlpha = 0.09;
    for (const t of this.ticks) line(c, x(t), 0, x(t), height);
    c.globalAlpha = 0.25;
    line(c, 0, y(row.lane === "head" ? (low + high) / 2 : 0), width, y(row.lane === "head" ? (low + high) / 2 : 0));
    c.globalAlpha = 1;
    const { fps } = this.element.takes[this.take].motion;
    const active = row.part ? this.tables.parts[row.part.value] ?? row.part.value : row.shown[0];
    row.shown.forEach((name, k) => {
      const curve = this.curves[name];
      c.strokeStyle = COLOURS[k % COLOURS.length];
      c.lineWidth = (name === active ? 2 : 1.1) * ratio;
      c.beginPath();
      const first = Math.max(Math.floor(from * fps) - 1, 0), last = Math.min(Math.ceil(to * fps) + 1, curve.length - 1);
      const every = Math.max(1, (last - first) / (2 * width));
      for (let i = first; i <= last; i += every) { // the largest of each step, so that no blink is lost
        let at = Math.floor(i);
        for (let j = at; j < Math.min(i + every, last + 1); j++) if (Math.abs(curve[j]) > Math.abs(curve[at])) at = j;
        c.lineTo(x((at + 0.5) / fps), y(curve[at]));
      }
      c.stroke();
    });
    if (playhead >= from && playhead <= to) {
      c.strokeStyle = ink;
      c.lineWidth = ratio;
      line(c, x(playhead), 0, x(playhead), height);
    }
  }
}

const tidy = (value) => Math.round(value * 1000) / 1000;

function named(edit) {
  const part = edit.lane.split(".")[1] ?? edit.lane;
  const sign = edit.amount > 0 ? "+" : "";
  if (edit.kind === "shift") return ` ${part} ${sign}${edit.amount.toFixed(edit.lane.startsWith("head") ? 0 : 2)}`;
  if (edit.kind === "scale") return ` ${part} ×${edit.amount.toFixed(2)}`;
  if (edit.kind === "look") return { "gaze.x": edit.amount < 0 ? " left" : " right", "gaze.y": edit.amount < 0 ? " down" : " up" }[edit.lane] ?? "";
  return edit.kind in { hold: 1, smooth: 1, wink: 1 } ? ` ${part}` : "";
}

function legend(shown) {
  const made = document.createElement("div");
  made.className = "legend";
  shown.forEach((name, k) => {
    const one = document.createElement("span"), mark = document.createElement("i");
    mark.style.background = COLOURS[k % COLOURS.length];
    one.append(mark, CURVE_NAMES[name] ?? name.replace("_", " "));
    made.append(one);
  });
  return made;
}

function line(c, x0, y0, x1, y1) {
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
}

if (!customElements.get("moda-lanes")) customElements.define("moda-lanes", LanesElement);

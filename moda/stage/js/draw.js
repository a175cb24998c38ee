// Draws a rig with WebGL 2: the moved mesh straight onto the canvas, what it leaves free, then folds, mouth and eyes over it,
// which want a map of displacements around them. Looks into pictures are what software WebGL is slow at, so each pixel has few.
import { enlarge3, withAlpha } from "./bundle.js";
import { breathAt, Puppet } from "./pose.js";
import { eyeShape, mouthShape, shadeWeights } from "./openings.js";
import { KINDS, Surface } from "./surface.js";

const SHADERS = {};
export function useShaders(sources) { Object.assign(SHADERS, sources); }

const LINE_WIDTH = 97;
const UNCOVERED = 1e4; // displacement where there is no mesh: it points out of the texture
const FRAME_SHEETS = ["texture0", "base", "plate"];
const EYES = ["Left", "Right"];
/** What of mesh.frag draws each kind of triangle. */
const SHOWS = { still: ["STILL"], opaque: ["OPAQUE"], mixed: [], faceOpaque: ["FACE", "OPAQUE"], faceMixed: ["FACE"] };

export class Painter {
  /** canvas: of any size. Throws an Error with code "no-webgl" where the browser has no WebGL 2. */
  constructor(canvas) {
    this.canvas = canvas;
    const options = { alpha: false, antialias: false, depth: true, stencil: false, preserveDrawingBuffer: true, powerPreference: "low-power" };
    this.gl = canvas.getContext("webgl2", options);
    if (!this.gl) throw Object.assign(new Error("This browser shows no WebGL 2, so the face cannot move here."), { code: "no-webgl" });
    this.lines = { width: LINE_WIDTH, data: new Float32Array(LINE_WIDTH * 4 * 4) };
    this.rig = null;
  }

  /** Takes a rig (readRig); what it needs on the GPU is made here, and again by `restore`. */
  setRig(rig) {
    this.rig = rig;
    this.puppet = new Puppet(rig);
    const { header } = rig;
    if (!rig.sheets) {
      withOpacity(rig.images.texture, rig.images.opacity);
      rig.sheets = { texture0: enlarge3(rig.images.texture), base: opaque(rig.images.base), plate: opaque(rig.images.plate), shadeMaps: opaque(rig.images.shade), lidTones: opaque(rig.images.lid_tones) };
      for (const side of ["left", "right"]) {
        const name = side === "left" ? "Left" : "Right";
        rig.sheets[`seen${name}`] = withAlpha(rig.images[`eye_seen_${side}`]);
        rig.sheets[`white${name}`] = withAlpha(rig.images[`eye_white_${side}`]);
        rig.sheets[`disc${name}`] = opaque(rig.images[`eye_disc_${side}`]);
      }
      for (const row of ["Upper", "Lower", "Own"]) rig.sheets[`teeth${row}`] = withAlpha(rig.images[`mouth_${row.toLowerCase()}`]);
    }
    this.surface = new Surface(rig);
    this.makeResources(header);
  }

  /** After a lost context came back. */
  restore() {
    this.flowSide = 0;
    if (this.rig) this.makeResources(this.rig.header);
  }

  makeResources(header) {
    const gl = this.gl;
    const float = gl.getExtension("EXT_color_buffer_float");
    const half = gl.getExtension("EXT_color_buffer_half_float");
    if (!float && !half) throw Object.assign(new Error("This browser's WebGL has no floating-point pictures."), { code: "no-webgl" });
    this.flowFormat = float ? gl.RG32F : gl.RGBA16F;
    this.shadeFormat = float ? gl.RG16F : gl.RGBA16F;
    const made = (vertex, fragment, parts = []) => {
      const given = parts.map((one) => `#define ${one}\n`).join("") + constants(header);
      return { made: program(gl, SHADERS[vertex], withDefines(SHADERS[fragment], given)), places: new Map() };
    };
    const framed = (...parts) => made("frame.vert", "frame.frag", parts);
    this.programs = {
      flow: made("mesh.vert", "flow.frag"), ground: made("frame.vert", "ground.frag"), shade: made("frame.vert", "shade.frag"),
      behind: made("frame.vert", "behind.frag"), folds: framed("FOLDS"), mouth: framed("MOUTH"), eye: framed("EYE"),
    };
    for (const kind of KINDS) this.programs[kind] = made("mesh.vert", "mesh.frag", SHOWS[kind]);
    this.textures = {};
    this.units = ["flow", "lines", "still", "behind", "shade", ...Object.keys(this.rig.sheets)];
    this.target = this.groundTarget = this.depth = null;
    for (const [name, sheet] of Object.entries(this.rig.sheets)) this.textures[name] = picture(gl, sheet);
    for (const name of FRAME_SHEETS) {
      gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
      gl.generateMipmap(gl.TEXTURE_2D);
    }
    this.textures.lines = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.textures.lines);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, LINE_WIDTH, 4, 0, gl.RGBA, gl.FLOAT, null);
    filtered(gl, gl.NEAREST);
    this.vertexBuffer = gl.createBuffer();
    this.meshArray = gl.createVertexArray();
    gl.bindVertexArray(this.meshArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.surface.vertices.byteLength, gl.STREAM_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 20, 0);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 20, 12);
    this.indexBuffer = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indexBuffer);
    const { width, height } = this.rig.sheets.shadeMaps;
    this.shadeSize = [Math.ceil(width / 2) + 2, Math.ceil(height / shadePictures(header) / 2) + 2];
    this.textures.shade = this.empty(this.shadeFormat, ...this.shadeSize, gl.LINEAR);
    this.shadeTarget = this.targetOf(this.textures.shade);
    this.shadeDrawn = null;
    [this.cornerArray] = this.flat(new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]));
    [this.boxArray, this.boxBuffer] = this.flat(new Float32Array(2));
    this.flowSide = 0;
  }

  empty(format, width, height, filter = this.gl.NEAREST) {
    const gl = this.gl;
    const made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, made);
    gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
    filtered(gl, filter);
    return made;
  }

  targetOf(...textures) {
    const gl = this.gl;
    const made = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, made);
    textures.forEach((texture, k) => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, gl.TEXTURE_2D, texture, 0));
    gl.drawBuffers(textures.map((_, k) => gl.COLOR_ATTACHMENT0 + k));
    return made;
  }

  /** What depends on the size of a frame: the map of displacements, and the picture where nothing moves. */
  sized(view, side) {
    const gl = this.gl;
    if (this.flowSide === side) return;
    this.flowSide = side;
    for (const name of ["flow", "still", "behind"]) if (this.textures[name]) gl.deleteTexture(this.textures[name]);
    for (const old of [this.target, this.groundTarget]) if (old) gl.deleteFramebuffer(old);
    if (this.depth) gl.deleteRenderbuffer(this.depth);
    this.textures.flow = this.empty(this.flowFormat, side, side);
    this.target = this.targetOf(this.textures.flow);
    this.depth = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, side, side);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, this.depth);
    this.textures.still = this.empty(gl.RGBA8, side, side);
    this.textures.behind = this.empty(gl.RGBA8, side, side);
    this.groundTarget = this.targetOf(this.textures.still, this.textures.behind);
    // Shown smaller than it was made for, the picture is smoothed first, or fine texture would shimmer.
    const level = Math.max(0, Math.round(Math.log2(this.rig.header.size / side)));
    this.use("ground", FRAME_SHEETS);
    for (const name of FRAME_SHEETS) {
      gl.activeTexture(gl.TEXTURE0 + this.units.indexOf(name));
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_BASE_LEVEL, level);
    }
    this.set("side", side);
    this.set("toTexture", this.toTexture(view));
    this.fill([0, 0, side, side]);
  }

  /** Two triangles over the whole of a viewport. */
  fill(viewport) {
    const { gl } = this;
    gl.viewport(...viewport);
    gl.bindVertexArray(this.cornerArray);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** One frame into a square of the canvas. vector, reference (70), neutral (63); seconds decide the breath;
   * place: {x, y, side} canvas px, y from the bottom. Returns the relative action values. */
  draw(vector, motion, seconds, place) {
    const { gl, rig, puppet, surface, lines } = this;
    const { header } = rig;
    const breath = header.breath ? breathAt(seconds) : 0;
    const frame = puppet.pose(vector, motion.reference, motion.neutral, breath, motion.atRest);
    frame.index = puppet.index;
    const { side } = place;
    const scale = side / header.window[2];
    const view = { scale, x: -header.window[0] * scale + (scale - 1) / 2, y: -header.window[1] * scale + (scale - 1) / 2 };
    surface.move(puppet, view);
    const jump = header.constants.painter.EDGE_JUMP, margin = 0.2 * header.head.scale * view.scale;
    const face = surface.face().map((v, k) => inside(v + (k < 2 ? -margin : margin), side));
    const folds = surface.folds(face, jump);
    const mouth = mouthShape(rig, frame, view, lines);
    const eyes = EYES.map((_, k) => eyeShape(rig, k, frame, view, lines, 2 + k));
    const openings = [mouth && spanned(mouth.mouthFrame, mouth.mouthWidth, mouth.mouthReach),
      ...eyes.map((eye) => eye && spanned(eye.frame, eye.width, eye.reach))];
    const weights = shadeWeights(frame.actions, frame.index);
    gl.disable(gl.SCISSOR_TEST);
    this.sized(view, side);
    this.shadePass(weights ?? []);
    if (mouth || eyes.some(Boolean)) {
      gl.activeTexture(gl.TEXTURE0 + this.units.indexOf("lines"));
      gl.bindTexture(gl.TEXTURE_2D, this.textures.lines);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, LINE_WIDTH, 4, gl.RGBA, gl.FLOAT, lines.data);
    }
    gl.bindVertexArray(this.meshArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, surface.vertices, gl.STREAM_DRAW);
    this.flowPass([...folds, ...openings.filter(Boolean)], side);
    const [shadeWidth, shadeHeight] = this.shadeSize;
    const toShade = share(into(view, header.shade.scale / 2, header.shade.origin.map((o) => 0.75 - (o * header.shade.scale) / 2)), { width: shadeWidth, height: shadeHeight });
    const skin = (name, sheets) => {
      this.use(name, ["texture0", "still", "behind", "shade", ...sheets]);
      for (const [uniform, value] of Object.entries({ corner: [place.x, place.y], side, up: -1, toTexture: this.toTexture(view), toShade, folds: face, jump })) this.set(uniform, value);
    };
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(place.x, place.y, side, side);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(place.x, place.y, side, side);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    this.meshPass(surface, (kind) => skin(kind, []));
    skin("behind", []);
    gl.depthFunc(gl.LEQUAL);
    gl.depthRange(1, 1);
    gl.bindVertexArray(this.cornerArray);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.depthRange(0, 1);
    gl.disable(gl.DEPTH_TEST);
    if (folds.length) {
      skin("folds", ["flow"]);
      this.boxes(folds, side);
    }
    if (mouth) {
      skin("mouth", ["flow", "lines", "teethUpper", "teethLower", "teethOwn"]);
      for (const [name, value] of Object.entries(mouth)) this.set(name, value);
      this.boxes([openings[0]], side);
    }
    EYES.forEach((name, k) => {
      if (!eyes[k]) return;
      skin("eye", ["flow", "lines", "lidTones", ["seen", `seen${name}`], ["white", `white${name}`], ["disc", `disc${name}`]]);
      this.set("eyeRow", 2 + k, "1i");
      for (const [uniform, value] of Object.entries(eyes[k])) this.set(`eye.${uniform}`, value);
      this.boxes([openings[1 + k]], side);
    });
    gl.disable(gl.SCISSOR_TEST);
    gl.bindVertexArray(null);
    return frame.actions;
  }

  /** Triangles, the kinds one after the other; before(kind) makes the program ready. Leaves the depth test on. */
  meshPass({ indices, runs }, before) {
    const { gl } = this;
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LESS);
    gl.bindVertexArray(this.meshArray);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STREAM_DRAW);
    let last = null;
    for (const { kind, sheet, first, count } of runs) {
      if (kind !== last) before((last = kind));
      gl.depthRange(0.25 * sheet, 0.25 * sheet + 0.24);
      gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_SHORT, 2 * first);
    }
    gl.depthRange(0, 1);
  }

  /** The map of displacements where these boxes are, and a little around. */
  flowPass(boxes, side) {
    if (!boxes.length) return;
    const { gl } = this;
    const [left, top, right, bottom] = [0, 1, 2, 3].map((k) =>
      inside(k < 2 ? Math.min(...boxes.map((box) => box[k])) - 2 : Math.max(...boxes.map((box) => box[k])) + 2, side));
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.viewport(0, 0, side, side);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(left, top, Math.max(right - left, 0), Math.max(bottom - top, 0));
    gl.clearBufferfv(gl.COLOR, 0, [UNCOVERED, UNCOVERED, 0, 1]);
    gl.clearBufferfv(gl.DEPTH, 0, [1]);
    this.use("flow");
    this.set("side", side);
    this.set("up", 1);
    this.meshPass(this.surface.within(boxes), () => {});
  }

  /** Rectangles, frame px. */
  boxes(boxes, side) {
    const { gl } = this;
    const corners = new Float32Array(12 * boxes.length);
    boxes.forEach((box, k) => {
      const [left, top, right, bottom] = box.map((v, i) => (i % 2 ? -1 : 1) * ((2 * inside(v, side)) / side - 1));
      corners.set([left, top, right, top, left, bottom, left, bottom, right, top, right, bottom], 12 * k);
    });
    gl.bindVertexArray(this.boxArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.boxBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, corners, gl.STREAM_DRAW);
    gl.drawArrays(gl.TRIANGLES, 0, corners.length / 2);
  }

  /** An array of corners in clip space, and its buffer. */
  flat(corners) {
    const { gl } = this;
    const array = gl.createVertexArray(), buffer = gl.createBuffer();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, corners, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindVertexArray(null);
    return [array, buffer];
  }

  /** The map of folds, when it is another than the last. */
  shadePass(weights) {
    const { gl, rig } = this;
    const scaled = new Float32Array(3 * shadePictures(rig.header));
    weights.forEach((w, k) => (scaled[k] = (w * rig.header.shade.range) / 127));
    const key = scaled.join();
    if (this.shadeDrawn === key) return;
    this.shadeDrawn = key;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadeTarget);
    this.use("shade", ["shadeMaps"]);
    gl.uniform3fv(this.place("shadeWeights[0]"), scaled);
    this.fill([0, 0, ...this.shadeSize]);
  }

  /** A program, and the pictures it looks into: names, or [name in the program, name of the picture]. */
  use(name, sheets = []) {
    const { gl } = this;
    this.program = this.programs[name];
    gl.useProgram(this.program.made);
    for (const one of sheets) {
      const [sampler, sheet] = Array.isArray(one) ? one : [one, one];
      const unit = this.units.indexOf(sheet);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, this.textures[sheet]);
      this.set(sampler, unit, "1i");
    }
  }

  toTexture(view) {
    const { raster } = this.rig.header;
    const grown = raster.enlarged, middle = (grown - 1) / 2;
    return share(into(view, raster.scale * grown, raster.offset.map((o) => o * grown + middle)), this.rig.sheets.texture0);
  }

  place(name) {
    const { made, places } = this.program;
    if (!places.has(name)) places.set(name, this.gl.getUniformLocation(made, name));
    return places.get(name);
  }

  set(name, value, kind) {
    const place = this.place(name);
    if (place === null) return;
    if (kind === "1i" || typeof value === "boolean") this.gl.uniform1i(place, Number(value));
    else if (typeof value === "number") this.gl.uniform1f(place, value);
    else this.gl[`uniform${value.length}fv`](place, value);
  }

  clear(colour = [0, 0, 0]) {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.clearColor(...colour, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }
}

const inside = (v, side) => Math.trunc(Math.min(Math.max(v, 0), side));

/** Frame px -> px of a raster that is scale * picture + offset: scale and offset. */
function into(view, scale, offset) {
  const k = scale / view.scale;
  return [k, offset[0] - k * view.x, offset[1] - k * view.y];
}

/** The same as places 0..1 of a sheet: scales and offsets across and down. */
function share([scale, x, y], { width, height }) {
  return [scale / width, scale / height, (x + 0.5) / width, (y + 0.5) / height];
}

/** The upright box [x0, y0, x1, y1] around a tilted strip: left, top, along; width; lowest and highest below it. */
function spanned([left, top, ax, ay], width, [low, high]) {
  const xs = [], ys = [];
  for (const u of [-1, width + 1]) for (const v of [low, high]) {
    xs.push(left + u * ax - v * ay);
    ys.push(top + u * ay + v * ax);
  }
  return [Math.floor(Math.min(...xs)), Math.floor(Math.min(...ys)), Math.ceil(Math.max(...xs)) + 1, Math.ceil(Math.max(...ys)) + 1];
}

/** Puts a grey picture into the alpha of another. */
function withOpacity(image, grey) {
  for (let i = 3; i < image.data.length; i += 4) image.data[i] = grey.data[i - 3];
}

const opaque = (image) => ({ width: image.width, height: image.height, data: new Uint8Array(image.data.buffer) });

const shadePictures = (header) => Math.ceil(header.shade.maps / 3);

/** Definitions go behind the version, which must come first. */
const withDefines = (source, lines) => source.replace("\n", `\n${lines}\n`);

function constants(header) {
  const numbers = Object.entries(header.constants.kernels).filter(([, value]) => typeof value === "number");
  const lines = numbers.map(([name, value]) => `#define K_${name} ${Number.isInteger(value) ? value.toFixed(1) : value}`);
  lines.push(`#define SHADE_PICTURES ${shadePictures(header)}`, `#define LIP_SAMPLES ${header.lipSamples}`, `#define EYE_SAMPLES ${header.eyeSamples}`);
  return lines.join("\n");
}

function picture(gl, { width, height, data }) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, data);
  filtered(gl, gl.LINEAR);
  return made;
}

function filtered(gl, filter) {
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

// Draws a rig with WebGL 2: two passes a frame, the map of where colours come from, then every pixel.
import { enlarge3, withAlpha } from "./bundle.js";
import { breathAt, Puppet } from "./pose.js";
import { eyeShape, mouthShape, shadeWeights } from "./openings.js";

const SHADERS = {};
export function useShaders(sources) { Object.assign(SHADERS, sources); }

const LINE_WIDTH = 97;
const UNCOVERED = 1e4; // displacement where there is no mesh: it points out of the texture
const FRAME_SHEETS = ["texture0", "base", "plate"];

export class Painter {
  /** canvas: of any size. Throws an Error with code "no-webgl" where the browser has no WebGL 2. */
  constructor(canvas) {
    this.canvas = canvas;
    const options = { alpha: false, antialias: false, depth: false, stencil: false, preserveDrawingBuffer: true, powerPreference: "low-power" };
    this.gl = canvas.getContext("webgl2", options);
    if (!this.gl) throw Object.assign(new Error("This browser shows no WebGL 2, so the face cannot move here."), { code: "no-webgl" });
    this.lines = { width: LINE_WIDTH, data: new Float32Array(LINE_WIDTH * 4 * 4) };
    this.rig = null;
  }

  /** Takes a rig (readRig); what it needs on the GPU is made here, and again by `restore`. */
  setRig(rig) {
    this.rig = rig;
    this.puppet = new Puppet(rig);
    const { header, arrays } = rig;
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
    const triangles = arrays.triangles;
    this.triangles = triangles;
    this.facing = new Int8Array(triangles.length / 3);
    for (let t = 0; t < this.facing.length; t++) this.facing[t] = this.area(arrays.position, t) >= 0 ? 1 : -1;
    this.vertices = new Float32Array((arrays.position.length / 3) * 5);
    this.indices = new Uint16Array(triangles.length);
    this.makeResources(header);
  }

  area(points, t) {
    const [a, b, c] = [3 * this.triangles[3 * t], 3 * this.triangles[3 * t + 1], 3 * this.triangles[3 * t + 2]];
    return (points[b] - points[a]) * (points[c + 1] - points[a + 1]) - (points[b + 1] - points[a + 1]) * (points[c] - points[a]);
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
    this.flowProgram = program(gl, SHADERS["flow.vert"], SHADERS["flow.frag"]);
    this.programs = ["", "#define FACE\n", "#define FACE\n#define OPENINGS\n"].map((parts) => {
      const made = program(gl, SHADERS["frame.vert"], SHADERS["frame.frag"].replace("//CONSTANTS", parts + constants(header)));
      return { made, places: new Map() };
    });
    this.flowSideAt = gl.getUniformLocation(this.flowProgram, "side");
    this.textures = {};
    this.units = ["flow", "lines", ...Object.keys(this.rig.sheets)];
    for (const [name, sheet] of Object.entries(this.rig.sheets)) this.textures[name] = picture(gl, sheet);
    for (const name of FRAME_SHEETS) {
      gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
      gl.generateMipmap(gl.TEXTURE_2D);
    }
    this.textures.lines = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.textures.lines);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, LINE_WIDTH, 4, 0, gl.RGBA, gl.FLOAT, null);
    nearest(gl);
    this.vertexBuffer = gl.createBuffer();
    this.meshArray = gl.createVertexArray();
    gl.bindVertexArray(this.meshArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.vertices.byteLength, gl.STREAM_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 20, 0);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 20, 12);
    this.indexBuffer = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indexBuffer);
    this.cornerArray = gl.createVertexArray();
    gl.bindVertexArray(this.cornerArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindVertexArray(null);
    this.flowSide = 0;
  }

  flowTarget(side) {
    const gl = this.gl;
    if (this.flowSide === side) return;
    this.flowSide = side;
    for (const old of [this.textures.flow]) if (old) gl.deleteTexture(old);
    if (this.depth) gl.deleteRenderbuffer(this.depth);
    this.textures.flow = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.textures.flow);
    gl.texStorage2D(gl.TEXTURE_2D, 1, this.flowFormat, side, side);
    nearest(gl);
    this.depth = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, side, side);
    this.target = this.target && gl.isFramebuffer(this.target) ? this.target : gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.textures.flow, 0);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, this.depth);
  }

  /** One frame into a square of the canvas. vector, reference (70), neutral (63); seconds decide the breath;
   * place: {x, y, side} canvas px, y from the bottom. Returns the relative action values. */
  draw(vector, motion, seconds, place) {
    const { gl, rig, puppet } = this;
    const { header } = rig;
    const breath = header.breath ? breathAt(seconds) : 0;
    const frame = puppet.pose(vector, motion.reference, motion.neutral, breath, motion.atRest);
    frame.index = puppet.index;
    const side = place.side;
    const scale = side / header.window[2];
    const view = { scale, x: -header.window[0] * scale + (scale - 1) / 2, y: -header.window[1] * scale + (scale - 1) / 2 };
    this.flowPass(frame, view, side);
    this.framePass(frame, view, place);
    return frame.actions;
  }

  flowPass(frame, view, side) {
    const { gl, vertices, triangles, puppet } = this;
    const { moved, position, count } = puppet;
    const unseen = this.rig.header.constants.painter.UNSEEN;
    const x = (this.x ??= new Float32Array(count)), y = (this.y ??= new Float32Array(count));
    let near = Infinity, far = -Infinity;
    for (let v = 0; v < count; v++) {
      near = Math.min(near, moved[3 * v + 2]);
      far = Math.max(far, moved[3 * v + 2]);
    }
    const depth = 1 / Math.max(far - near, 1e-6);
    for (let v = 0; v < count; v++) {
      const i = 3 * v, at = 5 * v;
      x[v] = moved[i] * view.scale + view.x;
      y[v] = moved[i + 1] * view.scale + view.y;
      const sx = position[i] * view.scale + view.x - x[v], sy = position[i + 1] * view.scale + view.y - y[v];
      const still = Math.abs(sx) < unseen && Math.abs(sy) < unseen;
      vertices[at] = x[v];
      vertices[at + 1] = y[v];
      vertices[at + 2] = depth * (moved[i + 2] - near);
      vertices[at + 3] = still ? 0 : sx;
      vertices[at + 4] = still ? 0 : sy;
    }
    // Four sheets, one behind the other: what has turned over only shows where nothing else does.
    const sheets = [[], [], [], []];
    for (let t = 0; t < this.facing.length; t++) {
      const a = triangles[3 * t], b = triangles[3 * t + 1], c = triangles[3 * t + 2];
      const area = (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a]);
      sheets[(area * this.facing[t] > 0 ? 0 : 2) + (this.facing[t] < 0 ? 1 : 0)].push(a, b, c);
    }
    const ends = [];
    let end = 0;
    for (const sheet of sheets) {
      this.indices.set(sheet, end);
      ends.push((end += sheet.length));
    }
    this.flowTarget(side);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.viewport(0, 0, side, side);
    gl.disable(gl.SCISSOR_TEST);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LESS);
    gl.clearBufferfv(gl.COLOR, 0, [UNCOVERED, UNCOVERED, 0, 1]);
    gl.clearBufferfv(gl.DEPTH, 0, [1]);
    gl.useProgram(this.flowProgram);
    gl.uniform1f(this.flowSideAt, side);
    gl.bindVertexArray(this.meshArray);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, vertices, gl.STREAM_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.indices, gl.STREAM_DRAW);
    ends.forEach((last, sheet) => {
      const first = sheet ? ends[sheet - 1] : 0;
      if (last === first) return;
      gl.depthRange(0.25 * sheet, 0.25 * sheet + 0.24);
      gl.drawElements(gl.TRIANGLES, last - first, gl.UNSIGNED_SHORT, 2 * first);
    });
    gl.depthRange(0, 1);
    gl.disable(gl.DEPTH_TEST);
  }

  framePass(frame, view, place) {
    const { gl, rig, lines } = this;
    const { header } = rig;
    const mouth = mouthShape(rig, frame, view, lines);
    const eyes = [eyeShape(rig, 0, frame, view, lines, 2), eyeShape(rig, 1, frame, view, lines, 3)];
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(place.x, place.y, place.side, place.side);
    // Shown smaller than it was made for, the picture is smoothed first, or fine texture would shimmer.
    const level = Math.max(0, Math.round(Math.log2(header.size / place.side)));
    this.units.forEach((name, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
      if (FRAME_SHEETS.includes(name)) gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_BASE_LEVEL, level);
      if (name === "lines") gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, LINE_WIDTH, 4, gl.RGBA, gl.FLOAT, lines.data);
    });
    gl.bindVertexArray(this.cornerArray);
    const shade = shadeWeights(frame.actions, frame.index);
    const face = this.faceBox();
    const margin = 0.2 * header.head.scale * view.scale;
    const folds = [face[0] - margin, face[1] - margin, face[2] + margin, face[3] + margin].map(Math.trunc);
    const openings = [...(mouth ? [spanned(mouth.mouthFrame, mouth.mouthWidth, mouth.mouthReach)] : []),
      ...eyes.filter(Boolean).map((eye) => spanned(eye.frame, eye.width, eye.reach))];
    const [x0, y0, x1, y1] = folds.map((v) => Math.min(Math.max(v, 0), place.side));
    const around = [[0, 0, place.side, y0], [0, y1, place.side, place.side], [0, y0, x0, y1], [x1, y0, place.side, y1]];
    const passes = [[0, around], [1, [[x0, y0, x1, y1]]], [2, openings]];
    gl.enable(gl.SCISSOR_TEST);
    for (const [number, boxes] of passes) {
      if (!boxes.length) continue;
      this.use(number, view, place);
      if (number > 0) this.setFace([x0, y0, x1, y1], shade, view);
      if (number > 1) this.setOpenings(mouth, eyes);
      for (const box of boxes) {
        const [left, top, right, bottom] = box.map((v) => Math.min(Math.max(v, 0), place.side));
        if (right <= left || bottom <= top) continue;
        gl.scissor(place.x + left, place.y + place.side - bottom, right - left, bottom - top);
        gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
      }
    }
    gl.disable(gl.SCISSOR_TEST);
    gl.bindVertexArray(null);
  }

  use(number, view, place) {
    const { gl, rig } = this;
    const { header } = rig;
    this.program = this.programs[number];
    gl.useProgram(this.program.made);
    this.units.forEach((name, unit) => this.set(name, unit, "1i"));
    this.set("corner", [place.x, place.y]);
    this.set("side", place.side);
    const grown = header.raster.enlarged, middle = (grown - 1) / 2;
    this.set("toTexture", share(into(view, header.raster.scale * grown, header.raster.offset.map((o) => o * grown + middle)), rig.sheets.texture0));
  }

  setFace(folds, shade, view) {
    const { gl, rig } = this;
    const { header } = rig;
    this.set("folds", folds);
    this.set("jump", header.constants.painter.EDGE_JUMP);
    this.set("shadeCount", shade ? header.shade.maps : 0, "1i");
    if (!shade) return;
    const padded = new Float32Array(12);
    shade.forEach((w, k) => (padded[k] = (w * header.shade.range) / 127));
    gl.uniform1fv(this.place("shadeWeights[0]"), padded);
    this.set("toShade", into(view, header.shade.scale, header.shade.origin.map((o) => -o * header.shade.scale)));
    this.set("shadeSize", [rig.images.shade.width, rig.images.shade.height / Math.ceil(header.shade.maps / 3)]);
  }

  setOpenings(mouth, eyes) {
    this.set("mouthShown", mouth?.mouthShown ? 1 : 0, "1i");
    this.set("seamShown", mouth?.seamShown ? 1 : 0, "1i");
    for (const [name, value] of Object.entries(mouth ?? {})) if (typeof value !== "boolean") this.set(name, value);
    eyes.forEach((shape, k) => {
      this.set(`eyes[${k}].drawn`, shape ? 1 : 0, "1i");
      for (const [name, value] of Object.entries(shape ?? {})) this.set(`eyes[${k}].${name}`, value);
    });
  }

  faceBox() {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let v = 0; v < this.rig.header.faceCount; v++) {
      x0 = Math.min(x0, this.x[v]); x1 = Math.max(x1, this.x[v]);
      y0 = Math.min(y0, this.y[v]); y1 = Math.max(y1, this.y[v]);
    }
    return [x0, y0, x1, y1];
  }

  place(name) {
    const { made, places } = this.program;
    if (!places.has(name)) places.set(name, this.gl.getUniformLocation(made, name));
    return places.get(name);
  }

  set(name, value, kind) {
    const place = this.place(name);
    if (place === null) return;
    if (kind === "1i") this.gl.uniform1i(place, value);
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

function constants(header) {
  const numbers = Object.entries(header.constants.kernels).filter(([, value]) => typeof value === "number");
  const lines = numbers.map(([name, value]) => `#define K_${name} ${Number.isInteger(value) ? value.toFixed(1) : value}`);
  lines.push(`#define LIP_SAMPLES ${header.lipSamples}`, `#define EYE_SAMPLES ${header.eyeSamples}`);
  return lines.join("\n");
}

function picture(gl, { width, height, data }) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, data);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  return made;
}

function nearest(gl) {
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
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

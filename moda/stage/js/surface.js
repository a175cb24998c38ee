// The moved mesh of one frame, sorted for drawing: what a triangle shows decides which program draws it.

export const KINDS = ["still", "opaque", "mixed", "faceOpaque", "faceMixed"];
const [STILL, OPAQUE, MIXED, FACE] = [0, 1, 2, 2]; // a face kind is FACE more than the plain one
export const SHEETS = 4;
const CELL = 16; // px: folds are looked for in squares of this size

export class Surface {
  constructor(rig) {
    const { arrays } = rig;
    this.rig = rig;
    this.triangles = arrays.triangles;
    this.count = this.triangles.length / 3;
    this.facing = new Int8Array(this.count);
    for (let t = 0; t < this.count; t++) this.facing[t] = this.area(arrays.position, t) >= 0 ? 1 : -1;
    this.x = new Float32Array(arrays.position.length / 3);
    this.y = new Float32Array(this.x.length);
    this.vertices = new Float32Array(this.x.length * 5);
    this.indices = new Uint16Array(this.triangles.length);
    this.bucket = new Uint8Array(this.count);
    this.kind = this.kinds();
  }

  area(points, t) {
    const [a, b, c] = [3 * this.triangles[3 * t], 3 * this.triangles[3 * t + 1], 3 * this.triangles[3 * t + 2]];
    return (points[b] - points[a]) * (points[c + 1] - points[a + 1]) - (points[b + 1] - points[a + 1]) * (points[c] - points[a]);
  }

  /** Which triangles hide what is behind them, and which lie where folds are drawn. */
  kinds() {
    const { header, arrays, images } = this.rig;
    const { width, height, data } = images.texture;
    const clear = new Uint32Array((width + 1) * (height + 1)); // pixels that are not opaque, summed from the corner
    for (let y = 0; y < height; y++) {
      for (let x = 0, row = 0; x < width; x++) {
        row += data[4 * (y * width + x) + 3] < 255 ? 1 : 0;
        clear[(y + 1) * (width + 1) + x + 1] = clear[y * (width + 1) + x + 1] + row;
      }
    }
    const { origin, scale } = header.shade;
    const folds = [origin[0], origin[1], origin[0] + images.shade.width / scale,
      origin[1] + images.shade.height / Math.ceil(header.shade.maps / 3) / scale];
    const out = new Uint8Array(this.count);
    for (let t = 0; t < this.count; t++) {
      let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let k = 0; k < 3; k++) {
        const v = 3 * this.triangles[3 * t + k];
        left = Math.min(left, arrays.position[v]);
        right = Math.max(right, arrays.position[v]);
        top = Math.min(top, arrays.position[v + 1]);
        bottom = Math.max(bottom, arrays.position[v + 1]);
      }
      const inFace = left < folds[2] && right > folds[0] && top < folds[3] && bottom > folds[1];
      const { raster } = header;
      const x0 = Math.floor(left * raster.scale + raster.offset[0]) - 2, y0 = Math.floor(top * raster.scale + raster.offset[1]) - 2;
      const x1 = Math.ceil(right * raster.scale + raster.offset[0]) + 3, y1 = Math.ceil(bottom * raster.scale + raster.offset[1]) + 3;
      const at = (x, y) => clear[y * (width + 1) + x];
      const hides = x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height && at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0) === 0;
      out[t] = (hides ? OPAQUE : MIXED) + (inFace ? FACE : 0);
    }
    return out;
  }

  /** Moves the mesh. Leaves `vertices` (frame px, depth, displacement), `indices`, and `runs` of them: one for each kind
   * and sheet, what has turned over behind what has not. */
  move(puppet, view) {
    const { x, y, vertices, triangles, facing, bucket, kind, indices } = this;
    const { moved, position, count } = puppet;
    const unseen = this.rig.header.constants.painter.UNSEEN;
    let near = Infinity, far = -Infinity;
    for (let v = 2; v < 3 * count; v += 3) {
      near = Math.min(near, moved[v]);
      far = Math.max(far, moved[v]);
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
    const sizes = new Uint16Array(KINDS.length * SHEETS);
    const rests = (v) => vertices[5 * v + 3] === 0 && vertices[5 * v + 4] === 0;
    for (let t = 0; t < this.count; t++) {
      const a = triangles[3 * t], b = triangles[3 * t + 1], c = triangles[3 * t + 2];
      const area = (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a]);
      const sheet = (area * facing[t] > 0 ? 0 : 2) + (facing[t] < 0 ? 1 : 0);
      bucket[t] = SHEETS * (rests(a) && rests(b) && rests(c) ? STILL : kind[t]) + sheet;
      sizes[bucket[t]]++;
    }
    this.runs = [];
    const next = new Uint32Array(sizes.length);
    for (let k = 0, end = 0; k < sizes.length; k++) {
      next[k] = end;
      if (sizes[k]) this.runs.push({ kind: KINDS[Math.floor(k / SHEETS)], sheet: k % SHEETS, first: end, count: 3 * sizes[k] });
      end += 3 * sizes[k];
    }
    for (let t = 0; t < this.count; t++) {
      const to = next[bucket[t]];
      for (let k = 0; k < 3; k++) indices[to + k] = triangles[3 * t + k];
      next[bucket[t]] += 3;
    }
  }

  /** The upright box around the face, frame px. */
  face() {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let v = 0; v < this.rig.header.faceCount; v++) {
      x0 = Math.min(x0, this.x[v]); x1 = Math.max(x1, this.x[v]);
      y0 = Math.min(y0, this.y[v]); y1 = Math.max(y1, this.y[v]);
    }
    return [x0, y0, x1, y1];
  }

  /** Boxes within `box` where neighbouring pixels may come from places more than `jump` px apart: where a sheet has turned
   * over or is pressed together. */
  folds(box, jump) {
    const { x, y, vertices, triangles, bucket } = this;
    const columns = Math.ceil((box[2] - box[0]) / CELL), rows = Math.ceil((box[3] - box[1]) / CELL);
    if (columns <= 0 || rows <= 0) return [];
    const marked = new Uint8Array(columns * rows);
    for (let t = 0; t < this.count; t++) {
      const a = triangles[3 * t], b = triangles[3 * t + 1], c = triangles[3 * t + 2];
      if (bucket[t] % SHEETS === 0) {
        const bx = x[b] - x[a], by = y[b] - y[a], cx = x[c] - x[a], cy = y[c] - y[a];
        const area = bx * cy - by * cx;
        let across = 0, down = 0; // change of the displacement from one pixel to the next
        for (let k = 3; k < 5; k++) {
          const db = vertices[5 * b + k] - vertices[5 * a + k], dc = vertices[5 * c + k] - vertices[5 * a + k];
          across += Math.abs(db * cy - dc * by);
          down += Math.abs(dc * bx - db * cx);
        }
        if (Math.max(across, down) <= jump * Math.abs(area)) continue;
      }
      const left = Math.max(Math.floor((Math.min(x[a], x[b], x[c]) - 2 - box[0]) / CELL), 0);
      const right = Math.min(Math.floor((Math.max(x[a], x[b], x[c]) + 2 - box[0]) / CELL), columns - 1);
      const top = Math.max(Math.floor((Math.min(y[a], y[b], y[c]) - 2 - box[1]) / CELL), 0);
      const bottom = Math.min(Math.floor((Math.max(y[a], y[b], y[c]) + 2 - box[1]) / CELL), rows - 1);
      for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) marked[row * columns + column] = 1;
    }
    const boxes = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (!marked[row * columns + column]) continue;
        const first = column;
        while (column < columns && marked[row * columns + column]) column++;
        boxes.push([box[0] + CELL * first, box[1] + CELL * row, Math.min(box[0] + CELL * column, box[2]), Math.min(box[1] + CELL * (row + 1), box[3])]);
      }
    }
    return boxes;
  }

  /** `indices` of the triangles that reach into these boxes, `runs` of them by sheet. */
  within(boxes) {
    const { x, y, triangles, bucket } = this;
    const sheets = Array.from({ length: SHEETS }, () => []);
    for (let t = 0; t < this.count; t++) {
      const a = triangles[3 * t], b = triangles[3 * t + 1], c = triangles[3 * t + 2];
      const left = Math.min(x[a], x[b], x[c]) - 2, right = Math.max(x[a], x[b], x[c]) + 2;
      const top = Math.min(y[a], y[b], y[c]) - 2, bottom = Math.max(y[a], y[b], y[c]) + 2;
      if (boxes.some((box) => left < box[2] && right > box[0] && top < box[3] && bottom > box[1])) sheets[bucket[t] % SHEETS].push(a, b, c);
    }
    const runs = [];
    let first = 0;
    sheets.forEach((sheet, k) => {
      if (sheet.length) runs.push({ kind: "flow", sheet: k, first, count: sheet.length });
      first += sheet.length;
    });
    return { indices: Uint16Array.from(sheets.flat()), runs };
  }
}

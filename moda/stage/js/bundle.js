// The rig bundle (docs/rig.md): what was learnt of a portrait, as arrays and pictures.

const RIG_MAGIC = "MODARIG\n";
const RIG_VERSION = 1;

/** Reads a rig bundle (ArrayBuffer). Rejects with an Error whose text is one sentence. */
export async function readRig(buffer) {
  const bytes = new Uint8Array(buffer);
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  if (bytes.length < 16 || magic !== RIG_MAGIC) throw new Error("This is not a rig of MoDA Studio.");
  const view = new DataView(buffer);
  if (view.getUint32(8, true) !== RIG_VERSION) {
    throw new Error("This rig was made by another version of MoDA Studio; make it again.");
  }
  const headerLength = view.getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + headerLength)));
  const start = 16 + headerLength;
  const rig = { header, arrays: {}, images: {} };
  const pictures = [];
  for (const [name, part] of Object.entries(header.sections)) {
    const at = start + part.offset;
    if (at + part.length > bytes.length) throw new Error("The rig is cut off; fetch it again.");
    if (part.type === "image") {
      const blob = new Blob([bytes.subarray(at, at + part.length)], { type: part.mime });
      pictures.push(readPixels(blob, part.shape).then((pixels) => (rig.images[name] = pixels)));
    } else {
      rig.arrays[name] = readArray(buffer, at, part);
    }
  }
  await Promise.all(pictures);
  return rig;
}

function readArray(buffer, at, part) {
  const kinds = { f32: Float32Array, i16: Int16Array, u16: Uint16Array, u8: Uint8Array };
  const Kind = kinds[part.type];
  const values = new Kind(buffer.slice(at, at + part.length));
  if (part.scale === undefined) return values;
  const out = new Float32Array(values.length);
  const row = values.length / part.scale.length; // one scale a row
  for (let i = 0; i < out.length; i++) out[i] = values[i] * part.scale[Math.floor(i / row)];
  return out;
}

/** RGB pixels {width, height, data: Uint8ClampedArray RGBA} of an encoded picture, as they were stored. */
async function readPixels(blob, shape) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const [height, width] = shape;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

/** Colour above, alpha (grey) below, as one picture of RGBA. */
export function withAlpha(stacked) {
  const height = stacked.height / 2;
  const data = new Uint8Array(stacked.width * height * 4);
  const below = stacked.width * height * 4;
  for (let i = 0; i < data.length; i += 4) {
    data[i] = stacked.data[i];
    data[i + 1] = stacked.data[i + 1];
    data[i + 2] = stacked.data[i + 2];
    data[i + 3] = stacked.data[below + i];
  }
  return { width: stacked.width, height, data };
}

/** Three times as large, colours by Lanczos with eight taps and opacity linearly: pixel i becomes pixel 3 i + 1, unchanged. */
export function enlarge3(picture) {
  const { width, height, data } = picture;
  const taps = [-1 / 3, 0, 1 / 3].map((shift) => {
    const first = shift < 0 ? -4 : -3;
    const weights = [];
    for (let k = 0; k < 8; k++) {
      const x = first + k - shift;
      const sinc = (v) => (Math.abs(v) < 1e-9 ? 1 : Math.sin(Math.PI * v) / (Math.PI * v));
      weights.push(Math.abs(x) < 4 ? sinc(x) * sinc(x / 4) : 0);
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
  const wide = new Float32Array(width * 3 * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let phase = 0; phase < 3; phase++) {
        const to = (y * width * 3 + 3 * x + phase) * 4;
        if (phase === 1) {
          const from = (y * width + x) * 4;
          for (let c = 0; c < 4; c++) wide[to + c] = data[from + c];
          continue;
        }
        const { first, weights } = taps[phase];
        let r = 0, g = 0, b = 0;
        for (let k = 0; k < 8; k++) {
          const sx = Math.min(Math.max(x + first + k, 0), width - 1);
          const from = (y * width + sx) * 4;
          r += weights[k] * data[from];
          g += weights[k] * data[from + 1];
          b += weights[k] * data[from + 2];
        }
        const near = data[(y * width + x) * 4 + 3];
        const other = data[(y * width + Math.min(Math.max(x + phase - 1, 0), width - 1)) * 4 + 3];
        wide[to] = r; wide[to + 1] = g; wide[to + 2] = b; wide[to + 3] = (2 * near + other) / 3;
      }
    }
  }
  const line = width * 3 * 4;
  const out = new Uint8ClampedArray(line * height * 3);
  for (let y = 0; y < height; y++) {
    for (let phase = 0; phase < 3; phase++) {
      const to = (3 * y + phase) * line;
      if (phase === 1) {
        for (let i = 0; i < line; i++) out[to + i] = wide[y * line + i] + 0.0;
        continue;
      }
      const { first, weights } = taps[phase];
      const rows = weights.map((_, k) => Math.min(Math.max(y + first + k, 0), height - 1) * line);
      const other = Math.min(Math.max(y + phase - 1, 0), height - 1) * line;
      for (let i = 0; i < line; i++) {
        if ((i & 3) === 3) { out[to + i] = (2 * wide[y * line + i] + wide[other + i]) / 3; continue; }
        let sum = 0;
        for (let k = 0; k < 8; k++) sum += weights[k] * wide[rows[k] + i];
        out[to + i] = sum;
      }
    }
  }
  return { width: width * 3, height: height * 3, data: new Uint8Array(out.buffer) };
}

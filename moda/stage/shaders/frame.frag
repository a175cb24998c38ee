#version 300 es
// What is drawn over the moved mesh (mesh.frag): FOLDS where its sheets hide each other, the MOUTH's inside, an EYE. They look
// the displacement of a pixel up in a map. The formulas are those of moda/renderer/mesh/drawing; K_ names are its constants
// and come with the rig. Colours are 0..255 as they are there.
precision highp float;
precision highp sampler2D;
out vec4 shown;

uniform vec2 corner;             // lower left corner of this take on the canvas, px
uniform float side;              // px of the frame
uniform sampler2D flow;          // displacement to where a pixel's colour comes from, frame px
uniform sampler2D texture0;      // the person, enlarged; straight alpha
uniform sampler2D still;         // the frame as it is at rest, pixel by pixel
uniform sampler2D behind;        // what the person uncovers, pixel by pixel
uniform vec4 toTexture;          // scale, offset: frame px -> place in the texture, 0..1
uniform vec4 folds;              // box in which sheets may hide each other
uniform float jump;
uniform sampler2D shade;         // what folds and bulges of the skin do to red, and to green and blue
uniform vec4 toShade;            // frame px -> place in that map, 0..1

uniform sampler2D lines;         // (97, 4): rims of mouth and eyes, arches of teeth
#ifdef MOUTH
uniform bool mouthShown;
uniform vec4 mouthFrame;         // left, top, along
uniform float mouthWidth, mouthUnit, upperEdge, lowerEdge, sheetPerPx, sheetEdge, tongueTop, tongueHalf, tongueAlpha;
uniform float ownPerPx, ownU, ownV, ownAlpha, mouthAlpha, upperTeeth, mouthMiddle, mouthSharp;
uniform vec3 cavity, tongueTone;
uniform vec2 mouthReach;         // lowest and highest v
uniform sampler2D teethUpper, teethLower, teethOwn;
uniform bool seamShown;
uniform vec3 seamTone;
uniform vec3 seam;               // strength, half thickness, blur: px
#endif

#ifdef EYE
struct Eye {
  vec4 frame;                    // left, top, along
  vec2 reach;                    // lowest and highest v
  float width;
  vec2 perPx, sheet;             // sheet px per frame px; sheet place of the left corner
  vec3 iris;                     // u, v, radius
  vec2 gaze;
  float lidShadow, shadowDepth, lash, lashHalf, sharpness, opacity, drawnIris, lifted, paintedLid, smoothedLid;
  vec3 lashTone;
};
uniform Eye eye;
uniform int eyeRow;              // of the lines; 2 and 3
uniform sampler2D lidTones;      // (65, 2 n): the closed lids of the left and, below it, of the right eye
uniform sampler2D seen, white, disc;
#endif

float clamp01(float x) { return clamp(x, 0.0, 1.0); }
float smoothed(float t) { return t * t * (3.0 - 2.0 * t); }

vec4 texel(sampler2D sheet, vec2 at) {
  return textureLod(sheet, (at + 0.5) / vec2(textureSize(sheet, 0)), 0.0) * 255.0;
}
vec4 held(sampler2D sheet, vec2 at) {
  return texel(sheet, clamp(at, vec2(0.0), vec2(textureSize(sheet, 0)) - 1.001));
}
void blend(inout vec3 colour, vec3 value, float alpha) { colour = mix(colour, min(value, vec3(255.0)), alpha); }

// What the mesh carries to a pixel: colour and opacity. Nothing where no mesh is.
vec4 carried(vec2 p, vec2 moved) {
  vec2 at = (p + moved) * toTexture.xy + toTexture.zw;
  if (any(lessThan(at, vec2(0.0))) || any(greaterThan(at, vec2(1.0)))) return vec4(0.0);
  return textureLod(texture0, at, 0.0) * 255.0;
}

vec3 skin(vec2 p) {
  ivec2 at = ivec2(p);
  vec2 here = texelFetch(flow, at, 0).xy;
  vec4 part = carried(p, here);
  float most = 0.0;
  if (all(greaterThan(p, folds.xy)) && all(lessThan(p, folds.zw - 1.0))) {
    vec2 step0 = abs(texelFetch(flow, at - ivec2(1, 0), 0).xy - here), step1 = abs(texelFetch(flow, at + ivec2(1, 0), 0).xy - here);
    vec2 step2 = abs(texelFetch(flow, at - ivec2(0, 1), 0).xy - here), step3 = abs(texelFetch(flow, at + ivec2(0, 1), 0).xy - here);
    most = max(max(step0.x + step0.y, step1.x + step1.y), max(step2.x + step2.y, step3.x + step3.y));
    if (most > jump) {
      part = vec4(0.0);
      for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++) {
        float weight = float((2 - abs(x)) * (2 - abs(y))) / 16.0;
        part += weight * carried(p + vec2(x, y), texelFetch(flow, at + ivec2(x, y), 0).xy);
      }
    }
  }
#ifdef FOLDS
  if (most <= jump) discard;
#endif
  if (here == vec2(0.0)) return texelFetch(still, at, 0).rgb * 255.0;
  part.rgb = min(part.rgb * textureLod(shade, (p + here) * toShade.xy + toShade.zw, 0.0).rgg, vec3(255.0));
  return mix(texelFetch(behind, at, 0).rgb * 255.0, part.rgb, part.a / 255.0);
}

vec4 lineAt(float at, int row) {
  int i = min(int(at), (row < 2 ? LIP_SAMPLES : EYE_SAMPLES) - 2);
  return mix(texelFetch(lines, ivec2(i, row), 0), texelFetch(lines, ivec2(i + 1, row), 0), at - float(i));
}

#ifdef MOUTH
void teeth(inout vec3 colour, sampler2D sheet, float column, float row, float light, float opacity) {
  vec2 size = vec2(textureSize(sheet, 0));
  if (column < 0.0 || column >= size.x - 1.001 || row < 0.0) return;
  vec4 found = texel(sheet, vec2(column, min(row, size.y - 1.001)));
  float a = found.a / 255.0 * opacity;
  if (a > K_FAINT) colour = mix(colour, found.rgb * light, a);
}

float erf(float x) {
  float t = 1.0 / (1.0 + 0.3275911 * abs(x));
  float y = 1.0 - (((((1.061405429 * t - 1.453152027) * t) + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-x * x);
  return sign(x) * y;
}

void mouth(inout vec3 colour, vec2 p) {
  vec2 d = p - mouthFrame.xy;
  float u = dot(d, mouthFrame.zw);
  float v = d.y * mouthFrame.z - d.x * mouthFrame.w;
  if (u <= 0.0 || u >= mouthWidth || v < mouthReach.x || v > mouthReach.y) discard;
  float at = u / mouthWidth * float(LIP_SAMPLES - 1);
  vec4 rims = lineAt(at, 0);
  float lipTop = rims.x, lipBottom = rims.y;
  if (seamShown && at >= 3.0 && at <= float(LIP_SAMPLES - 4)) {
    vec4 next = lineAt(min(at + 1.0, float(LIP_SAMPLES - 1)), 0);
    float slope = 0.5 * ((next.x + next.y) - (rims.x + rims.y)) / (mouthWidth / float(LIP_SAMPLES - 1));
    float away = abs(v - 0.5 * (lipTop + lipBottom)) / sqrt(1.0 + slope * slope);
    float soft = 1.41421356 * seam.z;
    float alpha = 0.5 * (erf((seam.y - away) / soft) + erf((seam.y + away) / soft));
    blend(colour, seamTone, clamp01(alpha) * 0.8 * seam.x);
  }
  if (!mouthShown) return;
  float gap = lipBottom - lipTop;
  if (gap <= 0.0) return;
  // Across the rims, which are steep near the corners.
  float first = min(floor(at), float(LIP_SAMPLES - 2));
  vec2 slope = (lineAt(first + 1.0, 0).xy - lineAt(first, 0).xy) * float(LIP_SAMPLES - 1) / mouthWidth;
  vec2 inwards = vec2(v - lipTop, lipBottom - v) / sqrt(1.0 + slope * slope);
  float cover = clamp01(inwards.x * mouthSharp + 0.5) * clamp01(inwards.y * mouthSharp + 0.5);
  cover *= smoothed(clamp01((gap / mouthUnit - 0.002) / 0.024)) * mouthAlpha;
  if (cover < 0.004) return;
  vec3 inside = cavity * (0.55 + 0.75 * clamp01((v - lipTop) / max(gap, 1.0)));
  if (tongueAlpha > K_FAINT) {
    float lie = (u - mouthMiddle) / tongueHalf;
    if (lie > -1.0 && lie < 1.0) {
      float dome = sqrt(1.0 - lie * lie);
      float depth = (v - tongueTop - (1.0 - dome) * K_TONGUE_DOME * mouthUnit) / mouthUnit;
      float a = clamp01(depth / 0.03 + 0.5) * tongueAlpha * min(1.0, 4.0 * (1.0 - abs(lie)));
      float groove = 1.0 - K_TONGUE_GROOVE * exp(-lie * lie / 0.01);
      float lit = (0.52 + 0.50 * clamp01(depth / 0.16)) * (0.72 + 0.28 * dome) * groove;
      inside = mix(inside, tongueTone * lit, a);
    }
  }
  vec2 lower = lineAt(at, 1).xy;
  teeth(inside, teethLower, lower.x, (v - lowerEdge) * sheetPerPx + sheetEdge, lower.y, 1.0);
  teeth(inside, teethUpper, rims.z, (upperEdge - v) * sheetPerPx + sheetEdge, rims.w, upperTeeth);
  float shade = 1.0 - K_LIP_SHADE_TOP * exp(-(v - lipTop) / (K_LIP_SHADE_TOP_DEPTH * mouthUnit));
  shade *= 1.0 - K_LIP_SHADE_BOTTOM * exp(-(lipBottom - v) / (K_LIP_SHADE_BOTTOM_DEPTH * mouthUnit));
  shade *= K_NARROW_LIGHT + (1.0 - K_NARROW_LIGHT) * min(gap / (K_NARROW_GAP * mouthUnit), 1.0);
  vec2 own = vec2(ownU, ownV) + vec2(u, v) * ownPerPx;
  vec2 ownSize = vec2(textureSize(teethOwn, 0));
  if (ownAlpha > K_FAINT && all(greaterThanEqual(own, vec2(0.0))) && all(lessThan(own, ownSize - 1.001))) {
    vec4 found = texel(teethOwn, own);
    vec3 dim = shade * (1.0 - K_OWN_WARM_DARK * vec3(0.0, 1.0, 2.0) * (1.0 - shade));
    inside = mix(inside * dim, found.rgb * (1.0 - 0.5 * (1.0 - dim)), found.a / 255.0 * ownAlpha);
  } else {
    inside *= shade * (1.0 - K_WARM_DARK * vec3(0.0, 1.0, 2.0) * (1.0 - shade));
  }
  blend(colour, max(inside, vec3(0.0)), cover);
}

#endif

#ifdef EYE
// Skin of a closed lid, `down` 0..1 of the way from the crease to the rim.
vec3 lidTone(float at, int eye, float down) {
  int rows = textureSize(lidTones, 0).y / 2, i = min(int(at), EYE_SAMPLES - 2);
  float place = down * float(rows - 1);
  int row = min(int(place), rows - 2);
  place -= float(row);
  row += eye * rows;
  vec3 above = mix(texelFetch(lidTones, ivec2(i, row), 0).rgb, texelFetch(lidTones, ivec2(i + 1, row), 0).rgb, at - float(i));
  vec3 below = mix(texelFetch(lidTones, ivec2(i, row + 1), 0).rgb, texelFetch(lidTones, ivec2(i + 1, row + 1), 0).rgb, at - float(i));
  float bulge = 1.0 + K_LID_BULGE * sin(3.14159 * down) - K_LID_HANG * smoothed(clamp01(2.0 * down - 1.0));
  return mix(above, below, place) * 255.0 * bulge;
}

void opened(inout vec3 colour, vec2 p, Eye e, int row) {
  vec2 d = p - e.frame.xy;
  float u = dot(d, e.frame.zw);
  float v = d.y * e.frame.z - d.x * e.frame.w;
  if (u <= 0.0 || u >= e.width || v < e.reach.x || v > e.reach.y) discard;
  float t = u / e.width;
  float at65 = t * float(EYE_SAMPLES - 1);
  int which = row - 2;
  vec4 rims = lineAt(at65, row);
  float top = rims.x, bottom = rims.y;
  float fold = top - (top - rims.z) * sqrt(4.0 * t * (1.0 - t));  // round, as the eyeball under it
  if (e.smoothedLid > 0.0 && top - fold > 2.0 && v > fold && v < top) {
    float down = (v - fold) / (top - fold);
    float a = smoothed(min(down / K_LID_FOLD_REACH, 1.0)) * min(1.0, min(6.0 * t, 6.0 * (1.0 - t))) * e.smoothedLid;
    vec3 lit = lidTone(at65, which, down);
    float strange = dot(abs(colour - lit), vec3(1.0));
    blend(colour, lit, a * (K_LID_LEAST + (1.0 - K_LID_LEAST) * min(1.0, strange / K_LID_STRANGE)));
  }
  if (e.paintedLid > 0.0) {
    float roof = top;
    top = roof + (bottom + K_LID_OVERLAP * e.width - roof) * K_LID_SHARE * e.paintedLid;
    bottom -= 0.06 * (bottom - roof) * e.paintedLid;
    float cover = clamp01((v - roof) / (0.04 * e.width) + 0.2) * clamp01((top - v) * e.sharpness + 0.5);
    cover *= min(1.0, min(5.0 * t, 5.0 * (1.0 - t))) * min(1.0, 4.0 * e.paintedLid);
    if (cover > K_FAINT) {
      float down = clamp01((v - roof) / max(top - roof, 1.0));
      float shade = 1.0 - K_PAINTED_FOLD * (1.0 - smoothed(clamp01(down / 0.3)));
      blend(colour, lidTone(at65, which, down) * shade, cover);
    }
  }
  float cover = clamp01((v - top) * e.sharpness + 0.5) * clamp01((bottom - v) * e.sharpness + 0.5);
  cover *= clamp01((bottom - top) * 0.8) * e.opacity;
  if (cover > K_FAINT) {
    vec2 size = vec2(textureSize(seen, 0));
    vec2 at = clamp(e.sheet + vec2(u, v) * e.perPx, vec2(0.0), size - 1.001);
    vec4 mine = texel(seen, at), ball = texel(white, at);
    float own = mix(mine.a, min(mine.a, ball.a), e.lifted) / 255.0;
    float away = length(at - e.iris.xy - e.gaze);
    float within = clamp01((e.iris.z - away) / (K_IRIS_RIM * e.iris.z) + 0.5);
    away = min(away, length(at - e.iris.xy));
    float zone = clamp01((K_IRIS_ZONE * e.iris.z - away) / (K_IRIS_ZONE_FADE * e.iris.z));
    own *= 1.0 - e.drawnIris * smoothed(zone);
    vec3 iris = held(disc, at - e.gaze).rgb;
    float shade = 1.0 - e.lidShadow * exp(-max(v - top, 0.0) / e.shadowDepth);
    float still = 1.0 - K_FIXED_SHADE_TOP * exp(-max(v - top, 0.0) / e.shadowDepth);
    still *= 1.0 - K_FIXED_SHADE_BOTTOM * exp(-max(bottom - v, 0.0) / (0.4 * e.shadowDepth));
    vec3 drawn = mix(ball.rgb, iris, within) * still;
    blend(colour, mine.rgb * shade * own + drawn * (1.0 - own), cover);
  }
  if (e.lash > K_FAINT) {
    float thick = e.lashHalf * (0.35 + 0.65 * clamp01(4.0 * t * (1.0 - t)));
    float off = (v - max(top, bottom)) / thick;
    if (off > -6.0 && off < 3.0) {
      float soft = K_LASH_FLANK * (off < 0.0 ? exp(-off * off / 9.0) : exp(-off * off));
      float a = e.lash * ((1.0 - K_LASH_FLANK) * exp(-off * off) + soft) * min(1.0, min(5.0 * t, 5.0 * (1.0 - t)));
      blend(colour, e.lashTone, a);
    }
  }
}
#endif

void main() {
  vec2 p = floor(gl_FragCoord.xy - corner);
  p.y = side - 1.0 - p.y;
  vec3 colour = skin(p);
#ifdef MOUTH
  mouth(colour, p);
#endif
#ifdef EYE
  opened(colour, p, eye, eyeRow);
#endif
  shown = vec4(clamp(colour, 0.0, 255.0) / 255.0, 1.0);
}

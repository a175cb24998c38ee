#version 300 es
// The folds and bulges of one frame: the maps of all expressions, weighted, as factors of red and of green and blue.
precision highp float;
precision highp sampler2D;
out vec4 factors;
uniform sampler2D shadeMaps;     // three maps to a picture, one picture below the other; 128 = no change
uniform vec3 shadeWeights[SHADE_PICTURES];
void main() {
  // Half as fine as the maps, which are soft; one pixel of no change runs around: so it is outside of them.
  vec2 size = vec2(textureSize(shadeMaps, 0)) / vec2(1, SHADE_PICTURES);
  vec2 place = 2.0 * (gl_FragCoord.xy - 1.0);
  vec2 at = clamp(place, vec2(0.5), size - 0.5);
  float change = 0.0;
  for (int k = 0; k < SHADE_PICTURES; k++) {
    vec2 spot = (at + vec2(0.0, float(k) * size.y)) / (size * vec2(1, SHADE_PICTURES));
    change += dot(textureLod(shadeMaps, spot, 0.0).rgb * 255.0 - 128.0, shadeWeights[k]);
  }
  if (any(lessThan(place, vec2(0.0))) || any(greaterThan(place, size))) change = 0.0;
  float gain = clamp(1.0 + change, 0.6, 1.25);
  factors = vec4(gain, gain * min(0.7 + 0.3 * gain, 1.0), 0.0, 1.0);
}

#version 300 es
// The moved mesh onto the canvas, or as a map that says how far away the colour of each pixel comes from.
precision highp float;
layout(location = 0) in vec3 place;   // frame px of pixel centres, and depth 0..1
layout(location = 1) in vec2 source;  // displacement to where it was, frame px
uniform float side;
uniform float up;                     // -1 onto the canvas, whose rows go up; 1 into a map
uniform vec4 toTexture, toShade;      // frame px -> place in the texture, in the map of folds
out vec2 displacement, from, here, folded;
void main() {
  displacement = source;
  from = (place.xy + source) * toTexture.xy + toTexture.zw;
  folded = (place.xy + source) * toShade.xy + toShade.zw;
  here = (place.xy + 0.5) / side;
  vec2 at = here * 2.0 - 1.0;
  gl_Position = vec4(at.x, up * at.y, place.z * 2.0 - 1.0, 1.0);
}

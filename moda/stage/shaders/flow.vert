#version 300 es
// The moved mesh into a map that says, for each pixel of the frame, how far away its colour comes from.
precision highp float;
layout(location = 0) in vec3 place;   // frame px of pixel centres, and depth 0..1
layout(location = 1) in vec2 source;  // displacement to where it was, frame px
uniform float side;
out vec2 displacement;
void main() {
  displacement = source;
  gl_Position = vec4((place.xy + 0.5) / side * 2.0 - 1.0, place.z * 2.0 - 1.0, 1.0);
}

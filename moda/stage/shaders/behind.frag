#version 300 es
// What no mesh covers.
precision highp float;
precision highp sampler2D;
uniform sampler2D behind;
uniform vec2 corner;
uniform float side;
out vec4 shown;
void main() {
  vec2 p = gl_FragCoord.xy - corner;
  shown = textureLod(behind, vec2(p.x, side - p.y) / side, 0.0);
}

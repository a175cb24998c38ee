#version 300 es
// What stands still, once for every size: the frame at rest, and what shows where the person has moved away.
precision highp float;
precision highp sampler2D;
layout(location = 0) out vec4 still;
layout(location = 1) out vec4 behind;
uniform float side;
uniform sampler2D texture0, base, plate;
uniform vec4 toTexture;
void main() {
  vec2 p = floor(gl_FragCoord.xy), place = (p + 0.5) / side;
  still = vec4(texture(base, place).rgb, 1.0);
  // Where nobody stood, what is behind is the picture itself.
  behind = texture(texture0, p * toTexture.xy + toTexture.zw).a > 0.0 ? vec4(texture(plate, place).rgb, 1.0) : still;
}

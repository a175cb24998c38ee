#version 300 es
// A pixel of the moved mesh: the picture where it was. Software WebGL computes every branch for every pixel, so each kind of
// triangle has a program of its own: STILL those that rest, OPAQUE those that hide what is behind, FACE those with folds.
precision highp float;
precision highp sampler2D;
in vec2 from, here, folded;
out vec4 shown;
uniform sampler2D texture0;      // the person, enlarged; straight alpha
uniform sampler2D still;         // the frame as it is at rest, pixel by pixel
uniform sampler2D behind;        // what the person uncovers, pixel by pixel
uniform sampler2D shade;         // what folds and bulges of the skin do to red, and to green and blue
void main() {
#ifdef STILL
  shown = textureLod(still, here, 0.0);
#else
  vec4 part = textureLod(texture0, from, 0.0);
#ifdef FACE
  part.rgb *= textureLod(shade, folded, 0.0).rgg;
#endif
#ifdef OPAQUE
  shown = vec4(part.rgb, 1.0);
#else
  shown = vec4(mix(textureLod(behind, here, 0.0).rgb, min(part.rgb, 1.0), part.a), 1.0);
#endif
#endif
}

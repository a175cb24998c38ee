#version 300 es
precision highp float;
in vec2 displacement;
out vec4 flow;
void main() { flow = vec4(displacement, 0.0, 1.0); }

"""What leaves the studio besides videos: a web page that plays by itself, a rigged face (GLB), ARKit curves."""

"""Studies made of the measures: which clips, which takes, which table at the end."""

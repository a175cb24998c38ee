"""Motion and portrait in, frames out (floor 2)."""

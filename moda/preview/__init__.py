"""Trajectory plots and the quick clip (floor 3)."""

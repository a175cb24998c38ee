"""Grids, strips and tables for papers (floor 5)."""

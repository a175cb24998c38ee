"""MoDA: the flow-matching motion generator (floor 2)."""

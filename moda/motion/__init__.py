"""The joint parameter space, facial actions in it, and motion files (floor 0)."""

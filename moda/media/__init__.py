"""Sound and video files in and out, and speech from text (floor 1)."""

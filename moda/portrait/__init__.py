"""The source picture: faces, landmarks, crop, paste-back, identity (floor 1)."""

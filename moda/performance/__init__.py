"""A filmed face as motion: shots of a film, landmarks fitted to our actions, and the whole as a take."""

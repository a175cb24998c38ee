"""The Gradio studio (floor 6)."""

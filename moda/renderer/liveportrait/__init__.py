"""The neural renderer: LivePortrait's modules."""

"""The Make tab's steps: each file has one step's layout and its events."""

"""The weight-free mesh renderer."""

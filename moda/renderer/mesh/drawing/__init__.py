"""What is drawn for every frame."""

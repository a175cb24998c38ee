"""Weight-free measures of takes and talking videos (floor 5)."""

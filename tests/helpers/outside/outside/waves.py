"""Where waves begin."""

SHIFT = 0.25

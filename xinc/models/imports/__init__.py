"""Networks that other code trained: one file per layout of a checkpoint, and how files are read safely."""

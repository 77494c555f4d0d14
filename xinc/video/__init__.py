"""Videos: where they come from, how they are cropped and resized, and how they are stored."""

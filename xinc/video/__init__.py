"""Videos: sources, cropping and resizing, and stores."""

"""What a network tells of itself: layers and activations."""

"""Layers and activations: a network's description of itself."""

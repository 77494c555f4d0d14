"""Overfitting a network to a video: the paper's section 6.1."""

"""The contribution equations (paper sections 3.1 and 3.2), per layer type."""

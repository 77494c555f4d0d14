"""Thresholds that the computation and the claims share."""

#: A neuron that represents less than this percentage of the pixels contributes almost nothing.
ALMOST_NOTHING = 1.0

"""Numbers that the computation and the claims share."""

#: A neuron that represents less than this percentage of the pixels contributes almost nothing.
ALMOST_NOTHING = 1.0

#: Maps of each layer that are drawn for the i.i.d. network.
DRAWN = 1000

"""Names of the maps and totals that are compared, shared by the computation, the figures and the claims."""

from __future__ import annotations

#: Maps that are compared with the effect over pixels, in words.
MAPS = {
    "contribution": "|C|",
    "gained": "gained map",
    "other": "|C| of another neuron, same phase",
    "reinitialised": "|C| of new random weights",
    "shuffled": "|C| with kernels exchanged",
}
#: Totals that are compared with the total effect over neurons, in words.
TOTALS = {
    "contribution": "Σ|C|",
    "gained": "total of the gained map",
    "weights": "‖w‖",
    "activation_weights": "‖w‖ · ‖input‖",
    "taylor": "|gradient · w|",
    "gauss_newton": "Gauss–Newton",
    "random": "random",
}
#: Total effects, in words.
EFFECTS = {"absolute": "Σ effect", "squared": "Σ effect²"}

"""Names of budgets in the results of the analysis."""

from __future__ import annotations

#: How many units each layer gives up, by name, in words.
BUDGETS = {
    "layer": "the same share of every layer",
    "global": "own: all layers ranked together",
    "contribution": "as many of each layer as contribution takes",
    "rescored": "own, scored anew after each step",
}
#: Budgets with which networks are trained on.
TUNED = ("layer", "global", "rescored")
#: Ways of counting bits, see `xinc.interventions.coding.Size`.
CODINGS = ("dense", "sparse", "entropy")
#: Differences in dB that are noise on one network.
TIE = 1.0

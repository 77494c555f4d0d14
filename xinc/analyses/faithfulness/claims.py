"""What the maps of section 3.2 are taken for, as numbers."""

from __future__ import annotations

from typing import Any

from xinc.analyses.claim import Claim


def _of(name: str) -> dict[str, Any]:
    return {"statistic": lambda result: result[name], "null": lambda result: result[f"{name}_null"]}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "maps_show_their_neurons",
        "3.2",
        "A neuron's map shows where the output depends on it: better than the map of another neuron does.",
        "mean over neurons of Pearson's r over pixels of |C| with the effect of ablation, less that of another "
        "neuron's |C| of the same PixelShuffle phase",
        chance="the two maps of each neuron change places at random",
        missing="all maps, or all effects, are constant",
        **_of("own_over_other"),
    ),
    Claim(
        "contribution_ranks_ablation",
        "3.2",
        "A neuron's total contribution says how much the output depends on it: better than the size of its weights.",
        "Spearman's ρ over neurons of Σ|C| with the total effect of ablation, less that of ‖w‖",
        chance="the two ranks of each neuron change places at random",
        missing="the totals of all neurons are the same",
        **_of("over_magnitude"),
    ),
    Claim(
        "no_contribution_no_effect",
        "4.4",
        "Neurons that contribute nothing are dead: the output does not depend on them.",
        "median total effect of ablating neurons without contribution / of ablating neurons with some",
        threshold=0.1,
        direction="<",
        chance="who is without contribution is drawn by lot",
        missing="every neuron of the layer contributes",
        **_of("idle_effect"),
    ),
)

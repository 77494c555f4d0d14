"""Contribution maps and totals against the effect of ablation; the paper, whose section 3.2 defines them, has none."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("faithfulness")
class Faithfulness(NetworkAnalysis):
    """How far contributions say what the output loses without a neuron.

    Of neurons drawn at random from each layer, weights are set to zero one neuron at a time; the effect is how far the
    colours of each pixel move. Over pixels, maps are compared with it by Pearson's r: |C|, the gained map, which puts
    the weights of later layers back, and as controls |C| of another neuron of the same PixelShuffle phase, of the
    network with new random weights, and with the layer's kernels exchanged at random. Over neurons, totals are compared
    with the total effect by Spearman's ρ: Σ|C|, the total of the gained map, the norm of the weights, that times the
    norm of their input, |gradient · weights| of the squared error, and the Gauss–Newton estimate from all layers at
    once; random numbers, whose ρ is 0, show how far chance goes. Bars are 95 % bootstrap intervals over neurons. A high
    r says that a map shows *where* its neuron matters; a high ρ, that totals say *which* neurons matter, taken one at a
    time.
    """

    question = "Do contribution maps show what the output loses without a neuron?"
    section = "3.2"
    needs = frozenset({"model", "canvas"})
    undefined = {
        **dict.fromkeys(
            ("agreement", "median_agreement", "agreement_low", "agreement_high"),
            "neurons whose map or effect is constant, without another of the same phase, and past the last neuron of a "
            "layer with fewer than are drawn",
        ),
        **dict.fromkeys(
            ("ranking", "ranking_low", "ranking_high"), "totals that are the same for all neurons, and single neurons"
        ),
        **dict.fromkeys(
            ("own_over_other", "own_over_other_null", "over_magnitude", "over_magnitude_null"),
            "layers in which no neuron, or no total, can be compared",
        ),
        **dict.fromkeys(("idle_effect", "idle_effect_null"), "layers in which every neuron contributes"),
    }

    class Settings(StrictModel):
        neurons: int = Field(100, ge=2, description="Neurons drawn from each layer; of smaller layers all are taken.")
        frames: FrameChoice = Field(1, description="Frames: how many evenly spread, a list, or all.")
        probes: int = Field(32, ge=2, description="Backward passes a frame, for gains and for Gauss–Newton estimates.")
        resamples: int = Field(500, ge=20, description="Bootstrap resamples, and exchanges of labels for p-values.")
        seed: int = Field(0, ge=0, description="Seed of draws, probes and controls.")

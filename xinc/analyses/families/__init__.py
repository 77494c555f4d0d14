"""Families of networks beside each other, at equal size: what it takes to train them, and what their canvases show."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import ProjectAnalysis
from xinc.settings import StrictModel


@analyses.register("families")
class Families(ProjectAnalysis):
    """Networks of different architectures on the same video: quality, time, and what their contributions look like.

    A row is a model; dots of the first two columns are its networks (videos and seeds), those of the others its layers,
    medians over networks and frames; light for the last layer, the one that makes the colours. PSNR and CPU time of
    training; inequality of |C| (Gini coefficient: 0 where all contributions are equal, 1 where one is everything);
    neurons without contribution; how far maps agree with the effect of ablation (median r over neurons, ring: gained
    maps); and the PSNR that is lost with a share of the weights, removed by contribution, by magnitude, or at random.
    Beside the figure lies `families.md`, a page with the numbers.
    """

    question = "What have families of networks in common, and where do they differ?"
    section = "4.4"
    needs = frozenset()
    uses = frozenset({"distribution", "faithfulness", "pixels_per_neuron", "pruning", "quality"})
    judges = False
    undefined = {
        **dict.fromkeys(("bits_per_pixel", "psnr", "ssim", "explained"), "networks without the analysis quality"),
        **dict.fromkeys(("epochs", "cpu_seconds"), "networks that were not trained here"),
        "lost": "networks without the analysis pruning, and criteria and shares that it was not asked for",
        "measured": "layers without the analysis that measures this",
    }

    class Settings(StrictModel):
        share: float = Field(0.3, gt=0, le=1, description="Share of the weights removed, one of those of `pruning`.")
        min_psnr: float = Field(
            25.0, description="Least PSNR, in dB, of networks that count; what has not learned its video is left out."
        )

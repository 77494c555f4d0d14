"""The paper's claims, re-examined: the page of a study, by the paper's words and as released."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import ProjectAnalysis
from xinc.settings import StrictModel

Above = Annotated[float, Field(gt=0)]


@analyses.register("paper_claims")
class PaperClaims(ProjectAnalysis):
    """The paper's figure 4 by the definitions of its released notebooks, and by its words, over a whole study.

    Curves are medians over networks and frames of one model of each architecture: variance of δ over regions, live
    neurons sorted. As released, "grid" groups pixels by position modulo (4, 8), and deltas are absolute but for the
    grid; as written, grid cells are rectangles and deltas are signed. Dashed: the variance over the lattice of a kernel
    of the last block that contributes the same everywhere. Beside the figure lies `paper-claims.md`, a page of all
    claims: the number by either definition, median and range over videos, seeds and layers, and a verdict.
    """

    question = "What stands of the paper, by its words and as released?"
    section = "1"
    needs = frozenset()
    uses = frozenset(
        {
            *("distribution", "grouping", "intensity", "motion", "neurons_per_pixel", "pixels_per_neuron"),
            *("quality", "released"),
        }
    )
    judges = False
    undefined = {
        **dict.fromkeys(("written", "released"), "numbers that one of the definitions does not have"),
        **dict.fromkeys(("written_bound", "released_bound"), "numbers that are compared with nothing"),
        **dict.fromkeys(("bits_per_pixel", "psnr", "ssim", "epochs"), "networks without the analysis quality"),
        **dict.fromkeys(("epochs_within", "seconds"), "networks that were not trained here"),
        "curve": "groupings that no video has",
        "constant_kernel": "layers that are not a network's last block",
        "job_seconds": "jobs that were not measured here",
    }

    class Settings(StrictModel):
        bits_per_pixel: tuple[Above, Above] = Field(
            (4.0, 16.0),
            description="Least and greatest size, at 8 bits a weight, of networks that count; the paper's have 8.",
        )
        min_psnr: float = Field(30.0, description="Least PSNR, in dB, of networks that count; the paper's have 34.")
        within: float = Field(0.3, gt=0, description="Decibels below its end from which a training counts as ended.")
        points: int = Field(51, ge=2, description="Points of a curve.")

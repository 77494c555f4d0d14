"""Verdicts on the paper's claims: one table of the results of all other analyses (paper section 1)."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import ProjectAnalysis
from xinc.settings import StrictModel


@analyses.register("findings")
class Findings(ProjectAnalysis):
    """The paper's claims against the measurements made here.

    Each claim of section 1, and each sentence of the paper that states a comparison, is a number, averaged over frames,
    for every video, model and layer, with the paper's direction and a threshold. If chance could give such a number, it
    must be beyond chance as well: beyond the same label, motion or density map shifted around the frame, or labels
    exchanged; the probability is corrected for the number of tests (Benjamini and Hochberg 1995). A number beyond the
    threshold that chance explains is not significant, nor is one of too few cases. A sentence that denies a
    correspondence fails if a correspondence is seen. A claim that does not hold is a finding, not a failure. Beside the
    counts stands the size of the effect: the median of the numbers and their range. No claim is judged on a network
    that has not learned its video. Mind the size of the networks, which the table states in bits per pixel of 8-bit
    weights: the paper's have about 8, raw colours have 24, and what a network learns may depend on how much it has to
    compress.
    """

    question = "Which of the paper's claims hold here?"
    section = "1"
    needs = frozenset()
    uses = None
    figure_settings = frozenset({"wrap"})
    undefined = {
        **dict.fromkeys(("value", "threshold"), "sentences that are not measured"),
        **dict.fromkeys(("null_mean", "null_edge", "p_value", "q_value"), "claims without a null"),
        **dict.fromkeys(("median", "lowest", "highest"), "claims without a verdict"),
        **dict.fromkeys(("bits_per_pixel", "psnr"), "networks without the analysis 'quality'"),
        "explained": "networks without the analysis 'quality', and frames of one colour",
    }

    class Settings(StrictModel):
        level: float = Field(0.05, gt=0, lt=1, description="Largest corrected probability under the null to count.")
        wrap: int = Field(64, ge=20, description="Characters of a sentence in a line of the figure.")

"""Pruning by contribution and by other criteria (the compression that section 1 of the paper has in view)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel

Share = Annotated[float, Field(gt=0, le=1)]
Ranking = Literal["map_weight", "magnitude", "wanda", "taylor", "taylor_squared", "gauss_newton"]


@analyses.register("pruning")
class Pruning(NetworkAnalysis):
    """PSNR against the share of kernels, or of single weights, that is removed, for each criterion.

    All criteria score the same frames. How many units each layer gives up is kept apart from how they are ranked: every
    layer the same share; the layers' own budgets (all units ranked together); the budgets that contribution has;
    and own budgets with what is left scored anew after each step. Random: mean of several draws. Networks are then
    trained on for some epochs, what was removed staying zero, and counted in bits: what is left at 8 bits, entropy
    coded, and the positions of what is left. On one network, differences below 1 dB are noise: the recommendation
    names what is within 1 dB of the best. In linear layers a kernel is a weight, so that only weights are shown.
    """

    question = "What can be removed from the network, and by which criterion?"
    section = "1"
    needs = frozenset({"model"})
    undefined = {
        "psnr_tuned": "networks that are not trained on",
        "psnr_quantised": "networks that are not trained on",
        "bits": "networks that are not trained on",
    }

    class Settings(StrictModel):
        criteria: tuple[Ranking, ...] = Field(
            ("map_weight", "magnitude", "wanda", "taylor_squared", "gauss_newton"),
            description="Criteria beside contribution and random, see docs/how-to/python.md.",
        )
        frames: FrameChoice = Field(
            2, description="Frames on which units are scored; a network of one frame is scored on it."
        )
        evaluated: FrameChoice = Field(8, description="Frames over which PSNR is averaged.")
        shares: tuple[Share, ...] = Field(
            (0.1, 0.3, 0.5, 0.7), min_length=1, description="Shares that are removed, in curves."
        )
        share: Share = Field(
            0.3, description="Share at which networks are trained on and criteria compared; one of the curves' as well."
        )
        rescore: Share = Field(0.1, description="Share after which what is left is scored anew.")
        draws: int = Field(3, ge=1, description="Random prunings.")
        probes: int = Field(8, ge=1, description="Backward passes a frame for the Gauss-Newton estimate.")
        finetune_epochs: int = Field(
            5,
            ge=0,
            description="Epochs of training after pruning; ten times as many of networks of one frame, whose epochs "
            "are single steps.",
        )
        learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate of that training.")
        threads: int = Field(2, ge=1, description="CPU threads of that training, on which its rounding depends.")

"""How a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.settings import StrictModel


class TrainingSettings(StrictModel):
    """L2 loss, Adam, learning rate with linear warm-up and cosine decay to zero."""

    epochs: int = Field(1000, ge=1, description="Passes over the frames (NeRV) or over all pixels (FFN, SIREN).")
    batch_size: int = Field(2, ge=1, description="Frames a step; networks of one frame always see all its pixels.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps during which the rate rises linearly.")
    min_psnr: float | None = Field(
        None,
        description="PSNR in dB below which training counts as failed: of each network of one frame, or of the mean "
        "over a video network's frames.",
    )
    threads: int = Field(
        2, ge=1, description="CPU threads. Part of the settings because sums, and so results, depend on it."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one.")

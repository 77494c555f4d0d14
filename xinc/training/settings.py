"""Settings of a training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.settings import StrictModel

#: Settings that nothing shows of in a trained network: changing them does not train it again.
UNSEEN = {"checkpoint_minutes"}


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
    target_psnr: float | None = Field(
        None,
        description="PSNR in dB at which training stops early: when each network of one frame has it, or the mean over "
        "a video network's frames. The learning rate keeps to the schedule of all epochs.",
    )
    time_budget: float | None = Field(
        None,
        gt=0,
        description="Seconds after which training stops, at the end of an epoch, with what it has learnt so far. "
        "Results then depend on how fast the machine is.",
    )
    checkpoint_minutes: float = Field(
        5,
        gt=0,
        description="Minutes between two checkpoints, from the last of which a training that was killed goes on when "
        "it is started again with the same settings and video. Shorter trainings write none.",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Of products in layers: tf32 keeps 10 bits of the mantissa on a GPU and is float32 on a CPU; "
        "bfloat16 keeps 7 (mixed precision). Weights and optimiser are float32 throughout.",
    )
    threads: int = Field(
        2, ge=1, description="CPU threads. Part of the settings because sums, and so results, depend on it."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one.")

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
    batch_size: int = Field(
        2, ge=1, description="Frames in each step; a network of one frame always sees all its pixels."
    )
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps during which the rate rises linearly.")
    min_psnr: float | None = Field(
        None,
        description="PSNR in dB below which training fails: of each network of one frame, or of a video network's "
        "mean over frames.",
    )
    target_psnr: float | None = Field(
        None,
        description="PSNR in dB at which training stops early: of each network of one frame, or of a video network's "
        "mean over frames. The learning rate follows the schedule of all epochs.",
    )
    time_budget: float | None = Field(
        None,
        gt=0,
        description="Seconds after which training stops, at the end of an epoch. Results then depend on the machine's"
        " speed.",
    )
    checkpoint_minutes: float = Field(
        5,
        gt=0,
        description="Minutes between checkpoints. A training that was killed continues from the last one when it is "
        "started again with the same settings and video. Shorter trainings write none.",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Precision of products in layers: tf32 keeps 10 bits of the mantissa on a GPU and is float32 on a"
        " CPU; bfloat16 keeps 7 (mixed precision). Weights and optimiser are float32 throughout.",
    )
    threads: int = Field(
        2, ge=1, description="CPU threads. A setting because sums, and so results, depend on their number."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if there is one.")

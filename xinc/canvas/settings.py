"""Settings of a canvas."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.settings import StrictModel


class CanvasSettings(StrictModel):
    """Which maps to keep, and how."""

    layout: Literal["factored", "dense"] = Field(
        "factored",
        description="factored: layer inputs and weights, maps computed without loss when read; dense: every map, "
        "readable by any Zarr reader.",
    )
    granularity: Literal["kernel", "input", "output"] | None = Field(
        None, description="What a neuron is; default: kernel for NeRV, input for FFN and SIREN."
    )
    head_activation: bool = Field(False, description="Pass the last layer's maps through its tanh or sigmoid.")
    memory_mb: float = Field(512, gt=0, description="Memory in MB that expanding maps may take.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one.")

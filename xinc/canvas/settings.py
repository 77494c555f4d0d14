"""Settings of a canvas."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.frames import FrameChoice
from xinc.settings import StrictModel

Layout = Literal["auto", "factored", "dense"]


class CanvasSettings(StrictModel):
    """Which maps to keep, and how."""

    layout: Layout | dict[str, Layout] = Field(
        "auto",
        description="factored: layer inputs and weights, from which maps are computed without loss when read; dense: "
        "every map, for any Zarr reader; auto: dense if that takes at most four times the bytes of "
        "factored (heads, MLPs). One for all layers, or one by layer name and auto for the others.",
    )
    granularity: Literal["kernel", "input", "output"] | None = Field(
        None, description="What a neuron is; default: kernel for NeRV, input for FFN and SIREN."
    )
    head_activation: bool = Field(False, description="Pass the last layer's maps through its tanh or sigmoid.")
    gain: bool = Field(
        False, description="Keep gains beside the maps, from which open_canvas(…, gain=True) computes gained maps."
    )
    probes: int = Field(32, ge=1, description="Backward passes a frame from which gains are estimated.")
    memory_mb: float = Field(512, gt=0, description="Memory in MB that expanding maps may take.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if there is one.")

    def layout_of(self, layer: str, prefers_dense: bool) -> Literal["factored", "dense"]:
        """The layout of one layer; ``prefers_dense`` decides where it is ``auto``."""
        chosen = self.layout.get(layer, "auto") if isinstance(self.layout, dict) else self.layout
        if chosen == "auto":
            return "dense" if prefers_dense else "factored"
        return chosen


class DenseSettings(StrictModel):
    """Precision of dense maps on disk."""

    dtype: Literal["float32", "float16"] = Field("float32", description="Type in which maps are stored.")
    keepbits: int | None = Field(
        None, ge=1, le=23, description="Bits of the mantissa kept by rounding, for smaller files; all when left out."
    )


NeuronChoice = int | Literal["all"] | tuple[int, ...]


class MaterialiseSettings(DenseSettings):
    """Which maps to write out densely, and how precisely."""

    layers: tuple[str, ...] | None = Field(None, description="Layers by name; all when left out.")
    frames: FrameChoice = Field("all", description="Frames: 'all', a number evenly spread, or a list.")
    neurons: NeuronChoice = Field("all", description="Neurons: 'all', a number evenly spread, or a list of numbers.")
    memory_mb: float = Field(512, gt=0, description="Memory in MB for the maps being written.")

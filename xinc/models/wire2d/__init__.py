"""The two-dimensional form of WIRE (Saragadam et al. 2023): wavelets of one linear map times windows of another."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from xinc.models import architectures
from xinc.models.mlp import (
    CoordinateOrder,
    CoordinateRange,
    Coordinates,
    MLPArchitecture,
    OutputActivation,
    Pixels,
)
from xinc.settings import StrictModel


@architectures.register("wire2d")
class WIRE2D(MLPArchitecture):
    """exp(jωu) exp(−s² (|u|² + |u'|²)) with u = W x + b and u' = W' x + b': a wavelet of u times a window of u'.

    Both maps can be dissected, as layer1 and layer1_window, … A map of the one takes the other as it is: |φ(e) − φ(0)|
    of a wavelet's part, and of a window's. The first layer has real weights, all others complex ones; the output is the
    real part of the last response. ω and s are the defaults of its authors' code; 133,638 real numbers a frame.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(
            256,
            ge=2,
            description="Channels of a real network of about as many numbers; hidden layers have half, complex.",
        )
        layers: int = Field(4, ge=2, description="Number of layers.")
        omega: float = Field(30.0, gt=0, description="ω, the frequency of the wavelets of the hidden layers.")
        first_omega: float | None = Field(None, gt=0, description="ω of the first layer; `omega` when left out.")
        scale: float = Field(10.0, gt=0, description="s, the inverse of the width of every wavelet and window.")
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "column_row"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "identity"

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        hidden = range(1, settings.layers)
        return [*(name for k in hidden for name in (f"layer{k}", f"layer{k}_window")), f"layer{settings.layers}"]

    @classmethod
    def channels_of(cls, settings: Any) -> int:
        """Complex channels of a hidden layer."""
        return int(settings.hidden_width // 2)

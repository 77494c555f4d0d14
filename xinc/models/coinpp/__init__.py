"""COIN++ (Dupont et al. 2022): one SIREN for all frames, modulated by a latent vector of each."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import Architecture
from xinc.models.mlp import CoordinateOrder, CoordinateRange, Coordinates, OutputActivation, Pixels
from xinc.settings import StrictModel


@architectures.register("coinpp")
class COINPP(Architecture):
    """Hidden layers are sin(ω (scale ⊙ (W x + b) + shift)); shifts and scales are a linear map, or MLP, of a latent.

    Network and latents are trained together, where its paper learns to fit latents (meta-learning), because all frames
    are known. Defaults are those of its authors' code for Kodak: 2,403,843 parameters, and 64 for each frame; a video
    of 128x256 pixels is content with less, as hidden_width 128 and layers 5.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(512, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(10, ge=2, description="Number of linear layers.")
        omega: float = Field(50.0, gt=0, description="ω0, the frequency of every sine.")
        first_omega: float | None = Field(
            None, gt=0, description="Frequency of the first layer; `omega` when left out."
        )
        latent_dim: int = Field(64, ge=1, description="Numbers in a frame's latent.")
        modulate_shift: bool = Field(True, description="Whether a latent shifts the responses of hidden layers.")
        modulate_scale: bool = Field(False, description="Whether it multiplies them; it does that before the shift.")
        modulation_layers: int = Field(
            1, ge=1, description="Linear layers from a latent to the modulations, with ReLU between them."
        )
        modulation_width: int = Field(64, ge=1, description="Channels between these.")
        coordinates: Coordinates = "stretched"
        coordinate_order: CoordinateOrder = "row_column"
        coordinate_range: CoordinateRange = (0.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "identity"

    @classmethod
    def check(cls, settings: Any, resolution: tuple[int, int]) -> None:
        if not (settings.modulate_shift or settings.modulate_scale):
            raise InputError(
                "Neither modulate_shift nor modulate_scale is set, so that all frames of this coinpp would be the same:"
                " set one of them."
            )

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return [f"layer{k + 1}" for k in range(settings.layers)]

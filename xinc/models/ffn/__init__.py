"""Fourier feature network (Tancik et al. 2020), the paper's MLP-based INR: sections 3.1 and 6.1."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xinc.models import architectures
from xinc.models.architecture import ActivationSetting
from xinc.models.mlp import MLPArchitecture
from xinc.settings import StrictModel


@architectures.register("ffn")
class FFN(MLPArchitecture):
    """γ(x) = [sin(2πBx), cos(2πBx)] with B ~ N(0, σ²) untrained, then linear layers with ReLU between them.

    With the default settings a frame's network has 32,971 parameters, as in section 6.1.
    """

    class Settings(StrictModel):
        fourier_features: int = Field(104, ge=1, description="Rows of B; the encoding has twice as many channels.")
        sigma: float = Field(10.0, gt=0, description="Standard deviation of B, in cycles per unit of coordinate.")
        hidden_width: int = Field(104, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(3, ge=2, description="Number of linear layers.")
        activation: ActivationSetting = Field(
            "relu", description="Activation between the layers, e.g. `relu` or `elu(0.5)`."
        )
        output_activation: Literal["identity", "sigmoid", "tanh", "centred"] = Field(
            "identity",
            description="Activation from the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2.",
        )

"""SIREN (Sitzmann et al. 2020): an MLP of coordinates with sine activations, sin(ω0 (W x + b))."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema

from xinc.errors import InputError
from xinc.models import architectures
from xinc.models.architecture import ACTIVATION_SCHEMA
from xinc.models.mlp import (
    CoordinateOrder,
    CoordinateRange,
    Coordinates,
    MLPArchitecture,
    OutputActivation,
    Pixels,
)
from xinc.settings import StrictModel
from xinc.trace.activations import activation, spelt_real

#: Activations whose layers have a frequency.
WITH_FREQUENCY = ("sin", "cos", "finer", "gauss", "sinc")


def _hidden(said: str) -> str:
    """An activation of hidden layers: a wave without values of its own, because `omega` has its frequency."""
    found = activation(said, 1.0)
    spelt_real(str(found))
    if found.name in WITH_FREQUENCY:
        if "(" in said:
            raise InputError(f"'{said}' has values: write {found.name}, and its frequency as omega")
        return found.name
    return str(found)


HiddenActivation: TypeAlias = Annotated[str, AfterValidator(_hidden), WithJsonSchema(ACTIVATION_SCHEMA)]


@architectures.register("siren")
class SIREN(MLPArchitecture):
    """Initialised as in section 3.2 of its paper, so that activations keep their distribution from layer to layer.

    The default width and depth (33,387 parameters a frame) match the budget of the FFN within 1.3 %.
    """

    class Settings(StrictModel):
        hidden_width: int = Field(104, ge=1, description="Channels of every hidden layer.")
        layers: int = Field(5, ge=2, description="Number of linear layers.")
        activation: HiddenActivation = Field(
            "sin",
            description="Activation of the hidden layers, e.g. `sin`, `finer`, `gauss` or `elu(0.5)`; others than sin "
            "are for networks of the same layout.",
        )
        omega: float = Field(
            30.0,
            gt=0,
            description="ω0, the frequency of every sine, cosine or sinc; a Gaussian's s. ReLU and its like have none.",
        )
        first_omega: float | None = Field(
            None, gt=0, description="Frequency of the first layer; `omega` when left out."
        )
        coordinates: Coordinates = "square"
        coordinate_order: CoordinateOrder = "row_column"
        coordinate_range: CoordinateRange = (-1.0, 1.0)
        pixels: Pixels = "corners"
        output_activation: OutputActivation = "identity"

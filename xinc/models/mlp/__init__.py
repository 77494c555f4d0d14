"""Declaration shared by multi-layer perceptrons of pixel coordinates."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from xinc.models.architecture import Architecture

Coordinates: TypeAlias = Annotated[
    Literal["square", "stretched", "height"],
    Field(
        description="square: the longer side spans the range; stretched: both do, as in most authors' code; height: "
        "the rows do, and columns have the same scale, as in COIN's."
    ),
]
CoordinateOrder: TypeAlias = Annotated[
    Literal["row_column", "column_row"], Field(description="What comes first; column_row is (x, y).")
]


def _two_ends(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] == ends[1]:
        raise ValueError(f"both ends are {ends[0]:g}, which puts all pixels at one place: give two, e.g. [-1, 1]")
    return ends


CoordinateRange: TypeAlias = Annotated[
    tuple[float, float], Field(description="Ends of the range of coordinates."), AfterValidator(_two_ends)
]
Pixels: TypeAlias = Annotated[
    Literal["corners", "centres"],
    Field(
        description="corners: the ends of the range are the first and the last pixel; centres: they are half a pixel "
        "beyond these."
    ),
]
OutputActivation: TypeAlias = Annotated[
    Literal["identity", "sigmoid", "tanh", "centred"],
    Field(
        description="Activation from the last layer to colours; tanh means tanh/2 + 1/2, centred x/2 + 1/2, as of "
        "networks that are fitted to colours from -1 to 1."
    ),
]


class MLPArchitecture(Architecture):
    """A kind of network that exists once for each frame, with layers called layer1, layer2, …"""

    per_frame: ClassVar[bool] = True

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return [f"layer{k + 1}" for k in range(settings.layers)]

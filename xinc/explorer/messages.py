"""Questions that a page may ask, checked, and answers: JSON with raw bytes behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field, ValidationError

from xinc.errors import InputError, nearest
from xinc.settings import StrictModel

By = Literal["contribution", "gained", "effect", "blame"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Index = Annotated[int, Field(ge=0, lt=2**31)]


class Place(StrictModel):
    """A region: one of pixel (y, x), box (y0, y1, x0, x1) and instance, or the whole frame."""

    pixel: tuple[Index, Index] | None = None
    box: tuple[Index, Index, Index, Index] | None = None
    instance: Name | None = None

    def arguments(self) -> dict[str, Any]:
        """As `xinc.top_neurons` takes it."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class Networks(StrictModel):
    """Networks that can be looked at, and the colours in which maps are shown."""

    ask: Literal["networks"]


class Beginning(StrictModel):
    """What can be shown before anything is imported that computes maps: the networks, and a frame of the video."""

    ask: Literal["beginning"]
    network: Name | None = None
    frame: Index | None = None


class OfNetwork(StrictModel):
    """What is there of a network: layers, frames, instances, and results of analyses."""

    ask: Literal["network"]
    network: Name


class OfFrame(StrictModel):
    network: Name
    frame: Index


class Picture(OfFrame):
    """The video, the network's reconstruction, or the error of the latter, as RGB or grey bytes."""

    ask: Literal["picture"]
    what: Literal["video", "reconstruction", "error"]


class Labels(OfFrame):
    """The number of the instance at each pixel, 0 for none."""

    ask: Literal["labels"]


class OfLayer(OfFrame):
    layer: Name


class Heat(OfLayer):
    """Σ|C| over the neurons of a layer; its cost in place of it where it is not known and takes long."""

    ask: Literal["heat"]
    compute: bool = False


class OfList(OfLayer):
    """Which neurons are listed: those that matter most in a region, of the layer or of all."""

    place: Place
    by: By = "contribution"
    count: Annotated[int, Field(ge=1, le=500)] = 24
    everywhere: bool = False


class Rank(OfList):
    """The neurons that matter most in a region, as `xinc.top_neurons` ranks them."""

    ask: Literal["rank"]


class Map(OfLayer):
    """The map of a neuron, signed, in steps of 1/32767 of its largest magnitude."""

    ask: Literal["map"]
    neuron: Index
    gained: bool = False


class Thumbnails(OfLayer):
    """Small maps of neurons, means over blocks of pixels, each in steps of 1/127 of its largest magnitude."""

    ask: Literal["thumbnails"]
    neurons: Annotated[tuple[Index, ...], Field(max_length=500)]
    width: Annotated[int, Field(ge=8, le=512)] = 96
    signed: bool = False
    gained: bool = False


class Course(OfLayer):
    """A neuron's contribution in a region, in every frame; its cost in place of it where it turns out to take long."""

    ask: Literal["course"]
    neuron: Index
    place: Place
    gained: bool = False
    compute: bool = False


class Points(OfLayer):
    """The layout of neurons by the analysis `clusters`."""

    ask: Literal["points"]


class Match(OfLayer):
    """The neuron of another network whose map is most like that of a neuron."""

    ask: Literal["match"]
    neuron: Index
    other: Name
    other_layer: Name


class Lines(OfList):
    """Lines of Python that compute what is on show."""

    ask: Literal["python"]
    neuron: Index | None = None
    gained: bool = False


class Progress(StrictModel):
    """How far the work on a question under way is: what is being done, and how many of how many steps."""

    ask: Literal["progress"]
    of: Annotated[str, Field(max_length=80)]


_EVERY = (
    *(Beginning, Networks, OfNetwork, Picture, Labels, Heat, Rank, Map, Thumbnails, Course, Points, Match, Lines),
    Progress,
)
#: By the name that a page gives it, the class of a question.
KINDS: dict[str, type[StrictModel]] = {get_args(one.model_fields["ask"].annotation)[0]: one for one in _EVERY}


def read_question(values: Any) -> Any:
    """The question in builtins as read from JSON; `Malformed` for anything else."""
    kind = values.get("ask") if isinstance(values, Mapping) else values
    if not isinstance(values, Mapping) or not isinstance(kind, str) or kind not in KINDS:
        raise Malformed(f"Unknown question {str(kind)[:40]!r}: {nearest(str(kind)[:40], KINDS)}.")
    try:
        return KINDS[kind].model_validate(_tuples(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"The question {kind!r} is malformed at '{where}': {first['msg']}.") from None


def _tuples(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {str(key): _tuples(value) for key, value in values.items()}
    return tuple(map(_tuples, values)) if isinstance(values, list) else values


class Malformed(InputError):
    """What a page does not ask."""


class Superseded(Exception):
    """A newer question on the same subject has come."""


@dataclass(frozen=True)
class Answer:
    """What a session says.

    Attributes
    ----------
    head : in JSON; numbers that are not finite are null.
    arrays : by name, raw values; the head's ``arrays`` says their types and shapes.
    """

    head: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def parts(self) -> tuple[str, list[bytes]]:
        """The head as text, and the bytes of each array, little-endian, in the order of the head's ``arrays``."""
        about = [
            {"name": name, "type": values.dtype.name, "shape": list(values.shape)}
            for name, values in self.arrays.items()
        ]
        text = json.dumps(_finite({**self.head, "arrays": about}), ensure_ascii=False, allow_nan=False)
        little = (values.astype(values.dtype.newbyteorder("<"), copy=False) for values in self.arrays.values())
        return text, [values.tobytes() for values in little]

    def packed(self) -> bytes:
        """One message: the head's length in bytes (uint32, little-endian), the head, then the arrays' bytes."""
        text, parts = self.parts()
        head = text.encode()
        head += b" " * (-len(head) % 8)
        return b"".join([len(head).to_bytes(4, "little"), bytes(4), head, *(_padded(part) for part in parts)])


def _padded(part: bytes) -> bytes:
    """With zeros up to a multiple of eight bytes, so that a browser can look at the next array where it lies."""
    return part + bytes(-len(part) % 8)


def _finite(value: Any) -> Any:
    """Builtins of JSON: numpy's numbers as Python's, and null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def scaled(values: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Whole numbers from −steps to steps, and the magnitude that ``steps`` stands for; 0 of an array of zeros."""
    top = float(np.abs(values).max(initial=0))
    kind = np.int8 if steps <= 127 else np.int16
    return np.rint(values / (top or 1.0) * steps).astype(kind), top

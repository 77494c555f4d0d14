"""Routes: what happens to a contribution between its layer and the output, as plain data.

A route is that of the network itself, to a single map: every later convolution has a uniform mean in the place of its
weights, and all else is kept. A 1×1 convolution is the identity, a depthwise one a box as any other, PixelShuffle
becomes nearest-neighbour upsampling, and what scales or shifts channels (norms, gates, modulation) is left out. A route
is a tuple of steps, one after the other; an empty one is the identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

from xinc.errors import InputError
from xinc.trace.windows import Kernel, Padding, Size, pair

Interpolation = Literal["nearest", "bilinear"]


@dataclass(frozen=True)
class Stage:
    """A later layer: the mean over its kernel, then its activation, then upsampling, in this order.

    Nearest-neighbour upsampling commutes with an activation. Bilinear upsampling does not: where the network has the
    activation after it, the upsampling is a stage without activation, and a stage of kernel size 1 with it follows.

    Attributes
    ----------
    kernel_size : side k of the box filter of the proximity correction, or (rows, columns).
    upscale : factor of the upsampling, or (rows, columns).
    activation : as `xinc.trace.activations.activation` takes it; of a map φ(z) − φ(0).
    interpolation : how values are upsampled.
    align_corners : of bilinear upsampling, as PyTorch has it.
    stride, dilation, padding, margins : of the box filter, see `xinc.trace.windows.Kernel`. It is divided by the
        number of its taps everywhere, also where some of them fall on zeros beyond the edges.
    """

    kernel_size: int | tuple[int, int] = 1
    upscale: int | tuple[int, int] = 1
    activation: str = "identity"
    interpolation: Interpolation = "nearest"
    align_corners: bool = False
    stride: int | tuple[int, int] = 1
    dilation: int | tuple[int, int] = 1
    padding: Padding = "zeros"
    margins: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(f"interpolation is {self.interpolation!r}; expected nearest or bilinear")
        for name in ("kernel_size", "upscale", "stride", "dilation"):
            rows, columns = pair(getattr(self, name))
            object.__setattr__(self, name, rows if rows == columns else (rows, columns))
        if self.margins is not None:
            object.__setattr__(self, "margins", tuple(self.margins))

    @property
    def kernel(self) -> Kernel:
        """Where its box filter is placed."""
        return Kernel(pair(self.kernel_size), pair(self.stride), pair(self.dilation), self.padding, self.margins)

    @property
    def plain(self) -> bool:
        """Whether it is the paper's: a square box with zeros beyond the edges, and nearest-neighbour upsampling."""
        nearest = isinstance(self.upscale, int) and (self.interpolation == "nearest" or self.upscale == 1)
        return self.kernel.plain and nearest

    def size(self, size: Size) -> Size:
        """Height and width of a map after it."""
        (height, width), (rows, columns) = self.kernel.out(size), pair(self.upscale)
        return height * rows, width * columns

    def as_dict(self) -> dict[str, Any]:
        """Its fields as JSON has them; those of other than the paper's stages only where they are not as usual."""
        found: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("kernel_size", "upscale", "activation") or value != field.default:
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found


@dataclass(frozen=True)
class Sum:
    """Several routes from the same place, whose maps are added.

    A residual connection z + f(z) is ``Sum(((), f))``. What a later layer reads through a concatenation it reads
    through every branch of it: the sum of the branches as well.

    Attributes
    ----------
    routes : at least one; all end in maps of the same size.
    """

    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", tuple(tuple(route) for route in self.routes))
        if not self.routes:
            raise ValueError("a sum of no routes: expected at least one")

    @property
    def plain(self) -> bool:
        return False

    def size(self, size: Size) -> Size:
        """Height and width of a map after it; `InputError` where its branches differ."""
        found = [route_size(route, size) for route in self.routes]
        if len(set(found)) > 1:
            listed = " and ".join(f"{height}x{width}" for height, width in dict.fromkeys(found))
            raise InputError(
                f"The branches of a sum end in maps of {listed} (height x width) for one of {size[0]}x{size[1]}; "
                "expected one size: a route must have every step of each branch."
            )
        return found[0]

    def as_dict(self) -> dict[str, Any]:
        return {"routes": [route_as_dicts(route) for route in self.routes]}


Step: TypeAlias = Stage | Sum
Route: TypeAlias = tuple[Step, ...]


def route_size(route: Route, size: Size) -> Size:
    """Height and width of a map at the end of a route, for one of this size at its start."""
    for step in route:
        size = step.size(size)
    return size


def route_scale(route: Route) -> tuple[Fraction, Fraction]:
    """Rows and columns at the end of a route for each at its start: upsampling over strides.

    Padding that does not keep the size, and strides that do not divide it, are left out: `route_size` has them. Of a
    sum it is the first branch's.
    """
    rows, columns = Fraction(1), Fraction(1)
    for step in route:
        if isinstance(step, Sum):
            own = route_scale(step.routes[0])
        else:
            (up, across), (down, aside) = pair(step.upscale), pair(step.stride)
            own = Fraction(up, down), Fraction(across, aside)
        rows, columns = rows * own[0], columns * own[1]
    return rows, columns


def is_plain(route: Route) -> bool:
    """Whether a route is a chain of the paper's stages."""
    return all(step.plain for step in route)


def activations_in(route: Route) -> list[str]:
    """The activations along a route, those of the branches of sums included."""
    found: list[str] = []
    for step in route:
        own = [step.activation] if isinstance(step, Stage) else [a for one in step.routes for a in activations_in(one)]
        found += own
    return found


def route_as_dicts(route: Route) -> list[dict[str, Any]]:
    """A route as JSON has it."""
    return [step.as_dict() for step in route]


def route_from_dicts(steps: Iterable[Mapping[str, Any]]) -> Route:
    """The route that `route_as_dicts` describes."""
    return tuple(
        Sum(tuple(route_from_dicts(one) for one in step["routes"])) if "routes" in step else Stage(**step)
        for step in steps
    )


def joined(route: Route) -> Route:
    """The same with what can be one stage as one: a mean, its activation, nearest upsampling."""
    steps: list[Step] = []
    for step in (one for one in route if one != Stage()):
        before = steps[-1] if steps else None
        one = _merged(before, step) if isinstance(before, Stage) and isinstance(step, Stage) else None
        if one is None:
            steps.append(step)
        else:
            steps[-1] = one
    return tuple(steps)


def _merged(before: Stage, step: Stage) -> Stage | None:
    """Two stages as one; None where they are none. Nearest upsampling commutes with an activation."""
    if before.interpolation != "nearest" or step.interpolation != "nearest" or step.kernel != Stage().kernel:
        return None
    (rows, columns), (down, across) = pair(before.upscale), pair(step.upscale)
    upscale = (rows * down, columns * across)
    if step.activation == "identity":
        return replace(before, upscale=upscale)
    return replace(before, activation=step.activation, upscale=upscale) if before.activation == "identity" else None

"""Where layers are in a program."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from xinc.trace.route import Route


@dataclass(frozen=True)
class Site:
    """Where a layer is in a program.

    Attributes
    ----------
    name : of its module, as in ``named_modules()``; a second use of it is ``name@2``.
    operator : the linear operation, with ``x``, ``weight`` and ``bias``, the values that it takes.
    response : the value that is the layer's response: the operator's, or what constants make of it.
    shuffled : r of a PixelShuffle, or transposed convolution, between the two; 1 without.
    upscale : that, or r of a PixelShuffle after the response.
    activation : of the response, as `xinc.trace.activations` has it; ``identity`` for none.
    factor : of the response, before that.
    last : whether no layer follows it: then the activation belongs to the network's output.
    after : the value after it, from which the route starts.
    route : from there to the output.
    """

    name: str
    operator: fx.Node
    x: fx.Node
    weight: fx.Node
    bias: fx.Node | None
    response: fx.Node
    shuffled: int
    upscale: int
    activation: str
    factor: float
    last: bool
    after: fx.Node
    route: Route

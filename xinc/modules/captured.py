"""The program of a module, read: its layers, their routes, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from xinc.errors import InputError
from xinc.modules.flow import Blocked, Flow, flow
from xinc.modules.layouts import Layout
from xinc.modules.operators import LayerAt, layer_at, sources
from xinc.modules.program import Program
from xinc.modules.reading import read
from xinc.modules.sites import Site
from xinc.trace.route import Route, route_size


@dataclass(frozen=True)
class Captured:
    """A module's program for inputs of some shapes, read.

    Attributes
    ----------
    program : the operations.
    output, layout : the value that is the image, and how it lies.
    flow : which of its values reach the output.
    sites : its layers in the program, in order.
    mixes : whether any of them, or what follows, takes pixels together.
    routes : of each, from its output on.
    skipped : why others cannot, by name.
    activation : of the last layer.
    """

    program: Program
    output: fx.Node
    layout: Layout
    flow: Flow
    sites: tuple[Site, ...]
    mixes: bool
    routes: tuple[Route, ...]
    skipped: dict[str, str]
    activation: str

    @property
    def varies(self) -> bool:
        """Whether the inputs change weights of layers, as a modulation by time does."""
        return any(sources(self.program, site) & self.program.varying for site in self.sites)

    def layers_of(self, start: Mapping[fx.Node, Any]) -> tuple[LayerAt, ...]:
        """The layers with the weights that they have now, for these inputs."""
        return _layers(self.program, self.flow, self.sites, start, self.mixes)


def read_program(program: Program, output: fx.Node, layout: Layout, start: Mapping[fx.Node, Any]) -> Captured:
    """The layers of a program, and their routes."""
    fixed = [node for node in program.nodes if node not in program.varying]
    with torch.no_grad():
        values = program.run(start, fixed)
    following = flow(program, output, layout)
    reading = read(following, output, {node: value for node, value in values.items() if isinstance(value, Tensor)})
    sites, skipped, activation = [], dict(reading.skipped), "identity"
    for site in reading.sites:
        if site.last:  # what maps its response to colours belongs to the network
            activation = site.activation
            site = replace(site, activation="identity", factor=1.0)
        try:
            [at] = _layers(program, following, [site], start, reading.mixes)
            _check_precision(at, program)
            _check_size(at, site.route, layout.grid)
        except (Blocked, InputError) as reason:
            skipped[site.name] = str(reason)
        else:
            sites.append(site)
    routes = tuple(site.route for site in sites)
    return Captured(program, output, layout, following, tuple(sites), reading.mixes, routes, skipped, activation)


def _layers(
    program: Program, following: Flow, sites: Sequence[Site], start: Mapping[fx.Node, Any], mixes: bool
) -> tuple[LayerAt, ...]:
    needed = set().union(*(sources(program, site) for site in sites))
    with torch.no_grad():
        values = program.run(start, needed)
    return tuple(layer_at(site, program, following.layouts, values, mixes) for site in sites)


def _check_precision(at: LayerAt, program: Program) -> None:
    """`Blocked` where a layer is less precise than its parameters."""
    found = at.layer.arrays()["weight"].dtype
    if found.itemsize < program.dtype.itemsize:
        said, own = (str(one).removeprefix("torch.") for one in (found, program.dtype))
        raise Blocked(f"it computes in {said}, its parameters are {own}: take torch.autocast out of the module")


def _check_size(at: LayerAt, route: Route, grid: tuple[int, int]) -> None:
    """`Blocked` where maps would not have the size of the output."""
    height, width = at.layer.response_size(at.x_layout.grid)
    found = route_size(route, (height * at.layer.upscale, width * at.layer.upscale))
    if found != grid:
        raise Blocked(f"its maps would be of {found[0]}x{found[1]} pixels, the output is of {grid[0]}x{grid[1]}")

"""The front door: `network` and `describe`, of any torch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.modules.base import FromModule
from xinc.modules.given import Given
from xinc.modules.hooked import HookedNetwork
from xinc.modules.network import ModuleNetwork
from xinc.modules.program import CannotCapture
from xinc.trace.route import Stage, Sum

if TYPE_CHECKING:
    import pandas as pd

    from xinc.trace.route import Route


def network(
    module: nn.Module,
    inputs: Any,
    resolution: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
    layers: str | Sequence[str] | None = None,
    output: int | None = None,
) -> FromModule:
    """Any torch module as a network of xinc, which can be dissected, ablated, explained and written.

    The module is run once with its inputs, its operations recorded (`torch.export`), its linear layers found and
    compared with what was recorded. It is used as it is, in evaluation mode, and not copied.

    Parameters
    ----------
    module : of coordinates, or of whatever a frame is made of.
    inputs : a tensor, a tuple of arguments or a dict of named ones; or a function from the index of a frame to that.
        Coordinates are those of all pixels, row by row: (H·W, 2), (1, H·W, 2) or (H, W, 2).
    resolution : (height, width) of the output; it may be left out where that is an image (C, H, W) or (1, C, H, W). Of
        audio and other curves (1, samples).
    frames : indices of frames, if ``inputs`` is a function.
    layers : names of layers, for a module that cannot be captured: those of a chain, first to last, are recorded by
        hooks. Of one that can, all layers are found.
    output : which of several tensors that the module returns is the image, from 0 on (default: the first that fits).

    Returns
    -------
    The network: for `xinc.dissect`, `xinc.ablate`, `xinc.effects`, `xinc.top_neurons` and all that takes one.

    Raises
    ------
    InputError : the module cannot be captured, its output is no image of this resolution, or none of its layers can be
        dissected; the message names the module and the operation.

    Examples
    --------
    >>> import torch, xinc
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    >>> rows, columns = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 12), indexing="ij")
    >>> network = xinc.network(module, torch.stack([rows, columns], -1), resolution=(8, 12))
    >>> network.layer_names()
    ['0', '2']
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"An object of type {type(module).__qualname__} was given: a torch.nn.Module was expected.")
    if isinstance(module, INR):
        raise InputError(f"This {module.name} is a network of xinc already: it takes no inputs; leave them out.")
    given = Given(inputs, frames)
    size = None if resolution is None else (int(resolution[0]), int(resolution[1]))
    try:
        return ModuleNetwork(module, given, size, output)
    except CannotCapture:
        if layers is None:
            raise
        return HookedNetwork(module, given, [layers] if isinstance(layers, str) else list(layers), size)


def describe(
    module: nn.Module,
    inputs: Any = None,
    resolution: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
    layers: str | Sequence[str] | None = None,
    output: int | None = None,
) -> pd.DataFrame:
    """What xinc sees in a module: its layers, neurons, activations, the way to the output, and what is skipped and why.

    Parameters
    ----------
    module, inputs, resolution, frames, layers, output : as for `network`; a network of xinc needs no inputs.

    Returns
    -------
    A table with a row for each linear operation: ``layer``, its name; ``kind``; ``weights``, their shape; ``neurons``;
    ``activation``; ``route``, what becomes of a contribution on its way to the output, e.g. ``"mean 3×3, gelu, up 2"``;
    ``skipped``, why it cannot be dissected, empty where it can.
    """
    import pandas as pd

    from xinc.contributions.neurons import layer_neurons

    if isinstance(module, INR) and inputs is None:
        one = module
    else:
        one = network(module, inputs, resolution, frames, layers, output)
    trace = one.trace(one.frames[0])
    rows: list[dict[str, Any]] = [
        {
            "layer": layer.name,
            "kind": layer.layer_type,
            "weights": "×".join(str(side) for side in layer.arrays()["weight"].shape),
            "neurons": len(layer_neurons(layer)),
            "activation": layer.activation,
            "route": in_words(trace.route(layer.name)),
            "skipped": "",
        }
        for layer in trace.layers
    ]
    skipped = getattr(one, "skipped", {})
    empty = {"kind": "", "weights": "", "neurons": 0, "activation": "", "route": ""}
    rows += [{"layer": name, **empty, "skipped": reason} for name, reason in skipped.items()]
    return pd.DataFrame(rows)


def in_words(route: Route) -> str:
    """A route as a line of text."""
    return ", ".join(_words(step) for step in route)


def _words(step: Stage | Sum) -> str:
    if isinstance(step, Sum):
        return "(" + " + ".join(in_words(route) or "itself" for route in step.routes) + ")"
    rows, columns = step.kernel.size
    said = [f"mean {rows}×{columns}"] if (rows, columns) != (1, 1) else []
    said += [step.activation] if step.activation != "identity" else []
    if step.upscale != 1:
        factors = str(step.upscale) if isinstance(step.upscale, int) else "×".join(map(str, step.upscale))
        said.append(f"up {factors}" + (" bilinear" if step.interpolation == "bilinear" else ""))
    return ", ".join(said) or "itself"

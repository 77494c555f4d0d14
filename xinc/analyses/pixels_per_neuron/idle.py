"""What dead neurons are: which of a layer's neurons have no input, and which the output does without.

The network is opened, and PyTorch imported, only where there is something to look at: in networks of coordinates, and
in others where a neuron is dead.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.trace.layers import layer_type

#: The counts of a layer in a frame, in words; `neurons` here are those of the canvas.
IDLE = {
    "dead_zero_input": "dead neurons with an input of zero at every pixel",
    "dead_no_effect": "dead neurons whose ablation changes no pixel",
    "zero_input": "neurons with an input of zero at every pixel: truly inactive",
    "no_effect": "neurons whose ablation changes no pixel",
    "output_dead": "neurons without contribution if a neuron is an output of the layer",
    "output_zero_input": "outputs of the layer whose inputs are all zero at every pixel",
    "output_no_effect": "outputs of the layer whose ablation changes no pixel",
}


def idle_neurons(subject: Subject, layer: str, dead: xr.DataArray) -> xr.Dataset:
    """The counts `IDLE` of a layer by frame, from which of its neurons (frame, neuron) are dead.

    Of convolutions and look-ups only the dead neurons are looked at, one by one, and the counts of all are NaN; so are
    those of outputs where a neuron is not an input feature of a linear layer, and all of them without a network.
    """
    known = subject.model_path is not None and "xinc" in subject.canvas[layer].attrs
    record = subject.canvas[layer].attrs["xinc"] if known else {}
    kind = layer_type(record["layer_type"]) if known else None
    pixelwise = kind is not None and not kind.mixes and not kind.sparse
    found = {name: np.full(dead.sizes["frame"], np.nan) for name in IDLE}
    if not dead.any():
        found |= {name: np.zeros(dead.sizes["frame"]) for name in ("dead_zero_input", "dead_no_effect")}
    for at, frame in enumerate(dead["frame"].values.tolist()):
        one = dead.isel(frame=at).values
        if known and (pixelwise or one.any()):
            for name, count in _of_frame(subject, layer, frame, one, record["granularity"], pixelwise).items():
                found[name][at] = count
    return xr.Dataset({name: ("frame", counts) for name, counts in found.items()}, {"frame": dead["frame"].values})


def _of_frame(
    subject: Subject, layer: str, frame: int, dead: np.ndarray, granularity: str, pixelwise: bool
) -> dict[str, int]:
    import torch

    from xinc.contributions.maps import LayerMaps
    from xinc.interventions.idle import without_effect, without_input
    from xinc.runtime.devices import full_precision

    model = subject.model
    with full_precision(), torch.no_grad():
        trace = model.trace(frame)
        v = trace.input_of(layer)
    neurons = np.arange(len(dead)) if pixelwise else np.flatnonzero(dead)
    channels = subject.canvas[layer]["in_channel"].values[neurons]
    own = trace.layers[trace.position(layer)]
    entering = own.energies(v)[:, None, None] if own.sparse else v  # of a look-up, the shares of its entries
    silent, idle = without_input(entering, channels), without_effect(model, trace, layer, granularity, neurons)
    mask = dead[neurons]
    found = {"dead_zero_input": (silent & mask).sum(), "dead_no_effect": (idle & mask).sum()}
    if pixelwise:
        found |= {"zero_input": silent.sum(), "no_effect": idle.sum()}
    if granularity == "input":
        with full_precision(), torch.no_grad():
            outputs = LayerMaps.of(trace, layer, "output").expand(v).flatten(1).any(1).cpu().numpy()
        found["output_dead"] = (~outputs).sum()
        found["output_zero_input"] = without_input(v, np.full(len(outputs), -1)).sum()
        found["output_no_effect"] = without_effect(model, trace, layer, "output", np.arange(len(outputs))).sum()
    return {name: int(count) for name, count in found.items()}

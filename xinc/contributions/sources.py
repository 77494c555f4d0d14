"""Source responses: a neuron's response at its own layer, before propagation to the output resolution.

The primitive is the edge response (paper section 3.2.1; `v` the layer's input, i input and j output channels)

    e_ij(p) = (w_ij * v_i)(p) + b_j / C_in,     so that  sum_i e_ij = pre-activation of j,  exactly,

and a neuron is an aggregation of edges. Both functions take the neurons by number, so that a caller may ask for any
subset in any order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xinc.contributions.neurons import Neurons
from xinc.trace.activations import respond
from xinc.trace.layers import Layer


def edge_responses(layer: Layer, v: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Edge responses e_ij of the edges (i[n], j[n]).

    Parameters
    ----------
    layer : the layer.
    v : (C_in, h, w) its input.
    i, j : (n,) int64, input and output channel of each edge.

    Returns
    -------
    (n, h', w'), at the layer's own resolution, before PixelShuffle and activation.
    """
    return layer.edge_responses(v, i, j)


def source_responses(layer: Layer, v: Tensor, neurons: Neurons, select: Tensor) -> Tensor:
    """Responses of the selected neurons at the layer's own resolution, activation included.

    Parameters
    ----------
    layer : the layer; its activation is ``identity`` at the network's last layer.
    v : (C_in, h, w) its input.
    neurons : all neurons of the layer.
    select : (n,) int64, numbers of the neurons wanted.

    Returns
    -------
    (n, h, w):

    - ``kernel``: act(e_ij) (section 3.2.2; at the head e_ij itself);
    - ``input``: act(sum_j e_ij), input feature i's effect on the layer, the convention of the paper's FFN figures;
    - ``output``: sum_i v_i w_ij without bias (section 3.1 as written);

    where act(z) stands for φ(z) − φ(0) of the layer's activation φ, so that no response contributes nothing; of complex
    numbers, for the magnitude of that.
    """
    if neurons.granularity == "kernel":
        i, j = _channels(neurons, select, v)
        return respond(layer.activation, edge_responses(layer, v, i, j))
    if neurons.granularity == "input":
        return respond(layer.activation, layer.input_responses(v, select))
    found = layer.output_responses(v, select)
    return found.abs() if found.is_complex() else found


def lost_responses(layer: Layer, v: Tensor, neurons: Neurons, select: Tensor) -> Tensor:
    """What is missing without each of the selected neurons, `xinc.ablate`'s zeros: before any activation.

    Parameters
    ----------
    layer, v, neurons, select : as for `source_responses`.

    Returns
    -------
    (n, h, w), of the channel `Neurons.fed`:

    - ``kernel``: (w_ij * v_i), which the pre-activation of j loses; its bias is kept;
    - ``input``: v_i, which the layer's input loses;
    - ``output``: the pre-activation of j, bias included.
    """
    if neurons.granularity == "input":
        return v[select]
    if neurons.granularity == "output":
        return layer.output_responses(v, select, bias=True)
    return layer.edge_responses(v, *_channels(neurons, select, v), bias=False)


def _channels(neurons: Neurons, select: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output channel (n,) of the selected neurons, where the layer's input is."""
    i, j = (torch.as_tensor(of, device=v.device).long() for of in (neurons.in_channel, neurons.out_channel))
    return i[select], j[select]

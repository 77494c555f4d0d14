"""Source responses: a neuron's response at its own layer, before propagation to the output resolution.

The primitive is the edge response (paper section 3.2.1; `v` the layer's input, i input and j output channels)

    e_ij(p) = (w_ij * v_i)(p) + b_j / C_in,     so that  sum_i e_ij = pre-activation of j,  exactly,

and a neuron is an aggregation of edges. Both functions take the neurons by number, so that a caller may ask for any
subset in any order.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from xinc.contributions.neurons import Neurons
from xinc.trace.activations import respond
from xinc.trace.layers import Convolution, Layer, Linear


def edge_responses(layer: Layer, v: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """Edge responses e_ij of the edges (i[n], j[n]).

    Parameters
    ----------
    layer : the layer.
    v : (C_in, h, w) its input.
    i, j : (n,) int64, input and output channel of each edge.

    Returns
    -------
    (n, h, w), at the layer's own resolution, before PixelShuffle and activation.
    """
    share = layer.bias[j] / layer.channels[0]
    if isinstance(layer, Linear):
        return layer.frequency * torch.addcmul(share[:, None, None], layer.weight[j, i][:, None, None], v[i])
    return _kernel_responses(layer, v, i, j) + share[:, None, None]


def _kernel_responses(layer: Convolution, v: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """(w_ij * v_i) for each edge: patches of each input channel once, times the kernels that read it."""
    k, (h, w) = layer.kernel_size, v.shape[-2:]
    if len(i) == 0:
        return v.new_empty(0, h, w)
    weight = layer.weight[j, i].reshape(len(i), k * k)
    used, local = torch.unique(i, return_inverse=True)
    patches = F.unfold(v[used][:, None], k, padding=k // 2)  # (used, k², h·w)
    per_channel = torch.bincount(local, minlength=len(used))
    if bool((per_channel == per_channel[0]).all()) and bool((local[1:] >= local[:-1]).all()):
        kernels = weight.view(len(used), -1, k * k)  # contiguous runs of equal length: one batched product
        return torch.bmm(kernels, patches).view(len(i), h, w)
    out = v.new_empty(len(i), h * w)
    for c in range(len(used)):
        rows = (local == c).nonzero()[:, 0]
        out[rows] = weight[rows] @ patches[c]
    return out.view(len(i), h, w)


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
    - ``output``: sum_i v_i w_ij without bias (section 3.1 as written).
    """
    if neurons.granularity == "kernel":
        i = torch.as_tensor(neurons.in_channel, device=v.device).long()[select]
        j = torch.as_tensor(neurons.out_channel, device=v.device).long()[select]
        return respond(layer.activation, edge_responses(layer, v, i, j), layer.frequency)
    if not isinstance(layer, Linear):
        raise TypeError(f"granularity {neurons.granularity} is defined for linear layers only")
    if neurons.granularity == "input":
        total = layer.weight.sum(dim=0)[select][:, None, None]
        share = layer.bias.sum() / layer.channels[0]
        return respond(layer.activation, layer.frequency * (total * v[select] + share), layer.frequency)
    return layer.frequency * torch.einsum("oi,ihw->ohw", layer.weight[select], v)


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
        return replace(layer, weight=layer.weight[select], bias=layer.bias[select]).preactivation(v)
    bare = replace(layer, bias=torch.zeros_like(layer.bias))
    i = torch.as_tensor(neurons.in_channel, device=v.device).long()[select]
    j = torch.as_tensor(neurons.out_channel, device=v.device).long()[select]
    return edge_responses(bare, v, i, j)

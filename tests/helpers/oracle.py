"""The contribution maps once more, naively, after shared/design/contributions.md: dense, one neuron at a time.

Nothing here is shared with the library: activations are written out, convolutions and box filters are sums of shifted
copies, zero-insertion is PixelShuffle itself, and activations follow the upsampling.
"""

from __future__ import annotations

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[float])

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2 if x.size else x,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "sin": np.sin,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "leaky_relu(0.2)": lambda x: np.where(x > 0, x, 0.2 * x),
    "prelu(-0.5)": lambda x: np.where(x > 0, x, -0.5 * x),
    "elu(2)": lambda x: np.where(x > 0, x, 2 * (np.exp(np.minimum(x, 0)) - 1)),
    "celu(0.5)": lambda x: np.where(x > 0, x, 0.5 * (np.exp(np.minimum(x, 0) / 0.5) - 1)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)),
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hardtanh(0.25, 2)": lambda x: np.clip(x, 0.25, 2),
    "cos": np.cos,
    "softplus(2, 5)": lambda x: np.where(2 * x > 5, x, np.log(1 + np.exp(np.minimum(2 * x, 5))) / 2),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "gauss": lambda x: np.exp(-(x**2)),
    "gauss(3)": lambda x: np.exp(-((3 * x) ** 2)),
    "finer(1)": lambda x: np.sin((np.abs(x) + 1) * x),
    "finer(3)": lambda x: np.sin(3 * (np.abs(x / 3) + 1) * (x / 3)),
    "sinc": lambda x: np.sin(math.pi * x) / np.where(x == 0, 1, math.pi * x) + (x == 0),
    "square": lambda x: x**2,
    "abs": np.abs,
    "hsiren": lambda x: np.sin(np.sinh(2 * x)),
}


def respond(said):
    """What a response z contributes: φ(z) − φ(0)."""
    function = ACTIVATIONS[said]
    return lambda z: function(z) - function(np.zeros(1))


def correlate(image, kernel):
    """What deep learning calls a convolution: (h, w) with zero padding, k×k."""
    k = len(kernel)
    height, width = image.shape
    padded = np.pad(image, k // 2)
    total = np.zeros_like(image)
    for dy in range(k):
        for dx in range(k):
            total = total + kernel[dy, dx] * padded[dy : dy + height, dx : dx + width]
    return total


def box(image, k):
    """The mean over k×k with zero padding, divided by k² everywhere."""
    return correlate(image, np.full((k, k), 1 / k**2))


def pixel_shuffle(channels, r):
    """(c·r², h, w) -> (c, r·h, r·w): channel j goes to output channel j//r², at the sub-pixel j mod r²."""
    c, (h, w) = len(channels) // r**2, channels.shape[1:]
    out = np.zeros((c, h * r, w * r), channels.dtype)
    for j, channel in enumerate(channels):
        p = j % r**2
        out[j // r**2, p // r :: r, p % r :: r] = channel
    return out


def upsample(image, factor):
    return np.kron(image, np.ones((factor, factor)))


def zero_insert(image, j, c_out, r):
    """Channel j of c_out alone, all others zero, through PixelShuffle."""
    channels = np.zeros((c_out, *image.shape))
    channels[j] = image
    return pixel_shuffle(channels, r)[j // r**2]


def edge(layer, v, i, j):
    """e_ij of a convolution or of a linear layer (numpy, float64)."""
    weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
    share = bias[j] / weight.shape[1]
    if weight.ndim == 2:
        return layer.frequency * (weight[j, i] * v[i] + share)
    return correlate(v[i], weight[j, i]) + share


def convolutional_maps(trace, name):
    """(C_in · C_out, H, W): every map of one layer of a network of convolutions, in the order n = i·C_out + j."""
    at = [layer.name for layer in trace.layers].index(name)
    layer, later = trace.layers[at], trace.layers[at + 1 :]
    v = trace.inputs()[name].double().numpy()
    c_out, c_in = layer.weight.shape[:2]
    maps = []
    for i in range(c_in):
        for j in range(c_out):
            z = respond(layer.activation)(edge(layer, v, i, j))
            z = zero_insert(z, j, c_out, layer.upscale)
            for block in later:
                z = upsample(box(z, block.weight.shape[-1]), block.upscale)
                z = respond(block.activation)(z)
            maps.append(z)
    return np.stack(maps)


def linear_maps(layer, v, granularity):
    """(N, H, W): every map of one linear layer."""
    v = v.double().numpy()
    weight = layer.weight.double().numpy()
    c_out, c_in = weight.shape
    activation = respond(layer.activation)
    if granularity == "kernel":
        return np.stack([activation(edge(layer, v, i, j)) for i in range(c_in) for j in range(c_out)])
    if granularity == "input":
        return np.stack([activation(sum(edge(layer, v, i, j) for j in range(c_out))) for i in range(c_in)])
    return np.stack([layer.frequency * sum(v[i] * weight[j, i] for i in range(c_in)) for j in range(c_out)])

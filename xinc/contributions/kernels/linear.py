"""Maps of a linear layer: a multiple of one input feature, or a sum of them, at every pixel."""

from __future__ import annotations

import numpy as np

from xinc.contributions.kernels.compiled import ERF, expand_gained_linear, expand_linear, lay_side_by_side
from xinc.contributions.kernels.forms import packed
from xinc.contributions.maps import LayerMaps
from xinc.runtime.lanes import LANES
from xinc.trace.layers import Array, Linear


class LinearExpansion:
    """The maps of a fully connected layer with none after it, for one input, in float32 on the CPU.

    Results equal `LayerMaps.expand` to float32 rounding; `xinc.contributions.sources` has the formulas.

    Parameters
    ----------
    maps : of a layer that it `takes`.
    v : (C_in, h, w) its input, float32.
    """

    #: See `xinc.contributions.expansion.in_tiles`.
    in_tiles = True

    @staticmethod
    def takes(maps: LayerMaps) -> bool:
        """Whether it is a fully connected layer of real numbers with nothing after it."""
        return isinstance(maps.layer, Linear) and not maps.layer.complex_valued and not maps.later

    def __init__(self, maps: LayerMaps, v: Array) -> None:
        layer, neurons = maps.layer, maps.neurons
        assert isinstance(layer, Linear)
        assert not maps.later
        self._v = np.ascontiguousarray(v)
        self._weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
        self._sums = neurons.granularity == "output"
        self._i, self._j = neurons.in_channel.astype(np.int64), neurons.out_channel.astype(np.int64)
        if neurons.granularity == "kernel":
            self._scale, self._share = self._weight[self._j, self._i], bias[self._j] / layer.channels[0]
        else:
            self._scale = self._weight.sum(0)
            self._share = np.full(len(self._scale), bias.sum() / layer.channels[0], np.float32)
        self._bias, self._frequency = bias, layer.frequency
        self._fed, self._gain = neurons.fed.astype(np.int64), None if maps.gain is None else np.asarray(maps.gain)
        self._whole = neurons.granularity == "input"
        own = "identity" if self._sums or maps.gain is not None else layer.activation
        self._codes, self._operands = packed([own, maps.head_activation])

    def __call__(
        self, select: np.ndarray, window: tuple[int, int, int, int] | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Maps (n, y1 − y0, x1 − x0) of the selected neurons on a window, as `Expansion` does."""
        wanted = (0, self._v.shape[1], 0, self._v.shape[2]) if window is None else window
        if out is None:
            out = np.empty((len(select), wanted[1] - wanted[0], wanted[3] - wanted[2]), np.float32)
        target = out if out.flags.c_contiguous else np.empty_like(out, order="C")
        if self._gain is not None:
            self._expand_gained(self._gain, select, wanted, target)
        else:
            self._expand(select, wanted, target.reshape(-1), False)
        if target is not out:
            out[...] = target
        return out

    def beside(self, select: np.ndarray, window: tuple[int, int, int, int], out: np.ndarray) -> None:
        """The same maps side by side, as `Expansion.beside` puts them."""
        if self._gain is not None:
            lay_side_by_side(self(select, window).reshape(len(select), -1), out, 0)
        else:
            self._expand(select, window, out.reshape(-1), True)

    def _expand(self, select: np.ndarray, window: tuple[int, int, int, int], out: np.ndarray, beside: bool) -> None:
        if self._sums:  # without bias and activation: each is a map of its own, times the frequency
            part = self._v[:, window[0] : window[1], window[2] : window[3]]
            v = np.tensordot(self._weight[self._j[select]], part, 1)
            channel, scale = np.arange(len(select)), np.ones(len(select), np.float32)
            share, inner = np.zeros_like(scale), (0, part.shape[1], 0, part.shape[2])
        else:
            v, channel, inner = self._v, self._i[select], window
            scale, share = self._scale[select], self._share[select]
        line = np.empty(LANES * (window[3] - window[2]) if beside else 0, np.float32)
        expand_linear(
            v, channel, scale, share, self._frequency, inner, self._codes, self._operands, ERF, line, out, beside
        )

    def _expand_gained(
        self, gain: np.ndarray, select: np.ndarray, window: tuple[int, int, int, int], out: np.ndarray
    ) -> None:
        v, channel, scale = self._v, self._i[select], np.ones(len(select), np.float32)
        if self._sums:
            y0, y1, x0, x1 = window
            weight, bias = self._weight[self._j[select]], self._bias[self._j[select], None, None]
            v = np.zeros((len(select), *self._v.shape[1:]), np.float32)
            v[:, y0:y1, x0:x1] = np.tensordot(weight, self._v[:, y0:y1, x0:x1], 1) + bias
            channel, scale = np.arange(len(select)), scale * np.float32(self._frequency)
        elif not self._whole:
            scale = self._scale[select] * np.float32(self._frequency)
        expand_gained_linear(v, channel, scale, self._fed[select], gain, window, out)

"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from xinc.trace.layer import Array, Layer
from xinc.trace.windows import Size, Window

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer applied at every pixel: ``activation(frequency * (W v + b))``.

    Attributes
    ----------
    name : layer name, e.g. ``"layer1"``.
    weight : (C_out, C_in).
    bias : (C_out,).
    activation : as `xinc.trace.activations.activation` takes it; ``"finer"`` has the layer's frequency as its ω.
    frequency : factor on the pre-activation, the ω0 of SIREN; 1 elsewhere.
    """

    name: str
    weight: Array
    bias: Array
    activation: str
    frequency: float = 1.0

    upscale = 1
    granularities: ClassVar[tuple[str, ...]] = ("input", "kernel", "output")
    mixes: ClassVar[bool] = False

    @property
    def channels(self) -> tuple[int, int]:
        return self.weight.shape[1], self.weight.shape[0]

    def preactivation(self, v: Tensor) -> Tensor:
        import torch

        return self.frequency * (torch.einsum("oi,ihw->ohw", self.weight, v) + self.bias[:, None, None])

    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        import torch

        weight = self.weight[j, i][:, None, None]
        if not bias:
            return self.frequency * (weight * v[i])
        share = self.bias[j] / self.channels[0]
        return self.frequency * torch.addcmul(share[:, None, None], weight, v[i])

    def input_responses(self, v: Tensor, i: Tensor) -> Tensor:
        total = self.weight.sum(dim=0)[i][:, None, None]
        return self.frequency * (total * v[i] + self.bias.sum() / self.channels[0])

    def output_responses(self, v: Tensor, j: Tensor, bias: bool = False) -> Tensor:
        import torch

        found = torch.einsum("oi,ihw->ohw", self.weight[j], v)
        return self.frequency * (found + self.bias[j][:, None, None] if bias else found)

    def responses_to(self, v: Tensor, i: Tensor) -> Tensor:
        columns = self.frequency * self.weight.T[i]
        return columns[:, :, None, None] * v[i][:, None]

    def neuron_sums(self, granularity: str, values: Mapping[str, Tensor]) -> Tensor:
        if granularity == "kernel":
            return values["weight"].T.flatten()
        if granularity == "input":
            return values["weight"].sum(0)
        return values["weight"].sum(1) + values["bias"]

    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        import torch

        if channel is not None:
            found = self.weight.T[channel][:, :, None, None] * values
        else:
            found = torch.einsum("oi,nihw->nohw", self.weight, values)
        return self.frequency * found, window

    @classmethod
    def array_dims(cls, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        return {"weight": ("out", "in"), "bias": ("out",)}

    @classmethod
    def weight_shape(cls, options: Mapping[str, Any], channels: tuple[int, int]) -> tuple[int, ...] | None:
        return channels[::-1]

    @classmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        return cls(fields["name"], arrays["weight"], arrays["bias"], fields["activation"], fields["frequency"])


@dataclass(frozen=True)
class ComplexLinear(Linear):
    """The same with complex weights, inputs and responses, as of WIRE (Saragadam et al. 2023); or of some of them.

    The identities of linear layers hold as they are: Σ_i e_ij is the pre-activation. What is complex has magnitudes for
    maps, |φ(e) − φ(0)|. The last layer has the real part of its responses, Re(W v + b), which is real, linear in v, and
    complete: Σ_i Re e_ij = Re Σ_i e_ij.

    Attributes
    ----------
    weight : (C_out, C_in), complex, or real as of a first layer.
    real : whether only the real part of its responses counts.
    """

    real: bool = False

    complex_valued: ClassVar[bool] = True

    def _seen(self, response: Tensor) -> Tensor:
        return response.real if self.real and response.is_complex() else response

    def preactivation(self, v: Tensor) -> Tensor:
        return self._seen(super().preactivation(v))

    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        return self._seen(super().edge_responses(v, i, j, bias))

    def input_responses(self, v: Tensor, i: Tensor) -> Tensor:
        return self._seen(super().input_responses(v, i))

    def output_responses(self, v: Tensor, j: Tensor, bias: bool = False) -> Tensor:
        return self._seen(super().output_responses(v, j, bias))

    def responses_to(self, v: Tensor, i: Tensor) -> Tensor:
        return self._seen(super().responses_to(v, i))

    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        found, window = super().through(values, window, channel, size)
        return self._seen(found), window

    @classmethod
    def weight_shape(cls, options: Mapping[str, Any], channels: tuple[int, int]) -> None:
        return None

    def options(self) -> dict[str, Any]:
        return {"real": self.real}

    @classmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        weight, bias = arrays["weight"], arrays["bias"]
        return cls(fields["name"], weight, bias, fields["activation"], fields["frequency"], options["real"])

"""The protocol of layers: what everything else asks of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np

from xinc.errors import InputError, nearest
from xinc.trace.activations import activate, spelt, spelt_real
from xinc.trace.route import Route
from xinc.trace.windows import Size, Window

if TYPE_CHECKING:
    from torch import Tensor

#: A tensor; of a layer read from a canvas a NumPy array, so that reading does not wait for PyTorch.
Array: TypeAlias = Any

#: Types of layers by name, that of their class. They enter themselves.
LAYER_TYPES: dict[str, type[Layer]] = {}


class Layer(ABC):
    """A dissected layer: a linear operator with weights, a shared-out bias, PixelShuffle, and an activation.

    A new type of layer is one class that fulfils this protocol: a frozen dataclass with fields named as `array_dims`
    and `options` say. Nothing else needs to know of it: neurons, maps, gains, ablation, effects and canvases ask only
    what is defined here. Its module has to be imported by `xinc.trace.layers`, so that canvases of it can be read.

    Attributes
    ----------
    name : e.g. ``"block1"``.
    activation : as `xinc.trace.activations.activation` takes it; kept as the shortest string that says it.
    frequency : factor on the pre-activation, the ω of ``"finer"``; 1 elsewhere.
    upscale : PixelShuffle factor r; 1 without it.
    granularities : what a neuron may be, the default first.
    complex_valued : whether its responses may be complex numbers, of which maps are magnitudes.
    mixes : whether layers of this type see other pixels than that at which they answer.
    sparse : whether nearly all of a neuron's map is zeros, so that maps are kept factored alone.
    """

    name: str
    activation: str
    frequency: float
    upscale: int
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    mixes: ClassVar[bool] = True
    complex_valued: ClassVar[bool] = False
    sparse: ClassVar[bool] = False

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        known = LAYER_TYPES.setdefault(cls.__name__, cls)
        if known.__module__ != cls.__module__:
            raise TypeError(
                f"There are two types of layers called {cls.__name__}, of {known.__module__} and of {cls.__module__}; "
                "canvases know them by this name: give the second another one."
            )
        LAYER_TYPES[cls.__name__] = cls

    def __post_init__(self) -> None:
        said = spelt(self.activation, frequency=self.frequency)
        object.__setattr__(self, "activation", said if self.complex_valued else spelt_real(said))

    # What it is.

    @property
    def layer_type(self) -> str:
        return type(self).__name__

    @property
    @abstractmethod
    def channels(self) -> tuple[int, int]:
        """(C_in, C_out), C_out counted before PixelShuffle."""

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns away from its own place a response looks at most."""
        return 0, 0

    @property
    def local(self) -> bool:
        """Whether a response at a pixel depends on the input within `reach` of it alone, zeros beyond the edges."""
        return True

    def response_size(self, size: Size) -> Size:
        """Height and width of the pre-activation, for an input of this height and width."""
        return size

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Input channel i and output channel j, (N,) each, of every edge there is, in the order of neurons.

        Of C_in · C_out edges n = i · C_out + j.
        """
        c_in, c_out = self.channels
        i, j = np.divmod(np.arange(c_in * c_out), c_out)
        return i, j

    def reads(self) -> np.ndarray:
        """The input channel that each kernel (C_out, n) of the array ``weight`` reads."""
        c_in, c_out = self.channels
        return np.broadcast_to(np.arange(c_in), (c_out, c_in))

    # Forward.

    @abstractmethod
    def preactivation(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out, h', w'), before PixelShuffle and activation, frequency included."""

    def activated(self, z: Tensor) -> Tensor:
        """The layer's output (C_out / r², r·h', r·w') from its pre-activation; of (n, C_out, h', w') too."""
        import torch.nn.functional as F

        return activate(self.activation, F.pixel_shuffle(z, self.upscale) if self.upscale > 1 else z)

    def forward(self, v: Tensor) -> Tensor:
        """(C_in, h, w) -> (C_out / r², r·h', r·w')."""
        return self.activated(self.preactivation(v))

    # Of single neurons.

    @abstractmethod
    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        """e_ij (n, h', w') of edges (i[n], j[n]), with their share of the bias or without.

        Over all edges they sum to the pre-activation, exactly: `xinc.contributions.sources`.
        """

    def input_responses(self, v: Tensor, i: Tensor) -> Tensor:
        """Σ_j e_ij (n, h', w') of input features i (n,), for granularity ``input``."""
        raise self._undefined("input")

    def output_responses(self, v: Tensor, j: Tensor, bias: bool = False) -> Tensor:
        """Σ_i w_ij v_i (n, h', w') of output features j (n,), for granularity ``output``."""
        raise self._undefined("output")

    def responses_to(self, v: Tensor, i: Tensor) -> Tensor:
        """What the pre-activation has from each of the input features i (n,): (n, C_out, h', w'), without bias."""
        raise self._undefined("input")

    def energies(self, v: Tensor) -> Tensor:
        """(channels of `reads`,) float64: Σ |v_i|² over pixels."""
        return v.abs().double().square().sum((1, 2))

    @abstractmethod
    def neuron_sums(self, granularity: str, values: Mapping[str, Tensor]) -> Tensor:
        """(N,): for every neuron, the sum over its weights of values that have the shapes of the layer's arrays."""

    def _undefined(self, granularity: str) -> TypeError:
        return TypeError(f"granularity {granularity} is not defined for the {self.layer_type} layer {self.name}")

    # Changes of its input.

    @abstractmethod
    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        """What a change of the input does to the pre-activation.

        Parameters
        ----------
        values : (n, C_in, h, w) inside the window, zero outside of it; (n, 1, h, w) where ``channel`` says which.
        window : of the input.
        channel : (n,) the only channel that changes in each, or None.
        size : of the whole input.

        Returns
        -------
        (n, C_out, h', w') and the window of the pre-activation that this is; outside of it nothing changes.
        """

    # For layers before it.

    def stages(self) -> Route:
        """What it does to a contribution of an earlier layer on its way to the output: its weights a uniform mean."""
        return ()

    # On disk.

    @classmethod
    @abstractmethod
    def array_dims(cls, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Names, those of the fields, and dimensions of the arrays that a canvas keeps of a layer with these options.

        The dimension ``in`` is that of the input's channels, and ``out`` that of the pre-activation's.
        """

    @classmethod
    def weight_shape(cls, options: Mapping[str, Any], channels: tuple[int, int]) -> tuple[int, ...] | None:
        """Shape of an array ``weight`` of which each (C_out, …) makes one response, beside a ``bias`` (C_out,).

        None of a layer that is described by others.
        """
        return None

    @classmethod
    def response_dims(cls, options: Mapping[str, Any]) -> tuple[str, str]:
        """Dimensions of the rows and columns of its responses: those of its input where they are as many."""
        return "source_y", "source_x"

    def options(self) -> dict[str, Any]:
        """All further fields, as JSON has them."""
        return {}

    @classmethod
    @abstractmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The layer from its name, activation, frequency and upscale, from its `options` and its arrays."""

    def arrays(self) -> dict[str, Array]:
        """The arrays `array_dims`, by name."""
        return {name: getattr(self, name) for name in self.array_dims(self.options())}

    def with_arrays(self, arrays: Mapping[str, Array]) -> Self:
        """The same with other arrays, by name."""
        changed: Self = replace(self, **arrays)  # type: ignore[type-var]
        return changed

    def mapped(self, change: Callable[[Array], Array]) -> Self:
        """The same with each of its arrays changed."""
        return self.with_arrays({name: change(values) for name, values in self.arrays().items()})


def layer_type(name: str) -> type[Layer]:
    """The type of layers of this name; `InputError` for an unknown one."""
    if name not in LAYER_TYPES:
        raise InputError(f"Unknown type of layer '{name}': {nearest(name, sorted(LAYER_TYPES))}.")
    return LAYER_TYPES[name]

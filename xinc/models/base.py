"""The interface of every implicit neural representation."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from xinc.errors import InputError
from xinc.frames import ranges
from xinc.models.architecture import Architecture
from xinc.runtime.devices import full_precision
from xinc.runtime.gpu_memory import Room, ran_out
from xinc.trace.layers import BaseTrace, Trace

OUTPUT_ACTIVATIONS = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": lambda x: 0.5 * torch.tanh(x) + 0.5,
    "centred": lambda x: 0.5 * x + 0.5,
}
"""From the last layer's response to colours in [0, 1], by name. ``tanh`` is the released NeRV code's tanh/2 + 1/2;
``centred`` is for networks that were fitted to colours in [-1, 1]."""

#: By how much a trace's colours may differ from those of `INR.forward`, of the largest of these; and, where rounding
#: counts for more, by how many times the difference between the trace in float32 and in float64.
TRACE_TOLERANCE, TRACE_ROUNDINGS = 1e-4, 10


class INR(Architecture, nn.Module):
    """A network overfitted to one video, or a bundle of networks overfitted to one frame each.

    Subclasses implement `forward` and `trace`; `Architecture` has the declaration.

    Parameters
    ----------
    settings : the architecture's settings.
    resolution : (height, width) in pixels.
    frames : indices of the frames it represents.
    num_frames : number of frames of the whole video.
    seed : seed of the initial weights.
    """

    def __init__(
        self, settings: Any, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__()
        self.settings = settings
        self.resolution = (int(resolution[0]), int(resolution[1]))
        self.frames = tuple(int(f) for f in frames)
        self.num_frames = int(num_frames)
        self.seed = int(seed)
        #: What its training came to, see `xinc.training.history.History.outcome`; empty where it was not trained here.
        self.outcome: dict[str, Any] = {}

    #: Whether `xinc.models.storage.build` makes another like it, from its settings.
    registered: ClassVar[bool] = True

    @classmethod
    def network_module(cls) -> str:
        return cls.__module__

    @classmethod
    def network(cls) -> type[INR]:
        return cls

    #: Names of layers' arrays that differ from frame to frame although the network is one for all, as of modulations
    #: that are part of the biases.
    varying: tuple[str, ...] = ()
    #: Arguments of Adam that its training needs, other than PyTorch's defaults; the learning rate is a setting.
    adam: ClassVar[dict[str, Any]] = {}

    #: Whether its output is colours from 0 to 1.
    of_colours = True

    @property
    def channels(self) -> int:
        """Of its output: 3 of a network of colours."""
        return 3

    @property
    def output_activation(self) -> str:
        """Key of `OUTPUT_ACTIVATIONS`: what the setting of that name says, if there is one."""
        return str(getattr(self.settings, "output_activation", "identity"))

    @property
    def head_activation(self) -> str:
        """What maps of the last layer may be passed through: ``tanh``, ``sigmoid``, or ``identity`` for any other."""
        return self.output_activation if self.output_activation in ("tanh", "sigmoid") else "identity"

    def colours_of(self, response: Tensor) -> Tensor:
        """From the last layer's response to colours."""
        return OUTPUT_ACTIVATIONS[self.output_activation](response)

    def before_training(self, targets: Tensor) -> None:
        """Called once before training, with the frames (frames, 3, H, W) to be represented; the network is in place."""

    def after_training(self) -> None:
        """Called once after training, before the network is used."""

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstructions (n, 3, H, W), output activation applied, of the frames (n,) given by index."""
        raise NotImplementedError

    def inputs(self, frames: Tensor) -> Tensor:
        """What `render` takes for frames (n,) given by index: all of `forward` that needs no weights, on their device.

        Training computes it once. A network that has such a part returns it here, (n, ...), and does no more in
        `render` than launch kernels, so that a GPU can record a step; by default it is the indices.
        """
        return frames.to(next(self.parameters()).device)

    def render(self, inputs: Tensor) -> Tensor:
        """`forward` from the `inputs` on."""
        reconstructions: Tensor = self(inputs)
        return reconstructions

    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> BaseTrace:
        """The network's layers and the first one's input for one frame, weights detached.

        ``resolution`` other than the network's own is for networks of coordinates only.
        """
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        """What it takes to build it anew, but its weights, as plain builtins."""
        return {
            "architecture": self.name,
            "settings": self.settings.model_dump(mode="json"),
            "resolution": list(self.resolution),
            "frames": list(self.frames),
            "num_frames": self.num_frames,
            "seed": self.seed,
        }

    def layer_names(self) -> list[str]:
        """Names of the layers that can be dissected, first to last."""
        return self.layers_of(self.settings)

    def parameter_count(self) -> int:
        """Number of trained parameters, over all frames."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def check_frame(self, frame: int) -> int:
        """``frame`` if the network represents it, otherwise `InputError`."""
        if int(frame) not in self.frames:
            raise InputError(
                f"Frame {frame} is not represented by this {self.name}: it holds frames "
                f"{ranges(self.frames)}; ask for those, or train it on frame {frame}."
            )
        return int(frame)

    @torch.no_grad()
    def check_trace(self, frame: int | None = None, room: Room | None = None) -> None:
        """Raise `InputError` where the trace of a frame is not the network, as where it leaves out a skip connection.

        The trace's layers are those of `layer_names`, and its output, in colours, is that of `forward`: of the same
        size, and equal but for rounding. One pass through each, without gradients and as after training (`eval`).

        Parameters
        ----------
        frame : which frame (default: the last; a trace that forgets about the frame may well be right for the first).
        room : of a pass through this network, if known; where a GPU does not hold it, the CPU computes it.

        Raises
        ------
        InputError : the names of layers, the size or the colours differ (the message has both), the trace's layers do
            not fit each other, or the network's output is not finite.
        """
        chosen = self.frames[-1] if frame is None else self.check_frame(frame)

        def both(network: INR) -> tuple[BaseTrace, Tensor, Tensor]:
            place = next((t.device for t in (*network.parameters(), *network.buffers())), torch.device("cpu"))
            expected = network(torch.tensor([chosen], device=place))[0]
            trace = network.trace(chosen)
            return trace, expected, network.colours_of(self._output_of(trace))

        room = room or Room(f"a pass through this {self.name}")
        with _as_after_training(self), full_precision():
            trace, expected, found = room.run(self, both)
        names = [layer.name for layer in trace.layers]
        if names != self.layer_names():
            raise InputError(
                f"{self._no_trace}: its layers are {', '.join(names)}, those of layers_of "
                f"{', '.join(self.layer_names())}; both must have the same names in the same order."
            )
        if found.shape != expected.shape:
            raise InputError(
                f"{self._no_trace}: for frame {chosen} it ends in {_size(found)} (channels x height x width), forward "
                f"in {_size(expected)}; it must list every layer up to the output (is an upsampling left out?)."
            )
        unknown = int((~torch.isfinite(expected)).sum())
        if unknown:
            raise InputError(
                f"This {self.name} makes {unknown} of {expected.numel()} values of frame {chosen} that are not finite"
                f"{_culprit(self)}: give a network whose weights and output are finite, or train it again."
            )
        self._compare(trace, chosen, expected.double().cpu(), found.double().cpu())

    @property
    def _no_trace(self) -> str:
        return f"The trace of this {self.name} is not the network"

    def _output_of(self, trace: BaseTrace) -> Tensor:
        """`Trace.output`; `InputError` that names the layer of a chain which does not fit what comes before it."""
        if not isinstance(trace, Trace):
            return trace.output()
        v = trace.input
        for layer in trace.layers:
            try:
                v = layer.forward(v)
            except RuntimeError as error:
                if ran_out(error):
                    raise
                raise InputError(
                    f"{self._no_trace}: its layer '{layer.name}' takes {layer.channels[0]} channels, and what comes "
                    f"before it gives {_size(v)} (channels x height x width); it must list every layer up to the "
                    "output."
                ) from None
        return v

    def _compare(self, trace: BaseTrace, frame: int, expected: Tensor, found: Tensor) -> None:
        """Raise `InputError` where colours (3, H, W) in float64 differ by more than rounding can explain."""
        difference = (found - expected).abs()
        allowed = TRACE_TOLERANCE * max(float(expected.abs().max()), 1e-6)
        if float(difference.max()) <= allowed:
            return
        # Sines of large arguments multiply rounding: how much can be seen where the same layers are computed exactly.
        exact = self.colours_of(trace.double().output()).cpu()
        allowed = max(allowed, TRACE_ROUNDINGS * float((found - exact).abs().max()))
        if not float(difference.max()) <= allowed:
            psnr = -10 * math.log10(float(difference.square().mean()))
            raise InputError(
                f"{self._no_trace}: for frame {frame} its colours differ from those of forward by up to "
                f"{float(difference.max()):.3g} ({float(difference.mean()):.3g} on average, {psnr:.1f} dB), where "
                f"rounding allows {allowed:.2g}; it must list every layer up to the output, as it is computed (is a "
                "skip connection or an activation left out?)."
            )

    @torch.no_grad()
    def reconstruct(self, frame: int, resolution: tuple[int, int] | None = None) -> Tensor:
        """One frame (3, H, W) in colours, not clamped; on the CPU where a GPU does not hold what it takes."""
        room = Room(f"a pass through this {self.name}")
        return room.run(self, lambda network: network.colours_of(network.trace(frame, resolution).output()))


def weights_state(model: nn.Module) -> tuple[int, ...]:
    """What changes with any change of a network's tensors in place, as by training."""
    return tuple(int(one._version) for one in (*model.parameters(), *model.buffers()))


@contextlib.contextmanager
def _as_after_training(model: nn.Module) -> Iterator[None]:
    """A network in evaluation mode inside the block, each of its modules in its own again after it."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _size(image: Tensor) -> str:
    return "x".join(str(side) for side in image.shape)


def _culprit(model: nn.Module) -> str:
    """The first tensor of a network that is not finite, in words; empty where all are."""
    for name, tensor in model.state_dict().items():
        count = int((~torch.isfinite(tensor)).sum())
        if count:
            return f", because {count} of the {tensor.numel()} values of its tensor '{name}' are not"
    return ""

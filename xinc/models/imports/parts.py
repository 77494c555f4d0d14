"""Parts shared by the readers of foreign checkpoints: tensors by name, hints, and the network that both describe."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from xinc.errors import InputError, nearest
from xinc.frames import frame_list
from xinc.models._pruned import set_masks, split
from xinc.models.base import INR
from xinc.models.storage import build, check_finite
from xinc.trace.activations import activation

#: Names of hints, and values that they may take together.
Axes: TypeAlias = Mapping[tuple[str, ...], Sequence[tuple[Any, ...]]]

#: What the names of tensors begin with that networks of one frame each have for themselves.
PER_FRAME = ("weights.", "biases.", "tables")


@dataclass
class Imported:
    """A network as a checkpoint describes it: what `xinc.models.storage.build` needs, and the weights.

    Attributes
    ----------
    architecture, settings, resolution, frames, num_frames : see `xinc.models.storage.build`.
    state : the weights, by the architecture's own names; "embeddings" may be missing where there is an encoder.
    unread : names of tensors in the file that the layout has no use for.
    pruning : how it was pruned, see `xinc.models._pruned.Pruned`; the masks are among the weights.
    """

    architecture: str
    settings: dict[str, Any]
    resolution: tuple[int, int]
    frames: list[int]
    num_frames: int
    state: dict[str, Tensor] = field(repr=False)
    unread: list[str] = field(default_factory=list)
    pruning: list[dict[str, Any]] = field(default_factory=list)

    @property
    def needs_images(self) -> bool:
        """Whether the frames themselves are needed, for an encoder."""
        return bool(self.settings.get("encoder")) and "embeddings" not in self.state

    @property
    def per_frame(self) -> bool:
        """Whether every frame has weights of its own."""
        return "weights.0" in self.state

    def keep(self, frames: Sequence[int]) -> None:
        """Represent only these of its frames."""
        at = [self.frames.index(f) for f in frames]
        for name, tensor in self.state.items():
            if name == "embeddings" or name.startswith(PER_FRAME):
                self.state[name] = tensor[at]
        self.frames = list(frames)

    def make(self, path: str | Path, images: Tensor | None = None) -> INR:
        """The network; ``images`` (frames, 3, H, W) are the frames it represents, where an encoder needs them."""
        model = build(self.architecture, self.settings, self.resolution, self.frames, self.num_frames)
        own = model.state_dict()
        state, masks = split(self.state)
        if self.needs_images:
            state["embeddings"] = own["embeddings"]
        for name, tensor in own.items():
            if name not in state or state[name].shape != tensor.shape:
                found = tuple(state[name].shape) if name in state else "missing"
                raise InputError(f"{path}: the tensor for '{name}' is {found}, expected shape {tuple(tensor.shape)}.")
        model.load_state_dict(state)
        if masks:
            set_masks(model, masks, self.pruning)
        if self.needs_images:
            if images is None:
                raise InputError(
                    f"{path} holds an encoder but no embeddings: give the video that it encodes (video), or a table of "
                    "embeddings (the hint 'embeddings')."
                )
            model.eval().fill_embeddings(images)  # type: ignore[operator]
        return model.eval()


class Tensors(dict[str, Tensor]):
    """A state dict; `InputError` for a tensor that it lacks, or that is not as expected.

    Parameters
    ----------
    path : the file, for messages.
    tensors : by name.
    beside : other tensors of the file, by their names there.
    """

    def __init__(
        self, path: str | Path, tensors: Mapping[str, Tensor], beside: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(tensors)
        self.path, self._beside = path, dict(beside or {})
        self._read: set[str] = set()

    def __missing__(self, name: str) -> Tensor:
        close = nearest(name, list(self)).split("?")[0]
        hint = f" ({close}?)" if close.startswith("did you mean") else ""
        raise InputError(f"{self.path} lacks the tensor '{name}'{hint}.")

    def shaped(self, name: str, *shape: int | None, of_complex: bool = False) -> Tensor:
        """The tensor called ``name`` as float32, or complex64; `InputError` unless it has this shape (None: any)."""
        tensor = self[name]
        fits = len(tensor.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, tensor.shape, strict=True)
        )
        if not fits:
            expected = ", ".join("any" if side is None else str(side) for side in shape)
            raise InputError(
                f"{self.path}: tensor '{name}' has shape {tuple(tensor.shape)}, expected "
                f"({expected}{',' * (len(shape) == 1)})."
            )
        if tensor.is_complex() and not of_complex:
            raise InputError(
                f"{self.path}: tensor '{name}' is of type {str(tensor.dtype).removeprefix('torch.')}: of networks of "
                "complex weights only WIRE's are read, whose layers are all complex but the first; give one of real "
                "weights."
            )
        if not (tensor.is_floating_point() or tensor.is_complex()):
            raise InputError(
                f"{self.path}: tensor '{name}' is of type {str(tensor.dtype).removeprefix('torch.')}, expected "
                "floating point numbers; a quantised network has its scale beside them."
            )
        if tensor.is_meta:
            raise InputError(f"{self.path}: tensor '{name}' has no values, on the device 'meta': save it with them.")
        values = tensor.to_dense().to(torch.complex64 if of_complex else torch.float32)
        if name not in self._read:
            check_finite({name: values}, self.path)
            self._read.add(name)
        return values

    @property
    def has_biases(self) -> bool:
        """Whether there is any bias; networks are also built without (``use_bias=False``)."""
        return any(name.endswith("bias") for name in self)

    def bias(self, weight: str, length: int) -> Tensor:
        """The bias that goes with a weight; zeros in a network that has none anywhere."""
        name = f"{weight.removesuffix('weight')}bias"
        return self.shaped(name, length) if self.has_biases else torch.zeros(length)

    def leave(self, pattern: str) -> None:
        """Leave tensors of such names aside: the layout knows that no frame depends on them."""
        self._read |= {name for name in self if re.fullmatch(pattern, name)}

    def unread(self) -> list[str]:
        """Names of the tensors that were not read, but counters and other single numbers."""
        left = {name: tensor for name, tensor in self.items() if name not in self._read} | self._beside
        return [name for name, tensor in left.items() if tensor.numel() > 1]

    def numbers(self, pattern: str) -> list[int]:
        """The numbers that the group of a pattern takes in the names, ascending."""
        found = (re.fullmatch(pattern, name) for name in self)
        return sorted({int(match[1]) for match in found if match is not None})

    def strides(self, blocks: Sequence[str], last: str) -> list[int]:
        """PixelShuffle factors of blocks: each makes r² times the channels that enter the next, at the end ``last``."""
        found = []
        for name, after in zip(blocks, [*blocks[1:], last], strict=True):
            made, wanted = (self.shaped(one, None, None, None, None).shape[at] for at, one in enumerate((name, after)))
            factor = math.isqrt(made // wanted)
            if factor < 1 or factor**2 * wanted != made:
                raise InputError(
                    f"{self.path}: tensor '{name}' has shape {tuple(self[name].shape)}, expected a square number times "
                    f"{wanted} in place of {made}, because {wanted} channels enter '{after}'."
                )
            found.append(factor)
        return found

    def kernel_size(self, name: str) -> int:
        """The side of a convolution's kernels, which must be square and odd."""
        height, width = self.shaped(name, None, None, None, None).shape[2:]
        if height != width or height % 2 == 0:
            raise InputError(
                f"{self.path}: tensor '{name}' has shape {tuple(self[name].shape)}, expected square kernels of odd "
                "side."
            )
        return int(height)


class Hints:
    """What the user says about a checkpoint beside its tensors.

    Parameters
    ----------
    path : the checkpoint, for messages.
    given : hints by name.
    known : names that the layout has a use for; others are errors.
    resolution, num_frames : those of the video, where there is one.
    """

    def __init__(
        self,
        path: str | Path,
        given: Mapping[str, Any],
        known: Sequence[str],
        resolution: tuple[int, int] | None = None,
        num_frames: int | None = None,
    ) -> None:
        self.path, self.given = path, dict(given)
        for name in self.given:
            if name not in known:
                raise InputError(f"Unknown hint '{name}' for {path}: {nearest(name, known)}.")
        self.video_resolution, self.video_frames = resolution, num_frames

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) is not None

    def take(self, name: str, default: Any = None, required: str = "") -> Any:
        """The hint, or its default; `InputError` where it is ``required`` (for what) and absent."""
        if name not in self and required:
            raise InputError(f"{self.path} needs the hint '{name}', {required}.")
        return self.given[name] if name in self else default

    def check(self, name: str, made: Any, read: Callable[[Any], Any] = lambda value: value) -> None:
        """`InputError` where the hint is given and is not what the tensors make."""
        # Configurations are kept as text, too: "4" is 4.
        said = read(self.given[name]) if name in self else made
        if said != made and str(said) != str(made):
            self.refuse([name], self.form(name, made))

    def compare(self, names: Sequence[str], says: Any, made: Any, form: str = "{}") -> None:
        """`InputError` where hints say something else than the tensors make, both put in a form ("{} channels")."""
        if says != made:
            self.refuse(names, form.format(made), f", which make{'s' * (len(names) == 1)} {form.format(says)}")

    def refuse(self, names: Sequence[str], made: str, says: str = "", beside: Sequence[str] = ()) -> None:
        """The error of hints that do not say what the tensors make (with the help of hints ``beside`` them)."""
        given = [f"{name} {self.form(name, self.given[name])}" for name in names]
        hints = f"hints are {' and '.join(given)}" if len(given) > 1 else f"hint {given[0].replace(' ', ' is ', 1)}"
        helped = " and ".join(f"{name} {self.form(name, self.given[name])}" for name in beside)
        raise InputError(
            f"{self.path}: the {hints}{says}, but the tensors{f' (with {helped})' if helped else ''} make {made}: "
            "correct the hint, or give the file that it describes."
        )

    def must(self, name: str, only: Any, read: Callable[[Any], Any] = lambda value: value) -> None:
        """`InputError` where the hint is given and is not the one thing that can be read."""
        if name in self and read(self.given[name]) != only:
            raise InputError(
                f"{self.path}: the hint {name} is {self.given[name]}, but only networks of {name} {only} can be read: "
                "correct the hint, or give another file."
            )

    def form(self, name: str, value: Any) -> str:
        """A value as it would be written for this hint: 32x64, 2_4, [4, 2]."""
        given = self.given[name]
        if not isinstance(value, list | tuple) or not (name == "resolution" or isinstance(given, str)):
            return str(value)
        return ("x" if name == "resolution" else "_").join(map(str, value))

    def choice(self, name: str, default: str, known: Mapping[str, str]) -> str:
        """What a hint that is one of some words stands for."""
        value = str(self.take(name, default))
        if value not in known:
            raise InputError(f"{self.path}: {name} is {value!r}: {nearest(value, known)}.")
        return known[value]

    def activation(self, default: str) -> str:
        """The hint ``activation``, said as in settings, where a wave has its frequency from another hint."""
        said = str(self.take("activation", default))
        try:
            activation(said, 1.0)
        except InputError as error:
            raise InputError(f"{self.path}: activation is {said!r}: {error}") from None
        return said

    def number(self, name: str, default: float) -> float:
        """A hint that is a positive number."""
        value = self.take(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            raise InputError(f"{self.path}: {name} is {value!r}; expected a positive number.")
        return float(value)

    def whole(self, name: str, default: int, least: int = 1) -> int:
        """A hint that is a whole number."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < least:
            raise InputError(f"{self.path}: {name} is {value!r}; expected a whole number from {least} on.")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """A hint that is true or false."""
        value = self.take(name, default)
        if value not in (True, False):
            raise InputError(f"{self.path}: {name} is {value!r}; expected true or false.")
        return bool(value)

    def integers(self, name: str, count: int, form: str) -> list[int] | None:
        """A hint like ``"8_16"`` or a list, as ``count`` integers; None where it is absent."""
        value = self.take(name)
        if value is None:
            return None
        parts = re.split(r"[x_,]", value) if isinstance(value, str) else value
        try:
            found = [int(part) for part in parts if isinstance(part, str) or part == int(part)]
        except (TypeError, ValueError, OverflowError):
            found = []
        if len(found) != count or len(parts) != count or min(found) < 0:
            raise InputError(f"{self.path}: {name} is {value!r}; expected {form}.")
        return found

    def resolution(self, default: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """The hint ``resolution``, or the video's, or a default."""
        given = self.integers("resolution", 2, "two integers, [height, width]")
        return (given[0], given[1]) if given else (self.video_resolution or default)

    def num_frames(self, required: str) -> int:
        """The hint ``num_frames``, or how many the video has."""
        if self.video_frames is not None and "num_frames" not in self:
            return self.video_frames
        value = self.take("num_frames", required=required)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{self.path}: num_frames is {value!r}; expected a positive integer.")
        return value

    def listed_frames(self, every: Sequence[int]) -> list[int]:
        """The hint ``frames`` as it is given; every frame where it is absent or "all"."""
        given = self.take("frames", "all")
        try:
            return list(every) if str(given) == "all" else frame_list(listed(given))
        except InputError as error:
            raise InputError(f"{self.path}: the hint {error}") from None

    def frames(self, num_frames: int) -> list[int]:
        """The hint ``frames``, all of them by default."""
        found = self.listed_frames(range(num_frames))
        if not found or min(found) < 0 or max(found) >= num_frames or len(set(found)) < len(found):
            raise InputError(
                f"{self.path}: frames is {found}; expected different numbers from 0 to {num_frames - 1}, because the "
                f"network has {num_frames} frames."
            )
        return found


def listed(value: Any) -> list[Any]:
    """A list, also of a single value, or of text such as "5_3_2" or "[-1, 1]"."""
    if isinstance(value, str):
        return [_number(part) for part in re.split(r"[\s,_]+", value.strip(" []()")) if part]
    return list(value) if isinstance(value, Sequence | range) else [value]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@dataclass(frozen=True)
class Layout:
    """How one code base lays out its checkpoints.

    Attributes
    ----------
    title : what such a file is called in messages.
    hints : names of the hints that it knows.
    matches : whether a state dict is of this layout.
    read : from state dict and hints to the network.
    axes : what `xinc.models.imports.conventions` may try where hints do not say it: names of hints, and their values.
    output : the hint that says how responses become colours, and its values, for the same.
    """

    title: str
    hints: tuple[str, ...]
    matches: Callable[[Tensors, Mapping[str, Any]], bool]
    read: Callable[[Tensors, Hints], Imported]
    axes: Axes = field(default_factory=dict)
    output: tuple[str, Sequence[Any]] = ("", ())


def single(tensor: Tensor) -> Tensor:
    """With the leading axis of frames that networks of one frame have."""
    return tensor[None]


def as_kernel(weight: Tensor) -> Tensor:
    """A linear layer's weight as a 1×1 convolution's."""
    return weight[:, :, None, None]


def load_table(path: str | Path) -> Tensor:
    """A tensor from a ``.npy`` file or a checkpoint of one tensor."""
    import numpy as np

    try:
        if Path(path).suffix == ".npy":
            return torch.from_numpy(np.load(path, allow_pickle=False)).float()
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what damaged bytes lead to cannot be listed
        reason = str(error).split("\n")[0]
        raise InputError(f"The embeddings {path} cannot be read ({reason}): give a .npy or .pt file.") from None
    if not isinstance(content, Tensor):
        raise InputError(f"The embeddings {path} are a {type(content).__name__}; expected one tensor.")
    return content.float()

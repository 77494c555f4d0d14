"""Readers of trained networks: xinc's own files, and the layouts of other code bases.

Every such file is a pickle. It is read with PyTorch's restricted unpickler, which builds tensors and plain containers
and runs no code; a file that needs more is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.models import storage
from xinc.models.base import INR
from xinc.models.imports import ffn, hnerv, hnerv_nerv, nerv, siren
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors
from xinc.models.imports.quantised import dequantised, is_quantised
from xinc.models.imports.unpickling import read_checkpoint

#: Layouts of other code bases; the first that matches reads a file.
LAYOUTS: tuple[Layout, ...] = (ffn.LAYOUT, hnerv_nerv.LAYOUT, hnerv.LAYOUT, nerv.LAYOUT, siren.LAYOUT)


def load_model(path: str | Path, trust: bool = False, video: str | Path | None = None, **hints: Any) -> INR:
    """Load a network from ``model.pt``, or from a checkpoint of another code base (`LAYOUTS`).

    Parameters
    ----------
    path : the file.
    trust : whether code in the file may run; if not, a file that carries any is refused.
    video : the prepared video (``video.zarr``) that the network represents. It gives the resolution, the number of
        frames and, for an HNeRV's encoder, the frames themselves.
    hints : what the tensors do not tell, named as in the configuration saved beside such a checkpoint, e.g.
        ``num_frames`` and ``fc_hw`` (``"8_16"``) for NeRV, ``resolution`` for FFN. Files of xinc need none.

    Raises
    ------
    InputError : the file is missing, is not a checkpoint, carries code, has an unknown layout, lacks a hint, or
        disagrees with one (the message names the tensor, what was found and what was expected).

    Examples
    --------
    >>> import xinc
    >>> model = xinc.load_model("results/bunny/nerv/seed0/model.pt")  # doctest: +SKIP
    """
    content = read_checkpoint(path, trust)
    if content.get("format") == storage.FORMAT:
        if hints or video is not None:
            given = sorted([*hints, *(["video"] if video is not None else [])])
            raise InputError(f"{path} is a file of xinc, complete in itself: leave the hints {given} out.")
        return storage.restore(content, path)
    if video is None:
        return _described(content, path, hints).make(path)
    from xinc.video.store import open_video

    with open_video(video) as stored:
        frames = stored["frames"]
        size = (frames.sizes["y"], frames.sizes["x"])
        found = _described(content, path, hints, size, frames.sizes["frame"])
        _check_video(found, path, size, frames.sizes["frame"])
        return found.make(path, images_of(frames, found.frames) if found.needs_images else None)


def describe(
    path: str | Path,
    hints: Mapping[str, Any],
    resolution: tuple[int, int],
    num_frames: int,
    frames: FrameChoice = "all",
    trust: bool = False,
) -> Imported:
    """The network that a checkpoint holds and that is to represent a video, not yet built.

    Parameters
    ----------
    path, hints, trust : see `load_model`.
    resolution, num_frames : of the video.
    frames : of the checkpoint's frames those to represent; of a network for one frame, which of the video that is.

    Raises
    ------
    InputError : see `load_model`; or the network does not fit the video.
    """
    content = read_checkpoint(path, trust)
    own = content.get("format") == storage.FORMAT
    found = _own(content, path, hints) if own else _described(content, path, hints, resolution, num_frames)
    _check_video(found, path, resolution, num_frames)
    if own or not found.per_frame:
        found.keep(select_frames(found.frames, frames, of=str(path)))
        return found
    chosen = select_frames(range(num_frames), frames, of="the video")
    if len(chosen) != 1:
        raise InputError(
            f"{path} is a network for one frame, but frames asks for {len(chosen)}: say which one it is, e.g. "
            "frames: [0], or put {frame} into the path of the import."
        )
    found.frames = chosen
    return found


def _described(
    content: dict[str, Any],
    path: str | Path,
    hints: Mapping[str, Any],
    resolution: tuple[int, int] | None = None,
    num_frames: int | None = None,
) -> Imported:
    tensors = _tensors(content, path)
    layout = next((one for one in LAYOUTS if one.matches(tensors, hints)), None)
    if layout is None:
        raise InputError(
            f"{path} holds a network of unknown layout (tensors {', '.join(list(tensors)[:4])}, …); xinc "
            f"reads its own model.pt, and {', '.join(one.title for one in LAYOUTS)}."
        )
    return layout.read(tensors, Hints(path, hints, layout.hints, resolution, num_frames))


def _own(content: dict[str, Any], path: str | Path, hints: Mapping[str, Any]) -> Imported:
    """A ``model.pt``, which knows everything about itself."""
    if hints:
        raise InputError(f"{path} is a file of xinc, complete in itself: leave the hints {sorted(hints)} out.")
    model = storage.restore(content, path)
    settings = model.settings.model_dump(mode="json")
    state = dict(model.state_dict())
    return Imported(model.name, settings, model.resolution, list(model.frames), model.num_frames, state)


def _check_video(found: Imported, path: str | Path, resolution: tuple[int, int], num_frames: int) -> None:
    if found.resolution != tuple(resolution):
        own = f"{found.resolution[0]}x{found.resolution[1]}"
        raise InputError(
            f"{path} makes frames of {own}, but the video is prepared at {resolution[0]}x{resolution[1]}: give the "
            f"video the resolution {own}, or check the hints."
        )
    if found.num_frames != num_frames:
        raise InputError(
            f"{path} represents a video of {found.num_frames} frames, but the video has {num_frames}: select "
            f"{found.num_frames} in the table of videos (start, count, step), or check the hints."
        )


def images_of(frames: Any, chosen: Sequence[int]) -> Tensor:
    """Frames of a video store's ``frames`` (frame, y, x, channel) as (n, 3, H, W)."""
    import torch

    return torch.from_numpy(frames.isel(frame=list(chosen)).transpose("frame", "channel", "y", "x").values)


def _tensors(content: dict[str, Any], path: str | Path) -> Tensors:
    """The state dict, with the prefixes that wrappers add removed; dequantised where it is quantised."""
    state: Any = dequantised(content, path) if is_quantised(content) else content.get("state_dict", content)
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()) or not state:
        raise InputError(f"{path} holds no state dict of tensors: found the keys {sorted(map(str, content))[:6]}.")
    return Tensors(path, {_plain(str(name)): tensor for name, tensor in state.items()})


def _plain(name: str) -> str:
    """A tensor's name without what wrappers put before it."""
    return name.removeprefix("module.").replace("blocks.0.", "")

"""What a network was fitted to, as far as an import needs it: size, number of frames, and some of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.video.sources.images import IMAGE_SUFFIXES, read_frame
from xinc.video.store import open_video


@dataclass(frozen=True)
class Footage:
    """A video or an image.

    Attributes
    ----------
    resolution : (height, width).
    num_frames : how many frames there are.
    read : images (n, 3, H, W) in [0, 1], float32, of frames given by index.
    """

    resolution: tuple[int, int]
    num_frames: int
    read: Callable[[Sequence[int]], Tensor]


@contextlib.contextmanager
def open_footage(source: Any) -> Iterator[Footage]:
    """The footage in a prepared video (``video.zarr``), an image file, or an array.

    Parameters
    ----------
    source : a path, or an array (y, x, 3) or (frame, y, x, 3): uint8, or floating point in [0, 1].

    Raises
    ------
    InputError : nothing of the kind.
    """
    if not isinstance(source, str | Path):
        yield _of_array(source)
    elif Path(source).suffix.lower() in IMAGE_SUFFIXES:
        yield _of_array(read_frame(source))
    elif Path(source).is_file():
        raise InputError(
            f"The video '{source}' is neither a prepared one (video.zarr) nor an image ({', '.join(IMAGE_SUFFIXES)}): "
            "prepare it (docs/how-to/python.md), or give its frames as an array (frame, y, x, 3)."
        )
    else:
        with open_video(source) as stored:
            frames = stored["frames"].transpose("frame", "channel", "y", "x")

            def read(chosen: Sequence[int]) -> Tensor:
                return torch.from_numpy(frames.isel(frame=list(chosen)).values)

            yield Footage((frames.sizes["y"], frames.sizes["x"]), frames.sizes["frame"], read)


def _of_array(source: Any) -> Footage:
    given = np.asarray(source.detach().cpu() if isinstance(source, Tensor) else source)
    values = given[None] if given.ndim == 3 else given
    if values.ndim != 4 or values.shape[-1] != 3 or not values.size:
        raise InputError(f"The video is an array of shape {given.shape}; expected (y, x, 3) or (frame, y, x, 3).")
    scaled = values.astype(np.float32) / (255 if values.dtype == np.uint8 else 1)
    if not np.isfinite(scaled).all() or scaled.min() < 0 or scaled.max() > 1:
        raise InputError(
            f"The video is an array of type {values.dtype} with values from {values.min()} to {values.max()}; expected "
            "uint8, or floating point from 0 to 1."
        )
    images = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))
    return Footage((values.shape[1], values.shape[2]), len(values), lambda chosen: images[list(chosen)])

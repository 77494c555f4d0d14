"""What a network shows in the place of the video that it is given for: mirrored, of other colours, other frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from xinc.models.imports.conventions import decibels
from xinc.models.imports.footage import Footage

#: By how much more (dB) something else has to be shown to be told of.
MARGIN = 1.0

#: How many frames before and after are compared, and, for a network of one frame, how many at most.
_NEAR, _FAR = 3, 64

_View: TypeAlias = Callable[[Tensor], Tensor]
_VIEWS: dict[str, _View] = {
    "mirrored left to right": lambda image: image.flip(-1),
    "upside down": lambda image: image.flip(-2),
    "turned by half a turn": lambda image: image.flip(-1, -2),
    "with red and blue exchanged": lambda image: image.flip(-3),
}


@dataclass(frozen=True)
class Instead:
    """What a network shows, in words that follow "shows the video", and how well (PSNR in dB), also as it is given."""

    what: str
    psnr: float
    as_given: float

    def __str__(self) -> str:
        return f"shows the video {self.what} at {self.psnr:.1f} dB, and at {self.as_given:.1f} dB as it is given"


def shown_instead(images: Mapping[int, Tensor], footage: Footage) -> Instead | None:
    """What some rendered frames show better than the frames of their index, by `MARGIN` dB; None for nothing.

    Parameters
    ----------
    images : renderings (3, H, W) by index of the frame.
    footage : the video. Of a single rendering, all frames of a video are compared (64 around it at most); of several,
        those up to 3 before and after each, and the video backwards.
    """
    target = dict(zip(images, footage.read(list(images)), strict=True))
    as_given = decibels(_error(images.values(), target.values()))
    found = [
        Instead(what, decibels(_error(images.values(), map(view, target.values()))), as_given)
        for what, view in _VIEWS.items()
    ]
    for what, at in _times(list(images), footage.num_frames):
        own = {frame: images[frame] for frame in at}
        given = decibels(_error(own.values(), (target[frame] for frame in at)))
        shown = _error(own.values(), (footage.read([other])[0] for other in at.values()))
        found.append(Instead(what, decibels(shown), given))
    best = max(found, key=lambda one: one.psnr - one.as_given)
    return best if best.psnr - best.as_given >= MARGIN else None


def _times(frames: Sequence[int], count: int) -> Iterator[tuple[str, dict[int, int]]]:
    """What another time would be called, and the frames that frames would then be."""
    if len(frames) == 1:
        (own,) = frames
        for other in range(max(0, own - _FAR // 2), min(count, own + _FAR // 2)):
            if other != own:
                yield f"at frame {other} in place of {own}", {own: other}
        return
    for shift in range(-_NEAR, _NEAR + 1):
        moved = {frame: frame + shift for frame in frames if 0 <= frame + shift < count}
        if shift and len(moved) > 1:
            text = f"{abs(shift)} frame{'s' * (abs(shift) > 1)} {'later' if shift > 0 else 'earlier'}"
            yield text, moved
    yield "backwards", {frame: count - 1 - frame for frame in frames}


def _error(images: Iterable[Tensor], targets: Iterable[Tensor]) -> float:
    """Mean squared error of images that are matched with others."""
    errors = [
        float((image.double().clamp(0, 1) - target.double()).square().mean())
        for image, target in zip(images, targets, strict=True)
    ]
    return sum(errors) / len(errors)

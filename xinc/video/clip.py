"""A `Clip` at native resolution, the common form of every video source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Segment:
    """One annotated instance (or stuff region) of a video; ``id`` is its value in the masks."""

    id: int
    category: str
    isthing: bool = True


@dataclass(frozen=True)
class Window:
    """A part of the source frame, in source pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """The part of ``image`` (H, W, ...) inside the window."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Motion:
    """Motion between two frames of a window (height, width).

    Attributes
    ----------
    flow : (height, width, 2) float32; (dx, dy) in pixels from the earlier frame to the later one, for each pixel of
        the *earlier* frame; NaN where it is not known.
    revealed : (height, width) bool; pixels of the *later* frame whose surface point was not visible in the earlier
        one: it was covered, or outside the window. None where only the flow is known.
    occluded : (height, width) bool; pixels of the *earlier* frame whose surface point is not visible in the later one.
        None where only the flow is known.
    """

    flow: np.ndarray
    revealed: np.ndarray | None = None
    occluded: np.ndarray | None = None


@dataclass(frozen=True)
class Clip:
    """Read-only access to a video at native resolution.

    Attributes
    ----------
    title : how to call the source in a message.
    length : number of frames, None when only decoding everything would tell.
    frames : ``frames(indices)`` yields a uint8 (H, W, 3) RGB frame for each of the increasing source indices.
    masks : ``masks(indices)`` yields int32 (H, W) instance ids, 0 = unlabelled, or None for a frame not annotated.
    segments : what is known of the ids in the masks, complete once the masks have been read; an id not listed is a
        thing of category "object".
    motion : ``motion(earlier, later, window)`` is the `Motion` between two source frames.
    notes : sentences about what was read, complete once everything has been read.
    checks : sentences about how what was read was checked for damage, likewise.
    pixel_aspect : width to height of a pixel as it is shown, known once a frame has been read.
    """

    title: str
    length: int | None
    frames: Callable[[Sequence[int]], Iterator[np.ndarray]]
    masks: Callable[[Sequence[int]], Iterator[np.ndarray | None]] | None = None
    segments: Sequence[Segment] = ()
    motion: Callable[[int, int, Window], Motion] | None = None
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    pixel_aspect: Callable[[], Fraction] = lambda: Fraction(1)


def note(notes: list[str], text: str) -> None:
    """Add a sentence, unless it is there: a part of a video may be read more than once."""
    if text not in notes:
        notes.append(text)

"""Choosing frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from xinc.errors import InputError

FrameChoice = int | Literal["all"] | tuple[int, ...]


def select_frames(available: Sequence[int], choice: FrameChoice, of: str = "the canvas") -> list[int]:
    """The frames to look at.

    Parameters
    ----------
    available : frame indices that there are, ascending.
    choice : ``"all"``; a number n for up to n frames evenly spread over those available, the first among them; or the
        frame indices themselves.
    of : what has these frames, for the message.

    Raises
    ------
    InputError : a frame asked for by index is not there, or no frames are asked for.

    Examples
    --------
    >>> select_frames(range(16), 2)
    [0, 8]
    """
    frames = [int(f) for f in available]
    if choice == "all":
        return frames
    if isinstance(choice, int):
        count = min(choice, len(frames))
        if count < 1:
            raise InputError(f"The number of frames asked for is {choice}: ask for at least one.")
        return [frames[k * len(frames) // count] for k in range(count)]
    missing = sorted(set(choice) - set(frames))
    if missing or not choice:
        raise InputError(f"Frames {missing} were asked for, but {of} has frames {frames}; choose among those.")
    return [int(f) for f in choice]

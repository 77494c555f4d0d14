"""Choice of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from xinc.errors import InputError

FrameChoice = int | Literal["all"] | tuple[int, ...]


def select_frames(available: Sequence[int], choice: FrameChoice | list[int], of: str = "the canvas") -> list[int]:
    """The frames to look at.

    Parameters
    ----------
    available : frame indices that there are, ascending.
    choice : ``"all"``; a number n for up to n frames evenly spread over those available, the first among them; or the
        frame indices themselves.
    of : what has these frames, for the message.

    Raises
    ------
    InputError : a frame asked for by index does not exist or is listed twice, or no frames are asked for.

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
    if not choice:
        raise InputError(f"No frames were asked for: choose among frames {ranges(frames)}, or 'all'.")
    missing = sorted(set(choice) - set(frames))
    if missing:
        raise InputError(
            f"Frames {ranges(missing)} were asked for, but {of} has frames {ranges(frames)}: choose among those."
        )
    if len(set(choice)) < len(choice):
        twice = sorted({f for f in choice if choice.count(f) > 1})
        raise InputError(f"Frames {ranges(twice)} were asked for more than once: list each frame once.")
    return [int(f) for f in choice]


def frame_list(frames: Any) -> list[int]:
    """Frame indices as a list of whole numbers.

    Raises
    ------
    InputError : one number, text, a mask, or numbers that are not whole.

    Examples
    --------
    >>> frame_list(range(3))
    [0, 1, 2]
    """
    import numpy as np

    try:
        values = np.asarray(list(frames) if isinstance(frames, set | frozenset) else frames)
    except ValueError:  # lists of different lengths
        values = np.asarray(frames, dtype=object)
    if values.ndim == 1 and values.size == 0:
        return []
    kind = values.dtype.kind
    if values.ndim != 1 or kind not in "iuf" or (kind == "f" and not bool((values == np.trunc(values)).all())):
        shown = repr(frames).splitlines()[0]
        like = f"[{int(values)}]" if values.ndim == 0 and kind in "iu" else "[0, 8]"
        raise InputError(
            f"frames is {shown if len(shown) <= 60 else shown[:57] + '...'}: a list of frame indices was expected, "
            f"e.g. frames={like}; leave frames out for all."
        )
    return [int(f) for f in values]


def ranges(frames: Sequence[int]) -> str:
    """Sorted numbers with runs abbreviated, for messages.

    >>> ranges([0, 1, 2, 3, 8])
    '0-3, 8'
    """
    parts: list[list[int]] = []
    for f in sorted(frames):
        if parts and f == parts[-1][1] + 1:
            parts[-1][1] = f
        else:
            parts.append([f, f])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)

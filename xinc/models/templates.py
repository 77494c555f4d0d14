"""Paths of checkpoints with fields for the branch of an experiment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xinc.errors import InputError, nearest

#: What the path of an import may contain.
FIELDS = ("video", "seed", "frame")


def check_template(path: str, key: str = "import", fields: Sequence[str] = FIELDS) -> None:
    """`InputError` for a field that is not known; ``key`` is the setting that the path is of."""
    for name in re.findall(r"\{([^{}]*)\}", path):
        if name not in fields:
            raise InputError(f"{key} has the unknown field '{{{name}}}' in '{path}': {nearest(name, fields)}.")


def filled(path: str, video: str, seed: int, frame: int | None = None) -> str:
    """The path for a video, a seed and, where it differs, a frame."""
    for name, value in (("video", video), ("seed", seed), ("frame", frame)):
        path = path if value is None else path.replace(f"{{{name}}}", str(value))
    return path

"""Preparation of a user's video: frames, masks and motion at analysis resolution, as a Zarr store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError
from xinc.runtime.progress import Progress
from xinc.storage.atomic import whole_directory
from xinc.storage.datasets import write_dataset
from xinc.video.clip import Clip, Motion, Segment, Window
from xinc.video.settings import VideoSettings
from xinc.video.sources import open_source, select_frames
from xinc.video.store import FORMAT, VERSION
from xinc.video.transforms import crop_window, resize_flow, resize_frame, resize_labels

if TYPE_CHECKING:
    import xarray as xr

_PIXELS = ("frame", "y", "x")


def prepare_video(settings: VideoSettings, path: str | Path) -> None:
    """Read, crop and resize a video and write it as a Zarr store, which replaces ``path`` only once it is complete.

    Raises
    ------
    InputError : the source cannot be used as the settings ask; nothing is left behind.
    """
    with whole_directory(path) as partial:
        write_dataset(build_video(settings), partial)


def build_video(settings: VideoSettings) -> xr.Dataset:
    """The video as a dataset in memory.

    Returns
    -------
    Dataset with

    - ``frames`` (frame, y, x, channel) float32 in [0, 1], and the coordinate ``source_frame`` (frame);
    - with masks: ``instances`` (frame, y, x) int32 (0 = unlabelled), ``annotated`` (frame) bool and the segment table
      ``segment_id``, ``category``, ``isthing`` (segment);
    - where motion is exact or given: ``flow`` (frame, y, x, component) float32 pixels, from the previous frame of the
      selection, on the grid of that frame; where it is exact, ``revealed`` and ``occluded`` (frame, y, x) bool, see
      `xinc.video.clip.Motion`. Frame 0 has no previous one: NaN and False.

    Attributes: ``settings`` (JSON), ``source_size`` (height, width), ``warnings`` (sentences).
    """
    import xarray as xr

    clip = open_source(settings)
    indices = select_frames(clip, settings)
    notes: list[str] = []
    frames, size, window = _frames(clip, indices, settings, notes)
    variables: dict[str, Any] = {
        "frames": _variable((*_PIXELS, "channel"), frames, "frames", "1", "RGB frames at analysis resolution, 0 to 1"),
        "source_frame": _variable(("frame",), np.array(indices), "index in the source", "1", "Frame of the source"),
    }
    if clip.masks is not None:
        variables |= _masks(clip.masks(indices), clip.segments, frames.shape, window, notes)
        notes += clip.notes
    if clip.motion is not None:
        steps = [clip.motion(earlier, later, window) for earlier, later in itertools.pairwise(indices)]
        variables |= _motion(steps, frames.shape)
    height, width = settings.resolution
    coords = {
        "frame": ("frame", np.arange(len(indices)), {"long_name": "frame", "units": "1"}),
        "y": ("y", np.arange(height), {"long_name": "row", "units": "pixel"}),
        "x": ("x", np.arange(width), {"long_name": "column", "units": "pixel"}),
        "channel": ("channel", np.array(["r", "g", "b"], dtype=object), {"long_name": "colour channel"}),
    }
    if "flow" in variables:
        names = np.array(["dx", "dy"], dtype=object)
        coords["component"] = ("component", names, {"long_name": "component of the displacement"})
    attrs = {
        "xinc_format": FORMAT,
        "version": VERSION,
        "settings": settings.model_dump_json(),
        "source_size": list(size),
        "warnings": notes,
    }
    return xr.Dataset(variables, coords, attrs).set_coords("source_frame")


def _variable(dims: tuple[str, ...], values: np.ndarray, long_name: str, units: str, description: str) -> Any:
    attrs = {"long_name": long_name, "units": units, "description": description}
    return dims, values, attrs


def _frames(
    clip: Clip, indices: range, settings: VideoSettings, notes: list[str]
) -> tuple[np.ndarray, tuple[int, int], Window]:
    """Frames (frame, height, width, 3), the (height, width) of the source and the window taken of it."""
    resolution = settings.resolution
    frames = np.empty((len(indices), *resolution, 3), np.float32)
    size: tuple[int, int] | None = None
    window = Window(0, 0, 0, 0)
    with Progress(len(indices), f"frames of {settings.name}") as progress:
        for number, frame in enumerate(clip.frames(indices)):
            found = (frame.shape[0], frame.shape[1])
            if size is None:
                size, window = found, _window(found, settings)
            if found != size:
                raise InputError(
                    f"Frame {indices[number]} of '{clip.title}' has {found[0]}x{found[1]} pixels, the first one has "
                    f"{size[0]}x{size[1]}: all frames need the same size."
                )
            frames[number] = resize_frame(window.of(frame), resolution, settings.resize)
            progress.update()
    if size is None:
        raise InputError(f"'{clip.title}' has no frames: give another source.")
    if resolution[0] > window.height or resolution[1] > window.width:
        notes.append(
            f"Frames are enlarged from {window.height}x{window.width} to {resolution[0]}x{resolution[1]} pixels."
        )
    return frames, size, window


def _window(size: tuple[int, int], settings: VideoSettings) -> Window:
    try:
        return crop_window(size, settings.crop, settings.resolution)
    except InputError as error:
        raise InputError(f"Video '{settings.name}': {error}") from None


def _masks(
    masks: Iterator[np.ndarray | None],
    known: Sequence[Segment],
    shape: tuple[int, ...],
    window: Window,
    notes: list[str],
) -> dict[str, Any]:
    """The variables that come with masks; ``shape`` is that of the frames (frame, height, width, 3)."""
    number_of_frames, height, width = shape[:3]
    instances = np.zeros((number_of_frames, height, width), np.int32)
    annotated = np.zeros(number_of_frames, bool)
    lost: dict[int, list[int]] = {}
    for number, mask in enumerate(masks):
        if mask is None:
            continue
        cropped = window.of(mask)
        instances[number] = resize_labels(cropped, (height, width))
        annotated[number] = True
        for instance in np.setdiff1d(cropped, instances[number]):
            lost.setdefault(int(instance), []).append(number)
    table = list(_segments(known, instances))
    notes += [
        f"Instance {instance} vanishes in the resize from {window.height}x{window.width} to "
        f"{height}x{width} pixels in {_listed(frames)}."
        for instance, frames in sorted(lost.items())
        if instance
    ]
    text = "Instance at each pixel, 0 where unlabelled; values are those of segment_id"
    return {
        "instances": _variable(_PIXELS, instances, "instance", "1", text),
        "annotated": _variable(("frame",), annotated, "annotated", "1", "Whether the frame has a mask"),
        "segment_id": _variable(
            ("segment",), np.array([s.id for s in table], np.int32), "instance id", "1", "Value in the masks"
        ),
        "category": _variable(
            ("segment",), np.array([s.category for s in table], dtype=object), "category", "1", "Name of the category"
        ),
        "isthing": _variable(
            ("segment",), np.array([s.isthing for s in table], bool), "countable", "1", "True of things, False of stuff"
        ),
    }


def _segments(known: Sequence[Segment], instances: np.ndarray) -> Iterator[Segment]:
    """The segments that are present at analysis resolution, by id."""
    by_id = {segment.id: segment for segment in known}
    for instance in np.unique(instances):
        if instance:
            yield by_id.get(int(instance), Segment(int(instance), "object"))


def _listed(frames: list[int]) -> str:
    shown = ", ".join(str(frame) for frame in frames[:5])
    more = f" and {len(frames) - 5} more" if len(frames) > 5 else ""
    return f"frame{'s' if len(frames) > 1 else ''} {shown}{more}"


def _motion(steps: list[Motion], shape: tuple[int, ...]) -> dict[str, Any]:
    """The variables of exact motion between consecutive frames; ``shape`` is that of the frames."""
    size = (shape[1], shape[2])
    flow = np.full((*shape[:3], 2), np.nan, np.float32)
    flow_text = "Displacement from the previous frame, for each pixel of the previous frame; NaN in frame 0"
    texts = {
        "revealed": "Pixels of this frame whose surface point was not visible in the previous frame",
        "occluded": "Pixels of the previous frame whose surface point is not visible in this frame",
    }
    known = [name for name in texts if all(getattr(exact, name) is not None for exact in steps)]
    labels = {name: np.zeros(shape[:3], bool) for name in known}
    for number, exact in enumerate(steps, start=1):
        flow[number] = resize_flow(exact.flow, size)
        for name in known:
            labels[name][number] = resize_labels(getattr(exact, name), size)
    return {"flow": _variable((*_PIXELS, "component"), flow, "optical flow", "pixel", flow_text)} | {
        name: _variable(_PIXELS, labels[name], name, "1", texts[name]) for name in known
    }

"""Preparation of a user's video: frames, masks and motion at analysis resolution, as a Zarr store."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError
from xinc.runtime.progress import Progress, say
from xinc.storage.atomic import whole_directory
from xinc.storage.datasets import MakeArray, Rows, arrays_in_memory, grow_array, quiet_zarr, write_dataset
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

    What leaves a doubt about the source is recorded in the attribute ``warnings`` of the store, and said.

    Memory does not grow with the length of the video: besides what the decoder needs, it holds one source frame as
    float32, twice, and of each array what goes into a chunk (`xinc.storage.datasets.CHUNK` bytes).

    Raises
    ------
    InputError : the source cannot be used as the settings ask; nothing is left behind.
    """
    with whole_directory(path) as partial:
        with quiet_zarr():
            rest = _read(settings, functools.partial(grow_array, partial))
        write_dataset(rest, partial, beside=True)
    for text in rest.attrs["warnings"]:
        say(f"Video '{settings.name}': {text}")


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

    Attributes: ``settings`` (JSON), ``source_size`` (height, width), ``warnings`` (sentences) and ``checks`` (sentences
    on how a video file was checked for damage).
    """
    arrays, make = arrays_in_memory()
    return _read(settings, make).assign(arrays)


def _read(settings: VideoSettings, make: MakeArray) -> xr.Dataset:
    """Fill the arrays that grow with the frames and the resolution; all the rest of `build_video`."""
    import xarray as xr

    clip = open_source(settings)
    indices = select_frames(clip, settings)
    notes: list[str] = []
    size, window = _frames(clip, indices, settings, notes, make)
    shape = (len(indices), *settings.resolution)
    variables: dict[str, Any] = {
        "source_frame": _variable(("frame",), np.array(indices), "index in the source", "1", "Frame of the source"),
    }
    if clip.masks is not None:
        variables |= _masks(clip.masks(indices), clip.segments, shape, window, notes, make)
    if clip.motion is not None:
        motion = clip.motion
        steps = (motion(earlier, later, window) for earlier, later in itertools.pairwise(indices))
        _motion(steps, shape, make)
    notes += clip.notes
    height, width = settings.resolution
    coords = {
        "frame": ("frame", np.arange(len(indices)), {"long_name": "frame", "units": "1"}),
        "y": ("y", np.arange(height), {"long_name": "row", "units": "pixel"}),
        "x": ("x", np.arange(width), {"long_name": "column", "units": "pixel"}),
        "channel": ("channel", np.array(["r", "g", "b"], dtype=object), {"long_name": "colour channel"}),
    }
    if clip.motion is not None:
        names = np.array(["dx", "dy"], dtype=object)
        coords["component"] = ("component", names, {"long_name": "component of the displacement"})
    attrs = {
        "xinc_format": FORMAT,
        "version": VERSION,
        "settings": settings.model_dump_json(),
        "source_size": list(size),
        "warnings": notes,
        "checks": list(clip.checks),
    }
    return xr.Dataset(variables, coords, attrs).set_coords("source_frame")


def _variable(dims: tuple[str, ...], values: np.ndarray, long_name: str, units: str, description: str) -> Any:
    return dims, values, _described(long_name, units, description)


def _described(long_name: str, units: str, description: str) -> dict[str, str]:
    return {"long_name": long_name, "units": units, "description": description}


def _frames(
    clip: Clip, indices: range, settings: VideoSettings, notes: list[str], make: MakeArray
) -> tuple[tuple[int, int], Window]:
    """Fill ``frames``; the (height, width) of the source and the window taken of it."""
    resolution = settings.resolution
    text = _described("frames", "1", "RGB frames at analysis resolution, 0 to 1")
    shape = (len(indices), *resolution, 3)
    rows = Rows(*make("frames", (*_PIXELS, "channel"), shape, np.float32, text))
    size: tuple[int, int] | None = None
    window = Window(0, 0, 0, 0)
    with Progress(len(indices), f"frames of {settings.name}") as progress:
        for number, frame in enumerate(clip.frames(indices)):
            found = (frame.shape[0], frame.shape[1])
            if size is None:
                size, window = found, _window(found, settings, clip.pixel_aspect())
            if found != size:
                raise InputError(
                    f"Frame {indices[number]} of '{clip.title}' has {found[0]}x{found[1]} pixels, the first one has "
                    f"{size[0]}x{size[1]}: all frames need the same size."
                )
            rows.append(resize_frame(window.of(frame), resolution, settings.resize))
            progress.update()
    rows.flush()
    if size is None:
        raise InputError(f"'{clip.title}' has no frames: give another source.")
    if resolution[0] > window.height or resolution[1] > window.width:
        notes.append(
            f"Frames are enlarged from {window.height}x{window.width} to {resolution[0]}x{resolution[1]} pixels."
        )
    if clip.pixel_aspect() != 1:
        notes.append(_of_pixels(clip, settings, window))
    return size, window


def _of_pixels(clip: Clip, settings: VideoSettings, window: Window) -> str:
    """What becomes of pixels that are not square."""
    aspect = clip.pixel_aspect()
    text = f"Pixels of '{clip.title}' are {aspect.numerator}:{aspect.denominator} (width to height) when shown"
    if settings.crop == "fit":
        return f"{text}: the window of {window.height}x{window.width} source pixels makes them square."
    height, width = settings.resolution
    square = float(aspect * Fraction(window.width * height, window.height * width))
    return f"{text}: crop {settings.crop} makes pixels of {square:.3g}:1; 'fit' makes square ones."


def _window(size: tuple[int, int], settings: VideoSettings, pixel_aspect: Fraction) -> Window:
    try:
        return crop_window(size, settings.crop, settings.resolution, pixel_aspect)
    except InputError as error:
        raise InputError(f"Video '{settings.name}': {error}") from None


def _masks(
    masks: Iterator[np.ndarray | None],
    known: Sequence[Segment],
    shape: tuple[int, int, int],
    window: Window,
    notes: list[str],
    make: MakeArray,
) -> dict[str, Any]:
    """Fill ``instances``; the other variables that come with masks. ``shape`` is (frame, height, width)."""
    number_of_frames, height, width = shape
    text = "Instance at each pixel, 0 where unlabelled; values are those of segment_id"
    rows = Rows(*make("instances", _PIXELS, shape, np.int32, _described("instance", "1", text)))
    annotated = np.zeros(number_of_frames, bool)
    present: set[int] = set()
    lost: dict[int, list[int]] = {}
    for number, mask in enumerate(masks):
        if mask is None:
            rows.append(np.zeros((height, width), np.int32))
            continue
        cropped = window.of(mask)
        resized = resize_labels(cropped, (height, width)).astype(np.int32)
        rows.append(resized)
        annotated[number] = True
        present |= set(np.unique(resized).tolist())
        for instance in np.setdiff1d(cropped, resized):
            lost.setdefault(int(instance), []).append(number)
    rows.flush()
    table = list(_segments(known, present))
    notes += [
        f"Instance {instance} vanishes in the resize from {window.height}x{window.width} to "
        f"{height}x{width} pixels in {_listed(frames)}."
        for instance, frames in sorted(lost.items())
        if instance
    ]
    return {
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


def _segments(known: Sequence[Segment], present: set[int]) -> Iterator[Segment]:
    """The segments that are present at analysis resolution, by id."""
    by_id = {segment.id: segment for segment in known}
    for instance in sorted(present):
        if instance:
            yield by_id.get(instance, Segment(instance, "object"))


def _listed(frames: list[int]) -> str:
    shown = ", ".join(str(frame) for frame in frames[:5])
    more = f" and {len(frames) - 5} more" if len(frames) > 5 else ""
    return f"frame{'s' if len(frames) > 1 else ''} {shown}{more}"


def _motion(steps: Iterator[Motion], shape: tuple[int, int, int], make: MakeArray) -> None:
    """Fill what is known of the motion between consecutive frames; ``shape`` is (frame, height, width)."""
    size = (shape[1], shape[2])
    texts = {
        "revealed": "Pixels of this frame whose surface point was not visible in the previous frame",
        "occluded": "Pixels of the previous frame whose surface point is not visible in this frame",
    }
    first = next(steps, None)
    known = [name for name in texts if first is None or getattr(first, name) is not None]
    text = "Displacement from the previous frame, for each pixel of the previous frame; NaN in frame 0"
    attrs = _described("optical flow", "pixel", text)
    flow = Rows(*make("flow", (*_PIXELS, "component"), (*shape, 2), np.float32, attrs))
    labels = {name: Rows(*make(name, _PIXELS, shape, bool, _described(name, "1", texts[name]))) for name in known}
    flow.append(np.full((*size, 2), np.nan, np.float32))
    for rows in labels.values():
        rows.append(np.zeros(size, bool))
    for step in itertools.chain([] if first is None else [first], steps):
        flow.append(resize_flow(step.flow, size))
        for name, rows in labels.items():
            rows.append(resize_labels(getattr(step, name), size))
    for rows in (flow, *labels.values()):
        rows.flush()

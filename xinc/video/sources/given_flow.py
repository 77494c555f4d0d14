"""The user's own optical flow: Middlebury ``.flo`` or ``.npy`` files, one for each pair of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xinc.errors import InputError
from xinc.video.clip import Clip, Motion, Window, note
from xinc.video.settings import VideoSettings
from xinc.video.sources.images import list_images
from xinc.video.sources.numbering import disagreement, numbers, span
from xinc.video.transforms import resize_flow

SUFFIXES = (".flo", ".npy")

#: A component beyond this says that the flow is not known there (Middlebury's convention, which arrays made of .flo
#: files keep).
_UNKNOWN = 1e9
#: Relative difference of the sides' ratios up to which a flow counts as one of the whole frame.
_RATIO = 0.02


def with_flow(clip: Clip, settings: VideoSettings, of_frames: Sequence[int] | None = None) -> Clip:
    """The clip with the flow of ``settings.flow`` as its motion.

    Parameters
    ----------
    of_frames : number of each frame, where its name has one.

    Raises
    ------
    InputError : no such folder, a number of files or numbers in their names that do not match, or frames that are not
        consecutive. What is
        wrong with a file shows when it is read.
    """
    files = flow_files(settings)
    if clip.motion is not None:
        raise InputError(f"Video '{settings.name}' gives flow for {clip.title}, which knows its own: leave flow empty.")
    if settings.step != 1:
        raise InputError(
            f"Video '{settings.name}' has step {settings.step}, but flow files lead from each frame to the next one: "
            "use step 1, or leave flow empty to have the flow estimated."
        )
    if clip.length is not None and len(files) != clip.length - 1:
        raise InputError(
            f"Video '{settings.name}' has {clip.length} frames but {len(files)} flow files in '{_folder(settings)}': "
            f"expected {clip.length - 1}, one for each frame but the last, to the next one, in the same order."
        )
    _check_numbers(files, of_frames, settings, clip.notes)
    size: list[tuple[int, int]] = []

    def motion(earlier: int, later: int, window: Window) -> Motion:
        if not size:
            first = next(iter(clip.frames([0])))
            size.append((first.shape[0], first.shape[1]))
        flow = _of_frame(files[earlier], size[0])
        _warn_of_length(flow, files[earlier], clip.notes)
        return Motion(window.of(flow))

    return replace(clip, motion=motion)


def _check_numbers(
    files: list[Path], of_frames: Sequence[int] | None, settings: VideoSettings, notes: list[str]
) -> None:
    """Compare the numbers in the names of flow files with those of the frames; either frame's of a pair will do."""
    of_files = numbers(files)
    if of_frames is None or of_files is None or len(files) == 1 or len(files) >= len(of_frames):
        return
    earlier, later = list(of_frames[: len(files)]), list(of_frames[1 : len(files) + 1])
    if of_files in (earlier, later):
        return
    at = disagreement(of_files, earlier)
    where = f"Flow '{_folder(settings)}' of video '{settings.name}'"
    if at is not None:
        raise InputError(
            f"{where}: '{files[at].name}' would lead from frame {earlier[at]} to {later[at]}, but their numbers "
            "disagree: name each file after the frame that it leads from."
        )
    note(
        notes,
        f"{where}: files {span(of_files)} are taken to lead from frames {span(earlier)} in order, though their numbers "
        "differ.",
    )


def _warn_of_length(flow: np.ndarray, path: Path, notes: list[str]) -> None:
    """Note a displacement longer than the frame: a mark for "not known" that is none of the known ones, or scaling."""
    longest = float(np.nanmax(abs(flow), initial=0))
    if longest > 2 * max(flow.shape[:2]):
        note(
            notes,
            f"Flow '{path}' has a displacement of {longest:.3g} pixels in a frame of {flow.shape[0]}x{flow.shape[1]}: "
            "mark what is not known by NaN or a number beyond 1e9.",
        )


def flow_files(settings: VideoSettings) -> list[Path]:
    """The flow files of a video, in natural order.

    Raises
    ------
    InputError : the folder does not exist, or has none.
    """
    folder = _folder(settings)
    if not folder.is_dir():
        raise InputError(
            f"Flow '{folder}' of video '{settings.name}' is not a folder: expected one with .flo or .npy files."
        )
    files = list_images(folder, SUFFIXES)
    if not files and settings.clips is not None and folder == Path(str(settings.flow)):
        raise InputError(
            f"Flow '{folder}' of video '{settings.name}' has no folder '{folder / settings.clips}', which was looked "
            "for first, and no file: put the video's .flo or .npy files into that folder."
        )
    if not files:
        raise InputError(f"Flow '{folder}' of video '{settings.name}' has no file: expected .flo or .npy files in it.")
    return files


def _folder(settings: VideoSettings) -> Path:
    """The folder of one video's files: of a data set's video, the one called like it, where there is one."""
    folder = Path(str(settings.flow))
    if settings.clips is not None and (folder / settings.clips).is_dir():
        return folder / settings.clips
    return folder


def _of_frame(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The flow in a file as (height, width, 2) = ``size``, vectors scaled likewise."""
    flow = read_flow(path)
    if flow.shape[:2] == size:
        return flow
    height, width = flow.shape[:2]
    if abs(height * size[1] / (width * size[0]) - 1) > _RATIO:
        raise InputError(
            f"Flow '{path}' has {height}x{width} pixels, its frame {size[0]}x{size[1]}: expected the flow of the whole "
            "frame, at its size or scaled evenly."
        )
    return resize_flow(flow, size)


def read_flow(path: str | Path, resolution: tuple[int, int] | None = None) -> np.ndarray:
    """A user's flow file: Middlebury ``.flo``, or ``.npy`` (height, width, 2).

    Parameters
    ----------
    path : the file.
    resolution : (height, width) to resize to (default: as it is): each pixel takes the vector of the nearest one, in
        pixels of the new size.

    Returns
    -------
    (height, width, 2) float32: (dx, dy) in pixels; NaN where the file says that it is not known.

    Raises
    ------
    InputError : the file is missing, or of another format or shape.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Flow file '{path}' does not exist.")
    flow = read_flo(path) if path.suffix.lower() == ".flo" else _known(_read_npy(path))
    return flow if resolution is None else resize_flow(flow, resolution)


def read_flo(path: str | Path) -> np.ndarray:
    """A Middlebury ``.flo`` file as (height, width, 2) float32, see `read_flow`."""
    import cv2

    try:
        flow = cv2.readOpticalFlow(str(path))
    except cv2.error:  # of a header that announces more than fits into memory
        flow = None
    if flow is None or Path(path).stat().st_size != 12 + flow.nbytes:
        raise InputError(
            f"'{path}' is not a whole .flo file: expected the number 202021.25, width, height and eight bytes a pixel; "
            "copy it again."
        )
    return _known(np.asarray(flow))


def _known(flow: np.ndarray) -> np.ndarray:
    """Flow (height, width, 2) with NaN in both components where one says that it is not known."""
    # So written that NaN, which no comparison holds for, is unknown as well.
    return np.where((abs(flow) <= _UNKNOWN).all(-1, keepdims=True), flow, np.float32(np.nan))


def _read_npy(path: Path) -> np.ndarray:
    try:
        flow = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read as .flo or .npy ({error}).") from None
    if not isinstance(flow, np.ndarray) or flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype.kind not in "fiu":
        found = getattr(flow, "shape", type(flow).__name__)
        raise InputError(f"'{path}' holds {found}, expected numbers of shape (height, width, 2): dx, dy in pixels.")
    with np.errstate(over="ignore"):  # of float64 beyond float32: infinite, and so unknown
        return flow.astype(np.float32)

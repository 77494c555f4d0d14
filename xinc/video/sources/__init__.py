"""Sources of videos: folders of frames, video files, single images, data sets and the built-in examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from xinc.errors import InputError, nearest
from xinc.video.clip import Clip, note
from xinc.video.settings import VideoSettings, read_table
from xinc.video.sources import examples
from xinc.video.sources.datasets import check_roots, expand, kind_of, likely, open_recording, with_root
from xinc.video.sources.given_flow import flow_files, with_flow
from xinc.video.sources.images import IMAGE_SUFFIXES, list_images, read_frame
from xinc.video.sources.masks import paired_masks, with_masks
from xinc.video.sources.movies import MOVIE_SUFFIXES, movie_clip
from xinc.video.sources.numbering import gap, numbers
from xinc.video.sources.raw import RAW_SUFFIXES, Raw, raw_layout

File = TypeVar("File")

__all__ = [
    "Clip",
    "annotated_positions",
    "check_source",
    "has_masks",
    "open_source",
    "read_videos",
    "select_frames",
    "source_files",
]

_KNOWN = f"a folder of frames, a video ({', '.join(MOVIE_SUFFIXES)}) or an image ({', '.join(IMAGE_SUFFIXES)})"


def read_videos(
    table: str | Path, default_resolution: tuple[int, int] | str, roots: Mapping[str, str]
) -> list[VideoSettings]:
    """The videos of a table, see `xinc.video.settings.read_table`, those that a row selects from a data set one by one.

    Parameters
    ----------
    table, default_resolution : see `xinc.video.settings.read_table`.
    roots : by kind of data set, the root of rows that give none.

    Raises
    ------
    InputError : the table is malformed, a data set does not exist, or has no such videos.
    """
    check_roots(roots)
    videos: dict[str, VideoSettings] = {}
    for row in read_table(table, default_resolution):
        for video in expand(with_root(row, roots)):
            if video.name in videos:
                raise InputError(
                    f"{table}: the line of video '{row.name}' makes a second video '{video.name}', of {video.clips}; "
                    f"the first is of {videos[video.name].clips or videos[video.name].source}: give one of them a line "
                    "and a name of its own."
                )
            videos[video.name] = video
    return list(videos.values())


def open_source(settings: VideoSettings) -> Clip:
    """The video that ``settings.source`` names, checked as `check_source` does; frames are read when asked for."""
    _check_columns(settings)
    clip, of_frames = _open(settings)
    return clip if settings.flow is None else with_flow(clip, settings, of_frames)


def _open(settings: VideoSettings) -> tuple[Clip, Sequence[int] | None]:
    """The video, without the user's own flow, and the numbers of its frames, where they have some."""
    if kind_of(settings.source):
        return open_recording(settings).clip(), None
    name = _example(settings)
    if name == "collage":
        return examples.collage(), None
    source = Path(settings.source) if name is None else examples.movie_path(name)
    files = _frame_files(settings) if name is None else None
    if files is not None:
        clip = Clip(settings.source, len(files), lambda indices: _same_size(files, indices))
    elif source.suffix.lower() in MOVIE_SUFFIXES:
        clip = movie_clip(settings.source, source, _raw(settings), None if name is None else examples.MOVIES[name][1])
    else:
        raise InputError(f"{_of(settings)} has the unknown kind '{source.suffix}': expected {_KNOWN}.")
    of_frames = range(clip.length or 0) if files is None else numbers(files)
    if files is not None and of_frames is not None:
        _note_gap(settings, clip, of_frames)
    return clip if settings.masks is None else with_masks(clip, settings, files), of_frames


def _note_gap(settings: VideoSettings, clip: Clip, of_frames: Sequence[int]) -> None:
    """Say that the names of a folder's frames leave out numbers, among those that are used."""
    last = None if settings.count is None else settings.start + (settings.count - 1) * settings.step + 1
    missing = gap(of_frames[settings.start : last])
    if missing:
        note(
            clip.notes,
            f"{_of(settings)}: no frame is numbered between {missing[0]} and {missing[1]}, where others follow closer; "
            "they are taken to follow each other, so that things leap there.",
        )


def _raw(settings: VideoSettings) -> Raw | None:
    """The layout of a file without a header, None of any other source."""
    return raw_layout(settings) if Path(settings.source).suffix.lower() in RAW_SUFFIXES else None


def _check_columns(settings: VideoSettings) -> None:
    """`InputError` for a column that says nothing of such a source: it would be left out of account silently."""
    raw = not kind_of(settings.source) and Path(settings.source).suffix.lower() in RAW_SUFFIXES
    for column in ("size", "format"):
        if getattr(settings, column) is not None and not raw:
            raise InputError(
                f"{_of(settings)} tells its own size and format, but the column {column} is filled: leave it empty; it "
                f"is for raw video ({', '.join(RAW_SUFFIXES)})."
            )
    if settings.void is not None and (settings.masks is None or kind_of(settings.source)):
        raise InputError(
            f"{_of(settings)} has the column void filled, which says what values of the column masks are void: leave "
            "it empty, or give masks."
        )


def check_source(settings: VideoSettings) -> range:
    """Everything about a source that can be checked without decoding a frame; the source indices it selects.

    Raises
    ------
    InputError : a path that does not exist, a folder without frames, an unknown suffix, masks that do not match in
        number, or too few frames for start, count and step.
    """
    return select_frames(open_source(settings), settings)


def annotated_positions(settings: VideoSettings) -> list[int] | None:
    """Positions, among the frames selected, of those that a data set annotates; None where every frame may be."""
    if not kind_of(settings.source):
        return None
    found = open_recording(settings)
    return [at for at, index in enumerate(select_frames(found.clip(), settings)) if found.masks[index] is not None]


def has_masks(settings: VideoSettings, annotated: Sequence[int] | None) -> bool:
    """Whether any of the frames selected has a mask; ``annotated`` is what `annotated_positions` says of them."""
    if annotated is None:
        return settings.masks is not None or _example(settings) == "collage"
    return bool(annotated)


def select_frames(clip: Clip, settings: VideoSettings) -> range:
    """The source indices that start, count and step select.

    Raises
    ------
    InputError : the clip is too short.
    """
    start, count, step = settings.start, settings.count, settings.step
    if count is None:
        if clip.length is None:
            raise InputError(f"{_of(settings)} does not tell its number of frames: state count.")
        if start >= clip.length:
            raise InputError(
                f"{_of(settings)}: found {clip.length} frames, start {start} is beyond the last: lower start."
            )
        return range(start, clip.length, step)
    needed = start + (count - 1) * step + 1
    if clip.length is not None and needed > clip.length:
        raise InputError(
            f"{_of(settings)}: found {clip.length} frames, start {start}, count {count}, step {step} needs {needed}: "
            "lower them, or leave count empty for all frames."
        )
    return range(start, needed, step)


def source_files(settings: VideoSettings) -> list[str]:
    """The user's files whose content determines the video: the selected frames and masks, or the video file.

    For a data set, its list as well. Examples depend on none of the user's files: their list is empty.
    """
    files: list[str] = []
    frames: Sequence[Path] | None = None
    if kind_of(settings.source):
        found = open_recording(settings)
        own = [*_selected(found.frames, settings), *_selected(found.masks, settings)]
        files = [str(path) for path in (*found.lists, *own) if path is not None]
        return files + _flow_files(settings)
    if _example(settings) is None:
        frames = _frame_files(settings)
        files = [settings.source] if frames is None else [str(path) for path in _selected(frames, settings)]
    if settings.masks is not None:
        files += [str(path) for path in _selected(paired_masks(settings, frames, None, []), settings)]
    return files + _flow_files(settings)


def _flow_files(settings: VideoSettings) -> list[str]:
    return [] if settings.flow is None else [str(path) for path in flow_files(settings)]


def _selected(files: Sequence[File], settings: VideoSettings) -> Sequence[File]:
    count = settings.count
    stop = None if count is None else settings.start + count * settings.step
    return files[settings.start : stop : settings.step]


def _of(settings: VideoSettings) -> str:
    return f"Source '{settings.source}' of video '{settings.name}'"


def _example(settings: VideoSettings) -> str | None:
    """The name of a built-in example, None for a path."""
    if not settings.source.startswith(examples.PREFIX):
        return None
    name = settings.source.removeprefix(examples.PREFIX)
    if name not in examples.NAMES:
        raise InputError(f"{_of(settings)} names an unknown example: {nearest(name, examples.NAMES)}.")
    if name == "collage" and settings.masks is not None:
        raise InputError(f"Video '{settings.name}' gives masks for example:collage, which has some: leave masks empty.")
    return name


def _frame_files(settings: VideoSettings) -> list[Path] | None:
    """The image files of a folder or a single image; None for a file of another kind."""
    source = Path(settings.source)
    if source.is_dir():
        files = list_images(source)
        if not files:
            raise InputError(
                f"{_of(settings)} is a folder without frames: expected images in it ({', '.join(IMAGE_SUFFIXES)})."
            )
        return files
    if not source.exists():
        close = likely(settings.source)
        meant = f"did you mean '{close}'? If not, " if close else ""
        raise InputError(
            f"{_of(settings)} does not exist: {meant}correct the path (relative ones start from {Path.cwd()})."
        )
    return [source] if source.suffix.lower() in IMAGE_SUFFIXES else None


def _same_size(files: list[Path], indices: Sequence[int]) -> Iterator[np.ndarray]:
    first: tuple[Path, tuple[int, ...]] | None = None
    for index in indices:
        frame = read_frame(files[index])
        first = first or (files[index], frame.shape)
        if frame.shape != first[1]:
            raise InputError(
                f"Frame '{files[index]}' has {_pixels(frame.shape)} but '{first[0]}' has {_pixels(first[1])}: "
                "all frames of a folder need the same size."
            )
        yield frame


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]} pixels"

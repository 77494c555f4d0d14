"""Checks of a video's images by their headers, before any job decodes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from xinc.errors import InputError
from xinc.video.settings import VideoSettings
from xinc.video.sources import open_source, select_frames
from xinc.video.sources.images import IMAGE_SUFFIXES, INDEXED_MODES
from xinc.video.transforms import crop_window

#: The tag of EXIF that says how a picture lies, and its values for one that lies on its side.
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)


def check_images(settings: VideoSettings, files: Sequence[str]) -> None:
    """Look at the header of each frame and mask that is a file of its own; where one is odd, read them all.

    Headers only raise a suspicion, so that nothing is refused that could be read.

    Parameters
    ----------
    settings : of the video.
    files : the files that it is made from, see `xinc.video.sources.source_files`.

    Raises
    ------
    InputError : an image cannot be read, has another size than the first frame, or is a mask with colours; or the crop
        is larger than the first frame.
    """
    frames = [file for file in files if _is_frame(file, settings)]
    masks = [file for file in files if settings.masks is not None and Path(file).parent == Path(settings.masks)]
    if frames:
        _check_crop(settings, frames[0])
    if _are_odd(frames, masks) or (masks and not frames and _differ_from_movie(settings, masks)):
        _read(settings)


def _check_crop(settings: VideoSettings, frame: str) -> None:
    header = _header(frame)
    try:
        if header is not None:
            crop_window((header[1][1], header[1][0]), settings.crop, settings.resolution)
    except InputError as error:
        raise InputError(f"Video '{settings.name}': {error}") from None


def _is_frame(file: str, settings: VideoSettings) -> bool:
    source = Path(settings.source)
    return Path(file).suffix.lower() in IMAGE_SUFFIXES and source in (Path(file), Path(file).parent)


def _are_odd(frames: Sequence[str], masks: Sequence[str]) -> bool:
    """Whether one is not an image, has a size of its own, or is a mask with colours."""
    found = [_header(file) for file in (*frames, *masks)]
    readable = [header for header in found if header is not None]
    labels = [header for header in found[len(frames) :] if header is not None]
    return (
        len(readable) < len(found)
        or len({size for _, size in readable}) > 1
        or any(mode not in INDEXED_MODES for mode, _ in labels)
    )


def _header(file: str) -> tuple[str, tuple[int, int]] | None:
    """Mode and (width, height) as shown, from the first bytes of an image; None where these are not an image's."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            width, height = image.size
            if image.format != "PNG" and image.getexif().get(_ORIENTATION) in _SIDEWAYS:
                width, height = height, width
            return image.mode, (width, height)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _differ_from_movie(settings: VideoSettings, masks: Sequence[str]) -> bool:
    """Whether masks have another size than the first frame of a video file."""
    height, width = next(iter(open_source(settings).frames([0]))).shape[:2]
    return any(header is not None and header[1] != (width, height) for header in map(_header, masks))


def _read(settings: VideoSettings) -> None:
    """Decode everything that the video's job will decode."""
    clip = open_source(settings)
    indices = select_frames(clip, settings)
    passes: list[Iterator[object]] = [clip.frames(indices)]
    if clip.masks is not None:
        passes.append(clip.masks(indices))
    for images in passes:
        for _ in images:
            pass

"""Data sets of videos with panoptic masks: ``cityscapes-vps:<root>``, ``vipseg:<root>``, ``coco-panoptic:<JSON>``.

A row of the table of videos may select many videos of a data set; `expand` makes a row of each. Lists are read once for
all videos of a process, and images are opened only when a video is prepared.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xinc.errors import InputError, nearest
from xinc.frames import ranges
from xinc.video.settings import VideoSettings
from xinc.video.sources.datasets.cityscapes_vps import CityscapesVPS
from xinc.video.sources.datasets.coco_panoptic import CocoPanoptic
from xinc.video.sources.datasets.panoptic import DataSet, Recording
from xinc.video.sources.datasets.vipseg import VIPSeg

#: Kinds of data sets, and what they are called.
TITLES = {"cityscapes-vps": "Cityscapes-VPS", "vipseg": "VIPSeg", "coco-panoptic": "COCO-panoptic"}

_SPREAD = re.compile(r"(\S+)\s+of\s+(.+)")


def kind_of(source: str) -> str | None:
    """The kind of data set that a source names, None where it names none.

    >>> kind_of("vipseg:data/VIPSeg_720P"), kind_of("clips/a.mp4")
    ('vipseg', None)
    """
    kind = source.partition(":")[0]
    return kind if kind in TITLES else None


def likely(source: str) -> str | None:
    """The source of a data set that is probably meant by one that names none.

    >>> likely("cityscapes:data/city"), likely("vipsge"), likely("clips/a.mp4")
    ('cityscapes-vps:data/city', 'vipseg:<root>', None)
    """
    kind, _, root = source.partition(":")
    word = kind.lower()
    close = [title for title in TITLES if len(word) > 3 and title.startswith(word)]
    close += difflib.get_close_matches(word, TITLES, n=1, cutoff=0.7)
    return f"{close[0]}:{root or '<root>'}" if close else None


def with_root(video: VideoSettings, roots: Mapping[str, str]) -> VideoSettings:
    """The row with its data set's root, from ``roots`` by kind if the row itself gives none.

    Raises
    ------
    InputError : neither gives one.
    """
    kind = kind_of(video.source)
    if kind is None or video.source.partition(":")[2]:
        return video
    if kind not in roots:
        raise InputError(
            f"Source '{video.source}' of video '{video.name}' has no root: write {kind}:<root>, give roots.{kind} in "
            f"the configuration or on the command line (--config 'roots={{{kind}: <root>}}'), or remove the line."
        )
    return video.model_copy(update={"source": f"{kind}:{roots[kind]}"})


def check_roots(roots: Mapping[str, str]) -> None:
    """`InputError` for a root of a kind that is not known."""
    for kind in roots:
        if kind not in TITLES:
            raise InputError(f"Setting 'roots' names the unknown data set '{kind}': {nearest(kind, TITLES)}.")


def expand(video: VideoSettings) -> list[VideoSettings]:
    """A row for each video that a row selects, with the video's own name in ``clips``.

    A row that names one video keeps its name; a selection gives ``<name>-<video>``, whatever it happens to match.

    Raises
    ------
    InputError : no such data set or video, or columns that do not go together.
    """
    kind = kind_of(video.source)
    if kind is None:
        _check_plain(video)
        return [video]
    if video.masks is not None and kind != "coco-panoptic":
        raise InputError(f"{_of(video)} gives masks for a data set, which has its own: leave masks empty.")
    lengths = _open(video).lengths
    if video.clips is None or video.clips in lengths:
        name = _only(video, lengths)
        return [video.model_copy(update={"clips": name, "lengths": None})]
    return [
        VideoSettings(
            **video.model_dump(exclude={"name", "clips", "lengths"}), name=f"{video.name}-{_fit(name)}", clips=name
        )
        for name in _selected(video, lengths)
    ]


def open_recording(video: VideoSettings) -> Recording:
    """The one video that settings name, as `expand` leaves them.

    Raises
    ------
    InputError : no such video, or one of its files is missing.
    """
    data = _open(video)
    lengths = data.lengths
    return data.recording(_only(video, lengths))


def _check_plain(video: VideoSettings) -> None:
    for column in ("split", "clips", "lengths"):
        if getattr(video, column) is not None:
            close = likely(video.source)
            meant = f"did you mean '{close}'? If not, " if close else ""
            raise InputError(
                f"{_of(video)} is not a data set, but the column {column} is filled: {meant}leave it empty, or write "
                f"the source as one of {', '.join(f'{kind}:<root>' for kind in TITLES)}."
            )


def _of(video: VideoSettings) -> str:
    return f"Source '{video.source}' of video '{video.name}'"


def _open(video: VideoSettings) -> DataSet:
    """The data set, its lists read once; the lists' age tells whether they are the same."""
    kind, _, root = video.source.partition(":")
    path = Path(root).expanduser()
    ages = tuple((str(p), p.stat().st_mtime_ns) for p in _lists(path))
    return _opened(kind, path, video.split, video.masks, ages)


def _lists(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    # Cityscapes-VPS also lists what is in its folders of images.
    return sorted([*path.glob("*.json"), *path.glob("annotations/*.json"), *path.glob("*/img_all")])


@functools.lru_cache(maxsize=8)
def _opened(kind: str, path: Path, split: str | None, masks: str | None, ages: Sequence[tuple[str, int]]) -> DataSet:
    if kind == "coco-panoptic":
        return CocoPanoptic(path, split, masks)
    return CityscapesVPS(path, split) if kind == "cityscapes-vps" else VIPSeg(path, split)


def _only(video: VideoSettings, lengths: Mapping[str, int]) -> str:
    """The one video that is meant: the one named, or the only one there is."""
    if video.clips is not None:
        if video.clips in lengths:
            return video.clips
        whole = _whole(video)
        if video.clips == whole:
            return video.clips
        raise _no_match(video, lengths)
    whole = _whole(video)
    if whole is not None:
        return whole
    if len(lengths) == 1:
        return next(iter(lengths))
    raise InputError(
        f"{_of(video)} has {len(lengths)} videos ({_some(lengths)}): select some in the column clips, by name, by a "
        "pattern such as 00*, '5 of all', or 'all'."
    )


def _whole(video: VideoSettings) -> str | None:
    data = _open(video)
    return data.whole if isinstance(data, CocoPanoptic) else None


def _selected(video: VideoSettings, lengths: Mapping[str, int]) -> list[str]:
    """Names of the videos that ``clips`` and ``lengths`` select, in the data set's order."""
    text = (video.clips or "").strip()
    spread = _SPREAD.fullmatch(text)
    if any(fnmatch.fnmatchcase(name, text.partition(",")[0].strip()) for name in lengths):
        # A name with this word in it.
        spread = None
    if spread and not spread[1].isdecimal():
        raise InputError(
            f"{_of(video)} selects '{text}', but '{spread[1]}' is not a number: write how many in digits, such as "
            f"'5 of {spread[2]}'."
        )
    patterns = [part.strip() for part in (spread[2] if spread else text).split(",") if part.strip()]
    fitting = [name for name, length in lengths.items() if _fits(video, length)]
    found: set[str] = set()
    for pattern in patterns:
        if pattern not in lengths and pattern != "all" and not set(pattern) & set("*?["):
            raise _no_match(video, lengths, pattern)
        matches = {n for n in fitting if pattern in ("all", n) or fnmatch.fnmatchcase(n, pattern)}
        if not matches:
            raise _no_match(video, lengths, pattern)
        found |= matches
    names = [name for name in fitting if name in found]
    count = int(spread[1]) if spread else len(names)
    if not 1 <= count <= len(names):
        raise InputError(f"{_of(video)} asks for {count} of {len(names)} videos: ask for 1 to {len(names)}.")
    return [names[k * len(names) // count] for k in range(count)]


def _fits(video: VideoSettings, length: int) -> bool:
    if video.lengths is None:
        return True
    low, high = video.lengths
    return low <= length <= high


def _no_match(video: VideoSettings, lengths: Mapping[str, int], pattern: str | None = None) -> InputError:
    wanted = pattern or str(video.clips)
    named = [n for n in lengths if wanted in ("all", n) or fnmatch.fnmatchcase(n, wanted)]
    if named and video.lengths is not None:
        low, high = video.lengths
        frames = str(low) if low == high else f"{low} to {high}"
        return InputError(
            f"{_of(video)} has no video '{wanted}' with {frames} frames: those of this name ({len(named)}) have "
            f"{ranges(sorted({lengths[name] for name in named}))} frames; change the column lengths."
        )
    near = _near(wanted, lengths)
    hint = f"the nearest names are {', '.join(near)}" if near else f"it has {_some(lengths)}"
    return InputError(
        f"{_of(video)} has no video '{wanted}' among its {len(lengths)}: {hint}; correct the column clips."
    )


def _near(wanted: str, names: Iterable[str]) -> list[str]:
    """Up to three names like an unknown one; of numbers, the nearest ones."""
    if wanted.isdecimal():
        numbers = [name for name in names if name.isdecimal()]
        return sorted(numbers, key=lambda name: abs(int(name) - int(wanted)))[:3]
    return difflib.get_close_matches(wanted, names, n=3, cutoff=0.3)


def _some(names: Mapping[str, int]) -> str:
    shown = ", ".join(list(names)[:3])
    return f"{shown}, …" if len(names) > 3 else shown


def _fit(name: str) -> str:
    """A name as part of a path."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)

"""Locations of Zarr groups: directories, and object storage (``s3://bucket/…`` and whatever else fsspec knows).

Nothing is renamed on object storage, so a group becomes one by its last object: its ``zarr.json`` is written when all
else is there, and removed before anything else is. Without it there is no group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.sync import sync
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from xinc.errors import InputError
from xinc.storage.atomic import whole_directory

METADATA = "zarr.json"

#: Listings change while others write.
_OPTIONS = {"use_listings_cache": False}


@dataclass(frozen=True)
class Remote:
    """A place on object storage, with what of a path's interface is used here."""

    url: str

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Remote:
        return Remote(self.url.rstrip("/").rpartition("/")[0])

    def files(self) -> Any:
        """The file system of fsspec, and the path in it."""
        from fsspec.core import url_to_fs

        return url_to_fs(self.url, **_OPTIONS)


Location = Path | Remote


def locate(path: str | os.PathLike[str] | Remote) -> Location:
    """The directory at ``path``, or the place on object storage where that is a URL.

    >>> locate("s3://bucket/canvas.zarr") / "head"
    Remote(url='s3://bucket/canvas.zarr/head')
    """
    if isinstance(path, Remote):
        return path
    text = os.fspath(path)
    if re.match(r"file://", text):
        return Path(text.removeprefix("file://"))
    return Remote(text.rstrip("/")) if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) else Path(text)


def zarr_store(place: Location, read_only: bool = True) -> Store:
    """The Zarr store at a place."""
    if isinstance(place, Path):
        return LocalStore(place, read_only=read_only)
    with _reached(place):
        return FsspecStore.from_url(place.url, storage_options=dict(_OPTIONS), read_only=read_only)


def groups_in(place: Location) -> list[str] | None:
    """Names of what may be groups at a place: folders; on object storage those that are complete. None for no place."""
    if isinstance(place, Path):
        if not place.is_dir():
            return None
        return [entry.name for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    with _reached(place):
        files, path = place.files()
        try:
            found = files.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
        names = [entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory"]
        # A byte of each, all at once.
        starts = files.cat_ranges([f"{path}/{name}/{METADATA}" for name in names], 0, 1, on_error="return")
        return [name for name, one in zip(names, starts, strict=True) if not isinstance(one, FileNotFoundError)]


def read_files(place: Location, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Contents of files below a place, of these sizes by relative path; without those that are gone.

    On object storage, one request for each, all at once.
    """
    if isinstance(place, Path):
        return {name: (place / name).read_bytes() for name in sizes if (place / name).is_file()}
    names = [name for name, size in sizes.items() if size]
    with _reached(place):
        files, path = place.files()
        start = path.rstrip("/") + "/"
        # Of a range, s3fs does not ask for the size first.
        ends = [sizes[name] for name in names]
        found = files.cat_ranges([start + name for name in names], 0, ends, on_error="return") if names else []
        for content in found:
            if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                raise content
    contents = {name: bytes(c) for name, c in zip(names, found, strict=True) if not isinstance(c, Exception)}
    return {name: contents.get(name, b"") for name, size in sizes.items() if name in contents or not size}


def file_sizes(place: Location) -> dict[str, int]:
    """Bytes of every file below a place, by relative path; one request for a thousand of them on object storage."""
    return stamped_sizes(place)[0]


#: What tells one writing of a file from another; empty where there is none.
Stamp = Mapping[str, Any]


def stamped_sizes(place: Location) -> tuple[dict[str, int], Stamp]:
    """`file_sizes`, and the stamp that a group's ``zarr.json`` had before, which is written last."""
    if isinstance(place, Path):
        stamp, root = _stamp_of_file(place / METADATA), os.fspath(place)
        sizes = {
            os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/"): os.stat(
                os.path.join(folder, name)
            ).st_size
            for folder, _, names in os.walk(root)
            for name in names
        }
        return sizes, stamp
    with _reached(place):
        files, path = place.files()
        start = path.rstrip("/") + "/"
        try:
            found = {name.removeprefix(start): entry for name, entry in files.find(path, detail=True).items()}
        except FileNotFoundError:
            found = {}
        return {name: int(entry["size"]) for name, entry in found.items()}, _stamp(found.get(METADATA, {}))


def changed(place: Location, stamp: Stamp) -> bool:
    """Whether a file is another, or gone, since it had this stamp."""
    if isinstance(place, Path):
        return _stamp_of_file(place) != stamp
    with _reached(place):
        files, path = place.files()
        try:
            now = _stamp(files.info(path))
        except FileNotFoundError:
            return True
    return any(now[name] != stamp[name] for name in now.keys() & stamp.keys()) or not stamp


def _stamp_of_file(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return {}
    return {"inode": found.st_ino, "modified": found.st_mtime_ns, "size": found.st_size}


def _stamp(entry: Mapping[str, Any]) -> Stamp:
    """Of an object, from what a file system of fsspec says of it: listings and questions for one have these alike."""
    when = entry.get("LastModified")
    seconds = {"LastModified": when.replace(microsecond=0)} if hasattr(when, "replace") and when else {}
    names = ("ETag", "etag", "generation", "mtime", "created", "size")
    return {name: entry[name] for name in names if entry.get(name) is not None} | seconds


@contextlib.contextmanager
def whole_group(path: str | os.PathLike[str] | Remote) -> Iterator[Store]:
    """A new Zarr store to write a group into, which takes the place of ``path`` when the block ends well.

    A directory is there before as it was, and after as a whole. On object storage what was there is removed first.
    """
    place = locate(path)
    if isinstance(place, Path):
        with whole_directory(place) as partial:
            yield LocalStore(partial)
        return
    remove(place)
    store = _LateMetadata(zarr_store(place, read_only=False))
    try:
        yield store
        with _reached(place):
            store.finish()
    except OSError as error:
        _remove_quietly(place)
        raise InputError(f"{place} could not be written: {str(error).rstrip('. ')}.") from error
    except BaseException:
        _remove_quietly(place)
        raise


def remove(place: Remote) -> None:
    """Remove what is at a place, its ``zarr.json`` first, so that nobody takes the rest for a group."""
    with _reached(place):
        files, path = place.files()
        if files.exists(f"{path}/{METADATA}"):
            files.rm_file(f"{path}/{METADATA}")
        if files.exists(path):
            files.rm(path, recursive=True)


def _remove_quietly(place: Remote) -> None:
    with contextlib.suppress(InputError, OSError):
        remove(place)


def put(store: Store, contents: dict[str, Buffer]) -> None:
    """Write many small objects into a store, on object storage at the same time."""
    if isinstance(store, LocalStore):
        for key, content in contents.items():
            file = store.root / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.to_bytes())
        return

    async def every() -> None:
        await asyncio.gather(*(store.set(key, content) for key, content in contents.items()))

    sync(every())


def ensure_group(place: Location) -> None:
    """Make a place a Zarr group without content; harmless when done twice at once."""
    metadata = b'{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    if isinstance(place, Path):
        if not (place / METADATA).exists():
            temporary = place / f".{METADATA}.{os.getpid()}"
            temporary.write_bytes(metadata)
            os.replace(temporary, place / METADATA)
        return
    with _reached(place):
        files, path = place.files()
        if not files.exists(f"{path}/{METADATA}"):
            files.pipe_file(f"{path}/{METADATA}", metadata)


class _LateMetadata(WrapperStore[Store]):
    """A store that keeps the group's own ``zarr.json`` to itself until `finish`."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._kept: Buffer | None = None

    async def get(self, key: str, prototype: BufferPrototype, byte_range: Any = None) -> Buffer | None:
        if key == METADATA:
            return self._kept
        return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        if key == METADATA:
            self._kept = value
        else:
            await super().set(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        if key != METADATA:
            await super().set_if_not_exists(key, value)
        elif self._kept is None:
            self._kept = value

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        await asyncio.gather(*(self.set(key, value) for key, value in values))

    async def exists(self, key: str) -> bool:
        return self._kept is not None if key == METADATA else await super().exists(key)

    def finish(self) -> None:
        """Write it."""
        assert self._kept is not None
        sync(self._store.set(METADATA, self._kept))


@contextlib.contextmanager
def _reached(place: Remote) -> Iterator[None]:
    """Whatever object storage answers but a missing object, in one sentence."""
    try:
        yield
    except (InputError, FileNotFoundError, NotADirectoryError):
        raise
    except ImportError as error:
        raise InputError(f"{place} needs a package that is not installed: pip install 'xinc[s3]' ({error}).") from None
    except Exception as error:  # of fsspec, botocore or aiohttp
        reason = str(error).split("\n")[0].rstrip(". ")
        raise InputError(
            f"{place} cannot be reached ({type(error).__name__}: {reason}); check the address and the credentials."
        ) from error

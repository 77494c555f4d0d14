"""A layer's group as it was when it was opened: what files it has, and its metadata, read once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from zarr.abc.store import ByteRequest, RangeByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from xinc.errors import InputError
from xinc.runtime.kept import Kept
from xinc.storage.locations import METADATA, Location, Remote, Stamp, changed, read_files, stamped_sizes, zarr_store

#: Of a layer that maps are computed from, the one coordinate that is read; of dense maps, those that are indexes.
_FACTORED, _DENSE = ("frame",), ("frame", "neuron", "y", "x")


class Snapshot(WrapperStore[Store]):
    """A read-only Zarr store that knows what files there are, and their metadata: chunks alone are fetched.

    It can be pickled and used after a fork.

    Parameters
    ----------
    place : the layer's group.
    sizes : bytes of every file, by relative path.
    contents : content of some of them.
    stamp : tells this writing of the group from another, see `xinc.storage.locations.stamped_sizes`.
    kept : what keeps chunks that were fetched from object storage; files are kept by the system.
    """

    def __init__(
        self, place: Location, sizes: Mapping[str, int], contents: Mapping[str, bytes], stamp: Stamp, kept: Kept
    ) -> None:
        super().__init__(zarr_store(place))
        self.place, self.sizes, self.contents, self.stamp, self.kept = place, sizes, contents, stamp, kept
        self._process = os.getpid()
        #: Arrays of which chunks are not kept, because what is made of them is.
        self.not_kept: frozenset[str] = frozenset()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"not_kept": self.not_kept}
        return Snapshot, (self.place, self.sizes, self.contents, self.stamp, self.kept), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.not_kept = state["not_kept"]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.place, self.stamp) == (other.place, other.stamp)

    def __hash__(self) -> int:
        return hash(str(self.place))

    def __str__(self) -> str:
        return str(self.place)

    def verify(self) -> None:
        """`InputError` where the group has become another since it was opened: what was read may be of either.

        Written again, with the same frames of the same network, it is the same.
        """
        if not changed(self.place / METADATA, self.stamp):
            return
        now = look(self.place, self.kept)
        if now.contents != self.contents or not self._has_network():
            raise self._gone()
        self.sizes, self.stamp = now.sizes, now.stamp

    def _has_network(self) -> bool:
        """Whether the metadata tell one network from another."""
        return bool(json.loads(self.contents[METADATA])["attributes"]["xinc"].get("network"))

    def _gone(self) -> InputError:
        return InputError(f"{self.place} was written again, or removed, since it was opened: open it again.")

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        if key in self.contents and byte_range is None:
            return prototype.buffer.from_bytes(self.contents[key])
        if key not in self.sizes:
            return None
        remote = isinstance(self.place, Remote)
        keep = remote and byte_range is None and key.split("/")[0] not in self.not_kept
        found = self.kept.peek((str(self.place), key)) if keep else None
        if found is not None:
            return prototype.buffer.from_bytes(found)
        if remote and byte_range is None and self.sizes[key]:  # of a range, s3fs does not ask for the size first
            byte_range = RangeByteRequest(0, self.sizes[key])
        value = await self._inner().get(key, prototype, byte_range)
        if value is None:  # Zarr would take it for fill values
            raise self._gone()
        if keep:
            content = value.to_bytes()
            self.kept.put((str(self.place), key), content, len(content))
        return value

    def _inner(self) -> Store:
        if self._process != os.getpid():  # connections do not survive a fork
            self._store, self._process = zarr_store(self.place), os.getpid()
        return self._store

    async def exists(self, key: str) -> bool:
        return key in self.sizes

    async def getsize(self, key: str) -> int:
        if key not in self.sizes:
            raise FileNotFoundError(key)
        return self.sizes[key]

    async def list(self) -> AsyncIterator[str]:
        for key in self.sizes:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        for key in self.sizes:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        start = f"{prefix.rstrip('/')}/" if prefix else ""
        for name in dict.fromkeys(key[len(start) :].split("/")[0] for key in self.sizes if key.startswith(start)):
            yield name


def look(place: Location, kept: Kept) -> Snapshot:
    """The group at a place: one request for a thousand files, and one for each array and index of it, all at once."""
    sizes, stamp = stamped_sizes(place)
    indexes = _FACTORED if f"input/{METADATA}" in sizes and f"contribution/{METADATA}" not in sizes else _DENSE
    small = rf"([^/]+/)?{re.escape(METADATA)}|({'|'.join(indexes)})/c([./]0)?"
    contents = read_files(place, {key: size for key, size in sizes.items() if re.fullmatch(small, key)})
    return Snapshot(place, sizes, contents, stamp, kept)

"""A canvas as a tree of layers, which shows what it holds, and says the nearest name where one is not known."""

from __future__ import annotations

import difflib
from typing import Any

import xarray as xr

from xinc.canvas import display
from xinc.errors import InputError, nearest


class UnknownName(InputError, KeyError):
    """A name that a canvas does not have; a `KeyError` too, as from any mapping."""

    def __str__(self) -> str:
        return str(self.args[0])


class Canvas(xr.DataTree):
    """A `xarray.DataTree` with a child for each layer, in network order."""

    __slots__ = ()

    def __repr__(self) -> str:  # type: ignore[override]
        found = display.text(self)
        if found is None:
            return super().__repr__()
        return found if self.children else f"{found}\n{super().__repr__()}"

    __str__ = __repr__  # xarray has its own, which `print` would show

    def _repr_html_(self) -> str:
        below = super()._repr_html_()
        return display.page(self, below) or below

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except UnknownName:
            raise
        except KeyError:
            raise UnknownName(self._unknown(str(key))) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            return super().__getattr__(name)
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            close = difflib.get_close_matches(name, [*self.children, *map(str, self.variables)], n=1)
            if not close:
                raise
            raise AttributeError(f"{error}: did you mean '{close[0]}'?", name=name, obj=self) from None

    def _unknown(self, key: str) -> str:
        """What is not known in a path, and what is nearest to it."""
        node: xr.DataTree = self.root if key.startswith("/") else self
        part, *below = key.strip("/").split("/")
        while below and part in node.children:
            node, (part, *below) = node.children[part], below
        if node.children:
            return f"Unknown layer '{part}' of this canvas: {nearest(part, node.children)}."
        return f"Unknown variable '{part}' of the layer '{node.name}': {nearest(part, map(str, node.variables))}."

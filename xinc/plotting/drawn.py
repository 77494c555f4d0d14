"""Figures of a result by name, each drawn when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from matplotlib.figure import Figure

from xinc.plotting import style


class Figures(Mapping[str, Figure]):
    """Figures by name, in the look of the block in which this was made; who wants one draws one.

    Parameters
    ----------
    draw : by name, in order, what draws the figure.
    """

    def __init__(self, draw: Mapping[str, Callable[[], Figure]]) -> None:
        self._draw, self._look = dict(draw), style.look()
        self._drawn: dict[str, Figure] = {}

    def __getitem__(self, name: str) -> Figure:
        if name not in self._drawn:
            with style.context(self._look):
                self._drawn[name] = self._draw[name]()
        return self._drawn[name]

    def __contains__(self, name: object) -> bool:
        return name in self._draw

    def __iter__(self) -> Iterator[str]:
        return iter(self._draw)

    def __len__(self) -> int:
        return len(self._draw)

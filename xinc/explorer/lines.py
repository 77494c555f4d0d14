"""Lines of Python that compute what a page shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xinc.storage.locations import Remote

if TYPE_CHECKING:
    from xinc.explorer.messages import Lines
    from xinc.explorer.opened import Opened


def lines_of(shown: Lines, of: Opened) -> str:
    """The list and, where a neuron is chosen, its map and its course over time."""
    place, layer = of.source.what, shown.layer
    found = ["import xinc", ""]
    if not isinstance(place, Path | Remote):
        found.append("# canvas: what xinc.explore was given, or xinc.dissect of it if that was a network")
    elif isinstance(place, Path) and place.is_file():
        found.append(f'canvas = xinc.dissect(xinc.load_model("{place}"))')
    else:
        found.append(f'canvas = xinc.open_canvas("{place}")')
    region = "".join(f", {key}={_literal(value)}" for key, value in shown.place.arguments().items())
    by = "" if shown.by == "contribution" else f', by="{shown.by}"'
    what = "canvas" if shown.everywhere and shown.by != "contribution" else f'canvas["{layer}"]'
    found.append(f"top = xinc.top_neurons({what}{region}, frames=[{shown.frame}], count={shown.count}{by})")
    if shown.neuron is not None:
        maps = "canvas"
        if shown.gained:
            maps = "gained"
            found.append(_gained(of, shown))
        found.append(f'maps = {maps}["{layer}"]["contribution"].sel(neuron={shown.neuron})')
        found.append(f"shown = maps.sel(frame={shown.frame})")
        if of.shared_weights and shown.place.instance is None:
            at = _window(shown.place.pixel, shown.place.box)
            found.append(
                f'course = abs(maps{at}).sum(["y", "x"])' if shown.place.pixel is None else f"course = abs(maps{at})"
            )
    return "\n".join(found) + "\n"


def _gained(of: Opened, shown: Lines) -> str:
    record = of.layer(shown.layer).attrs["xinc"]
    place = of.source.what
    if record["gain"] == "kept":
        return f'gained = xinc.open_canvas("{place}", gain=True)'
    file = place.parent / "model.pt" if isinstance(place, Path) and place.is_dir() else place
    frames = "" if of.frames == list(of.model.frames if of.model is not None else []) else f", frames={of.frames}"
    return f'gained = xinc.dissect(xinc.load_model("{file}"){frames}, gain=True)'


def _window(pixel: Any, box: Any) -> str:
    if pixel is not None:
        return f".sel(y={pixel[0]}, x={pixel[1]})"
    return "" if box is None else f".isel(y=slice({box[0]}, {box[1]}), x=slice({box[2]}, {box[3]}))"


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(tuple(value))

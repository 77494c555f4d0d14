"""A session: questions about canvases in JSON, answers in JSON and raw bytes, from the library's own functions."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.answers import region
from xinc.answers.beside import of_instance
from xinc.answers.ranking import top_neurons
from xinc.answers.region import Region
from xinc.errors import InputError, nearest
from xinc.explorer import messages as asked
from xinc.explorer.later import import_the_rest
from xinc.explorer.lines import lines_of
from xinc.explorer.matched import Grids
from xinc.explorer.messages import Answer, Superseded, read_question, scaled
from xinc.explorer.opened import Opened
from xinc.explorer.sources import beginning, find_sources, first_of
from xinc.plotting import style
from xinc.runtime.freed import give_freed_memory_back
from xinc.runtime.kept import Kept
from xinc.runtime.task import Cancelled, Task

if TYPE_CHECKING:
    import pandas as pd

#: Bytes of heatmaps and images that are kept, and twice as many of means over grids, two layers of which are compared.
KEPT = 256 * 2**20
#: Seconds that a heatmap may take without having been asked for.
AT_ONCE = 1.0
#: Seconds without a question after which the rest is imported, and how long a page is waited for before.
QUIET, PATIENCE = 0.7, 15.0
#: Seconds after which a course over time that would take more than twice as long waits to be asked for.
TRIED = 1.5


class Session:
    """Answers questions about the networks in a folder, from several threads.

    Of quick questions, those about all frames and long ones, each one at a time; a newer question on a subject stops an
    older one.

    Parameters
    ----------
    what : a folder of results, a canvas, a checkpoint or a network, see `xinc.explorer.sources.find_sources`.
    video : of a canvas or a network that is not in a folder of results, as `xinc.analyse` takes it.
    kept : bytes of heatmaps and images that are kept, at most.

    Raises
    ------
    InputError : there is nothing to look at, or the video is not of it.
    """

    def __init__(self, what: Any, video: Any = None, kept: int = KEPT) -> None:
        self.sources = find_sources(what)
        memory = Kept(kept)
        self._networks = {one.name: Opened(one, video, memory) for one in self.sources}
        if video is not None:
            if len(self.sources) > 1:
                names = ", ".join(one.name for one in self.sources[:3])
                raise InputError(f"A video was given for {len(self.sources)} networks ({names}, …): give one of them.")
            _required(self.network(self.sources[0].name))
        self._grids = Grids(Kept(2 * kept))
        #: One question at a time in each, so that a long one does not keep those of a pixel or a frame waiting.
        self._turns = {name: threading.Lock() for name in ("quick", "frames", "long")}
        self._books, self._count = threading.Lock(), 0
        self._under_way, self._asked, self._last = 0, False, time.monotonic()
        self._newest: dict[str, tuple[int, Task]] = {}
        self._progress: dict[str, tuple[str, int, int]] = {}
        #: By subject, an estimate of the list that is computed; and of each thread, subject and question.
        self._estimates: dict[str, dict[str, Any]] = {}
        self._thread = threading.local()
        self._answers: dict[type, Callable[[Any], Answer]] = {
            asked.Beginning: lambda question: beginning(self.sources, question),
            asked.Networks: self._known,
            asked.OfNetwork: self._network,
            asked.Picture: self._picture,
            asked.Labels: self._labels,
            asked.Heat: self._heat,
            asked.Rank: self._rank,
            asked.Map: self._map,
            asked.Thumbnails: self._thumbnails,
            asked.Course: self._course,
            asked.Points: self._points,
            asked.Match: self._match,
            asked.Lines: self._lines,
        }

    def ask(self, question: Mapping[str, Any], subject: str = "") -> Answer:
        """The answer to a question, with the milliseconds that it took as ``ms``.

        Parameters
        ----------
        question : builtins as read from JSON, see `xinc.explorer.messages`.
        subject : what it is about, for a page: a newer question on a subject takes the place of an older one.

        Raises
        ------
        InputError : a malformed question, or one about what is not there.
        Superseded : a newer question on the subject has come before this one was answered.
        """
        known = read_question(question)
        if isinstance(known, asked.Progress):
            label, done, total = self._progress.get(known.of, ("", 0, 0))
            return Answer({"label": label, "done": done, "total": total, "estimate": self._estimates.get(known.of)})
        task = Task(functools.partial(self._note, subject))
        with self._books:
            self._count += 1
            number = self._count
            if subject:
                older = self._newest.get(subject)
                self._newest[subject], self._asked = (number, task), True
                self._estimates.pop(subject, None)
                if older is not None:
                    older[1].cancel()
            self._under_way += 1
        try:
            with self._turns[self._turn(known)], task:
                start = time.perf_counter()
                self._thread.asked = subject, dict(question)
                answer = self._answers[type(known)](known)
                if self._turn(known) == "long":
                    give_freed_memory_back()
                spent = round((time.perf_counter() - start) * 1e3, 1)
        except Cancelled:
            raise Superseded from None
        finally:
            with self._books:
                self._under_way -= 1
                self._last = time.monotonic()
                if self._newest.get(subject, (0,))[0] == number:
                    del self._newest[subject]
                    self._progress.pop(subject, None)
                    self._estimates.pop(subject, None)
        return Answer({**answer.head, "ms": spent}, answer.arrays)

    def _note(self, subject: str, label: str, done: int, total: int) -> None:
        """How far the work on a subject is."""
        if subject:
            self._progress[subject] = (label, done, total)

    @staticmethod
    def _turn(question: Any) -> str:
        """Where a question waits: among those about all frames, those that take passes over everything, or others."""
        passes = isinstance(question, asked.Rank) and question.by != "contribution"
        gained = isinstance(question, asked.Map | asked.Thumbnails | asked.Course) and question.gained
        if passes or gained or isinstance(question, asked.Heat | asked.Match):
            return "long"
        return "frames" if isinstance(question, asked.Course) else "quick"

    def warm_up(self, stop: threading.Event) -> None:
        """Ask for what a page asks first, so that code is compiled or loaded when it does; errors are left to it.

        What only some questions need is imported when the page has all that it asks for first, as it would wait
        otherwise; or when none is opened for a while.

        Parameters
        ----------
        stop : set, nothing more is done.
        """
        if stop.is_set():
            return
        with contextlib.suppress(InputError, IndexError):
            name = first_of(self.sources).name
            about = self.ask({"ask": "network", "network": name}).head
            at = {"network": name, "layer": about["layers"][-1]["name"], "frame": about["frames"][0]}
            for question in ({"ask": "rank", "place": {"pixel": [0, 0]}, "count": 1}, {"ask": "map", "neuron": 0}):
                if stop.is_set():
                    return
                self.ask({**at, **question})
        begun = time.monotonic()
        while not self._quiet(time.monotonic() - begun):
            if stop.wait(0.05):
                return
        import_the_rest()

    def _quiet(self, waited: float) -> bool:
        """Whether a page has its answers, or none was opened for so long."""
        with self._books:
            return waited > PATIENCE or (self._asked and not self._under_way and time.monotonic() - self._last > QUIET)

    def network(self, name: str) -> Opened:
        """A network by its name; `InputError` with the nearest for one that is not known."""
        if name not in self._networks:
            raise InputError(f"Unknown network '{name}': {nearest(name, self._networks)}.")
        return self._networks[name]

    def region(self, of: Opened, place: asked.Place, frames: list[int]) -> Region:
        """The pixels that a place means in these frames."""
        layer = next(iter(of.layers.values()))
        if place.instance is not None:
            if of.regions is None:
                raise InputError(f"The video of {of.source.name} has no masks: choose a pixel or a box.")
            return of_instance(place.instance, of.regions, layer, of.size, frames)
        if place.box is not None:
            return region.of_box(place.box, of.size, frames)
        if place.pixel is not None:
            return region.of_pixel(place.pixel, of.size, frames)
        return region.whole(of.size, frames)

    def _known(self, _: asked.Networks) -> Answer:
        known = [{key: getattr(one, key) for key in ("name", "video", "model", "seed")} for one in self.sources]
        steps = np.linspace(0, 1, 256)[None]
        colours = {"magnitude": style.colour(steps)[0], "signed": style.colour(steps, style.SIGNED)[0]}
        palette = [[round(255 * part) for part in one] for one in style.palette(10)]
        return Answer({"networks": known, "first": first_of(self.sources).name, "palette": palette}, colours)

    def _network(self, question: asked.OfNetwork) -> Answer:
        of = self.network(question.network)
        layers = []
        for name, layer in of.layers.items():
            record = layer.attrs["xinc"]
            layers.append({"name": name, "neurons": layer.sizes["neuron"], "granularity": record["granularity"]})
        points = of.clusters
        return Answer(
            {
                "network": of.source.name,
                "architecture": next(iter(of.layers.values())).attrs["xinc"]["architecture"],
                "layers": layers,
                "frames": of.frames,
                "height": of.size[0],
                "width": of.size[1],
                "shared_weights": of.shared_weights,
                "video": of.video is not None,
                "model": of.has_model,
                "overview": of.overview is not None,
                "instances": of.instances,
                "clusters": [] if points is None else sorted({str(name) for name in points["point_layer"].values}),
                "faithfulness": of.faithfulness,
                "gains": of.has_model or any(layer.attrs["xinc"]["gain"] == "kept" for layer in of.layers.values()),
            }
        )

    def _picture(self, question: asked.Picture) -> Answer:
        of, frame = self.network(question.network), question.frame
        if question.what == "video":
            return Answer({}, {"image": _bytes(of.source_frame(frame))})
        found = of.reconstruction(frame)
        if question.what == "reconstruction":
            return Answer({}, {"image": _bytes(found)})
        difference = np.square(found.astype(np.float64) - of.source_frame(frame)).mean(-1)
        error, top = scaled(np.sqrt(difference), 32767)
        return Answer({"scale": top, "psnr": -10 * np.log10(max(difference.mean(), 1e-20))}, {"error": error})

    def _labels(self, question: asked.Labels) -> Answer:
        of = self.network(question.network)
        if of.regions is None:
            raise InputError(f"The video of {of.source.name} has no masks.")
        if of.frame(question.frame) not in of.regions["frame"]:
            raise InputError(f"There are no masks of frame {question.frame}.")
        labels = of.regions["instances"].sel(frame=question.frame).values
        there = sorted(int(one) for one in np.unique(labels) if one >= 0)
        return Answer({"names": of.instances, "there": there}, {"labels": (labels + 1).astype(np.uint16)})

    def _heat(self, question: asked.Heat) -> Answer:
        of = self.network(question.network)
        found = of.heat(question.layer, question.frame, np.inf if question.compute else AT_ONCE)
        if isinstance(found, float):
            return Answer({"seconds": found})
        values, top = scaled(found, 32767)
        return Answer({"scale": top}, {"heat": values})

    def _rank(self, question: asked.Rank) -> Answer:
        of, by = self.network(question.network), question.by
        where = self.region(of, question.place, [of.frame(question.frame)])
        if by != "contribution":
            import_the_rest()
        together = by != "contribution" and question.everywhere
        names = list(of.layers) if together else [question.layer]
        layers = {name: of.gained(name) if by == "gained" else of.layer(name) for name in names}
        canvas = next(iter(layers.values())) if len(layers) == 1 else xr.DataTree.from_dict(layers)
        listed = sum(layer.sizes["neuron"] for layer in layers.values())
        about = {"region": str(self.region(of, question.place, where.frames)), "pixels": where.parts[0].area}
        about |= {"of": listed}
        subject, asking = self._thread.asked

        def first(table: pd.DataFrame) -> None:
            if subject:
                self._estimates[subject] = {**about, **_listed(table), "question": asking}

        table = top_neurons(
            canvas,
            mask=where.masks(),
            frames=where.frames,
            by=by,
            count=question.count,
            model=of.model if by in ("effect", "blame") else None,
            video=None if by != "blame" else _required(of),
            first=first,
        )
        return Answer({**about, **_listed(table)})

    def _map(self, question: asked.Map) -> Answer:
        of = self.network(question.network)
        layer = of.gained(question.layer) if question.gained else of.layer(question.layer)
        position = of.frames.index(of.frame(question.frame))
        number = _neuron(layer, question.neuron, question.layer)
        found = layer["contribution"].isel(frame=position, neuron=number)
        values, top = scaled(found.values, 32767)
        about = {name: int(found[name]) for name in ("in_channel", "out_channel") if name in found.coords}
        total = float(np.abs(found.values.astype(np.float64)).sum())
        return Answer({"scale": top, "total": total, **about}, {"map": values})

    def _thumbnails(self, question: asked.Thumbnails) -> Answer:
        of = self.network(question.network)
        layer = of.gained(question.layer) if question.gained else of.layer(question.layer)
        numbers = [_neuron(layer, one, question.layer) for one in question.neurons]
        if not numbers:
            return Answer({}, {"maps": np.zeros((0, 1, 1), np.int8), "scales": np.zeros(0, np.float32)})
        position = of.frames.index(of.frame(question.frame))
        distinct, where = np.unique(numbers, return_inverse=True)
        found = layer["contribution"].isel(frame=position, neuron=distinct).values
        small = _smaller(found if question.signed else np.abs(found), question.width)
        each = [scaled(one, 127) for one in small]
        maps = np.stack([values for values, _ in each])[where]
        return Answer({}, {"maps": maps, "scales": np.array([top for _, top in each], np.float32)[where]})

    def _course(self, question: asked.Course) -> Answer:
        """Σ|C| and ΣC over the region in each frame; null in frames in which it has no pixels."""
        of = self.network(question.network)
        if not of.shared_weights:
            return Answer({"reason": "Each frame has a network of its own, with other neurons.", "frames": []})
        layer = of.gained(question.layer) if question.gained else of.layer(question.layer)
        number = _neuron(layer, question.neuron, question.layer)
        where = self.region(of, question.place, of.frames)
        maps = layer["contribution"].isel(neuron=number)
        magnitude, signed, pixels = (np.full(len(of.frames), np.nan) for _ in range(3))
        start = time.perf_counter()
        for done, part in enumerate(where.parts):
            spent = time.perf_counter() - start
            if done and spent > TRIED and not question.compute and spent / done * len(where.parts) > 2 * TRIED:
                return Answer({"seconds": spent / done * len(where.parts), "frames": of.frames})
            y0, y1, x0, x1 = part.window
            at = of.frames.index(part.frame)
            values = maps.isel(frame=at, y=slice(y0, y1), x=slice(x0, x1)).values[part.inside].astype(np.float64)
            magnitude[at], signed[at], pixels[at] = np.abs(values).sum(), values.sum(), values.size
        return Answer({"frames": of.frames, "magnitude": magnitude, "signed": signed, "pixels": pixels})

    def _points(self, question: asked.Points) -> Answer:
        of, found = self.network(question.network), self.network(question.network).clusters
        if found is None:
            raise InputError(f"There is no layout of the neurons of {of.source.name}: add clusters: {{}} to analyses.")
        there = np.unique(found["point_frame"].values)
        nearest_frame = int(there[np.abs(there - question.frame).argmin()])
        chosen = (found["point_layer"].values == question.layer) & (found["point_frame"].values == nearest_frame)
        at = np.flatnonzero(chosen)
        seeds = found["point_seed"].values[at]
        return Answer(
            {"frame": nearest_frame, "seed": of.source.seed, "clusters": int(found.sizes["cluster"])},
            {
                "place": found["umap"].values[at].astype(np.float32),
                "neuron": found["point_neuron"].values[at].astype(np.int32),
                "cluster": found["point_cluster"].values[at].astype(np.int32),
                "own": (seeds == int(of.source.seed or 0)).astype(np.uint8),
            },
        )

    def _match(self, question: asked.Match) -> Answer:
        one, other = self.network(question.network), self.network(question.other)
        if one.size != other.size:
            raise InputError(f"{one.source.name} and {other.source.name} have maps of different sizes.")
        frame = other.frame(one.frame(question.frame))
        layer = one.layer(question.layer)
        number = _neuron(layer, question.neuron, question.layer)
        found = self._grids.nearest(
            (one.source.name, question.layer, layer),
            (other.source.name, question.other_layer, other.layer(question.other_layer)),
            frame,
            number,
        )
        if found is None:
            return Answer({"neuron": None, "similarity": None})
        partner, similarity = found
        return Answer(
            {"neuron": int(other.layer(question.other_layer)["neuron"].values[partner]), "similarity": similarity}
        )

    def _lines(self, question: asked.Lines) -> Answer:
        return Answer({"text": lines_of(question, self.network(question.network))})


def _listed(table: pd.DataFrame) -> dict[str, Any]:
    """A ranking by column, with how much of the whole it covers."""
    columns = {str(name): values.tolist() for name, values in table.items()}
    covered = columns["cumulative"][-1] if columns.get("cumulative") else None
    said = {"covered": covered, "verdict": table.attrs.get("verdict", ""), "columns": table.attrs.get("columns", {})}
    return {**said, **{name: columns.get(name, []) for name in (*columns, "neuron")}}


def _required(of: Opened) -> xr.Dataset:
    """The video, for errors."""
    if of.video is None:
        raise InputError(f"Blame needs the video of {of.source.name}, and there is none: give it as video=.")
    return of.video


def _bytes(image: np.ndarray) -> np.ndarray:
    """Colours in [0, 1] as uint8."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _neuron(layer: xr.Dataset, number: int, name: str) -> int:
    """The position of a neuron by its number; `InputError` for one that the layer does not have."""
    known = layer["neuron"].values
    at = int(np.searchsorted(known, number))
    if at == len(known) or known[at] != number:
        raise InputError(f"Layer '{name}' has no neuron {number}: it has {known[0]} to {known[-1]}.")
    return at


def _smaller(maps: np.ndarray, width: int) -> np.ndarray:
    """Means over square blocks of pixels of maps (n, y, x), so that they are at most so many pixels wide."""
    side = max(1, -(-maps.shape[2] // width))
    if side == 1:
        return maps
    rows, columns = -(-maps.shape[1] // side), -(-maps.shape[2] // side)
    beyond = ((0, 0), (0, rows * side - maps.shape[1]), (0, columns * side - maps.shape[2]))
    padded = np.pad(maps, beyond, mode="edge")  # blocks at the edge hold fewer pixels
    return np.asarray(padded.reshape(-1, rows, side, columns, side).mean((2, 4), dtype=np.float32))

"""Which jobs an experiment consists of, and what the result of each depends on.

A job's ``spec`` is one dictionary of plain builtins: the settings that it uses, the digest of the library source that
does its work, and the digests of the specs of the jobs before it. The workflow keeps it with the result; where it
differs, the result is made again. Nothing else is in it: no paths but those the user wrote, no times, no order.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.config import Config
from xinc.models import architectures
from xinc.provenance import digest, source_digest
from xinc.video.sources import source_files

Spec = dict[str, Any]


class Plan:
    """The jobs of a validated configuration.

    Parameters
    ----------
    config : the configuration.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def videos(self) -> list[str]:
        return sorted(self.config.videos)

    @property
    def models(self) -> list[str]:
        return sorted(self.config.file.models)

    @property
    def seeds(self) -> list[int]:
        return sorted(self.config.file.seeds)

    @property
    def analyses(self) -> list[str]:
        return sorted(self.config.analyses)

    def layers(self, model: str) -> list[str]:
        """Layers of a model of which the canvas is kept, in network order."""
        return self.config.layers(model)

    def dense_layers(self, model: str) -> list[str]:
        """Layers of a model that are written out densely beside the canvas."""
        return self.config.dense_layers(model)

    def needs(self, analysis: str) -> frozenset[str]:
        """What an analysis uses beside the video: ``model``, ``canvas``."""
        return self._analysis(analysis).needs

    def threads(self, model: str) -> int:
        """CPU threads of a model's training."""
        return self.config.file.models[model].training.threads

    def gpus(self, model: str, job: str) -> int:
        """GPUs that a model's ``train`` or ``canvas`` job uses: one if its device is cuda, or auto and there is one."""
        import torch

        section = self.config.file.models[model].training if job == "train" else self.config.canvases[model]
        device = section.device
        return int(device == "cuda" or (device == "auto" and torch.cuda.is_available()))

    def video_files(self, video: str) -> list[str]:
        """The user's files that a video is made from."""
        return source_files(self.config.videos[video])

    def video_spec(self, video: str) -> Spec:
        return _spec(self.config.videos[video].model_dump(mode="json"), ["xinc.video.store"])

    def video_figure_spec(self, video: str) -> Spec:
        return _spec({"name": video}, ["xinc.video.figure", "xinc.figures"], self.video_spec(video))

    def train_spec(self, video: str, model: str, seed: int) -> Spec:
        chosen = self.config.file.models[model]
        settings = {
            "architecture": chosen.architecture,
            "settings": self.config.architectures[model].model_dump(mode="json"),
            "frames": _plain(chosen.frames),
            "training": chosen.training.model_dump(mode="json"),
            "seed": int(seed),
            "label": f"train {video} {model} seed{seed}",
        }
        return _spec(settings, ["xinc.training.run", self._model_module(model)], self.video_spec(video))

    def canvas_spec(self, video: str, model: str, seed: int, layer: str) -> Spec:
        canvas = self.config.canvases[model].model_dump(mode="json", exclude={"layers"})
        if isinstance(canvas["layout"], dict):
            canvas["layout"] = canvas["layout"].get(layer, "auto")
        source = ["xinc.canvas.writer", "xinc.models.checkpoints", self._model_module(model)]
        return _spec({"layer": layer, "canvas": canvas}, source, self.train_spec(video, model, seed))

    def materialise_spec(self, video: str, model: str, seed: int, layer: str) -> Spec:
        settings = self.config.file.materialise[model].model_dump(mode="json", exclude={"layers"})
        return _spec(settings, ["xinc.canvas.materialise"], self.canvas_spec(video, model, seed, layer))

    def analysis_spec(self, video: str, model: str, seed: int, analysis: str) -> Spec:
        cls = self._analysis(analysis)
        before = [self.video_spec(video)]
        source = ["xinc.analyses.run", cls.__module__]
        if "model" in cls.needs:
            before.append(self.train_spec(video, model, seed))
            source += ["xinc.models.checkpoints", self._model_module(model)]
        if "canvas" in cls.needs:
            before += [self.canvas_spec(video, model, seed, layer) for layer in self.layers(model)]
            source.append("xinc.canvas.reader")
        settings = {"analysis": analysis, "settings": self._settings(analysis, without=cls.figure_settings)}
        return _spec(settings, source, *before, entry={cls.__module__: ("compute", "table")})

    def figure_spec(self, video: str, model: str, seed: int, analysis: str) -> Spec:
        cls = self._analysis(analysis)
        settings = {
            "analysis": analysis,
            "settings": self.config.analyses[analysis],
            "question": cls.question,
            "section": cls.section,
            "caption": cls.caption(),
        }
        source = ["xinc.figures", "xinc.analyses.run", cls.__module__]
        before = self.analysis_spec(video, model, seed, analysis)
        return _spec(settings, source, before, entry={cls.__module__: ("plot", "animate", "caption")})

    def category(self, analysis: str) -> str:
        """Heading of an analysis in the report, numbered in reading order."""
        order = ["quality", "maps", *(name for name in self.analyses if name not in ("quality", "maps"))]
        titles = {"quality": "Reconstructions (quality)", "maps": "Canvases (maps)"}
        return f"{order.index(analysis) + 2}. {titles.get(analysis, f'Analysis: {analysis}')}"

    def _settings(self, analysis: str, without: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self.config.analyses[analysis].items() if name not in without}

    def _analysis(self, name: str) -> type[Analysis]:
        return analyses[name]

    def _model_module(self, model: str) -> str:
        return str(architectures[self.config.file.models[model].architecture].__module__)

    @cached_property
    def triples(self) -> list[tuple[str, str, int]]:
        """Every (video, model, seed)."""
        return [(v, m, s) for v in self.videos for m in self.models for s in self.seeds]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _spec(
    settings: dict[str, Any], source: list[str], *before: Spec, entry: dict[str, tuple[str, ...]] | None = None
) -> Spec:
    return {
        "settings": settings,
        "source": source_digest(source, entry),
        "upstream": [digest(spec) for spec in before],
    }

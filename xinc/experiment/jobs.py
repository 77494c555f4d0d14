"""The jobs of an experiment: which results a configuration asks for, and of what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.experiment.config import Config
from xinc.experiment.pairs import Pair
from xinc.experiment.paths import Made, figure_path, path_of, result_path
from xinc.experiment.report.names import READ, title_of
from xinc.models.templates import filled
from xinc.runtime.devices import has_gpu
from xinc.training.settings import UNSEEN
from xinc.video.sources import source_files


class Jobs:
    """The jobs of a validated configuration, and what the rules of the workflow ask about them.

    Parameters
    ----------
    config : the configuration.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._classes: dict[str, type[Analysis]] = {}  # the registry looks for entry points each time

    def jobs(self) -> Iterator[Made]:
        """Every job of the experiment: its rule and its wildcards; of the part of it that the configuration names."""
        for video in [] if self.only_project else self.videos:
            yield Made("video", {"video": video})
            yield Made("video_figure", {"video": video})
            if self.uses_regions:
                yield Made("regions", {"video": video})
                yield Made("regions_figure", {"video": video})
            if any("flow" in self.needs(name) for name in self.analyses):
                yield Made("flow", {"video": video})
        for video, model, seed in [] if self.only_project else self.networks():
            own = {"video": video, "model": model, "seed": str(seed)}
            yield Made("train", own)
            yield Made("canvas", own)
            # Only of networks that the configuration asks for itself.
            for layer in self.dense_layers(model) if (video, model, seed) in self.triples else []:
                yield Made("materialise", own | {"layer": layer})
        for analysis, video, model, of_seed in [] if self.only_project else self.runs():
            named = {"analysis": analysis, "video": video, "model": model}
            scope = "_of_seeds" if of_seed is None else ""
            for rule in ("analysis", "figure"):
                yield Made(f"{rule}{scope}", named if of_seed is None else named | {"seed": str(of_seed)})
        for analysis, pair in [] if self.only_project else self.pairs():
            of = {name: str(value) for name, value in pair._asdict().items()}
            for rule in ("analysis", "figure"):
                yield Made(f"{rule}_of_pair", {"analysis": analysis, **of})
        for analysis in self.analyses_of("project"):
            for rule in ("analysis", "figure"):
                yield Made(f"{rule}_of_project", {"analysis": analysis})
        if self.reports:
            yield Made("report", {})

    def networks(self) -> list[tuple[str, str, int]]:
        """Every (video, model, seed) that has a network, also where only analyses of seeds or of pairs need it."""
        found = set(self.triples)
        for analysis in self.analyses_of("seeds"):
            for video in self.videos:
                for model in self.models:
                    found |= {(video, model, seed) for seed in self.seeds_of(analysis, video, model)}
        for _, pair in self.pairs():
            found |= {(pair.video, pair.model, pair.seed), (pair.video, pair.other, pair.other_seed)}
        return sorted(found)

    def pairs(self) -> list[tuple[str, Pair]]:
        """Every result of two networks: (analysis, pair)."""
        return [(name, pair) for name in self.analyses_of("pair") for pair in self.config.pairs_of(name)]

    @cached_property
    def videos(self) -> list[str]:
        return sorted(self.config.videos)

    @cached_property
    def models(self) -> list[str]:
        return sorted(self.config.file.models)

    @property
    def seeds(self) -> list[int]:
        """Seeds of any network."""
        return sorted({seed for _, _, seed in self.triples})

    @cached_property
    def analyses(self) -> list[str]:
        return sorted(self.config.analyses)

    def layers(self, model: str) -> list[str]:
        """Layers kept in a model's canvas, in network order."""
        return self.config.layers(model)

    def dense_layers(self, model: str) -> list[str]:
        """Layers of a model that are written out densely beside the canvas."""
        return self.config.dense_layers(model)

    def needs(self, analysis: str) -> frozenset[str]:
        """What an analysis uses beside the video: ``model``, ``canvas``."""
        return self._analysis(analysis).needs

    def unseen(self, model: str) -> dict[str, Any]:
        """Settings of a model's training that nothing shows of in the result, and that are not in its spec."""
        return self.config.file.models[model].training.model_dump(mode="json", include=UNSEEN)

    def threads(self, model: str) -> int:
        """CPU threads of a model's training."""
        return self.config.file.models[model].training.threads

    def gpus(self, model: str, job: str) -> int:
        """GPUs that a model's ``train`` or ``canvas`` job uses: one if its device is cuda, or auto and there is one."""
        section = self.config.file.models[model].training if job == "train" else self.config.canvases[model]
        device = section.device
        return int(device == "cuda" or (device == "auto" and has_gpu()))

    @property
    def uses_regions(self) -> bool:
        """Whether any analysis looks at regions."""
        return any("regions" in self._analysis(name).needs for name in self.analyses)

    def is_trained(self, model: str) -> bool:
        """Whether a model's networks are trained here, rather than imported or made by a module."""
        return self.config.file.models[model].trained

    def is_imported(self, model: str) -> bool:
        """Whether a model's networks are existing checkpoints."""
        return self.config.file.models[model].import_ is not None

    def module_of(self, model: str) -> str:
        """The function that makes a model's networks, as the configuration declares it; empty for others."""
        return self.config.file.models[model].module or ""

    def video_files(self, video: str) -> list[str]:
        """The user's files that a video is made from."""
        return source_files(self.config.videos[video])

    def checkpoint_files(self, video: str, model: str, seed: int) -> list[str]:
        """The user's files that a network is made from, which is imported or has a checkpoint."""
        chosen = self.config.file.models[model]
        if chosen.import_ is None:
            return [] if chosen.checkpoint is None else [filled(chosen.checkpoint, video, int(seed))]
        from xinc.models.importing import checkpoint_files

        count = self.config.count(video)
        return checkpoint_files(str(chosen.import_), chosen.hints, chosen.frames, video, int(seed), count)

    def caption(self, analysis: str) -> str:
        """What the report says under the figures of an analysis."""
        return self._analysis(analysis).caption()

    def category(self, analysis: str) -> str:
        """Heading of an analysis in the report, which sorts headings: analyses by their section of the paper.

        Snakemake makes a target of a link of each heading: no colon, and no two with the same words before a dot.
        """
        titles = {
            "findings": "0. Findings",
            "dataset": "1. Videos",
            "quality": "2. Reconstructions",
            "maps": "3. Canvases",
        }
        return titles.get(analysis) or f"{self._analysis(analysis).section} {title_of(analysis)}"

    def runs(self) -> list[tuple[str, str, str, int | None]]:
        """Every result of a network or of seeds: (analysis, video, model, seed or None)."""
        found: list[tuple[str, str, str, int | None]] = []
        for analysis in self.analyses_of("network"):
            found += [(analysis, *run) for run in self.triples if self.applies(analysis, run[0], run[1])]
        for analysis in self.analyses_of("seeds"):
            found += [(analysis, video, model, None) for video in self.videos for model in self.models]
        return found

    def applies(self, analysis: str, video: str, model: str) -> bool:
        """Whether an analysis has anything to look at: no objects without masks, no change from network to network.

        Nor what other architectures have.
        """
        cls = self._analysis(analysis)
        if cls.annotated_only and not self.config.has_masks(video):
            return False
        if cls.architectures is not None and self.config.architecture(model) not in cls.architectures:
            return False
        return not (cls.across_frames and self.config.per_frame(model, video))

    @property
    def reports(self) -> bool:
        """Whether there is a report: of all of the experiment, not of a part of its videos."""
        return self.config.file.part in (None, "project")

    def reported(self) -> tuple[list[str], list[str]]:
        """What the report shows: the paths of all figures, and of the results that it reads itself."""
        runs = [*self.runs(), *((analysis, "", "", None) for analysis in self.analyses_of("project"))]
        figures = [path_of("video_figure", video=video) for video in self.videos]
        figures += [path_of("regions_figure", video=video) for video in self.videos if self.uses_regions]
        figures += [figure_path(*run) for run in runs]
        figures += [figure_path(analysis, *pair) for analysis, pair in self.pairs()]
        return figures, [result_path(*run) for run in runs if run[0] in READ]

    def quoted(self, analysis: str, video: str, model: str) -> list[str]:
        """Names of the configured analyses whose results the figures of an analysis of a network quote."""
        wanted = self._analysis(analysis).figure_quotes
        return [name for name in self.analyses_of("network") if name in wanted and self.applies(name, video, model)]

    def evidence(self, analysis: str) -> list[str]:
        """Names of the configured analyses whose results an analysis of the project builds on."""
        uses = self._analysis(analysis).uses
        return [
            n
            for n in self.analyses
            if self._analysis(n).scope not in ("pair", "project") and (uses is None or n in uses)
        ]

    def runs_before(self, analysis: str) -> list[tuple[str, str, str, int | None]]:
        """Of `runs`, those that an analysis of the project builds on."""
        names = self.evidence(analysis)
        return [run for run in self.runs() if run[0] in names]

    def analyses_of(self, scope: str) -> list[str]:
        """Names of the configured analyses of this scope; of the project none where there is only a part of it."""
        if scope == "project" and self.config.file.part not in (None, "project"):
            return []
        return self._by_scope.get(scope, [])

    @cached_property
    def _by_scope(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.analyses:
            found.setdefault(self._analysis(name).scope, []).append(name)
        return found

    def seeds_of(self, analysis: str, video: str, model: str) -> list[int]:
        """Seeds of a model that an analysis of seeds compares on a video."""
        return self.config.seeds_of(analysis, video, model)

    @property
    def only_project(self) -> bool:
        """Whether everything but the analyses of the project is used as it exists."""
        return self.config.file.part == "project"

    def _analysis(self, name: str) -> type[Analysis]:
        if name not in self._classes:
            self._classes[name] = analyses[name]
        return self._classes[name]

    @cached_property
    def triples(self) -> list[tuple[str, str, int]]:
        """Every (video, model, seed)."""
        return [(v, m, s) for v in self.videos for m in self.models for s in self.config.seeds(m, v)]

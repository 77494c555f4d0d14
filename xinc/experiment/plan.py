"""Which jobs an experiment consists of, and what the result of each depends on.

A job's ``spec`` is one dictionary of plain builtins: the settings that it uses, the digest of the library source that
does its work, and the digests of the specs of the jobs before it. The workflow keeps it with the result; where it
differs, the result is made again. Nothing else is in it: no paths but those the user wrote, no times, no order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.experiment.config import Config
from xinc.experiment.input_digests import Contents, check_readable
from xinc.experiment.provenance import Part, digest, source_digest
from xinc.experiment.report import title_of
from xinc.models import architectures
from xinc.runtime.devices import has_gpu
from xinc.training.settings import UNSEEN
from xinc.video.sources import source_files

#: Where analyses are run and drawn, and what they look at: of these modules a job uses a part.
RUN, SUBJECT = "xinc.analyses.run", "xinc.analyses.subject"
#: The parts of a subject.
PARTS = ("video", "regions", "flow", "canvas", "model", "history")
#: What an analysis does, in three kinds of jobs.
COMPUTING, DRAWING, CLAIMED = ("compute", "table"), ("plot", "animate", "pages"), ("claims",)


class Spec(dict[str, Any]):
    """What a job's result depends on. Where Snakemake shows it to people, in the report and in logs, it is a digest.

    Snakemake compares its ``repr``, which is that of the dictionary, and hands a plain dictionary to scripts. Nobody
    changes one: its digest is found once for all the jobs that follow.
    """

    def __str__(self) -> str:
        return self.digest

    @cached_property
    def digest(self) -> str:
        return digest(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


Method = TypeVar("Method", bound=Callable[..., Spec])


def _once(method: Method) -> Method:
    """Keep the specs that a method of a plan made, by its arguments: each is asked for by every job that follows."""

    @wraps(method)
    def kept(self: Plan, *arguments: str | int) -> Spec:
        key = (method.__name__, *map(str, arguments))
        if key not in self._specs:
            self._specs[key] = method(self, *arguments)
        return self._specs[key]

    return cast(Method, kept)


class Plan:
    """The jobs of a validated configuration.

    Parameters
    ----------
    config : the configuration.
    kept : a folder for what is known of the user's files, so that they are not read at every start (default: none).
    scripts : the folder of the jobs' scripts, whose code counts too (default: none).
    """

    def __init__(self, config: Config, kept: Path | None = None, scripts: Path | None = None) -> None:
        self.config = config
        self._scripts = scripts
        self._contents = Contents(kept)
        self._specs: dict[tuple[str, ...], Spec] = {}

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
        section = self.config.file.models[model].training if job == "train" else self.config.canvases[model]
        device = section.device
        return int(device == "cuda" or (device == "auto" and has_gpu()))

    def check_files(self) -> None:
        """Look at every file of the user's, before Snakemake meets one that it cannot read with a traceback.

        Raises
        ------
        InputError : see `xinc.experiment.input_digests.check_readable`.
        """
        for video in self.videos:
            check_readable(self.video_files(video))

    def video_files(self, video: str) -> list[str]:
        """The user's files that a video is made from."""
        return source_files(self.config.videos[video])

    @_once
    def video_spec(self, video: str) -> Spec:
        """Files count by their content: another one makes everything of the video again, a touched one nothing."""
        settings = {
            "video": self.config.videos[video].model_dump(mode="json"),
            "files": self._contents.digests(f"video-{video}", self.video_files(video)),
        }
        return self._spec("video", settings, ["xinc.video.prepare"])

    def video_figure_spec(self, video: str) -> Spec:
        source = ["xinc.video.figures.video", "xinc.plotting.layout"]
        return self._spec("video_figure", {"name": video}, source, self.video_spec(video))

    @_once
    def regions_spec(self, video: str) -> Spec:
        settings = self.config.file.regions.model_dump(mode="json")
        return self._spec("regions", settings, ["xinc.video.regions"], self.video_spec(video))

    def regions_figure_spec(self, video: str) -> Spec:
        source = ["xinc.video.figures.regions", "xinc.plotting.layout"]
        return self._spec("regions_figure", {"name": video}, source, self.regions_spec(video))

    @property
    def uses_regions(self) -> bool:
        """Whether any analysis looks at regions."""
        return any("regions" in self._analysis(name).needs for name in self.analyses)

    @_once
    def flow_spec(self, video: str) -> Spec:
        settings = self.config.file.flow.model_dump(mode="json")
        return self._spec("flow", settings, ["xinc.video.flow"], self.video_spec(video))

    def is_imported(self, model: str) -> bool:
        """Whether a model's networks are existing checkpoints, rather than trained here."""
        return model in self.config.imports

    def checkpoint_files(self, video: str, model: str, seed: int) -> list[str]:
        """The user's files that an imported network is made from."""
        from xinc.models.imports.run import checkpoint_files

        chosen = self.config.file.models[model]
        count = self.config.count(video)
        return checkpoint_files(str(chosen.import_), chosen.hints, chosen.frames, video, int(seed), count)

    @_once
    def train_spec(self, video: str, model: str, seed: int) -> Spec:
        """Of the job that makes a network, by training or by importing it."""
        if self.is_imported(model):
            return self._import_spec(video, model, seed)
        chosen = self.config.file.models[model]
        settings = {
            "architecture": chosen.architecture,
            "settings": self.config.architectures[model].model_dump(mode="json"),
            "frames": _plain(chosen.frames),
            "training": chosen.training.model_dump(mode="json", exclude=UNSEEN),
            "seed": int(seed),
            "label": f"train {video} {model} seed{seed}",
        }
        source = ["xinc.training.run", self._model_module(model)]
        return self._spec("train", settings, source, self.video_spec(video))

    def _import_spec(self, video: str, model: str, seed: int) -> Spec:
        """Files count by their content, as those of videos."""
        from xinc.models.imports.unpickling import check_file

        chosen = self.config.file.models[model]
        files = self.checkpoint_files(video, model, seed)
        for file in files:
            check_file(file)
        settings = {
            "path": chosen.import_,
            "hints": dict(chosen.hints),
            "trust": chosen.trust,
            "frames": _plain(chosen.frames),
            "video": video,
            "seed": int(seed),
            "files": dict(zip(files, self._contents.digests(f"import-{video}-{model}-{seed}", files), strict=True)),
        }
        source = ["xinc.models.imports.run", self._model_module(model)]
        return self._spec("import_model", settings, source, self.video_spec(video))

    @_once
    def canvas_spec(self, video: str, model: str, seed: int, layer: str) -> Spec:
        canvas = self.config.canvases[model].model_dump(mode="json", exclude={"layers"})
        if isinstance(canvas["layout"], dict):
            canvas["layout"] = canvas["layout"].get(layer, "auto")
        source = ["xinc.canvas.writer", self._model_module(model)]
        return self._spec("canvas", {"layer": layer, "canvas": canvas}, source, self.train_spec(video, model, seed))

    def materialise_spec(self, video: str, model: str, seed: int, layer: str) -> Spec:
        settings = self.config.file.materialise[model].model_dump(mode="json", exclude={"layers"})
        before = self.canvas_spec(video, model, seed, layer)
        return self._spec("materialise", settings, ["xinc.canvas.materialise"], before)

    @_once
    def analysis_spec(self, video: str, model: str, seed: int, analysis: str) -> Spec:
        """Of an analysis of one network."""
        return self._analysis_spec(analysis, self._sources(video, model, [seed], analysis), [model])

    @_once
    def seeds_spec(self, video: str, model: str, analysis: str) -> Spec:
        """Of an analysis of a model's seeds together."""
        return self._analysis_spec(
            analysis, self._sources(video, model, self.seeds_of(analysis, video, model), analysis), [model]
        )

    @_once
    def project_spec(self, analysis: str) -> Spec:
        """Of an analysis of all results together."""
        before = [self.video_spec(video) for video in self.videos]
        before += [self._spec_of(*run) for run in self.runs_before(analysis)]
        return self._analysis_spec(analysis, before, [])

    def figure_spec(self, analysis: str, video: str = "", model: str = "", seed: int | None = None) -> Spec:
        """Of the figures of an analysis, whatever its scope."""
        cls = self._analysis(analysis)
        settings = {
            "analysis": analysis,
            "settings": self.config.analyses[analysis],
            "question": cls.question,
            "section": cls.section,
        }
        parts = {
            cls.__module__: Part(DRAWING, (*COMPUTING, *CLAIMED)),
            RUN: Part(("draw_figures",), ("run_analysis", "subject_from")),
            SUBJECT: Part((), PARTS),
        }
        before = self._spec_of(analysis, video, model, seed)
        return self._spec("figure", settings, [RUN, cls.__module__], before, parts=parts)

    def caption(self, analysis: str) -> str:
        """What the report says under the figures of an analysis."""
        return self._analysis(analysis).caption()

    def runs(self) -> list[tuple[str, str, str, int | None]]:
        """Every result of a network or of seeds: (analysis, video, model, seed or None)."""
        found: list[tuple[str, str, str, int | None]] = []
        for analysis in self.analyses_of("network"):
            found += [(analysis, *run) for run in self.triples if self.applies(analysis, run[0], run[1])]
        for analysis in self.analyses_of("seeds"):
            found += [(analysis, video, model, None) for video in self.videos for model in self.models]
        return found

    def applies(self, analysis: str, video: str, model: str) -> bool:
        """Whether an analysis has anything to look at: no objects without masks, no change from network to network."""
        cls = self._analysis(analysis)
        if cls.annotated_only and not self.config.has_masks(video):
            return False
        return not (cls.across_frames and architectures[self.config.file.models[model].architecture].per_frame)

    def evidence(self, analysis: str) -> list[str]:
        """Names of the configured analyses whose results an analysis of the project builds on."""
        uses = self._analysis(analysis).uses
        return [n for n in self.analyses if self._analysis(n).scope != "project" and (uses is None or n in uses)]

    def runs_before(self, analysis: str) -> list[tuple[str, str, str, int | None]]:
        """Of `runs`, those that an analysis of the project builds on."""
        names = self.evidence(analysis)
        return [run for run in self.runs() if run[0] in names]

    def analyses_of(self, scope: str) -> list[str]:
        """Names of the configured analyses of this scope; of the project none where there is only a part of it."""
        if scope == "project" and self.config.file.part not in (None, "project"):
            return []
        return [name for name in self.analyses if self._analysis(name).scope == scope]

    def seeds_of(self, analysis: str, video: str, model: str) -> list[int]:
        """Seeds of a model that an analysis of seeds compares on a video."""
        return self.config.seeds_of(analysis, video, model)

    @property
    def only_project(self) -> bool:
        """Whether all but analyses of the project is taken as it is."""
        return self.config.file.part == "project"

    def _spec_of(self, analysis: str, video: str, model: str, seed: int | None) -> Spec:
        scope = self._analysis(analysis).scope
        if scope == "project":
            return self.project_spec(analysis)
        if scope == "seeds" or seed is None:
            return self.seeds_spec(video, model, analysis)
        return self.analysis_spec(video, model, seed, analysis)

    def _sources(self, video: str, model: str, seeds: list[int], analysis: str) -> list[Spec]:
        """Specs of what an analysis of networks reads."""
        needs = self._analysis(analysis).needs
        before = [self.video_spec(video)]
        before += [self.regions_spec(video)] if "regions" in needs else []
        before += [self.flow_spec(video)] if "flow" in needs else []
        for seed in seeds:
            if "model" in needs:
                before.append(self.train_spec(video, model, seed))
            if "canvas" in needs:
                before += [self.canvas_spec(video, model, seed, layer) for layer in self.layers(model)]
        return before

    def _analysis_spec(self, analysis: str, before: list[Spec], models: list[str]) -> Spec:
        cls = self._analysis(analysis)
        source = [RUN, cls.__module__]
        opened = {"video", *cls.needs} if models else set()
        if "model" in cls.needs:
            source += [self._model_module(model) for model in models]
            opened.add("history")
        if cls.scope == "project":
            source += [self._analysis(name).__module__ for name in self.evidence(analysis)]
        settings = {"analysis": analysis, "settings": self._settings(analysis, without=cls.figure_settings)}
        parts = {
            cls.__module__: Part(COMPUTING, (*DRAWING, *CLAIMED)),
            RUN: Part(("run_analysis", "subject_from"), ("draw_figures",)),
            SUBJECT: Part(tuple(opened), tuple(set(PARTS) - opened)),
        }
        for name in [] if models else self.evidence(analysis):
            parts[self._analysis(name).__module__] = Part(CLAIMED, (*COMPUTING, *DRAWING))
        return self._spec("analysis", settings, source, *before, parts=parts)

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

    def _spec(
        self,
        script: str,
        settings: dict[str, Any],
        source: list[str],
        *before: Spec,
        parts: dict[str, Part] | None = None,
    ) -> Spec:
        scripts = [] if self._scripts is None else [self._scripts / f"{script}.py"]
        upstream = [spec.digest for spec in before]
        return Spec(settings=settings, source=source_digest(source, parts, scripts), upstream=upstream)

    def _settings(self, analysis: str, without: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self.config.analyses[analysis].items() if name not in without}

    def _analysis(self, name: str) -> type[Analysis]:
        return analyses[name]

    def _model_module(self, model: str) -> str:
        return str(architectures[self.config.architecture(model)].network_module())

    @cached_property
    def triples(self) -> list[tuple[str, str, int]]:
        """Every (video, model, seed)."""
        return [(v, m, s) for v in self.videos for m in self.models for s in self.config.seeds(m)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

"""The settings, code and upstream results that each job of an experiment depends on.

A job's `Spec` is of plain builtins: the settings that it uses, the digests of the modules that do its work, and those
of the specs of the jobs before it. The workflow keeps it; where one of the three differs, the result is made again.
Nothing else is in it: no paths but those of results and those that the user wrote, no times, no order.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.analyses.subject import OPENERS
from xinc.errors import InputError
from xinc.experiment.config import Config
from xinc.experiment.input_digests import Contents, check_readable
from xinc.experiment.input_headers import check_images
from xinc.experiment.jobs import Jobs
from xinc.experiment.paths import Made, parse, path_of, result_path
from xinc.experiment.provenance import code_of
from xinc.experiment.report.names import SCRIPT, STYLE, TEMPLATE
from xinc.experiment.spec import Param, Spec
from xinc.models import architectures
from xinc.models.declared import OPENER, brought_by
from xinc.registry import Registry
from xinc.trace.activations import activations
from xinc.training.settings import UNSEEN
from xinc.video.sources.datasets import kind_of

Method = TypeVar("Method", bound=Callable[..., Any])

#: The settings and the code of a job, which thousands have in common.
Own = tuple[Param, Param]


def _once(method: Method) -> Method:
    """Keep what a method of a plan made, by its arguments: each is asked for by every job that follows."""

    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = [parameter.name for parameter in parameters]
    left_out = {one.name: one.default for one in parameters if one.default is not one.empty}

    @wraps(method)
    def kept(self: Plan, *arguments: Any, **named: Any) -> Any:
        values = left_out | dict(zip(names, arguments, strict=False)) | named
        key = (method.__name__, *(str(values[name]) for name in names))
        if key not in self._made:
            self._made[key] = method(self, **values)
        return self._made[key]

    return cast(Method, kept)


class Plan(Jobs):
    """The jobs of a validated configuration, and what each depends on.

    Parameters
    ----------
    config : the configuration.
    kept : a folder for digests of the user's files, so that they are not read at every start (default: none).
    scripts : the folder of the jobs' scripts, whose code counts too (default: none).
    """

    def __init__(self, config: Config, kept: Path | None = None, scripts: Path | None = None) -> None:
        super().__init__(config)
        self._scripts = scripts
        self._contents = Contents(kept)
        self._made: dict[tuple[str, ...], Any] = {}
        self._specs: dict[tuple[Any, ...], Spec] = {}
        self._code: dict[tuple[str, ...], Param] = {}

    def spec(self, rule: str, **wildcards: Any) -> Spec:
        """What the result of a rule of the workflow depends on, by the rule's name and wildcards."""
        key = (rule, *wildcards.items())
        if key not in self._specs:
            self._specs[key] = self._spec_of_rule(rule, wildcards)
        return self._specs[key]

    def _spec_of_rule(self, rule: str, values: dict[str, Any]) -> Spec:
        if rule.startswith("analysis"):
            return self._spec_of(**values)
        if rule in ("figure", "figure_of_seeds", "figure_of_pair", "figure_of_project"):
            return self.figure_spec(**values)
        makers: dict[str, Callable[..., Spec]] = {
            "video": self.video_spec,
            "video_figure": self.video_figure_spec,
            "regions": self.regions_spec,
            "regions_figure": self.regions_figure_spec,
            "flow": self.flow_spec,
            "train": self.train_spec,
            "canvas": self.canvas_spec,
            "materialise": self.materialise_spec,
            "report": self.report_spec,
        }
        return makers[rule](**values)

    def check_files(self) -> None:
        """Look at every file of the user's, before Snakemake fails with a traceback at one that it cannot read.

        Images are looked at where any file of their video is another than at the last start.

        Raises
        ------
        InputError : see `check_readable` and `check_images`.
        """
        for video in self.videos:
            settings, files = self.config.videos[video], self.video_files(video)
            check_readable(files)
            # Data sets are as their publishers made them, and of many thousands of images.
            if not kind_of(settings.source) and not self._contents.known(self._looked_at(video), files):
                check_images(settings, files)

    def _looked_at(self, video: str) -> str:
        """The name under which digests of a video's files are kept: another where files are read as something else."""
        settings = self.config.videos[video]
        read_as = (settings.source, settings.masks, settings.crop, settings.size, settings.format)
        return f"video-{video}-{hashlib.sha256(repr(read_as).encode()).hexdigest()[:8]}"

    @_once
    def video_spec(self, video: str) -> Spec:
        """Files count by their content: another one makes everything of the video again, a touched one nothing."""
        settings = {
            "video": self.config.videos[video].model_dump(mode="json"),
            "files": self._contents.digests(self._looked_at(video), self.video_files(video)),
        }
        return self._spec("video", settings, ["xinc.video.prepare"])

    def video_figure_spec(self, video: str) -> Spec:
        source = ["xinc.video.figures.video", "xinc.plotting.layout"]
        return self._spec("video_figure", {"name": video} | self._look(), source, self._video(video))

    @_once
    def regions_spec(self, video: str) -> Spec:
        settings = self.config.file.regions.model_dump(mode="json")
        return self._spec("regions", settings, ["xinc.video.regions"], self._video(video))

    def regions_figure_spec(self, video: str) -> Spec:
        source = ["xinc.video.figures.regions", "xinc.plotting.layout"]
        before = {path_of("regions", video=video): self.regions_spec(video)}
        return self._spec("regions_figure", {"name": video} | self._look(), source, before)

    @_once
    def flow_spec(self, video: str) -> Spec:
        settings = self.config.file.flow.model_dump(mode="json")
        return self._spec("flow", settings, ["xinc.video.flow"], self._video(video))

    @_once
    def train_spec(self, video: str, model: str, seed: int) -> Spec:
        """Of the job that makes a network, by training or by importing it."""
        if self.module_of(model):
            return self._module_spec(video, model, seed)
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
        source = ["xinc.training.run", *self._model_modules(model)]
        return self._spec("train", settings, source, self._video(video))

    def _import_spec(self, video: str, model: str, seed: int) -> Spec:
        """Files count by their content, as those of videos."""
        chosen = self.config.file.models[model]
        settings = {
            "path": chosen.import_,
            "hints": dict(chosen.hints),
            "trust": chosen.trust,
            "min_psnr": chosen.min_psnr,
            "frames": _plain(chosen.frames),
            "video": video,
            "seed": int(seed),
            "files": self._checkpoints(video, model, seed),
        }
        source = ["xinc.models.importing", *self._model_modules(model)]
        return self._spec("import_model", settings, source, self._video(video))

    def _module_spec(self, video: str, model: str, seed: int) -> Spec:
        """The code of the user's module counts as that of an architecture."""
        chosen = self.config.file.models[model]
        settings = {
            "module": chosen.module,
            "checkpoint": chosen.checkpoint,
            "min_psnr": chosen.min_psnr,
            "frames": _plain(chosen.frames),
            "video": video,
            "seed": int(seed),
            "files": self._checkpoints(video, model, seed),
        }
        return self._spec("module", settings, self._model_modules(model), self._video(video))

    def _checkpoints(self, video: str, model: str, seed: int) -> dict[str, str]:
        """Digests of the user's files that a network is made from."""
        from xinc.models.imports.unpickling import check_file

        files = self.checkpoint_files(video, model, seed)
        for file in files:
            check_file(file)
        return dict(zip(files, self._contents.digests(f"import-{video}-{model}-{seed}", files), strict=True))

    @_once
    def canvas_spec(self, video: str, model: str, seed: int) -> Spec:
        canvas = self.config.canvases[model].model_dump(mode="json", exclude={"layers"})
        settings: dict[str, Any] = {"layers": self.layers(model), "canvas": canvas}
        if self.module_of(model):  # whose code runs in the job because the configuration says so
            settings["module"] = self.module_of(model)
        source = ["xinc.canvas.writer", *self._model_modules(model)]
        return self._spec("canvas", settings, source, self._network(video, model, seed))

    def materialise_spec(self, video: str, model: str, seed: int, layer: str) -> Spec:
        settings = self.config.file.materialise[model].model_dump(mode="json", exclude={"layers"})
        before = self._canvas(video, model, seed)
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
    def pair_spec(self, video: str, model: str, seed: int, other: str, other_seed: int, analysis: str) -> Spec:
        """Of an analysis of two networks."""
        before = self._sources(video, model, [seed], analysis) | self._sources(video, other, [other_seed], analysis)
        return self._analysis_spec(analysis, before, [model, other])

    @_once
    def project_spec(self, analysis: str) -> Spec:
        """Of an analysis of all results together."""
        before = {path: spec for video in self.videos for path, spec in self._video(video).items()}
        before |= {result_path(*run): self._spec_of(*run) for run in self.runs_before(analysis)}
        return self._analysis_spec(analysis, before, [])

    def report_spec(self) -> Spec:
        """Of the report: what it says of each analysis, its template, and everything that it shows."""
        settings = {
            "analyses": {
                name: {
                    "category": self.category(name),
                    "question": self._analysis(name).question,
                    "section": self._analysis(name).section,
                    "caption": self.caption(name),
                }
                for name in self.analyses
            },
            "layers": {model: self.layers(model) for model in self.models},
            "page": {
                file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in (TEMPLATE, STYLE, SCRIPT)
            },
        }
        before = {}
        for path in chain(*self.reported()):
            made = cast(Made, parse(path))
            before[path] = self.spec(made.rule, **made.wildcards)
        return self._spec("report", settings, ["xinc.experiment.report.page"], before)

    def figure_spec(
        self,
        analysis: str,
        video: str = "",
        model: str = "",
        seed: int | None = None,
        other: str = "",
        other_seed: int | None = None,
    ) -> Spec:
        """Of the figures of an analysis, whatever its scope."""
        of = (video, model, seed, other, other_seed)
        scope = self._analysis(analysis).scope
        named = [analysis, *(self.quoted(analysis, video, model) if scope == "network" else [])]
        own = self._figure_of(analysis, tuple(named))
        return Spec(*own, _upstream({result_path(one, *of): self._spec_of(one, *of) for one in named}))

    @_once
    def _figure_of(self, analysis: str, named: tuple[str, ...]) -> Own:
        """Of the figures of an analysis, which show the results of those that are ``named``."""
        cls = self._analysis(analysis)
        settings = self._look() | {
            "analysis": analysis,
            "settings": self._settings(analysis, without=cls.scope_settings),
            "question": cls.question,
            "section": cls.section,
        }
        modules = [name for one in named for name in _done_by(self._analysis(one), "figure")]
        return self._own("figure", settings, ["xinc.analyses.draw", *modules])

    def _look(self) -> dict[str, Any]:
        """How figures are drawn; part of their jobs' settings, and of no other's."""
        return {"figures": self.config.file.figures.model_dump(mode="json")}

    def _spec_of(
        self,
        analysis: str,
        video: str = "",
        model: str = "",
        seed: int | None = None,
        other: str = "",
        other_seed: int | None = None,
    ) -> Spec:
        scope = self._analysis(analysis).scope
        if scope == "project":
            return self.project_spec(analysis)
        if scope == "seeds" or seed is None:
            return self.seeds_spec(video, model, analysis)
        if other_seed is not None:
            return self.pair_spec(video, model, seed, other, other_seed, analysis)
        return self.analysis_spec(video, model, seed, analysis)

    def _video(self, video: str) -> dict[str, Spec]:
        return {path_of("video", video=video): self.video_spec(video)}

    def _network(self, video: str, model: str, seed: int) -> dict[str, Spec]:
        return {path_of("train", video=video, model=model, seed=seed): self.train_spec(video, model, seed)}

    def _canvas(self, video: str, model: str, seed: int) -> dict[str, Spec]:
        return {path_of("canvas", video=video, model=model, seed=seed): self.canvas_spec(video, model, seed)}

    def _sources(self, video: str, model: str, seeds: list[int], analysis: str) -> dict[str, Spec]:
        """Specs of what an analysis of networks reads, by path."""
        needs = self._analysis(analysis).needs
        before = self._video(video)
        if "regions" in needs:
            before[path_of("regions", video=video)] = self.regions_spec(video)
        if "flow" in needs:
            before[path_of("flow", video=video)] = self.flow_spec(video)
        for seed in seeds:
            if "model" in needs:
                before |= self._network(video, model, seed)
            if "canvas" in needs:
                before |= self._canvas(video, model, seed)
        return before

    def _analysis_spec(self, analysis: str, before: Mapping[str, Spec], models: list[str]) -> Spec:
        return Spec(*self._analysis_of(analysis, tuple(models)), _upstream(before))

    @_once
    def _analysis_of(self, analysis: str, models: tuple[str, ...]) -> Own:
        """Of an analysis of networks of these models."""
        cls = self._analysis(analysis)
        modules = ["xinc.analyses.run", *_done_by(cls, "compute")]
        if models:
            modules += [OPENERS[part][0] for part in ("video", *sorted(cls.needs))]
        if "model" in cls.needs:
            modules += [module for model in models for module in self._model_modules(model)]
        if cls.scope == "project" and cls.judges:
            modules += [name for one in self.evidence(analysis) for name in self._analysis(one).modules_of("claims")]
        settings: dict[str, Any] = {
            "analysis": analysis,
            "settings": self._settings(analysis, without=cls.figure_settings | cls.scope_settings),
            "question": cls.question,  # and section: a result has them among its attributes
            "section": cls.section,
        }
        named = list(zip(("", "other_"), models, strict=False))
        if "canvas" in cls.needs:  # so that one that is missing is an error
            settings["layers"] = {f"{prefix}layers": self.layers(model) for prefix, model in named}
        declared = {
            f"{prefix}module": self.module_of(model)
            for prefix, model in named
            if "model" in cls.needs and self.module_of(model)
        }
        return self._own("analysis", settings | ({"declared": declared} if declared else {}), modules)

    def _spec(
        self, script: str, settings: dict[str, Any], modules: list[str], before: Mapping[str, Spec] | None = None
    ) -> Spec:
        return Spec(*self._own(script, settings, modules), _upstream(before or {}))

    def _own(self, script: str, settings: dict[str, Any], modules: list[str]) -> Own:
        scripts = [] if self._scripts is None else [self._scripts / f"{script}.py"]
        key = (script, *sorted(modules))
        if key not in self._code:  # the same for thousands of jobs
            self._code[key] = Param("code", code_of(modules, scripts) | self._foreign(modules))
        return Param("settings", settings), self._code[key]

    def _foreign(self, modules: list[str]) -> dict[str, str]:
        """Version of each distribution but ours whose modules count, by name."""
        tops = {module.partition(".")[0] for module in modules}
        found = {}
        used: list[tuple[Registry[Any], Iterable[str]]] = [
            (analyses, self.analyses),
            (architectures, [self.config.architecture(model) for model in self.models if not self.module_of(model)]),
            (activations, chain.from_iterable(map(self._activations, self.models))),
            *((layouts, [name]) for layouts, name in map(self._layout, self.models) if name),
        ]
        for registry, names in used:
            for origin in map(registry.origin, names):
                if origin.distribution and origin.module.partition(".")[0] in tops:
                    found[f"distribution {origin.distribution}"] = origin.version
        for module in filter(None, map(self.module_of, self.models)):
            if module.partition(":")[0] in modules:
                distribution, version = brought_by(module)
                found |= {f"distribution {distribution}": version} if distribution else {}
        return found

    def _settings(self, analysis: str, without: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self.config.analyses[analysis].items() if name not in without}

    def _model_modules(self, model: str) -> list[str]:
        """The modules of a model's network, and of activations of other distributions that it is asked to have."""
        if self.module_of(model):
            return [OPENER, self.module_of(model).partition(":")[0]]
        network = str(architectures[self.config.architecture(model)].network_module())
        layouts, layout = self._layout(model)
        read_by = [layouts.origin(layout).module] if layout else []
        return [network, *read_by, *(activations.origin(name).module for name in self._activations(model))]

    def _layout(self, model: str) -> tuple[Any, str]:
        """The registry of layouts, and the one that an import names; empty where it names none."""
        name = self.config.file.models[model].hints.get("layout")
        if name is None:
            return None, ""
        from xinc.models.imports.layouts import layouts

        return layouts, str(name)

    def _activations(self, model: str) -> list[str]:
        """Activations of other distributions that a model's settings, or hints of its import, name."""
        given: Mapping[str, Any] = self.config.file.models[model].hints
        if self.is_trained(model):
            given = self.config.architectures[model].model_dump()
        return list(activations.distributions(value for value in given.values() if isinstance(value, str)))


def _done_by(cls: type[Analysis], part: Literal["compute", "figure"]) -> list[str]:
    """The modules that do a part of an analysis; `InputError` where there is none."""
    found = cls.modules_of(part)
    if not found:
        method = {"compute": "compute", "figure": "plot"}[part]
        raise InputError(
            f"Analysis '{cls.name}' ({cls.__module__}) has neither a module '{part}' nor a method '{method}': add one "
            "(docs/how-to/add-an-analysis.md)."
        )
    return found


def _upstream(before: Mapping[str, Spec]) -> Param:
    return Param("upstream", {path: spec.digest for path, spec in before.items()})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

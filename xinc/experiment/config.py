"""The configuration of a whole experiment: typed, and validated before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xinc.analyses import analyses
from xinc.analyses.compare.layers import matched_layers
from xinc.analyses.making import make_analysis
from xinc.errors import InputError, nearest
from xinc.experiment.config_files import read_values
from xinc.experiment.config_sections import CanvasConfig, ConfigFile, ModelConfig
from xinc.experiment.pairs import Networks, Pair, pairs_of
from xinc.frames import FrameChoice, ranges, select_frames
from xinc.models import architectures
from xinc.models.templates import check_template
from xinc.settings import validate
from xinc.video.settings import VideoSettings
from xinc.video.sources import annotated_positions, check_source, has_masks, read_videos

if TYPE_CHECKING:
    from xinc.models.imports.parts import Imported


class Config:
    """A validated configuration.

    Parameters
    ----------
    values : plain builtins, as read from YAML.
    complete : whether the layers of modules have to be listed, without which no job of theirs is known.

    Attributes
    ----------
    file : the settings of the file itself.
    videos : per name, the settings of each video, of those that ``part`` leaves.
    architectures, canvases : per model name, the settings of its architecture and of its canvas.
    analyses : per name, the complete settings of each analysis, as plain builtins.
    imports : per name of an imported model, its network by (video, seed), without the weights.

    Raises
    ------
    InputError : whatever can be found wrong without opening a video: an unknown key or name (with the nearest known
        one), a bad value, a missing or empty source, masks that do not match, too few frames, a resolution that an
        architecture cannot produce.
    """

    def __init__(self, values: Mapping[str, Any], complete: bool = True) -> None:
        self.file = validate(ConfigFile, dict(values), "")
        videos = read_videos(self.file.videos, self.file.resolution, self.file.roots)
        self._check_video_seeds([video.name for video in videos])
        self.videos = self._part_of(videos)
        self.architectures: dict[str, Any] = {}
        self.canvases: dict[str, CanvasConfig] = {}
        self.imports: dict[str, dict[tuple[str, int], Imported]] = {}
        self.analyses = {
            name: make_analysis(name, settings).settings.model_dump(mode="json")
            for name, settings in self.file.analyses.items()
        }
        for name in self.analyses:
            if analyses[name].scope == "seeds" and "model" in analyses[name].needs:
                raise InputError(
                    f"Analysis '{name}' compares seeds and needs 'model', which it cannot have: expected canvas, "
                    "regions or flow."
                )
        self._pairs = self._find_pairs([video.name for video in videos])
        for name, model in self.file.models.items():
            self._add_model(name, model)
        if complete:
            for name in self.file.models:
                self.layers(name)
        self._check_materialise()
        if self.file.part != "project":  # which looks at results only
            for video in self.videos.values():
                self._check_video(video, self.count(video.name))
            for name, pairs in self._pairs.items():
                for pair in pairs:
                    self._check_pair(name, pair)

    @functools.cache  # noqa: B019 (a configuration lives as long as the process)
    def count(self, video: str) -> int:
        """Number of frames of a video."""
        return len(check_source(self.videos[video]))

    @functools.cache  # noqa: B019 (as above)
    def annotated(self, video: str) -> list[int] | None:
        """Positions of the frames of a video that a data set annotates; None where every frame may be."""
        return annotated_positions(self.videos[video])

    def has_masks(self, video: str) -> bool:
        """Whether any frame of a video has a mask."""
        return has_masks(self.videos[video], self.annotated(video))

    def architecture(self, model: str) -> str:
        """Registered name of a model's architecture, an imported one's as its checkpoint has it; empty of a module."""
        if model in self.imports:
            return next(iter(self.imports[model].values())).architecture
        return self.file.models[model].architecture

    def seeds(self, model: str, video: str) -> list[int]:
        """Seeds of a model on a video: all; an import that is the same for each has the first only."""
        every = sorted(self.file.video_seeds.get(video, self.file.seeds))
        return every if self.file.models[model].seeded else every[:1]

    def seeds_of(self, analysis: str, video: str, model: str) -> list[int]:
        """Seeds that an analysis of seeds compares on a video: its setting ``seeds`` on the videos it names."""
        own = self.analyses[analysis].get("seeds")
        videos = self.analyses[analysis].get("videos")
        if not self.file.models[model].seeded or not own or (videos is not None and video not in videos):
            return self.seeds(model, video)
        return sorted(own)

    def pairs_of(self, analysis: str) -> list[Pair]:
        """The pairs of networks that an analysis compares."""
        return self._pairs.get(analysis, [])

    def _find_pairs(self, listed: list[str]) -> dict[str, list[Pair]]:
        """By name of an analysis of pairs, its pairs; ``listed`` are the names of all videos."""
        known = Networks(
            listed,
            sorted(self.videos),
            sorted(self.file.models),
            self.seeds,
            lambda model: self.file.models[model].seeded,
        )
        return {
            name: pairs_of(settings.get("pairs"), known, f"analyses.{name}.pairs")
            for name, settings in self.analyses.items()
            if analyses[name].scope == "pair"
        }

    def _check_pair(self, analysis: str, pair: Pair) -> None:
        """`InputError` where two networks cannot be compared."""
        models, settings = (pair.model, pair.other), self.analyses[analysis]
        try:
            if "layers" in settings:
                matched_layers(self.layers(pair.model), self.layers(pair.other), settings["layers"], strict=False)
            if "canvas" in analyses[analysis].needs and "frames" in settings:
                first, second = (self._kept(model, pair.video, self.count(pair.video)) for model in models)
                shared = [frame for frame in first if frame in second]
                if not shared:
                    raise InputError(
                        f"their canvases share no frame: {pair.model} has frames {ranges(first)}, {pair.other} "
                        f"{ranges(second)}; let both keep one."
                    )
                select_frames(shared, settings["frames"], of="the pair of canvases")
        except InputError as error:
            raise InputError(f"Analysis '{analysis}' of {pair} on video '{pair.video}': {error}") from None

    def _check_video_seeds(self, videos: list[str]) -> None:
        for name in self.file.video_seeds:
            if name not in videos:
                raise InputError(
                    f"Setting 'video_seeds.{name}': {self.file.videos} has no video '{name}': {nearest(name, videos)}."
                )

    def _part_of(self, videos: list[VideoSettings]) -> dict[str, VideoSettings]:
        """By name, the videos that the setting ``part`` leaves; every n-th, for a table may be sorted by size."""
        if self.file.part not in (None, "project"):
            number, parts = (int(text) for text in str(self.file.part).split("/"))
            if parts > len(videos):
                raise InputError(
                    f"Setting 'part' is '{self.file.part}' but {self.file.videos} lists {len(videos)} videos."
                )
            videos = videos[number - 1 :: parts]
        return {video.name: video for video in videos}

    def layers(self, model: str) -> list[str]:
        """Names of the layers kept in a model's canvas, in network order."""
        known = self.known_layers(model)
        kept = self.canvases[model].layers
        return [name for name in known if kept is None or name in kept]

    def dense_layers(self, model: str) -> list[str]:
        """Names of the layers of a model that are written out densely beside the canvas, in network order."""
        if model not in self.file.materialise:
            return []
        wanted = self.file.materialise[model].layers
        return [name for name in self.layers(model) if wanted is None or name in wanted]

    def _check_materialise(self) -> None:
        for name, settings in self.file.materialise.items():
            if name not in self.file.models:
                raise InputError(f"Setting 'materialise': unknown model '{name}': {nearest(name, self.file.models)}.")
            kept = self.layers(name)
            for layer in settings.layers or ():
                if layer not in kept:
                    raise InputError(
                        f"Setting 'materialise.{name}.layers': '{layer}' is not among the layers kept of model "
                        f"'{name}': {nearest(layer, kept)}."
                    )

    def per_frame(self, model: str, video: str) -> bool:
        """Whether each frame of a video has a network of its own, as far as it is known without making them."""
        if self.file.models[model].module is None:
            return bool(architectures[self.architecture(model)].per_frame)
        return len(select_frames(range(self.count(video)), self.file.models[model].frames)) == 1

    def known_layers(self, model: str) -> list[str]:
        """Names of the layers that a model may keep in its canvas."""
        if self.file.models[model].module is not None:  # known only where it is made: those that the user lists
            listed = self.canvases[model].layers
            if listed is None:
                raise InputError(
                    f"Setting 'models.{model}.canvas.layers' is missing: the layers of a module are known only when it "
                    f"is made; list those to keep (`xinc layers {model}` shows them all)."
                )
            return list(listed)
        cls = architectures[self.architecture(model)]
        return list(cls.layers_of(self.architectures[model]))

    def _add_model(self, name: str, model: ModelConfig) -> None:
        where = f"models.{name}"
        if model.module is not None:
            self._add_module(name, model)
            return
        settings = self._add_import(name, model) if model.import_ is not None else model.settings
        try:
            cls = architectures[self.architecture(name)]
        except InputError as error:
            raise InputError(f"Setting '{where}.architecture': {error}") from None
        self.architectures[name] = validate(cls.Settings, settings, f"{where}.settings")
        validate(CanvasConfig, self.file.canvas, "canvas")
        self.canvases[name] = validate(CanvasConfig, {**self.file.canvas, **model.canvas}, f"{where}.canvas")
        section = {key: f"{where}.canvas" if key in model.canvas else "canvas" for key in CanvasConfig.model_fields}
        known = self.known_layers(name)
        for layer in self.canvases[name].layers or ():
            if layer not in known:
                hint = (
                    f"; what is meant for one model goes into '{where}.canvas'" if "layers" in self.file.canvas else ""
                )
                raise InputError(
                    f"Setting '{section['layers']}.layers': model '{name}' has no layer '{layer}': "
                    f"{nearest(layer, known)}{hint}."
                )
        layout = self.canvases[name].layout
        for layer in layout if isinstance(layout, dict) and "layout" in model.canvas else ():
            if layer not in known:
                raise InputError(
                    f"Setting '{where}.canvas.layout': model '{name}' has no layer '{layer}': {nearest(layer, known)}."
                )
        granularity = self.canvases[name].granularity
        if granularity is not None and granularity not in cls.granularities:
            raise InputError(
                f"Setting '{section['granularity']}.granularity' is '{granularity}', which is not defined for the "
                f"layers of model '{name}': expected {' or '.join(cls.granularities)}."
            )

    def _add_module(self, name: str, model: ModelConfig) -> None:
        """A model that a function of the user's makes, which is not imported for that."""
        from xinc.experiment.declared import check_declared

        where = f"models.{name}"
        try:
            check_declared(str(model.module))
            check_template(model.checkpoint or "", "checkpoint", ("video", "seed"))
        except InputError as error:
            raise InputError(f"Model '{name}': {error}") from None
        self.canvases[name] = validate(CanvasConfig, {**self.file.canvas, **model.canvas}, f"{where}.canvas")

    def _add_import(self, name: str, model: ModelConfig) -> dict[str, Any]:
        """Read the checkpoints of an imported model, for every video and seed; the settings of the first."""
        from xinc.models.importing import inspect

        path = str(model.import_)
        found: dict[tuple[str, int], Imported] = {}
        for video in self.videos.values():
            try:
                check_template(path)
                for seed in self._seeds_needed(name, video.name):
                    one = inspect(
                        path, model.hints, model.frames, model.trust, video.name, seed, video.resolution,
                        self.count(video.name),
                    )  # fmt: skip
                    one.state.clear()
                    found[video.name, seed] = one
            except InputError as error:
                raise InputError(f"Model '{name}' on video '{video.name}': {error}") from None
        self.imports[name] = found
        kinds = {
            (one.architecture, len(one.settings.get("strides", ())) or one.settings["layers"]) for one in found.values()
        }
        if len(kinds) > 1:
            raise InputError(
                f"Setting 'models.{name}.import': its checkpoints differ in architecture or in the number of layers: "
                "give each kind an entry of its own."
            )
        return dict(next(iter(found.values())).settings)

    def _seeds_needed(self, model: str, video: str) -> list[int]:
        """Seeds of a model that any job uses."""
        found = set(self.seeds(model, video))
        for pair in [one for pairs in self._pairs.values() for one in pairs if one.video == video]:
            found |= {seed for name, seed in ((pair.model, pair.seed), (pair.other, pair.other_seed)) if name == model}
        if self.file.models[model].seeded:
            for analysis in self.analyses:
                if analyses[analysis].scope == "seeds":
                    found |= set(self.seeds_of(analysis, video, model))
        return sorted(found)

    def _kept(self, model: str, video: str, count: int) -> list[int]:
        """The frames of a model's canvas of a video of ``count`` frames."""
        if model in self.imports:
            frames = list(self.imports[model][video, self.seeds(model, video)[0]].frames)
        else:
            frames = select_frames(range(count), self.file.models[model].frames, of="the video")
        return select_frames(frames, self.canvases[model].frames, of="the model")

    def _check_video(self, video: VideoSettings, count: int) -> None:
        """What models and analyses ask of a video of ``count`` frames."""
        for name, model in self.file.models.items():
            where = f"Model '{name}' on video '{video.name}'"
            try:
                if model.trained:
                    architectures[model.architecture].check(self.architectures[name], video.resolution)
                kept = self._kept(name, video.name, count)
                for analysis, settings in self.analyses.items():
                    where = f"Analysis '{analysis}' of model '{name}' on video '{video.name}'"
                    cls = analyses[analysis]
                    if "canvas" in cls.needs and "frames" in settings and cls.scope != "pair":
                        select_frames(kept, settings["frames"], of="the canvas")
                    if analyses[analysis].annotated_only:
                        _check_annotated(self.annotated(video.name), kept, settings["frames"])
                if name in self.file.materialise:
                    where = f"Section 'materialise.{name}' on video '{video.name}'"
                    select_frames(kept, self.file.materialise[name].frames, of="the canvas")
            except InputError as error:
                raise InputError(f"{where}: {error}") from None


def _check_annotated(annotated: list[int] | None, kept: list[int], wanted: FrameChoice) -> None:
    """`InputError` where an analysis of masks asks for frames that the video is known to have no masks of."""
    if not annotated:
        return  # any frame may have masks; or none has, and there is nothing to ask
    both = [frame for frame in kept if frame in annotated]
    if not both:
        raise InputError(
            f"the canvas has the frames {ranges(kept)}, of which none is annotated; annotated are {ranges(annotated)}: "
            "give the model one of these (`frames`), or leave the analysis out."
        )
    if isinstance(wanted, (list, tuple)):
        select_frames(both, tuple(wanted), of="the annotated part of the canvas")


def read_config(path: str | Path) -> Config:
    """The validated configuration in a YAML file."""
    return Config(read_values(path))

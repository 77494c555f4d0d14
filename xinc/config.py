"""The configuration of a whole experiment: typed, and validated before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from xinc.analyses import analyses
from xinc.analyses.run import make_analysis
from xinc.canvas.settings import CanvasSettings, MaterialiseSettings
from xinc.errors import InputError, nearest
from xinc.frames import FrameChoice, select_frames
from xinc.models import architectures
from xinc.settings import StrictModel, validate
from xinc.training.settings import TrainingSettings
from xinc.video.flow import FlowSettings
from xinc.video.regions import RegionSettings
from xinc.video.settings import Size, VideoSettings
from xinc.video.sources import annotated_positions, check_source, read_videos


class CanvasConfig(CanvasSettings):
    """Which maps of a model are kept, and how."""

    frames: FrameChoice = Field(
        "all", description="Frames kept: 'all' that the model represents, a number evenly spread, or a list."
    )
    layers: tuple[str, ...] | None = Field(None, min_length=1, description="Layers kept, by name; all when left out.")


class ModelConfig(StrictModel):
    """One kind of network, trained on every video with every seed."""

    architecture: str = Field(description="Registered name: ffn, nerv or siren.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Settings of the architecture.")
    frames: FrameChoice = Field(
        "all", description="Frames represented: 'all', a number evenly spread over the video, or a list of indices."
    )
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How it is trained.")
    canvas: dict[str, Any] = Field(default_factory=dict, description="What differs from the common `canvas` section.")

    @field_validator("settings", "training", "canvas", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value


class ConfigFile(StrictModel):
    """The configuration file."""

    videos: str = Field("config/videos.tsv", description="Table of the videos, a line each.")
    roots: dict[str, str] = Field(
        default_factory=dict,
        description="Roots of data sets, for lines of the table that give none: cityscapes-vps, vipseg, coco-panoptic.",
    )
    resolution: Size = Field((128, 256), description="Analysis resolution HxW of videos that state none, in pixels.")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="Every model is trained once with each seed.")
    models: dict[str, ModelConfig] = Field(min_length=1, description="Models by a name of your choice.")
    canvas: dict[str, Any] = Field(default_factory=dict, description="Which maps are kept, and how, for all models.")
    regions: RegionSettings = Field(default_factory=RegionSettings, description="How pixels are grouped.")
    flow: FlowSettings = Field(default_factory=FlowSettings, description="How optical flow is found.")
    materialise: dict[str, MaterialiseSettings] = Field(
        default_factory=dict, description="By model name, maps to write out densely beside the canvas (dense.zarr)."
    )
    analyses: dict[str, dict[str, Any] | None] = Field(
        default_factory=dict, description="Analyses to run, by registered name, each with its settings."
    )

    @field_validator("roots", "canvas", "regions", "flow", "materialise", "analyses", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) != len(value) or min(value) < 0:
            raise ValueError("seeds must be different integers, 0 or above")
        return value

    @field_validator("models")
    @classmethod
    def _names_fit_paths(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                raise ValueError(
                    f"model name {name!r} is unfit for a path: use letters, digits, '.', '_' and '-', beginning with a "
                    "letter or digit"
                )
            if name == "video.zarr":
                raise ValueError("model name 'video.zarr' is taken by the video itself: choose another")
        return value


class Config:
    """A validated configuration.

    Parameters
    ----------
    values : plain builtins, as read from YAML.

    Attributes
    ----------
    file : the settings of the file itself.
    videos : per name, the settings of each video.
    architectures, canvases : per model name, the settings of its architecture and of its canvas.
    analyses : per name, the complete settings of each analysis, as plain builtins.

    Raises
    ------
    InputError : whatever can be found wrong without opening a video: an unknown key or name (with the nearest known
        one), a bad value, a missing or empty source, masks that do not match, too few frames, a resolution that an
        architecture cannot produce.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.file = validate(ConfigFile, dict(values), "")
        self.videos = {v.name: v for v in read_videos(self.file.videos, self.file.resolution, self.file.roots)}
        self.architectures: dict[str, Any] = {}
        self.canvases: dict[str, CanvasConfig] = {}
        for name, model in self.file.models.items():
            self._add_model(name, model)
        self.analyses = {
            name: make_analysis(name, settings).settings.model_dump(mode="json")
            for name, settings in self.file.analyses.items()
        }
        self._check_materialise()
        for video in self.videos.values():
            self._check_video(video, len(check_source(video)))

    def layers(self, model: str) -> list[str]:
        """Names of the layers of which a model's canvas is kept, in network order."""
        known = self._known_layers(model)
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

    def _known_layers(self, model: str) -> list[str]:
        cls = architectures[self.file.models[model].architecture]
        return list(cls.layers_of(self.architectures[model]))

    def _add_model(self, name: str, model: ModelConfig) -> None:
        where = f"models.{name}"
        try:
            cls = architectures[model.architecture]
        except InputError as error:
            raise InputError(f"Setting '{where}.architecture': {error}") from None
        self.architectures[name] = validate(cls.Settings, model.settings, f"{where}.settings")
        validate(CanvasConfig, self.file.canvas, "canvas")
        self.canvases[name] = validate(CanvasConfig, {**self.file.canvas, **model.canvas}, f"{where}.canvas")
        section = {key: f"{where}.canvas" if key in model.canvas else "canvas" for key in CanvasConfig.model_fields}
        known = self._known_layers(name)
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

    def _check_video(self, video: VideoSettings, count: int) -> None:
        """What models and analyses ask of a video of ``count`` frames."""
        for name, model in self.file.models.items():
            where = f"Model '{name}' on video '{video.name}'"
            try:
                architectures[model.architecture].check(self.architectures[name], video.resolution)
                frames = select_frames(range(count), model.frames, of="the video")
                kept = select_frames(frames, self.canvases[name].frames, of="the model")
                for analysis, settings in self.analyses.items():
                    where = f"Analysis '{analysis}' of model '{name}' on video '{video.name}'"
                    if "canvas" in analyses[analysis].needs and "frames" in settings:
                        select_frames(kept, settings["frames"], of="the canvas")
                    if analyses[analysis].annotated_only and isinstance(settings["frames"], (list, tuple)):
                        _check_annotated(video, kept, settings["frames"])
                if name in self.file.materialise:
                    where = f"Section 'materialise.{name}' on video '{video.name}'"
                    select_frames(kept, self.file.materialise[name].frames, of="the canvas")
            except InputError as error:
                raise InputError(f"{where}: {error}") from None


def _check_annotated(video: VideoSettings, kept: list[int], wanted: Sequence[int]) -> None:
    """`InputError` for frames of an analysis of masks that the video is known to have no masks of."""
    annotated = annotated_positions(video)
    if annotated is not None:
        select_frames([f for f in kept if f in annotated], tuple(wanted), of="the annotated part of the canvas")


def read_config(path: str | Path) -> Config:
    """The validated configuration in a YAML file."""
    import yaml

    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no configuration file {path}.") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings: a mapping of sections was expected.")
    return Config(values)

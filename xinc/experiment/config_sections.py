"""Sections of the configuration file, typed."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from xinc.canvas.settings import CanvasSettings, MaterialiseSettings
from xinc.frames import FrameChoice
from xinc.models.imports import MIN_PSNR
from xinc.plotting.settings import FigureSettings
from xinc.settings import StrictModel
from xinc.training.settings import TrainingSettings
from xinc.video.flow_settings import FlowSettings
from xinc.video.region_settings import RegionSettings
from xinc.video.settings import Size


class CanvasConfig(CanvasSettings):
    """Which maps of a model are kept, and how."""

    frames: FrameChoice = Field(
        "all", description="Frames kept: 'all' that the model represents, a number evenly spread, or a list."
    )
    layers: tuple[str, ...] | None = Field(None, min_length=1, description="Layers kept, by name; all when left out.")


class ModelConfig(StrictModel):
    """One kind of network, trained on every video with every seed, imported, or made by a module."""

    architecture: str = Field(
        description="Registered name, e.g. nerv or ffn; the list is below, with its settings. Leave it out for an "
        "import, whose file tells it, and for a module."
    )
    import_: str | None = Field(
        None,
        alias="import",
        description="Checkpoint to import instead of training; the path may contain {video}, {seed} and {frame}.",
    )
    module: str | None = Field(
        None,
        description="Function of yours that makes the network, instead of training: mypackage.nets:build. It runs.",
    )
    checkpoint: str | None = Field(
        None,
        description="State dict with the weights of a `module`; the path may contain {video} and {seed}. Left out, the "
        "network is as the function makes it.",
    )
    hints: dict[str, Any] = Field(
        default_factory=dict,
        description="What a checkpoint's tensors do not tell, by name; hints may also stand beside `import` itself.",
    )
    min_psnr: float | None = Field(
        MIN_PSNR,
        description="Of an import or a module, the least PSNR, in dB, of what it shows against the video, of an import "
        "with the conventions given or found out by trial; nothing accepts anything.",
    )
    trust: bool = Field(False, description="Whether code in the checkpoint may run; only if you trust whoever made it.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Settings of the architecture.")
    frames: FrameChoice = Field(
        "all", description="Frames represented: 'all', a number evenly spread over the video, or a list of indices."
    )
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How it is trained.")
    canvas: dict[str, Any] = Field(default_factory=dict, description="Differences from the common `canvas` section.")

    @field_validator("settings", "training", "canvas", "hints", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_validator(mode="before")
    @classmethod
    def _module_is_complete(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("module") is None:
            return values
        for name in ("settings", "training", "architecture", "import", "hints", "trust"):
            if values.get(name):
                raise ValueError(
                    f"a module makes a whole network, with the weights of its checkpoint: leave '{name}' out"
                )
        return values | {"architecture": ""}

    @model_validator(mode="before")
    @classmethod
    def _hints_stand_beside(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("import") is None:
            return values
        for name in ("settings", "training", "architecture"):
            if values.get(name):
                raise ValueError(f"an imported network is not trained and tells its architecture: leave '{name}' out")
        known = {field.alias or name for name, field in cls.model_fields.items()}
        hints = {name: value for name, value in values.items() if name not in known}
        own = {name: value for name, value in values.items() if name in known}
        return own | {"architecture": "", "hints": {**(values.get("hints") or {}), **hints}}

    @model_validator(mode="after")
    def _only_imports_have_hints(self) -> ModelConfig:
        if self.import_ is None and (self.hints or self.trust):
            raise ValueError("hints and trust are for a checkpoint: state its path as import")
        if self.trained and "min_psnr" in self.model_fields_set:
            raise ValueError("min_psnr beside a model is for a checkpoint: write it into the model's training section")
        if self.module is None and self.checkpoint is not None:
            raise ValueError("checkpoint is for a module: state the module, or the path as import")
        return self

    @property
    def trained(self) -> bool:
        """Whether its networks are trained here, not imported or made by a module."""
        return self.import_ is None and self.module is None

    @property
    def seeded(self) -> bool:
        """Whether its network with one seed is another than with the next."""
        return self.trained or "{seed}" in (self.import_ or self.checkpoint or "")


def _differ(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise ValueError("seeds must be different integers, 0 or above")
    return seeds


Seeds = Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_differ)]


class ConfigFile(StrictModel):
    """The configuration file."""

    videos: str = Field("config/videos.tsv", description="Table of the videos, a line for each.")
    roots: dict[str, str] = Field(
        default_factory=dict,
        description="Roots of data sets, for lines of the table that give none: cityscapes-vps, vipseg, coco-panoptic.",
    )
    resolution: Size = Field(
        (128, 256), description="Analysis resolution HxW, in pixels, of videos whose line gives none."
    )
    part: str | None = Field(
        None,
        description="For very many videos: '3/50' is every 50th of them, starting from the third, without analyses of"
        " the project; 'project' is these analyses alone, of existing results. Meant for the command "
        "line.",
    )
    seeds: Seeds = Field((0,), description="Every model is trained once with each seed.")
    video_seeds: dict[str, Seeds] = Field(
        default_factory=dict, description="Seeds of single videos, by name, in the place of `seeds`."
    )
    models: dict[str, ModelConfig] = Field(min_length=1, description="Models by a name of your choice.")
    canvas: dict[str, Any] = Field(default_factory=dict, description="Which maps are kept, and how, for all models.")
    regions: RegionSettings = Field(default_factory=RegionSettings, description="How pixels are grouped.")
    flow: FlowSettings = Field(default_factory=FlowSettings, description="Where optical flow comes from.")
    figures: FigureSettings = Field(default_factory=FigureSettings, description="How figures are drawn.")
    materialise: dict[str, MaterialiseSettings] = Field(
        default_factory=dict, description="By model name, maps to write out densely beside the canvas (dense.zarr)."
    )
    analyses: dict[str, dict[str, Any] | None] = Field(
        default_factory=dict, description="Analyses to run, by registered name, each with its settings."
    )

    @field_validator(
        "roots", "video_seeds", "canvas", "regions", "flow", "figures", "materialise", "analyses", mode="before"
    )
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("part")
    @classmethod
    def _part_is_known(cls, value: str | None) -> str | None:
        if value in (None, "project"):
            return value
        numbers = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", value)
        if numbers is None or int(numbers[1]) > int(numbers[2]):
            raise ValueError("expected a part such as 3/50, from 1/50 to 50/50, or 'project'")
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
            if name in ("video.zarr", "results"):
                raise ValueError(f"model name '{name}' is taken by the workflow itself: choose another")
        return value

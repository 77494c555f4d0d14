"""What the page holds: networks, findings and every figure, from results and figures as they lie on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from xinc.analyses.findings.regime import Regime, warnings_of, worst
from xinc.analyses.results import open_result
from xinc.errors import InputError
from xinc.experiment.paths import MADE, Made, parse, path_of
from xinc.experiment.report.example import Example, example_of
from xinc.experiment.report.names import title_of, view_of
from xinc.experiment.report.pictures import Encoded, Picture, encode, moves
from xinc.experiment.report.summary import Faithfulness, Findings, read_faithfulness, read_findings

#: Bytes of all pictures beyond which the page does not hold them, but refers to the files beside it.
MOST_BYTES = 200e6
#: Kinds of files that the page can show, of several the first.
SHOWN = (".png", ".gif", ".svg", ".html")


_UNKNOWN = Regime()


@dataclass(frozen=True)
class Network:
    """A network, and what the analysis ``quality`` says of it; where it did not look, nothing is known.

    Attributes
    ----------
    parameters : how many weights it has.
    regime : its PSNR and its size in bits per pixel.
    """

    video: str
    model: str
    seed: int
    architecture: str = ""
    parameters: int = 0
    regime: Regime = _UNKNOWN


@dataclass(frozen=True)
class Shown:
    """A figure, an animation or a page of HTML.

    Attributes
    ----------
    key : its fragment of the address.
    view, of : what it is called, and what it is of.
    file, suffixes : path of its files, as the workflow names it, and their kinds.
    picture : None for a page.
    page : HTML; empty for a picture.
    link : where the picture lies if the page does not hold it, relative to the page.
    """

    key: str
    view: str
    of: str
    file: str
    suffixes: tuple[str, ...]
    picture: Picture | None = None
    page: str = ""
    link: str = ""


@dataclass(frozen=True)
class Group:
    """What is shown of one network, of a model's seeds, of a video, or of the whole project."""

    key: str
    video: str
    name: str
    shown: tuple[Shown, ...] = ()

    @property
    def of(self) -> str:
        """The video and what of it."""
        return " · ".join(filter(None, (self.video, self.name))) or "all results together"


@dataclass(frozen=True)
class Section:
    """An analysis, or how videos were prepared: a question, an explanation, and what is shown of it."""

    key: str
    title: str
    number: str
    question: str
    caption: str
    groups: tuple[Group, ...]

    @property
    def chosen_by(self) -> str:
        """What its groups differ in."""
        return "Network" if any(group.name for group in self.groups) else "Video"

    @property
    def thumbnail(self) -> Encoded | None:
        """Of its first picture that has one."""
        pictures = (one.picture for group in self.groups for one in group.shown)
        return next((one.thumbnail for one in pictures if one and one.thumbnail), None)


@dataclass(frozen=True)
class Report:
    """All of the page.

    Attributes
    ----------
    example : a part of a canvas; None without the analysis ``maps``.
    embedded : whether the page holds the pictures themselves.
    missing : what it was asked to show and is not there.
    """

    networks: tuple[Network, ...]
    sections: tuple[Section, ...]
    findings: Findings | None
    faithfulness: tuple[Faithfulness, ...]
    warnings: tuple[str, ...]
    example: Example | None
    embedded: bool
    missing: tuple[str, ...] = ()

    @cached_property
    def videos(self) -> tuple[str, ...]:
        """Names of all videos."""
        found = {group.video for section in self.sections for group in section.groups}
        return tuple(sorted((found | {network.video for network in self.networks}) - {""}))


#: Videos and regions, which are no analyses.
_PREPARED: dict[str, dict[str, str]] = {
    "videos": {
        "title": "Videos",
        "category": "1. Videos",
        "section": "",
        "question": "What do the networks represent?",
        "caption": "Frames at analysis resolution and, where the video has them, instance masks (outlined and numbered)"
        " and optical flow.",
    },
    "regions": {
        "title": "Regions",
        "category": "1. Videos",
        "section": "4.2",
        "question": "How are pixels grouped?",
        "caption": "Annotated instances (outlined and numbered), clusters of colours, clusters of Gabor responses, and "
        "grid cells (paper sections 4.2 and 6.2). The hue of a Gabor cluster is the orientation to which it responds "
        "most; darker clusters respond more strongly.",
    },
}


def collect(
    paths: Iterable[str | Path], settings: Mapping[str, Any], beside: str | Path = "", threads: int = 1
) -> Report:
    """The content of the page.

    Parameters
    ----------
    paths : folders of figures, and results of the analyses `xinc.experiment.report.names.READ`.
    settings : ``analyses``, by name what is said of each (``title``, ``category``, ``question``, ``section``,
        ``caption``), and ``layers``, by model those of its canvas in network order.
    beside : folder of the page, from which it refers to pictures that it does not hold.
    threads : on which pictures are encoded; the result is the same.
    """
    there, missing = _found(paths)
    results = [(made, path) for made, path in there if made.rule.startswith("analysis")]
    figures = [(made, _files(path)) for made, path in there if "figure" in made.rule]
    size = sum(files[0].stat().st_size for _, parts in figures for files in parts.values())
    embedded = size <= MOST_BYTES
    texts = _PREPARED | dict(settings["analyses"])
    with ThreadPoolExecutor(max(1, threads)) as pool:
        far = None if embedded else Path(beside)
        groups = pool.map(lambda one: _group(one[0], one[1], settings["layers"], far), figures)
        sections = _sections([(made, group) for (made, _), group in zip(figures, groups, strict=True)], texts)
    networks = _networks(there, results)
    findings = next((read_findings(path / "table.csv") for _, path in _of(results, "findings")), None)
    faithful = [(made.wildcards["model"], path / "table.csv") for made, path in _of(results, "faithfulness")]
    return Report(
        networks=networks,
        sections=sections,
        findings=findings,
        faithfulness=tuple(read_faithfulness(faithful)),
        warnings=findings.warnings if findings else _warnings(networks),
        example=example_of([path for _, path in _of(results, "maps")]),
        embedded=embedded,
        missing=missing,
    )


#: A result and where it lies.
_There = tuple[Made, Path]


def _found(paths: Iterable[str | Path]) -> tuple[list[_There], tuple[str, ...]]:
    """What the paths are of, always in the same order, and those that are not there."""
    there, missing = [], []
    for path in map(Path, sorted(map(str, paths))):
        made = parse(str(path))
        if made is None:
            raise InputError(
                f"'{path}' is not a path of a result: expected one below results, such as {MADE['figure']}."
            )
        if path.exists():
            there.append((made, path))
        else:
            missing.append(path_of(made.rule, **made.wildcards))
    return there, tuple(missing)


def _files(folder: Path) -> dict[str, list[Path]]:
    """Files by name without suffix: first what is shown, a picture or a page, then in other formats."""
    found: dict[str, list[Path]] = {}
    names = {file.name for file in folder.iterdir()}
    for file in sorted(folder.iterdir()):
        film = f"{file.stem}-animation"  # of which browsers are given an animated PNG
        part = film if file.suffix == ".gif" and f"{film}.png" in names else file.stem
        if not file.name.startswith("."):
            found.setdefault(part, []).append(file)
    for files in found.values():
        files.sort(key=lambda file: (*SHOWN, file.suffix).index(file.suffix))
    return {part: files for part, files in found.items() if files[0].suffix in SHOWN}


def _group(
    made: Made, files: Mapping[str, list[Path]], layers: Mapping[str, Sequence[str]], beside: Path | None
) -> Group:
    own = made.wildcards
    folder = path_of(made.rule, **own)
    key = quote(folder.removeprefix("results/figures/"))
    group = Group(key, own.get("video", ""), _name(made))
    order = layers.get(own.get("model", ""), [])
    parts = sorted(files, key=lambda part: _place(part, files[part][0], order))
    shown = [_shown(f"{folder}/{part}", files[part], key, group.of, beside) for part in parts]
    return replace(group, shown=tuple(shown))


def _name(made: Made) -> str:
    """What is shown, beside the video: ``nerv · seed 0``; of a pair, ``nerv · seed 0 and ffn · seed 1``."""
    own = made.wildcards
    seed = f"seed {own['seed']}" if "seed" in own else "all seeds" if made.rule.endswith("_of_seeds") else ""
    other = f"{own['other']} · seed {own['other_seed']}" if "other" in own else ""
    return " and ".join(filter(None, (" · ".join(filter(None, (own.get("model", ""), seed))), other)))


def _shown(path: str, files: Sequence[Path], key: str, of: str, beside: Path | None) -> Shown:
    part = path.rpartition("/")[2]
    first = files[0]
    suffixes = tuple(file.suffix.removeprefix(".") for file in files)
    about = Shown(f"{key}/{quote(part)}", view_of(part), of, path, suffixes)
    if first.suffix == ".html":
        return replace(about, page=first.read_text(encoding="utf-8"))
    link = "" if beside is None else quote(os.path.relpath(first, beside))
    return replace(about, picture=encode(first, embedded=beside is None), link=link)


def _place(part: str, file: Path, layers: Sequence[str]) -> tuple[Any, ...]:
    """Where a figure stands: the overview first, then layer by layer in network order, a layer's animation last."""
    own = [at for at, layer in enumerate(layers) if part == layer or part.startswith(f"{layer}-")]
    moving = file.suffix in (".png", ".gif") and moves(file)
    return (not part.startswith("all"), max(own, default=len(layers)), file.suffix == ".html", moving, _natural(part))


def _natural(text: str) -> list[tuple[int, str]]:
    """Numbers in a name as numbers."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.findall(r"\d+|\D+", text)]


def _sections(groups: Iterable[tuple[Made, Group]], texts: Mapping[str, Mapping[str, str]]) -> tuple[Section, ...]:
    """By the numbers of their headings, which follow the paper; analyses without a figure are left out."""
    found: dict[str, list[tuple[Any, Group]]] = {}
    for made, group in groups:
        if group.shown:
            place = (_natural(group.video), _natural(group.name))
            found.setdefault(_section_of(made), []).append((place, group))
    sections = []
    for name in sorted(found, key=lambda name: (_numbers(texts[name]["category"]), list(texts).index(name))):
        text = texts[name]
        ordered = tuple(group for _, group in sorted(found[name], key=lambda pair: pair[0]))
        title = text.get("title") or title_of(name)
        sections.append(Section(name, title, text["section"], text["question"], text["caption"], ordered))
    return tuple(sections)


def _section_of(made: Made) -> str:
    return made.wildcards.get("analysis") or {"video_figure": "videos", "regions_figure": "regions"}[made.rule]


def _numbers(category: str) -> tuple[float, ...]:
    """The numbers before a heading; of one without, what sorts it last."""
    match = re.match(r"[\d.]*\d", category)
    return tuple(map(float, match[0].split("."))) if match else (float("inf"),)


def _of(results: Iterable[_There], analysis: str) -> list[_There]:
    return [(made, path) for made, path in results if made.wildcards["analysis"] == analysis]


def _networks(there: Iterable[_There], results: Iterable[_There]) -> tuple[Network, ...]:
    """Every network of which there is anything of its own."""
    single = [_network(made) for made, _ in there if "seed" in made.wildcards and "other" not in made.wildcards]
    found = {of: Network(*of) for of in single}
    for made, path in _of(results, "quality"):
        result = open_result(path)
        bits = result["bits_per_pixel"].isel(bits=0)
        found[_network(made)] = Network(
            *_network(made),
            architecture=str(result.attrs["architecture"]),
            parameters=int(result.attrs["parameters"]),
            regime=Regime(
                8 * float(bits) / float(bits["bits"]), float(result["mean_psnr"]), float(result["explained"])
            ),
        )
    return tuple(found[of] for of in sorted(found))


def _network(made: Made) -> tuple[str, str, int]:
    return made.wildcards["video"], made.wildcards["model"], int(made.wildcards["seed"])


def _warnings(networks: Iterable[Network]) -> tuple[str, ...]:
    """What to mind about networks that `quality` looked at: the findings say the same, where there are some."""
    several: dict[tuple[str, str], list[Regime]] = {}
    for one in networks:
        if not one.regime.unknown:
            several.setdefault((one.video, one.model), []).append(one.regime)
    return tuple(warnings_of({of: worst(regimes) for of, regimes in several.items()}))

"""The page of a study, as Markdown, from its result alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from xinc.analyses.markdown import few, item, number, several, spread, table, wrapped
from xinc.analyses.paper_claims.statements import FEW, MOST, REMARKS, STATEMENTS, UNMEASURED, Statement, outcome

#: Name of the page and of what lies beside it.
NAME = "paper-claims"
#: Definitions, and how they are called.
DEFINITIONS = {"released": "as released", "written": "by the paper's words"}
#: Ratio of variances from which rectangles and lattices lie far apart.
_MANY = 10
_FIGURE_4 = ("grid", "instances", "rgb", "gabor")


def page(result: xr.Dataset) -> str:
    """The whole page."""
    study = Study(result)
    parts = [
        "# The paper's claims, re-examined",
        f"<!-- Written by the workflow from {NAME}.json, which holds the numbers of the study: `make study`. -->",
        *_introduction(study),
        "## In short",
        _in_short(study),
        "## Claim by claim",
        _counting(study),
        *(part for statement in STATEMENTS for part in _section(study, statement)),
        "### What a study of videos need not measure",
        "\n".join(item(f"**{one.title}** ({one.where}). {one.text}") for one in REMARKS),
        "## Figure 4 in numbers",
        *_figure_4(study),
        "## The networks",
        *_networks(study),
        "## Time and disk",
        _costs(study),
        "## How to reproduce it",
        *_how(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


class Study:
    """Tables of a result: of its ``networks``, and of the ``numbers`` of those that count."""

    def __init__(self, result: xr.Dataset) -> None:
        self.result = result
        networks = [name for name in result.data_vars if result[name].dims == ("network",)]
        self.networks = result[networks].to_dataframe().rename(columns={"seed_of": "seed"})
        names = [name for name in result.data_vars if result[name].dims == ("number",)]
        numbers = result[names].to_dataframe().rename(columns=lambda name: str(name).removeprefix("number_"))
        keys = ["video", "model", "seed"]
        kept = self.networks.loc[self.networks["counted"], [*keys, "architecture"]]
        self.numbers = numbers.merge(kept, on=keys)

    def of(self, statement: Statement) -> pd.DataFrame:
        """The numbers behind a statement."""
        found = self.numbers[self.numbers["name"] == statement.number]
        if statement.architecture:
            found = found[found["architecture"] == statement.architecture]
        return found[found["layer"].isin(statement.layers)] if statement.layers else found

    def cases(self, statement: Statement, definition: str) -> tuple[np.ndarray, np.ndarray]:
        """Numbers by one definition, and in which cases the statement holds."""
        found = self.of(statement)
        found = found[np.isfinite(found[definition])]
        if statement.direction and statement.bound is None:
            found = found[np.isfinite(found[f"{definition}_bound"])]
        values = found[definition].to_numpy(float)
        if not statement.direction:
            return values, np.zeros(0, bool)
        return values, statement.holds(values, found[f"{definition}_bound"].to_numpy(float))

    def verdict(self, statement: Statement) -> str:
        """What becomes of a statement by either definition, in Markdown; empty where nothing is claimed."""
        if not statement.direction:
            return ""
        found = []
        for definition, words in DEFINITIONS.items():
            if getattr(statement, definition) and not (definition == "written" and statement.one):
                _, held = self.cases(statement, definition)
                where = "" if statement.one else words
                count = f" ({held.sum()} of {len(held)})" if len(held) else ""
                found.append((outcome(held), where, count))
        if len({verdict for verdict, _, _ in found}) == 1 and len(found) > 1:
            counts = "".join(f", {where}{count}" for _, where, count in found if count)
            return f"**{found[0][0]}**{counts}"
        return ", ".join(f"**{' '.join(filter(None, (verdict, where)))}**{count}" for verdict, where, count in found)


def _introduction(study: Study) -> list[str]:
    counted = study.networks[study.networks["counted"]]
    found = [
        wrapped(
            "The public notebooks of the paper were read operation by operation against its words. Some definitions "
            "differ. The notebooks do not run as they are released (fields and functions are missing), so it is not "
            "known which version drew the paper's figures. This page states both definitions, and what each gives for "
            "the same networks; the analysis `released` computes them side by side from the same contribution maps."
        )
    ]
    if not len(counted):
        return [
            *found,
            "**No network of the paper's size and quality is there yet**, so that nothing is measured below.",
        ]
    of = [
        f"{video} ({several(own['model'].unique(), 'and')}; {_seeds(own['seed'].unique())})"
        for video, own in counted.groupby("video", sort=True)
    ]
    return [
        *found,
        wrapped(
            f"The numbers are those of {few(len(counted), 'network')} on {few(len(of), 'video')}: {'; '.join(of)}."
        ),
        f"![Figure 4 of the paper as released and as written]({NAME}.png)",
        wrapped(
            "*Figure 4 by both definitions: variance of δ over regions, live neurons sorted, median over networks and "
            "frames. As released, the grid is a lattice (position modulo 4 and 8) and other deltas are absolute; as "
            "written, grid cells are rectangles and all deltas are signed. Dashed: the variance over the lattice of a "
            "kernel that contributes the same everywhere, at 128 × 256 pixels 0.238, and 0.243 over a (4, 6) lattice.*"
        ),
    ]


def _in_short(study: Study) -> str:
    return "\n".join(item(f"{one.title}: {study.verdict(one)}") for one in STATEMENTS if one.direction)


def _counting(study: Study) -> str:
    return wrapped(
        "A case is a layer of a network, its number the mean over frames. Numbers are medians over cases, with the "
        f"range in brackets. A statement stands if it holds in at least {MOST:.0%} of the cases, and does not stand "
        f"if it holds in at most {FEW:.0%}. Only networks near the paper's in size and quality count: "
        f"{study.result.attrs['least_bits']:g} to {study.result.attrs['most_bits']:g} bits a pixel, and at least "
        f"{study.result.attrs['least_psnr']:g} dB."
    )


def _section(study: Study, statement: Statement) -> Iterable[str]:
    yield f"### {statement.title}"
    yield wrapped(f"*{statement.where[0].upper()}{statement.where[1:]}.* {statement.says}")
    rows = []
    for name, words in DEFINITIONS.items():
        values, held = study.cases(statement, name)
        definition = getattr(statement, name)
        if not definition or (statement.one and name == "written"):
            continue
        cells = [definition if statement.one else f"{words}: {definition}", spread(values)]
        rows.append([*cells, f"{held.sum()} of {len(held)}"] if statement.direction else cells)
    head = ["definition", statement.measure, *(["holds in"] if statement.direction else [])]
    yield table(head, rows)
    said = study.verdict(statement)
    yield wrapped(f"{said[:2]}{said[2].upper()}{said[3:]}. {statement.because}" if said else statement.because)


def _figure_4(study: Study) -> Iterable[str]:
    names = [f"variance_{one}" for one in _FIGURE_4]
    own = study.numbers[study.numbers["name"].isin(names)]
    if own.empty:
        yield f"{UNMEASURED.capitalize()}."
        return
    yield wrapped(
        "Medians over live neurons, then over networks: as released, then by the paper's words. The ratio is that "
        "of the variance over rectangles to that over the lattice."
    )
    middle = own.groupby(["model", "layer", "name"], sort=False)[["released", "written"]].median()
    rows, ratios = [], {}
    for model, layer in dict.fromkeys(zip(own["model"], own["layer"], strict=True)):
        cells = [str(model), str(layer)]
        for name in names:
            there = (model, layer, name) in middle.index
            cells += [
                number(middle.loc[(model, layer, name), one]) if there else "–" for one in ("released", "written")
            ]
        lattice, grid = (middle.loc[(model, layer, names[0]), one] for one in ("released", "written"))
        ratios[model, layer] = grid / lattice if lattice > 0 else np.nan
        rows.append([*cells[:4], number(ratios[model, layer], ".3g") if lattice > 0 else "–", *cells[4:]])
    head = ["model", "layer", "lattice", "rectangles", "ratio"]
    for name in _FIGURE_4[1:]:
        head += [f"{name}, released", "written"]
    yield table(head, rows)
    yield wrapped(ratios_in_words(ratios))


def ratios_in_words(ratios: Mapping[tuple[str, str], float]) -> str:
    """How far rectangles and lattices lie apart, by model and layer; layers with little between them are named."""
    known = {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio)}
    many = [ratio for ratio in known.values() if ratio >= _MANY]
    if not many:
        return ""
    few = [f"{model} {layer} ({number(ratio)})" for (model, layer), ratio in known.items() if ratio < _MANY]
    where = f" in every layer but {several(few, 'and')}" if few else ""
    times = f"{_range(many)} times the lattice's"
    return f"With rectangles, as the paper defines, the variance over the grid is {times}{where}."


def _range(values: Sequence[float]) -> str:
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def _networks(study: Study) -> Iterable[str]:
    rows = []
    for (model, video), own in study.networks.groupby(["model", "video"], sort=True):
        rows.append(
            [
                str(model),
                str(video),
                ", ".join(map(str, sorted(own["seed"]))),
                f"{own['parameters'].iloc[0]:,}",
                f"{own['bits_per_pixel'].iloc[0]:.1f}",
                spread(own["psnr"].to_numpy(float), ".1f"),
                spread(own["ssim"].to_numpy(float), ".3f"),
                spread(own["epochs"].to_numpy(float), ".0f"),
                spread(own["epochs_within"].to_numpy(float), ".0f"),
                spread(own["seconds"].to_numpy(float) / 60, ".1f"),
            ]
        )
    within = f"{study.result.attrs['within']:g}"
    head = [
        "model",
        "video",
        "seeds",
        "parameters",
        "bits a pixel",
        "PSNR, dB",
        "SSIM",
        "epochs",
        f"within {within} dB",
    ]
    yield wrapped(
        "Size is at 8 bits a weight; of a model of one network a frame, parameters are those of all frames. The "
        f"paper's networks have 8.0 bits a pixel, and 33.5 dB (NeRV) and 34.3 dB (FFN), after 1000 epochs. "
        f"“Within {within} dB” is the "
        "epoch from which the training's PSNR stays that near to its last: on the schedule of this training, whose "
        "learning rate falls until its end; [shorter trainings](training.md#what-was-measured) end lower. Training "
        "times are minutes, whatever the device and whatever else ran on it."
    )
    yield table([*head, "minutes"], rows)
    left = study.networks[~study.networks["counted"]]
    if len(left):
        names = "; ".join(f"{one.model} on {one.video}, seed {one.seed}" for one in left.itertuples())
        yield wrapped(f"Left out of the numbers above, for their size or quality: {names}.")


def _costs(study: Study) -> str:
    result = study.result
    hours = {
        str(kind): float(value) / 3600 for kind, value in zip(result["kind"].values, result["job_seconds"], strict=True)
    }
    known = {kind: value for kind, value in hours.items() if np.isfinite(value)}
    disk = {
        "canvases": int(result["canvas_bytes"].sum()),
        "results of analyses": int(result["results_bytes"]),
        "prepared videos": int(result["videos_bytes"]),
    }
    said = "not measured"
    if known:
        said = ", ".join(f"{kind} {value:.2g} h" for kind, value in known.items())
        said += f"; together {sum(known.values()):.2g} hours"
    sizes = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in disk.items())
    return wrapped(f"Jobs, one after another, without networks that were trained elsewhere: {said}. Disk: {sizes}.")


def _how() -> Iterable[str]:
    yield "In a clone of the repository, one command trains the networks, analyses them and renews this page:"
    yield "    make study"
    yield wrapped(
        "It runs `config/study.yaml`, resumes after an interruption, and copies this page, its picture and its numbers "
        "from `results/figures/paper_claims/project/`. The videos come with the packages; two real clips with masks, "
        "one of them with true flow, join them where there is a folder `clips` (`config/study-clips.tsv`)."
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {several([str(seed) for seed in seeds], 'and')}"

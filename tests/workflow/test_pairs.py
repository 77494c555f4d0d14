"""Two networks compared, by Snakemake: what only the pair needs, its result and figures, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.small import changed, config, write_clip, write_table
from tests.helpers.workflow.runs import Workspace, announced, jobs
from xinc.analyses.results import open_result

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

RESULT = "clip/pairs/siren-seed0+siren-seed1/compare"


def test_a_pair_of_networks(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path)
    write_clip(space.run)
    write_table(space.run)
    values = config(analyses={"compare": {"pairs": [["siren/seed0", "siren/seed1"]]}})
    space.configure(values)
    figures = "results/figures/compare/clip/pairs/siren-seed0+siren-seed1"
    of = {"analysis": "compare", "video": "clip", "model": "siren", "seed": 0, "other": "siren", "other_seed": 1}
    pair = jobs("analysis_of_pair", **of) | jobs("figure_of_pair", **of)
    networks = jobs("train", video="clip", model="siren", seed=[0, 1])
    networks |= jobs("canvas", video="clip", model="siren", seed=[0, 1])
    assert announced(space.make(figures)) == {*jobs("video", video="clip"), *networks, *pair}

    result = open_result(space.run / "results" / RESULT)
    assert (result.attrs["seed"], result.attrs["other_seed"], result.attrs["other"]) == ("0", "1", "siren")
    assert result.sizes["pair"] > 0
    assert {"psnr", "share", "map"} <= set(result)
    names = {path.stem for path in (space.run / figures).iterdir() if path.suffix == ".png"}
    assert names == {"all", "frame0-heatmaps", "frame0-similarity", "frame0-layer1"}

    third = space.run / "third.yaml"
    assert not space.pending(changed("models.nerv.training.epochs", 5, values), third, figures)
    nonsense = changed("analyses.compare.pairs", [["siren/seed0", "nerv/seed0"]], values)
    refused = space.snakemake("-n", config=space.configure(nonsense, third))
    assert refused.returncode != 0
    assert "Error: Analysis 'compare' of siren-seed0+nerv-seed0 on video 'clip': The networks share no layer" in (
        refused.stdout
    )
    assert "Traceback" not in refused.stdout

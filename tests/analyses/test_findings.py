"""The table of findings: it says yes, no, unclear and unmeasured, and corrects for the number of tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from xinc.analyses import analyses, findings
from xinc.analyses.base import Claim, Project, Record
from xinc.analyses.findings import FAILS, HOLDS, UNCLEAR, UNMEASURED, Findings, _benjamini_hochberg


def values(result: xr.Dataset) -> xr.DataArray:
    return result["value"]


def chances(result: xr.Dataset) -> xr.DataArray:
    return result["chance"]


PLAIN = Claim("plain", "4.2", "A sentence.", "a number above 1", values, threshold=1.0)
TESTED = Claim("tested", "4.1", "A sentence with a null.", "a number above 0", values, p_value=chances)
FFN_ONLY = Claim("ffn only", "4.3", "Of layer2 of an FFN.", "a number", values, architectures=("ffn",), layers=("l2",))


@pytest.fixture
def project(monkeypatch):
    """Two made-up results of a made-up analysis with three claims."""
    made = SimpleNamespace(claims=(PLAIN, TESTED, FFN_ONLY))
    monkeypatch.setattr(findings, "analyses", {"made": made})
    layers = ["l1", "l2", "l3"]
    of_nerv = xr.Dataset(
        {
            "value": (("layer", "frame"), [[2.0, 4.0], [0.5, 0.7], [np.nan, np.nan]]),
            "chance": (("layer", "frame"), [[0.001, 0.001], [0.4, 0.6], [np.nan, np.nan]]),
        },
        {"layer": layers},
        {"architecture": "nerv"},
    )
    of_ffn = xr.Dataset(
        {"value": ("layer", [3.0, -1.0, 1.0]), "chance": ("layer", [0.02, 0.9, 0.04])},
        {"layer": layers},
        {"architecture": "ffn"},
    )
    stored = {"nerv": of_nerv, "ffn": of_ffn}
    monkeypatch.setattr(Record, "open", lambda self: stored[self.model])
    records = tuple(Record("made", "clip", model, 0, Path("nowhere")) for model in stored)
    return Project({}, records)


def verdicts(result: xr.Dataset) -> dict[tuple[str, str, str], str]:
    table = Findings().table(result)
    return {(row.claim, row.model, row.layer): row.verdict for row in table.itertuples()}


def test_yes_and_no_and_not_measured(project):
    said = verdicts(Findings().compute(project))
    assert said["plain", "nerv", "l1"] == HOLDS  # mean 3 over frames, above 1
    assert said["plain", "nerv", "l2"] == FAILS
    assert said["plain", "nerv", "l3"] == UNMEASURED
    assert said["plain", "ffn", "l3"] == FAILS  # exactly at the threshold is not above it


def test_a_null_has_to_be_beaten_after_correction(project):
    said = verdicts(Findings().compute(project))
    assert said["tested", "nerv", "l1"] == HOLDS
    assert said["tested", "nerv", "l2"] == UNCLEAR
    # 0.04 alone would count; among five tests it does not.
    assert said["tested", "ffn", "l3"] == UNCLEAR
    lenient = Findings(Findings.Settings(level=0.2))
    assert verdicts(lenient.compute(project))["tested", "ffn", "l3"] == HOLDS


def test_only_where_the_paper_says_so(project):
    said = verdicts(Findings().compute(project))
    assert [key for key in said if key[0] == "ffn only"] == [("ffn only", "ffn", "l2")]
    assert said["ffn only", "ffn", "l2"] == FAILS


def test_correction_for_the_number_of_tests():
    corrected = _benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03, 0.9]))
    np.testing.assert_allclose(corrected, [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.9])
    assert _benjamini_hochberg(np.array([])).size == 0


def test_the_figure_has_a_row_for_every_claim(project):
    figures = Findings().plot(Findings().compute(project))
    texts = [text.get_text() for text in figures["claims"].axes[0].texts]
    assert {"A sentence.", "A sentence with a null.", "Of layer2 of an FFN."} <= set(texts)
    assert "1/2" in texts  # plain on nerv: holds in one of two layers measured


def test_every_claim_of_every_analysis_is_complete():
    names = []
    for name in analyses:
        for claim in analyses[name].claims:
            names.append(claim.name)
            assert claim.section.startswith(("4.", "7.")), claim.name
            assert claim.sentence.endswith("."), claim.name
            assert len(claim.measure) > 10, claim.name
    assert len(names) == len(set(names))

"""Every claim on networks with nothing in them to find: no verdict on them, and few sentences hold of them at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.helpers.degenerate import KINDS, results
from tests.helpers.judged import CLAIMS
from tests.helpers.tiers import EXHAUSTIVE, exhaustive
from xinc.analyses import analyses
from xinc.analyses.findings import Findings
from xinc.analyses.findings.names import DECIDED, HOLDS, INAPPLICABLE, UNMEASURED
from xinc.analyses.results import Project

pytestmark = pytest.mark.slow

#: The slow tier has one; continuous integration all.
EMPTY = [kind for kind in KINDS if kind != "trained"] if EXHAUSTIVE else ["random"]
SEEDS = ("clusters_mix_seeds", "seeds_share_types")
#: Sentences that may hold of a network that learned nothing, if nobody says that it did not, and why that is right.
STRUCTURE = {
    "many_neurons_per_pixel": "random weights spread over neurons",
    "many_pixels_per_neuron": "random weights spread over pixels",
    "few_contributions_make_up_the_total": "products of random numbers are more skewed than normal ones",
    "most_contributions_are_small": "as above",
    "ffn_layer2_half_dead": "half of the sums of outgoing weights are negative",
    "dead_neurons_elsewhere": "as above",
    "last_layer_is_sharpest": "a difference between layers of unlike width",
    "outermost_layer_represents_most": "a difference between layers of unlike width",
    "fewer_pixels_in_earlier_layers": "a difference between layers of unlike width",
    "ffn_more_even": "a difference between architectures",
    "ffn_more_even_at_the_end": "a difference between architectures",
}
#: Sentences about a network as a function, whatever it shows: random weights have kernels that matter more, too.
OF_THE_FUNCTION = {claim.name for name in ("faithfulness", "pruning") for claim in analyses[name].claims()}
#: Sentences that deny something, which is not in a network of which nothing is.
DENIALS = {"more_than_magnitude", "not_intensity_alone", "edges_not_alike"}
#: Of few neurons with random weights, the types are those of the weights' signs, the same in all seeds.
BY_CHANCE = set(SEEDS)


@pytest.fixture(autouse=True)
def _flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP takes ten seconds to import, and no claim is about layouts."""
    monkeypatch.setattr("xinc.analyses.clusters.compute.layout", lambda vectors, *_: np.zeros((len(vectors), 2)))


def findings(kind: str, quality: bool = True) -> xr.Dataset:
    of = tuple(one for one in results(kind) if quality or one.analysis != "quality")
    return Findings().compute(Project({}, of))


def about_networks(result: xr.Dataset) -> pd.DataFrame:
    rows = Findings().table(result)
    rows = rows[rows["video"] != ""]
    assert set(rows["claim"]) == set(CLAIMS)
    return rows


@pytest.mark.parametrize("kind", EMPTY)
def test_no_claim_is_judged_on_a_network_with_nothing_in_it(kind: str) -> None:
    result = findings(kind)
    rows = about_networks(result)
    assert set(rows["verdict"]) == {INAPPLICABLE}
    reason = (
        "nothing to see: the frames are of one colour" if kind in ("flat", "black") else "has not learned the video"
    )
    everywhere = [name for name, claim in CLAIMS.items() if claim.applies is None]
    own = rows[rows["claim"].isin(everywhere) & ~rows["note"].str.startswith("the paper says so of")]
    assert own["note"].str.contains(reason).all(), own["note"].unique()
    [warning] = result.attrs["warnings"]
    assert warning.startswith("Nothing to see (all networks)" if kind in ("flat", "black") else "Not learned (all")
    assert rows["median"].isna().all()


# After two epochs there may already be something, of which the share of the variance tells that it is little.
@pytest.mark.parametrize("kind", ["flat", "black", "random"] if EXHAUSTIVE else ["random"])
def test_few_claims_hold_even_if_nobody_says_that_nothing_was_learned(kind: str) -> None:
    result = findings(kind, quality=False)
    rows = about_networks(result)
    allowed = set(STRUCTURE) | OF_THE_FUNCTION | (set() if kind in ("flat", "black") else DENIALS | BY_CHANCE)
    assert set(rows["claim"][rows["verdict"] == HOLDS]) <= allowed
    if kind in ("flat", "black"):
        types = rows[rows["claim"].isin([*SEEDS, "group_similar_neurons", "many_neuron_types"])]
        assert set(types["verdict"]) == {UNMEASURED}
        assert types["note"].str.contains("without edges").all()
    [warning] = result.attrs["warnings"]
    assert warning.startswith("Not checked (all networks)")


@exhaustive
def test_claims_are_judged_on_the_same_network_trained() -> None:
    """The NeRV learns, and the FFN, which is too small, does not: of it nothing is said, nor of the two together."""
    result = findings("trained")
    rows = about_networks(result)
    assert set(rows["verdict"][rows["model"] == "ffn"]) == {INAPPLICABLE}
    of_nerv = rows[rows["model"] == "nerv"]
    holding = set(of_nerv["claim"][of_nerv["verdict"] == HOLDS])
    assert holding - set(STRUCTURE) - DENIALS - BY_CHANCE
    assert set(DECIDED) <= set(of_nerv["verdict"])
    middle = of_nerv[of_nerv["claim"] == "nerv_middle_weaker_on_space"]
    assert middle["note"].str.contains("has not learned").any()
    assert [text.partition(" (")[0] for text in result.attrs["warnings"]] == ["Not learned", "Badly trained"]

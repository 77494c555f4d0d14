"""Sentences of the paper about the distribution of contributions (sections 4.4 and 7.3)."""

from __future__ import annotations

from xinc.analyses.claim import Claim

#: Gini coefficient of |Z| of a normally distributed Z, and the share of |Z| below its mean √(2/π).
NORMAL_GINI, NORMAL_BELOW_MEAN = 0.414, 0.575

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "few_contributions_make_up_the_total",
        "4.4",
        "A large portion of the contributions are small, and the larger ones are fewer.",
        "Gini coefficient of |C| over all neurons and pixels of the layer; threshold: that of normally distributed "
        "contributions, √2 − 1",
        lambda result: result["gini"],
        threshold=NORMAL_GINI,
        chance="none: compared with normally distributed contributions of the same mean",
        missing="the layer contributes nothing",
    ),
    Claim(
        "most_contributions_are_small",
        "7.3",
        "A large portion of the raw contributions are relatively small in magnitude in each layer.",
        "share of the contributions |C| below their mean, less its error; threshold: that of normally distributed "
        "contributions",
        lambda result: result["below_mean"] - result["below_mean_error"],
        threshold=NORMAL_BELOW_MEAN,
        chance="none: compared with normally distributed contributions of the same mean",
        missing="the layer contributes nothing",
    ),
)

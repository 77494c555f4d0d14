"""Many tests at once: p-values corrected for the rate of false discoveries (Benjamini and Hochberg 1995).

As `scipy.stats.false_discovery_control`, which takes half a second to import and knows no NaN.
"""

from __future__ import annotations

import numpy as np


def false_discovery_rates(p_values: np.ndarray) -> np.ndarray:
    """The rates of false discoveries at which tests are just significant, (n,), of p-values (n,); NaN stays NaN."""
    out = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def significant(p_values: np.ndarray, rate: float) -> np.ndarray:
    """Which tests are significant at this rate of false discoveries, up to rounding, (n,) bool; NaN is not."""
    found: np.ndarray = false_discovery_rates(p_values) <= rate * (1 + 1e-12)
    return found

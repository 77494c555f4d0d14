"""Names of the numbers that say how a heatmap follows the picture, shared by the computation and the claims."""

from __future__ import annotations

#: The numbers, in the order of `xinc.analyses.intensity.attention.numbers_of_shifts`.
NUMBERS = ("intensity", "edges", "partial_edges", "dark", "dark_excess", "edge_spread", "people")
#: Those that chance should not reach from above.
BELOW = frozenset({"edge_spread"})
#: Those that the claims are about, in words.
DESCRIPTIONS = {
    "intensity": "Pearson correlation over pixels of the layer's Σ|C| with the intensity",
    "partial_edges": "partial correlation over pixels of Σ|C| with the edges, intensity held constant",
    "dark": "mean Σ|C| in the darkest tenth of the pixels / over the frame",
    "dark_excess": "mean Σ|C| in the darkest tenth of the pixels / over the frame, less the same ratio of the "
    "intensity: 0 where contribution is proportional to intensity",
    "edge_spread": "standard deviation of Σ|C| over the tenth of the pixels with the strongest edges / over the frame, "
    "0 where all of these edges are treated alike",
    "people": "mean over the pixels of people of what a line through the intensity leaves of Σ|C|, in its standard "
    "deviations",
}

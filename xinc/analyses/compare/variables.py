"""Variables of the comparison of two networks, in words."""

from __future__ import annotations

import xarray as xr

_UNITS = {"psnr": "dB", "mean_psnr": "dB", "psnr_between": "dB"}

_NAMES = {
    "heatmap": "sum over neurons of |C|",
    "heatmap_correlation": "Pearson correlation of the two heatmaps over pixels",
    "heatmap_correlation_null": "how that stands among all toroidal shifts of one heatmap",
    "neurons": "neurons of the layer",
    "dead": "neurons whose map is zero",
    "constant": "neurons whose map is not zero, but constant on the grid",
    "twins": "neurons whose map is that of a neuron of another input, up to scale",
    "compared": "neurons that are matched, or among which matches are looked for",
    "edge": "similarity that 95 % of the matches of the network with itself do not reach; of the other network's, if "
    "that has more neurons",
    "share": "share of the compared neurons that have a partner; 0.05 by chance",
    "share_low": "lower end of its 95 % interval, input channels and those of the null resampled",
    "share_high": "upper end of its 95 % interval, input channels and those of the null resampled",
    "contribution_share": "share of the compared neurons' contribution that is of neurons with a partner",
    "pairs_by_similarity": "number of pairs by their similarity",
    "neuron": "number of a neuron in the layer of the first network",
    "partner": "number of its match in the layer of the second network, -1 if it is left over",
    "similarity": "Pearson correlation of the two maps |C| averaged over the cells of a grid",
    "is_partner": "whether the match is a partner: beyond the edge of the network",
    "pair_layer": "layer of the first network",
    "pair_frame": "frame",
    "map": "magnitude of contribution",
    "map_neuron": "number of the neuron in its layer, -1 for none",
    "map_similarity": "similarity of the match",
    "reconstruction": "reconstructed frame, clamped to [0, 1]",
    "source": "source frame",
    "psnr": "PSNR against the video",
    "mean_psnr": "mean of PSNR over the frames that both networks represent",
    "psnr_between": "PSNR of one network's frame against the other's",
    "parameters": "trained parameters",
    "nonzero_parameters": "trained parameters that are not zero",
}

_COORDINATES = {
    "network": "first or second network",
    "layer": "layer of the first network, in network order",
    "other_layer": "layer of the second network with which it is compared",
    "frame": "frame of the video, counted from 0",
    "null": "what chance gives: probability of the observed number, mean and edge",
    "matches": "best or worst matches",
    "rank": "place among these matches, each of another input of the first network as far as there are",
    "of": "pairs that are counted: matches, matches of either network with itself, and all other pairs of the two",
    "bin": "middle of the bin of similarities",
}


def describe(result: xr.Dataset) -> xr.Dataset:
    """The result with what every variable is, and its unit."""
    for name in result.data_vars:
        result[name].attrs = {"long_name": _NAMES[str(name)], "units": _UNITS.get(str(name), "1")}
    for name, text in _COORDINATES.items():
        result[name].attrs = {"long_name": text, "units": "1"}
    return result

"""Clusters of Gabor responses as the released code makes them."""

from __future__ import annotations

import numpy as np

#: Standard deviations, in pixels, and frequencies, in cycles per pixel, of the released filters.
SIGMAS, FREQUENCIES = (1, 3), (0.05, 0.25, 0.5)
#: Starts of k-means, the default of the scikit-learn that the repository pins (1.3.2).
STARTS = 10


def released_gabor_labels(colours: np.ndarray, clusters: int, seed: int = 0) -> np.ndarray:
    """Clusters (y, x) int32 of the released responses of one frame (y, x, channel) with colours in [0, 1].

    Restates ``get_label_map`` and ``get_spatial_clustering`` of cluster_utils/cluster_utils.py, called by
    HNeRV/analysis/what_do_neurons_care_about.ipynb (cell 10): k-means of the responses of one frame, which are not
    scaled, so that filters of strong responses count most. The seed is 0 there.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    features = released_responses(colours).astype(np.float64).reshape(-1, len(SIGMAS) * len(FREQUENCIES))
    distinct, first = np.unique(features, axis=0, return_inverse=True)
    if len(distinct) <= clusters:
        return first.reshape(colours.shape[:2]).astype(np.int32)
    # On one thread: with several, sums and so the clusters depend on their number.
    with threadpool_limits(1):
        found = KMeans(clusters, n_init=STARTS, random_state=seed).fit_predict(features)
    return found.reshape(colours.shape[:2]).astype(np.int32)


def released_responses(colours: np.ndarray) -> np.ndarray:
    """Responses (y, x, 6) uint8 of the released filters to a frame (y, x, channel) with colours in [0, 1].

    Restates ``compute_gabor`` and ``get_gabor_kernels`` of cluster_utils/cluster_utils.py, and of
    plot_figures/supplementary/cluster_utils.py. The function that makes the filters returns within its loop over four
    orientations, after the first: 6 of 24 filters, which tell changes along x only. The frame is grey in bytes, and so
    are the responses: fractions are cut off, and what is below 0 or above 255 comes in again at the other end. The real
    part is taken, and the frame continues on its other side beyond its borders. The paper (section 6.2) names four
    orientations and three scales.
    """
    from PIL import Image
    from scipy import ndimage
    from skimage.filters import gabor_kernel

    grey = np.asarray(Image.fromarray((np.clip(colours, 0, 1) * 255).astype(np.uint8)).convert("L"), np.float64)
    responses = []
    for sigma in SIGMAS:
        for frequency in FREQUENCIES:
            kernel = np.real(gabor_kernel(frequency, theta=0, sigma_x=sigma, sigma_y=sigma))
            response = ndimage.convolve(grey, kernel, mode="wrap")
            # What a conversion to bytes does where it is defined, the same on every machine.
            responses.append((np.trunc(response).astype(np.int64) % 256).astype(np.uint8))
    return np.stack(responses, axis=-1)

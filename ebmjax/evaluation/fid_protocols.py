"""The protocols of FID and KID: how pixels in [0, 255] become the input of the Inception network, and how many count.

Each is named after the code that it repeats. They differ in rounding, enlargement, scale and the rows that are left
out. Do not compare figures of different protocols.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ebmjax.nets.inception import SIZE
from ebmjax.types import Array


def corners(num_in: int, num_out: int) -> np.ndarray:
    """Linear interpolation as a matrix `[num_out, num_in]`, as in TensorFlow 1 (align_corners=False): output i lies at
    i num_in / num_out. Ends are repeated; no antialiasing."""
    return _linear(np.arange(num_out) * num_in / num_out, num_in)


def centres(num_in: int, num_out: int) -> np.ndarray:
    """The same as in PyTorch (align_corners=False): output i lies at (i + 1/2) num_in / num_out - 1/2."""
    return _linear((np.arange(num_out) + 0.5) * num_in / num_out - 0.5, num_in)


def bicubic(num_in: int, num_out: int) -> np.ndarray:
    """Cubic interpolation as a matrix `[num_out, num_in]`, as Pillow's resize: kernel of a = -1/2, made wider by
    num_in / num_out for fewer pixels (antialiasing), its weights inside the image divided by their sum."""
    width = max(num_in / num_out, 1.0)
    centre = (np.arange(num_out)[:, None] + 0.5) * num_in / num_out
    pixel = np.arange(num_in)
    first, last = np.trunc(np.maximum(centre - 2 * width + 0.5, 0)), np.trunc(centre + 2 * width + 0.5)
    t = np.abs((pixel + 0.5 - centre) / width)
    weight = np.where(t < 1, (1.5 * t - 2.5) * t**2 + 1, np.where(t < 2, ((2.5 - 0.5 * t) * t - 4) * t + 2, 0.0))
    weight = np.where((pixel >= first) & (pixel < last), weight, 0.0)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def _linear(position: np.ndarray, num_in: int) -> np.ndarray:
    position = np.clip(position, 0, num_in - 1)
    lower = np.minimum(np.floor(position).astype(int), num_in - 1)
    upper, weight = np.minimum(lower + 1, num_in - 1), position - lower
    matrix = np.zeros((len(position), num_in), np.float32)
    np.add.at(matrix, (np.arange(len(position)), lower), 1 - weight)
    np.add.at(matrix, (np.arange(len(position)), upper), weight)
    return matrix


class Protocol(NamedTuple):
    """rounded: pixels are rounded to whole numbers first, as in image files. resize: (num_in, num_out) -> matrix of
    the enlargement to 299 pixels. grey: the network gets pixel / grey - 1. whole: rows count only in whole batches of
    so many."""

    rounded: bool
    resize: Callable[[int, int], np.ndarray]
    grey: float
    whole: int = 1


PROTOCOLS = {
    # The TensorFlow graph of 2015 and the code of Heusel et al. 2017 (bioinf-jku/TTUR): any floats, (x - 128) / 128,
    # whole batches of 50. So does the code of the latent EBM (Pang et al. 2020).
    "tf2015": Protocol(False, corners, 128.0, whole=50),
    # mseitzer/pytorch-fid: image files, 2 x / 255 - 1.
    "pytorch-fid": Protocol(True, centres, 127.5),
    # GaParmar/clean-fid, mode "clean": image files, enlarged in floats and clipped, (x - 128) / 128.
    "clean-fid": Protocol(True, bicubic, 128.0),
}
DEFAULT = "tf2015"
FORMER = {
    "float": "is now called tf2015",
    "uint8": "is gone: it enlarged images as pytorch-fid does and scaled them as tf2015 does, as no published code",
}
"""Names of earlier versions, and what became of them."""


def find_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises ValueError, with the known names."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    former = f" (it {FORMER[name]})" if name in FORMER else ""
    raise ValueError(f"unknown FID protocol {name!r}{former}; known: {', '.join(PROTOCOLS)}")


def num_counted(num: int, name: str) -> int:
    """How many of `num` images count by the protocol `name`."""
    return num - num % find_protocol(name).whole


def least_images(name: str) -> int:
    """The least number of images with a FID by the protocol `name`: a covariance needs two."""
    return max(find_protocol(name).whole, 2)


def network_input(protocol: Protocol, x: Array) -> Array:
    """Pixels `[B, H, W, C]` in [0, 255] -> `[B, 299, 299, C]`, about [-1, 1]."""
    x = jnp.asarray(x, jnp.float32)
    x = jnp.round(x) if protocol.rounded else x
    rows, columns = (protocol.resize(n, SIZE) for n in x.shape[1:3])
    x = jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision="highest")
    return jnp.clip(x, 0.0, 255.0) / protocol.grey - 1.0  # only cubic interpolation leaves the range

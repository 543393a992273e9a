"""Inception features of images, the coordinates in which the Fréchet distance is called FID.

A FID is a number of its protocol: what the network is fed, how images are enlarged, how many there are. Two published
protocols are given by name; figures of different ones must not stand in one column.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.nets.inception import FEATURES, SIZE, Inception
from ebmjax.types import Array, PyTree


class Protocol(NamedTuple):
    """rounded: pixels are rounded to whole numbers first, as saved images are. half_pixel: images are enlarged with
    pixels' centres at i + 1/2, else with their corners at i, as TensorFlow 1 does. dropped: the rows that do not fill a
    batch of 50 are left out."""

    rounded: bool
    half_pixel: bool
    dropped: bool


PROTOCOLS = {
    # The code of the latent EBM (Pang et al. 2020): the TensorFlow graph, floats, whole batches of 50 alone.
    "float": Protocol(rounded=False, half_pixel=False, dropped=True),
    # Images as they are saved, enlarged as PyTorch does.
    "uint8": Protocol(rounded=True, half_pixel=True, dropped=False),
}
DROPPED = 50


def load_inception(path: str | os.PathLike) -> tuple[PyTree, str]:
    """Weights (variables of `nets.inception.Inception`, float32) of an .npz, and the first 12 digits of its SHA-256.

    The file holds net.layers.<scope>.{weight, beta, mean, var}, weights as [out, in, kh, kw], in any precision. Raises
    ValueError, naming the first array that is missing or has another shape, and OSError for a file that cannot be read.
    """
    path = Path(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    expected = jax.eval_shape(Inception().init, jax.random.key(0), jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.float32))
    with np.load(path) as arrays:

        def find(keys, leaf):
            scope, kind = (key.key for key in keys[-2:])
            name = f"net.layers.{scope}.{kind}"
            if name not in arrays:
                raise ValueError(f"{path}: has no array {name}; these are not the weights of the FID Inception")
            array = np.asarray(arrays[name], np.float32)
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
            if array.shape != leaf.shape:
                raise ValueError(f"{path}: {name} has shape {array.shape}, expected {leaf.shape} as [kh, kw, in, out]")
            return jnp.asarray(array)

        return jax.tree_util.tree_map_with_path(find, expected), digest


def resize_matrix(num_in: int, num_out: int, *, half_pixel: bool) -> np.ndarray:
    """Linear interpolation of `num_in` values to `num_out` as a matrix `[num_out, num_in]`, without smoothing before.

    half_pixel: output i lies at (i + 1/2) num_in / num_out - 1/2, else at i num_in / num_out; ends are repeated.
    """
    shift = 0.5 if half_pixel else 0.0
    position = np.clip((np.arange(num_out) + shift) * num_in / num_out - shift, 0, num_in - 1)
    lower = np.minimum(np.floor(position).astype(int), num_in - 1)
    upper, weight = np.minimum(lower + 1, num_in - 1), position - lower
    matrix = np.zeros((num_out, num_in), np.float32)
    np.add.at(matrix, (np.arange(num_out), lower), 1 - weight)
    np.add.at(matrix, (np.arange(num_out), upper), weight)
    return matrix


def make_inception_features(weights: PyTree, protocol: str = "float") -> Callable[[Array], Array]:
    """A compiled function: pixels `[B, H, W, 1 or 3]` in [0, 255] -> features `[B, 2048]`, rows independent.

    protocol: of `PROTOCOLS`, else ValueError. Gray images are repeated over the three colours.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"no FID protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return partial(_features, weights, PROTOCOLS[protocol])


@partial(jax.jit, static_argnums=1)
def _features(weights: PyTree, protocol: Protocol, x: Array) -> Array:
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise ValueError(f"Inception features: expected images [B, H, W, 1 or 3], got shape {x.shape}")
    x = jnp.asarray(x, jnp.float32)
    x = jnp.round(x) if protocol.rounded else x
    rows, columns = (resize_matrix(n, SIZE, half_pixel=protocol.half_pixel) for n in x.shape[1:3])
    x = jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision="highest")
    x = jnp.broadcast_to(x, (*x.shape[:3], 3))
    return Inception().apply(weights, (x - 128.0) / 128.0)


def inception_features(
    features: Callable[[Array], Array],
    x,
    protocol: str = "float",
    *,
    batch_size: int = 50,
    put: Callable = jnp.asarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Features `[M, 2048]` of images `x[N, H, W, 1 or 3]` with pixels in [0, 255], `batch_size` at a time.

    features: of `make_inception_features` with the same protocol. x: a memory map will do, rows are read as needed.
    M is N, or less where the protocol drops what does not fill a batch of 50. put: brings a batch to the devices, split
    over them as it likes. progress: wraps the iterator (a bar).
    """
    if np.min(x[:1]) < 0 or np.max(x) > 255 or np.min(x) < 0:
        raise ValueError(f"Inception features: pixels must lie in [0, 255], got [{np.min(x):.3g}, {np.max(x):.3g}]")
    num = len(x) - len(x) % DROPPED if PROTOCOLS[protocol].dropped else len(x)
    if num == 0:
        raise ValueError(f"Inception features: the protocol {protocol!r} needs at least {DROPPED} images, got {len(x)}")
    found = np.empty((num, FEATURES), np.float32)
    for start in progress(range(0, num, batch_size)):
        rows = np.minimum(np.arange(start, start + batch_size), num - 1)  # the last batch is filled up: one shape
        found[start : start + batch_size] = np.asarray(features(put(x[rows])))[: num - start]
    return found

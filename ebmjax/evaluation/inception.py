"""Inception features of images, on which the Fréchet distance is called FID; its protocols: fid_protocols.py."""

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation.fid_protocols import DEFAULT, Protocol, find_protocol, network_input, num_counted
from ebmjax.nets.inception import FEATURES, SIZE, Inception
from ebmjax.types import Array, PyTree


def load_inception(path: str | os.PathLike) -> tuple[PyTree, str]:
    """Weights (variables of `nets.inception.Inception`, float32) of an .npz, and the first 12 digits of its SHA-256.

    The file holds net.layers.<scope>.{weight, beta, mean, var} with the graph's scopes, or the arrays of PyTorch's port
    under its own names (`torch_name`); weights as [out, in, kh, kw], in any precision. Raises ValueError, naming the
    first array that is missing or has another shape, and OSError for a file that cannot be read.
    """
    path = Path(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    expected = jax.eval_shape(Inception().init, jax.random.key(0), jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.float32))
    with np.load(path) as arrays:
        ported = torch_name("conv", "weight") in arrays

        def find(keys, leaf):
            scope, kind = (key.key for key in keys[-2:])
            name = f"net.layers.{scope}.{kind}"
            name = torch_name(scope, kind) if ported else name
            if name not in arrays:
                raise ValueError(f"{path}: no array {name}; these are not the weights of the FID Inception")
            array = np.asarray(arrays[name], np.float32)
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
            if array.shape != leaf.shape:
                raise ValueError(f"{path}: {name} has shape {array.shape}, expected {leaf.shape} as [kh, kw, in, out]")
            return jnp.asarray(array)

        return jax.tree_util.tree_map_with_path(find, expected), digest


_STEM = {"conv": "1a_3x3", "conv_1": "2a_3x3", "conv_2": "2b_3x3", "conv_3": "3b_1x1", "conv_4": "4a_3x3"}
_BLOCKS = dict(zip(["mixed", *(f"mixed_{i}" for i in range(1, 11))], "5b 5c 5d 6a 6b 6c 6d 6e 7a 7b 7c".split()))
_KINDS = {"weight": "conv.weight", "beta": "bn.bias", "mean": "bn.running_mean", "var": "bn.running_var"}
_LAST = {"tower_conv": "branch3x3_1", "tower_mixed_conv": "branch3x3_2a", "tower_mixed_conv_1": "branch3x3_2b"}
_LAST |= {"tower_1_conv": "branch3x3dbl_1", "tower_1_conv_1": "branch3x3dbl_2", "tower_2_conv": "branch_pool"}
_LAST |= {"tower_1_mixed_conv": "branch3x3dbl_3a", "tower_1_mixed_conv_1": "branch3x3dbl_3b"}


def torch_name(scope: str, kind: str) -> str:
    """The name of an array in PyTorch's port of the network: "mixed_3.tower.conv_1", "beta" -> "Mixed_6a....bn.bias".

    kind: weight, beta, mean or var. The port's batch norms also have weights, which are all 1.
    """
    block, _, rest = scope.partition(".")
    if block in _STEM:
        return f"Conv2d_{_STEM[block]}.{_KINDS[kind]}"
    name = _BLOCKS[block]
    tower, _, conv = rest.partition(".")
    number = int(conv.removeprefix("conv").removeprefix("_") or 0) + 1  # conv, conv_1, ... are numbered from 1
    towers = {
        "5": {"tower": "branch5x5", "tower_1": "branch3x3dbl"},
        "6": {"tower": "branch7x7", "tower_1": "branch7x7dbl"},
        "6a": {"tower": "branch3x3dbl"},
        "7a": {"tower": "branch3x3", "tower_1": "branch7x7x3"},
    }
    if rest == "conv":
        branch = "branch3x3" if name == "6a" else "branch1x1"
    elif rest in _LAST:
        branch = _LAST[rest]
    else:
        of = towers.get(name) or towers[name[0]]
        branch = "branch_pool" if tower == "tower_2" else f"{of[tower]}_{number}"
    return f"Mixed_{name}.{branch}.{_KINDS[kind]}"


def make_inception_features(weights: PyTree, protocol: str = DEFAULT) -> Callable[[Array], Array]:
    """A compiled function: pixels `[B, H, W, 1 or 3]` in [0, 255] -> features `[B, 2048]`, rows independent.

    protocol: a name in `fid_protocols.PROTOCOLS`, else ValueError. Grey images are repeated over the three colours.
    """
    return partial(_features, weights, find_protocol(protocol))


@partial(jax.jit, static_argnums=1)
def _features(weights: PyTree, protocol: Protocol, x: Array) -> Array:
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise ValueError(f"Inception features: expected images [B, H, W, 1 or 3], got shape {x.shape}")
    x = network_input(protocol, x)
    return jnp.asarray(Inception().apply(weights, jnp.broadcast_to(x, (*x.shape[:3], 3))))


def inception_features(
    features: Callable[[Array], Array],
    x,
    protocol: str = DEFAULT,
    *,
    batch_size: int = 50,
    put: Callable = jnp.asarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Features `[M, 2048]` of images `x[N, H, W, 1 or 3]` with pixels in [0, 255], `batch_size` at a time.

    features: of `make_inception_features` with the same protocol. x: may be a memory map; rows are read as needed.
    M is `num_counted`: N, or less if the protocol leaves out rows that fill no batch. put: moves a batch to the
    devices, possibly sharded. progress: wraps the iterator (a bar).
    """
    num = num_counted(len(x), protocol)
    if num == 0:
        least = find_protocol(protocol).whole
        raise ValueError(f"Inception features: the protocol {protocol!r} needs at least {least} images, got {len(x)}")
    if np.min(x[:1]) < 0 or np.max(x) > 255 or np.min(x) < 0:
        raise ValueError(f"Inception features: pixels must lie in [0, 255], got [{np.min(x):.3g}, {np.max(x):.3g}]")
    found = np.empty((num, FEATURES), np.float32)
    for start in progress(range(0, num, batch_size)):
        rows = np.minimum(np.arange(start, start + batch_size), num - 1)  # the last batch is filled up: one shape
        found[start : start + batch_size] = np.asarray(features(put(x[rows])))[: num - start]
    return found

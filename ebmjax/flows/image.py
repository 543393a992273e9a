"""Glow: a multi-scale flow of images (Kingma & Dhariwal 2018, arXiv 1807.03039), with the details of its code.

Its latents are whitened: a factored-out half enters z as (x - mean) / sd of the level's conditional prior, so that all
of z is N(0, I), and chains can run on it.
"""

import distrax
import jax
import jax.numpy as jnp

from ebmjax.flows.base import Flow
from ebmjax.flows.bijectors import Conv1x1, FactorOut, Rearrange
from ebmjax.flows.conditioners import ImageConditioner, ZeroConv
from ebmjax.flows.layers import Layer, actnorm, as_flow, coupling, repeat, sequence, without_params
from ebmjax.types import Array


def affine_inner(raw: Array) -> distrax.Bijector:
    """Encoding is (x + shift) · sigmoid(a + 2), as in the code (paper: exp(a)). The scale starts at 0.88."""
    shift, a = jnp.split(raw, 2, axis=-1)
    return distrax.ScalarAffine(-shift, log_scale=-jax.nn.log_sigmoid(a + 2.0))


def additive_inner(raw: Array) -> distrax.Bijector:
    """Encoding is x + shift."""
    return distrax.ScalarAffine(-raw)


def gaussian_inner(raw: Array) -> distrax.Bijector:
    """Encoding is (x - mean) / sd, the whitening of a Gaussian."""
    mean, log_sd = jnp.split(raw, 2, axis=-1)
    return distrax.ScalarAffine(mean, log_scale=log_sd)


def squeeze() -> Layer:
    """2 × 2 pixels become channels, c · 4 + (2 · dy + dx): encoding is `[H, W, C]` -> `[H / 2, W / 2, 4 C]`."""

    def encode(x):
        *batch, height, width, channels = x.shape
        n = len(batch)
        x = x.reshape(*batch, height // 2, 2, width // 2, 2, channels)
        x = x.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)
        return x.reshape(*batch, height // 2, width // 2, 4 * channels)

    def decode(z):
        *batch, height, width, channels = z.shape
        n = len(batch)
        z = z.reshape(*batch, height, width, channels // 4, 2, 2)
        z = z.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
        return z.reshape(*batch, 2 * height, 2 * width, channels // 4)

    return without_params(Rearrange(decode, encode, 3, 3))


def conv1x1() -> Layer:
    """An invertible 1 × 1 convolution that starts as a random rotation."""

    def init(rng_key, x):
        channels = x.shape[-1]
        rotation, _ = jnp.linalg.qr(jax.random.normal(rng_key, (channels, channels), x.dtype))
        permutation, lower, upper = jax.scipy.linalg.lu(rotation)
        scale = jnp.diag(upper)
        order = jnp.argsort(jnp.argmax(permutation, axis=1)).astype(x.dtype)
        return {
            "order": order,
            "sign": jnp.sign(scale),
            "lower": jnp.tril(lower, -1),
            "upper": jnp.triu(upper, 1),
            "log_scale": jnp.log(jnp.abs(scale)),
        }

    return Layer(init, lambda params: Conv1x1(**params))


def top(shape: tuple[int, ...]) -> Layer:
    """The last latents: N(mean, sd²) with a mean and an sd per channel, flattened."""
    init = lambda rng_key, x: jnp.zeros(2 * shape[-1], x.dtype)
    prior = Layer(init, lambda raw: distrax.Block(gaussian_inner(raw), 3))
    flatten = lambda x: x.reshape(*x.shape[:-3], -1)
    restore = lambda z: z.reshape(*z.shape[:-1], *shape)
    return sequence(prior=prior, flatten=without_params(Rearrange(restore, flatten, 1, 3)))


def factor_out(rest: Layer, channels: int, form: str) -> Layer:
    """The last half of the channels becomes latents, whitened by a Gaussian given the first half, input of `rest`."""
    prior = coupling(ZeroConv(channels, form), gaussian_inner, channels // 2, 3)
    init = lambda rng_key, x: rest.init(rng_key, x[..., : channels // 2])
    return sequence(prior=prior, rest=Layer(init, lambda params: FactorOut(rest.bijector(params))))


def glow(
    shape: tuple[int, int, int],
    *,
    num_levels: int = 3,
    num_steps: int = 32,
    width: int = 512,
    coupling_type: str = "affine",
    form: str = "auto",
    remat: bool = True,
) -> Flow:
    """Glow on images x[B, H, W, C]: `num_levels` times squeeze, `num_steps` steps of flow, factor out one half.

    A step encodes by activation normalisation, invertible 1 × 1 convolution, coupling. Initially activations of the
    first batch have mean 0 and sd 1, rotations are random, and couplings scale by 0.88 (affine) or not (additive).

    Args:
        shape: (H, W, C), H and W multiples of 2^num_levels.
        num_levels, num_steps, width: L, K and the hidden channels of the conditioners (paper: 3, 32, 512 for CIFAR-10).
        coupling_type: "affine" or "additive".
        form: of the convolutions, see `ebmjax.nets.conv`.
        remat: recompute each step in the backward pass: memory hardly grows with K, and a training step takes a third
            longer.

    The steps of a level are one scan: compile time hardly grows with K. In z the latents of the level nearest to x come
    first: 1536, then 768 and 768 for 32 × 32 × 3 and three levels.
    """
    multiple = 2**num_levels
    if num_levels < 1 or shape[0] % multiple or shape[1] % multiple:
        raise ValueError(f"glow with num_levels = {num_levels} needs H and W that are multiples of {multiple}: {shape}")
    if coupling_type not in ("affine", "additive"):
        raise ValueError(f"coupling_type must be 'affine' or 'additive', got {coupling_type!r}")
    affine = coupling_type == "affine"

    def level(size: tuple[int, int, int], levels: int) -> Layer:
        size = (size[0] // 2, size[1] // 2, 4 * size[2])
        half = size[2] // 2
        conditioner = ImageConditioner(width, size[2] if affine else half, form)
        step = sequence(
            actnorm=actnorm(3),
            conv1x1=conv1x1(),
            coupling=coupling(conditioner, affine_inner if affine else additive_inner, half, 3),
        )
        end = top(size) if levels == 1 else factor_out(level((*size[:2], half), levels - 1), size[2], form)
        return sequence(squeeze=squeeze(), steps=repeat(step, num_steps, event_ndims=3, remat=remat), end=end)

    return as_flow(level(shape, num_levels), tuple(shape))

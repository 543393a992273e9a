"""Energies of an image and a latent vector together, all layers spectrally normalised: (x, z) -> `[B]`.

Reference: Han et al. 2020 (arXiv 2006.06059) and its official code; Miyato et al. 2018 (arXiv 1802.05957) for the norm.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets import init
from ebmjax.nets.conv import Conv
from ebmjax.nets.normed import DCGAN_KERNEL
from ebmjax.types import Array

ENERGY_FORMS: dict[str, Callable[[Array], Array]] = {
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "identity": lambda d: d,
}
"""name -> function from the last layer's output to the energy; its lower bound is 0 (softplus, sigmoid), -1 (tanh) or
none."""

SLOPE = 0.1


def spectral(layer: nn.Module, x: Array, train: bool) -> Array:
    """The layer at x, with its kernel divided by its largest singular value as estimated by one power iteration.

    The iteration starts from a vector in the collection "batch_stats", which is updated only if `train`; without it the
    call is a function of the parameters and that vector. The kernel's norm is 1 once the vector has converged.
    """
    return nn.SpectralNorm(layer)(x, update_stats=train)


class JointMLPEnergy(nn.Module):
    """Dense layers of `widths` on the concatenated entries of x and z. form: a name in `ENERGY_FORMS`."""

    widths: Sequence[int]
    form: str = "softplus"

    @nn.compact
    def __call__(self, x: Array, z: Array, train: bool = False) -> Array:
        y = jnp.concatenate([x.reshape(x.shape[0], -1), z], axis=1)
        for i, width in enumerate((*self.widths, 1)):
            y = nn.leaky_relu(y, SLOPE) if i else y
            y = spectral(nn.Dense(width, kernel_init=init.torch_kernel), y, train)
        return ENERGY_FORMS[self.form](y[:, 0])


class JointConvEnergy(nn.Module):
    """Convolutions of x down to one pixel and dense layers of z of the same widths, concatenated, then dense layers.

    width: n, published 64; sides of x: multiples of 8. form: a name in `ENERGY_FORMS`. As in the official code, whose
    dense layers are convolutions of one pixel, weights are N(0, 0.02²) at first and biases PyTorch's U(±1/√fan_in).
    """

    width: int = 64
    form: str = "softplus"
    conv_form: str = "auto"

    @nn.compact
    def __call__(self, x: Array, z: Array, train: bool = False) -> Array:
        widths = [self.width * n for n in (1, 1, 2, 2, 4, 4, 8, 8)]
        left = x.shape[1] // 8  # pixels left by three halvings, the kernel size of the last layer
        shapes = [(3, 1, 1), (4, 2, 1)] * 3 + [(3, 1, 1), (left, 1, 0)]
        for i, (width, shape) in enumerate(zip(widths, shapes)):
            x = nn.leaky_relu(x, SLOPE) if i else x
            x = spectral(Conv(width, *shape, kernel_init=DCGAN_KERNEL, form=self.conv_form), x, train)
        for i, width in enumerate(widths):
            z = nn.leaky_relu(z, SLOPE) if i else z
            z = spectral(dense(width, z), z, train)
        y = jnp.concatenate([x.reshape(len(z), -1), z], axis=1)
        y = nn.leaky_relu(spectral(dense(2 * widths[-1], y), y, train), SLOPE)
        return ENERGY_FORMS[self.form](spectral(dense(1, y), y, train)[:, 0])


def dense(features: int, x: Array) -> nn.Dense:
    """PyTorch's convolution of one pixel: biases U(±1/√fan_in), weights as DCGAN's."""
    return nn.Dense(features, kernel_init=DCGAN_KERNEL, bias_init=init.torch_bias(x.shape[-1]))

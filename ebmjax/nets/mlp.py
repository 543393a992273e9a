"""Multi-layer perceptrons: energies and class logits of a vector, and generators of images or vectors."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from ebmjax.nets import init
from ebmjax.types import Array

ACTIVATIONS = {
    "leaky_relu": lambda x: nn.leaky_relu(x, 0.2),
    "leaky_relu_0.05": lambda x: nn.leaky_relu(x, 0.05),
    "gelu": lambda x: nn.gelu(x, approximate=False),
    "silu": nn.silu,
    "relu": nn.relu,
    "elu": nn.elu,
    "softplus": nn.softplus,
}
"""name -> activation; leaky_relu has slope 0.2 unless its name has another."""

INITIALISATIONS = {
    "he": lambda fan_in: (nn.initializers.he_normal(), nn.initializers.zeros),
    "torch": lambda fan_in: (init.torch_kernel, init.torch_bias(fan_in)),
    "uniform_0.1": lambda fan_in: (init.uniform(0.1), init.uniform(0.1)),
}
"""name -> (kernel, bias) initialisers of a layer: He normal, zero biases; PyTorch's default U(±1/√fan_in); U(±.1)."""


class MLP(nn.Module):
    """Dense layers of `widths` with an activation between them, none after the last: `[B, d]` -> `[B, widths[-1]]`.

    activation, init_name: names in `ACTIVATIONS` and `INITIALISATIONS`.
    """

    widths: Sequence[int]
    activation: str = "leaky_relu"
    init_name: str = "he"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for i, width in enumerate(self.widths):
            if i:
                x = ACTIVATIONS[self.activation](x)
            kernel_init, bias_init = INITIALISATIONS[self.init_name](x.shape[-1])
            x = nn.Dense(width, kernel_init=kernel_init, bias_init=bias_init)(x)
        return x


class MLPEnergy(nn.Module):
    """Energy of a vector, or of a flattened image: `[B, ...]` -> `[B]`.

    widths: of the hidden layers. output_scale: multiplies the energy; set it to about T for a sampler of low
    temperature, so that weights stay of order one. Other fields as in `MLP`.
    """

    widths: Sequence[int]
    activation: str = "leaky_relu"
    init_name: str = "he"
    output_scale: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        net = MLP((*self.widths, 1), self.activation, self.init_name)
        energy = jnp.squeeze(net(x.reshape(x.shape[0], -1)), axis=-1)
        return energy if self.output_scale == 1 else self.output_scale * energy


class MLPLogits(nn.Module):
    """Class logits of a vector, or of a flattened image: `[B, ...]` -> `[B, widths[-1]]`. Fields as in `MLP`."""

    widths: Sequence[int]
    activation: str = "leaky_relu"
    init_name: str = "he"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return MLP(self.widths, self.activation, self.init_name)(x.reshape(x.shape[0], -1))


class MLPGenerator(nn.Module):
    """Generator from a vector: `[B, nz]` -> `[B, *shape]`, in (-1, 1) if `bounded` (by tanh), else unbounded.

    widths: of the hidden layers. Other fields as in `MLP`.
    """

    shape: Sequence[int]
    widths: Sequence[int]
    activation: str = "leaky_relu"
    bounded: bool = True
    init_name: str = "he"

    @nn.compact
    def __call__(self, z: Array) -> Array:
        x = MLP((*self.widths, int(np.prod(self.shape))), self.activation, self.init_name)(z)
        x = jnp.tanh(x) if self.bounded else x
        return x.reshape(z.shape[0], *self.shape)

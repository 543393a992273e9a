"""Initialisers of the papers' PyTorch code with Flax's signature: (rng_key, shape, dtype) -> array.

fan_in is the number of terms that one output sums, except for transposed convolutions, where PyTorch computes
fan_in = features · kh · kw and fan_out = in · kh · kw from the weight's layout [in, features, kh, kw].
"""

from collections.abc import Callable

import jax
from jax.nn.initializers import variance_scaling

torch_kernel = variance_scaling(1 / 3, "fan_in", "uniform")
"""Default of Linear [in, out] and Conv2d [kh, kw, in, out]: Kaiming uniform with a = √5, which is U(±1/√fan_in)."""

torch_transpose_kernel = variance_scaling(1 / 3, "fan_in", "uniform", in_axis=-1, out_axis=-2)
"""Default of ConvTranspose2d, kernel [kh, kw, in, out]: U(±1/√fan_in) with PyTorch's fan_in = out · kh · kw."""

xavier_normal = variance_scaling(1.0, "fan_avg", "normal")
"""N(0, 2 / (fan_in + fan_out)), the same for convolutions and transposed convolutions (the variance of Glorot & Bengio
2010, eq. 16, with a normal distribution)."""


def uniform(bound: float) -> Callable:
    """U(±bound), whatever the shape: `Module.parameters()` filled by PyTorch's uniform_(-bound, bound)."""
    return lambda rng_key, shape, dtype="float32": jax.random.uniform(rng_key, shape, dtype, -bound, bound)


def torch_bias(fan_in: int) -> Callable:
    """Default of every PyTorch layer's bias: U(±1/√fan_in), where fan_in is that of the layer's kernel."""

    def bias(rng_key, shape, dtype="float32"):
        bound = fan_in**-0.5
        return jax.random.uniform(rng_key, shape, dtype, -bound, bound)

    return bias
